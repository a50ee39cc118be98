"""Options of an address of Redis: each is known, or refused by name when the settings are read.

Else the first command would say it, in the words of a library, or nobody would.
"""

from pathlib import Path

import pytest

from outbound_chat_config import Settings, parse_cluster_url, parse_sentinel_url
from tests.support.tls import Certificates, make_certificates

from .given import refused

TIMES = "set redis_timeout instead"
TLS = "ssl_ca_certs, ssl_ca_path, ssl_certfile, ssl_keyfile, ssl_password, ssl_cert_reqs, ssl_check_hostname"
CELERY = {"broker_url": "amqp://h"}


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("redis://h/0?foo=1", "has the option foo, which is unknown; use one of username, password, db"),
        ("redis://h?timeout=3", f"has the option timeout, which is unknown; {TIMES}"),
        ("redis://h?socket_timeout=abc", f"has the option socket_timeout, which is unknown; {TIMES}"),
        ("redis://h?retry=3", "has the option retry, which is unknown; use one of username, password, db"),
        ("redis://h?path=/x", "has the option path, which is unknown; use one of username, password, db"),
        ("redis://h?db=abc", "has the option db, which must be the number of a database"),
        ("redis://h?db=1&db=2", "has the option db twice; remove one of them"),
        ("redis://h/1?db=2", "names its database twice, in the path and in the option db; remove one of them"),
        ("redis://h/two", "must end with the number of a database after the host: redis://host:6379/2"),
        ("unix:///run/redis.sock?foo=1", "has the option foo, which is unknown; use one of username, password, db"),
        ("unix:///run/redis.sock?ssl_cert_reqs=none", "has the option ssl_cert_reqs, but no TLS; remove it"),
        ("rediss://h?ssl=false", f"has the option ssl, which is unknown; use one of username, password, db, {TLS}"),
        ("rediss+sentinel://h/s?db=1", "has the option db, which is unknown; use one of sentinel_username, "),
        ("redis+sentinel://h/s?ssl_ca_path=/etc", "has the option ssl_ca_path, but no TLS; begin it with rediss+sent"),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs, which must be one of none, optional, required"),
        ("rediss+sentinel://h/s?ssl_cert_reqs=CERT_REQUIRED", "must be one of none, optional, required"),
        *(
            (f"rediss://h?ssl_check_hostname={no}", "has the option ssl_check_hostname, which must be true")
            for no in ("false", "False", "0", "no", "")
        ),
        ("rediss://h?ssl_keyfile=/k", "names a file in ssl_keyfile that can't be read: No such file"),
        ("rediss://h?ssl_ca_path=/nowhere", "has the option ssl_ca_path, which is not a folder; correct the path"),
        ("rediss://h?ssl_password=x", "has the option ssl_password without ssl_certfile"),
    ],
)
@pytest.mark.parametrize("field", ["redis_url", "broker_url"])
def test_an_option_that_can_not_be_meant_is_refused_by_name(field: str, address: str, sentence: str) -> None:
    (fault,) = refused({field: address})
    assert fault.startswith(f"{field} ")
    assert sentence in fault


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("redis+cluster://h?foo=1", "has the option foo, which is unknown; use one of username, password"),
        ("redis+cluster://h?ssl_cert_reqs=none", "but no TLS; begin it with rediss+cluster://"),
        ("rediss+cluster://h?ssl_cert_reqs=CERT_NONE", "must be one of none, optional, required"),
        ("redis+cluster://h/2", "must not name a database"),
        ("redis+cluster://h:1,h:two", "must list nodes of the cluster as host or host:port, separated by commas"),
        ("redis+cluster://h:1,", "must list nodes of the cluster as host or host:port, separated by commas"),
    ],
)
def test_those_of_a_cluster_too(address: str, sentence: str) -> None:
    (fault,) = refused({"redis_url": address, **CELERY})
    assert sentence in fault


def test_celery_has_no_cluster() -> None:
    assert refused({"broker_url": "redis+cluster://h"}) == [
        "broker_url names a Redis Cluster, for which Celery has no transport; name a server by itself"
    ]


def test_what_may_be_the_rest_of_a_password_is_not_shown() -> None:
    (fault,) = refused({"redis_url": "redis://u:1?secret=x@h:6379/0"})
    assert "secret" not in fault
    assert "write a ? in a password as %3F" in fault


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("scheme", ["rediss://h", "rediss+cluster://h", "rediss+sentinel://h/s"])
def test_files_that_do_not_fit_are_found_before_the_first_connection(
    scheme: str, certificates: Certificates, tmp_path: Path
) -> None:
    other = make_certificates(tmp_path / "other")
    words = tmp_path / "words.pem"
    words.write_text("no certificate", encoding="utf-8")

    def faults(**options: Path) -> list[str]:
        query = "&".join(f"{name}={path}" for name, path in options.items())
        return refused({"redis_url": f"{scheme}?{query}", **CELERY})

    assert faults(ssl_ca_certs=words) == ["redis_url names a file in ssl_ca_certs that has no certificate in PEM form"]
    assert faults(ssl_keyfile=certificates.key) == [
        "redis_url has the option ssl_keyfile without ssl_certfile, the certificate that it belongs to"
    ]
    assert faults(ssl_certfile=certificates.certificate, ssl_keyfile=other.key) == [
        "redis_url names a key in ssl_keyfile that does not belong to the certificate in ssl_certfile"
    ]
    for wrong in (
        {"ssl_certfile": words, "ssl_keyfile": certificates.key},
        {"ssl_certfile": certificates.certificate, "ssl_keyfile": words},
        {"ssl_certfile": certificates.certificate},
    ):
        (fault,) = faults(**wrong)
        assert "a certificate and its key in PEM form" in fault


@pytest.mark.parametrize("scheme", ["rediss://h", "rediss+cluster://h", "rediss+sentinel://h/s"])
def test_all_options_of_tls_can_be_used(scheme: str, certificates: Certificates) -> None:
    query = (
        f"ssl_ca_certs={certificates.ca}&ssl_ca_path={certificates.ca.parent}&ssl_certfile={certificates.certificate}"
        f"&ssl_keyfile={certificates.key}&ssl_password=x&ssl_cert_reqs=required&ssl_check_hostname=True"
    )
    assert Settings.from_values(redis_url=f"{scheme}?{query}", **CELERY).broker == "amqp://h"


def test_several_nodes_of_a_cluster_may_be_named() -> None:
    """Options are those of all. An address of IPv6 may stand anywhere, in each Python."""
    url = "rediss+cluster://u:p%40@a:1,[::1]:2,b?ssl_cert_reqs=none"

    assert parse_cluster_url(url) == ("rediss://u:p%40@a:1?ssl_cert_reqs=none", [("::1", 2), ("b", 6379)])
    assert parse_cluster_url("redis+cluster://[::1]/") == ("redis://[::1]:6379", [])


@pytest.mark.parametrize("hosts", ["a:1,[::1]:2", "[::1]:2,a:1", "[::2],[::1]:2", "a,b,[fe80::1]"])
def test_an_address_of_ipv6_may_stand_anywhere_in_a_list_of_sentinels(hosts: str) -> None:
    """Python 3.13 and newer split no URL with one that is not the first."""
    url = f"redis+sentinel://u:p@{hosts}/s/2"

    assert Settings.from_values(redis_url=url).redis_url.get_secret_value() == url
    assert len(parse_sentinel_url(url).hosts) == hosts.count(",") + 1
