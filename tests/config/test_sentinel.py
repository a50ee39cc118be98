"""Addresses of Sentinel: what they mean to the store and to Celery, and how slips are told."""

import pytest

from outbound_chat_config import Settings, parse_sentinel_url

from .given import refused

OPTIONS = "sentinel_username, sentinel_password"
PERCENT = "and write a ? in a password as %3F"
SPELLING = "redis+sentinel://host:26379,host:26379/service, or …/service/2 for database 2"


def test_all_parts_of_an_address_are_read() -> None:
    """As users of redis-py and kombu would write it."""
    url = "redis+sentinel://u%40x:p%2Fw@a:1,b,[::1]:3/my%20set/2?sentinel_username=s&sentinel_password=t%26"
    address = parse_sentinel_url(url)

    assert address.hosts == (("a", 1), ("b", 26379), ("::1", 3))
    assert (address.service, address.db) == ("my set", 2)
    assert address.login == {"username": "u@x", "password": "p/w"}
    assert address.sentinel_login == {"username": "s", "password": "t&"}
    assert address.tls is None
    assert "p/w" not in repr(address)
    assert "t&" not in repr(address)


def test_tls_is_for_sentinels_and_primary_and_checks_certificates() -> None:
    """Where nothing is said, redis-py and kombu differ in what they take."""
    assert parse_sentinel_url("rediss+sentinel://a/s").tls == {"ssl_cert_reqs": "required"}
    url = "rediss+sentinel://a/s?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=optional"
    assert parse_sentinel_url(url).tls == {"ssl_cert_reqs": "optional", "ssl_ca_certs": "/etc/ca.pem"}


@pytest.mark.parametrize(
    ("values", "broker"),
    [
        ({"redis_url": "redis+sentinel://a,b:2/s"}, "sentinel://a:26379/0;sentinel://b:2/0"),
        ({"redis_url": "redis+sentinel://:p%2Fw@[::1]/s/3"}, "sentinel://:p%2Fw@[::1]:26379/3"),
        ({"broker_url": "rediss+sentinel://u:p@a/s"}, "sentinel://u:p@a:26379/0"),
        ({"redis_url": "redis+sentinel://a/s", "broker_url": "amqp://h"}, "amqp://h"),
    ],
)
def test_the_broker_is_told_in_celerys_spelling(values: dict[str, str], broker: str) -> None:
    """A whole URL for each sentinel, without the service."""
    settings = Settings.from_values(**values)

    assert settings.broker == broker
    assert (settings.broker_sentinel is None) == (broker == "amqp://h")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+sentinel://a:1,b:2", f"must name the service that the sentinels watch: {SPELLING}"),
        ("redis+sentinel://a:1/", f"must name the service that the sentinels watch: {SPELLING}"),
        (
            "redis+sentinel://a:1/s/two",
            f"must end with the number of a database after the service: {SPELLING}",
        ),
        (
            "redis+sentinel://a:b/s",
            f"must list the sentinels as host or host:port, separated by commas: {SPELLING}",
        ),
        ("redis+sentinel:///s", f"must list the sentinels as host or host:port, separated by commas: {SPELLING}"),
        ("redis+sentinel://a,/s", f"must list the sentinels as host or host:port, separated by commas: {SPELLING}"),
        (
            "redis+sentinel://a/s?sentinel_pasword=x",
            f"has the option sentinel_pasword, which is unknown; use one of {OPTIONS}",
        ),
        (
            "redis+sentinel://:pass/w?ord@a/s",
            f"has an option after the ? that is not one of {OPTIONS}; correct or remove it, {PERCENT}",
        ),
        (
            "redis+sentinel://a/s?ssl_ca_certs=x",
            "has the option ssl_ca_certs, but no TLS; begin it with rediss+sentinel://",
        ),
        ("redis+sentinel://[a/s", f"must list the sentinels as host or host:port, separated by commas: {SPELLING}"),
    ],
)
@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
def test_a_slip_is_told_in_one_sentence(name: str, url: str, sentence: str) -> None:
    """Without the address, which may hold a password."""
    assert refused({name: url}) == [f"{name} {sentence}"]


def test_celerys_own_spelling_lacks_the_service() -> None:
    """Celery takes it from elsewhere, and would say so only when it connects."""
    assert refused({"broker_url": "sentinel://h:1;sentinel://h:2"}) == [
        "broker_url must also name the service: redis+sentinel://host:26379,host:26379/service"
    ]
