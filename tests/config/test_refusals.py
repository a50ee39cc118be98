"""Values that are refused: a line a fault, with the field and the fix."""

from typing import Any

import pytest

from outbound_chat_config import Budget, Settings, SettingsError

from .given import NUMBER, SENDER, refused, with_sender

_TABLE = "must be a table, not a single value"
_TEXT = "must be a string in quotes"
_NAME = "is not a valid name: use 1 to 32 letters, digits, '_' or '-', starting with a letter or digit"
_DURATION = 'must be a duration: seconds as a number, or ISO 8601 text such as "PT30S"'

_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"redis_url": 5}, f"redis_url {_TEXT}"),
    ({"redis_url": None}, f"redis_url {_TEXT}"),
    ({"redis_url": "http://h"}, "redis_url must start with one of redis://, rediss://, unix://, redis+cluster://, "),
    ({"broker_url": 5}, f"broker_url {_TEXT}"),
    ({"budgets": 3}, f"budgets {_TABLE}"),
    ({"budgets": {"main": 3}}, f"budgets.main {_TABLE}"),
    ({"budgets": {"main": {"rate": []}}}, "budgets.main.rate must be a number"),
    ({"budgets": {"main": {"rate": 0}}}, "budgets.main.rate is refused: input should be greater than 0"),
    ({"budgets": {"main": {"rate": float("nan")}}}, "budgets.main.rate is refused: "),
    ({"budgets": {"main": {"burst": 1.5}}}, "budgets.main.burst must be an integer"),
    ({"senders": ["a"]}, f"senders {_TABLE}"),
    ({"senders": {"a": "b"}}, f"senders.a {_TABLE}"),
    ({"worker": "x"}, f"worker {_TABLE}"),
    ({"worker": {"threads": None}}, "worker.threads must be an integer"),
    ({"worker": {"threads": 0}}, "worker.threads is refused: input should be greater than or equal to 1"),
    ({"worker": {"pumps": 1}}, "worker.pumps is refused: input should be greater than or equal to 2"),
    ({"worker": {"lease": []}}, f"worker.lease {_DURATION}"),
    ({"worker": {"lease": "-1"}}, "worker.lease is refused: input should be greater than or equal to 1 second"),
    ({"worker": {"read_timeout": 1e14}}, f"worker.read_timeout {_DURATION}"),
    ({"worker": {"slice": 301}}, "worker.slice is refused: input should be less than or equal to 5 minutes"),
    ({"results": {"keep": "P400D"}}, "results.keep is refused: input should be less than or equal to 365 days"),
    ({"opt_outs": {"every": 59}}, "opt_outs.every is refused: input should be greater than or equal to 1 minute"),
    ({"key_prefix": "a:b"}, f"key_prefix {_NAME}"),
    ({"key_prefix": "é"}, f"key_prefix {_NAME}"),
    ({"budgets": {"main\n": {}}}, f'budgets."main\\n" {_NAME}'),
    ({"budgets": {"": {}}}, f'budgets."" {_NAME}'),
    ({"senders": {"a b": SENDER}}, f'senders."a b" {_NAME}'),
    ({"senders": {"x" * 33: SENDER}}, f"senders.{'x' * 33} {_NAME}"),
    ({"nonsense": 1}, "nonsense is not a setting of outbound-chat; check the spelling or remove it"),
    (with_sender(budget="a.b"), f"senders.support.budget {_NAME}"),
    (with_sender(chanel="sms"), "senders.support.chanel is not a setting of outbound-chat; check the spelling or "),
    (with_sender(channel="fax"), "senders.support.channel is refused: input should be 'sms' or 'whatsapp'"),
    (with_sender(chat_duration_minutes=59), "senders.support.chat_duration_minutes is refused: "),
    (with_sender(display_name=""), "senders.support.display_name is refused: "),
    (with_sender(endpoint_url="127.0.0.1"), "senders.support.endpoint_url must be a URL, such as "),
    (with_sender(external_id=5), f"senders.support.external_id {_TEXT}"),
    (with_sender(max_age=0), "senders.support.max_age is refused: input should be greater than 0 seconds"),
]


@pytest.mark.parametrize(("values", "line"), _REFUSED)
def test_a_value_that_is_refused_gives_one_line_with_its_field(values: dict[str, Any], line: str) -> None:
    """Whatever its type: an operator reads sentences, not stack traces."""
    [found] = refused(values)

    assert found.startswith(line)


def test_each_fault_has_a_line_of_its_own() -> None:
    """An operator repairs a file once, not once a fault."""
    found = refused({"redis_url": 5, "worker": {"threads": "x"}, "senders": {"support": {}}})

    missing = [
        f"senders.support.{name} is required; add it"
        for name in ("region", "instance_id", "contact_flow_id", "source", "channel")
    ]
    assert found == [f"redis_url {_TEXT}", *missing, "worker.threads must be an integer"]


def test_the_budget_of_a_sender_must_be_defined() -> None:
    """A misspelt budget would otherwise be a second allowance that AWS does not give."""
    assert refused(with_sender(budget="eu")) == [
        'senders.support.budget is "eu", which is not defined; add [budgets.eu] or use one of: main'
    ]
    assert refused(with_sender() | {"budgets": {}}) == [
        'senders.support.budget is "main", which is not defined; add [budgets.main] or use one of: none is defined'
    ]


def test_senders_in_two_regions_need_two_budgets() -> None:
    """AWS counts by Region, so a shared budget would leave half of the allowance unused."""
    in_frankfurt = {**SENDER, "region": "eu-central-1", "source": NUMBER.replace("us-east-1", "eu-central-1")}

    assert refused({"senders": {"us": SENDER, "eu": in_frankfurt}}) == [
        (
            'senders.eu (eu-central-1) and senders.us (us-east-1) share the budget "main", but AWS counts calls by '
            "Region; give each Region a budget of its own"
        )
    ]
    two = {"senders": {"us": SENDER, "eu": {**in_frankfurt, "budget": "eu"}}, "budgets": {"main": {}, "eu": {}}}
    assert Settings.from_values(**two).budgets == {"main": Budget(), "eu": Budget()}


@pytest.mark.parametrize("lease", [18, 17.9, 2])
def test_a_lease_must_outlast_the_timeouts_of_a_call(lease: float) -> None:
    """Else another worker takes the job while the first still calls."""
    assert refused({"worker": {"lease": lease}}) == [
        (
            "worker lease must be longer than connect_timeout + read_timeout (18 s), or a job could be claimed again "
            "during its call; raise lease"
        )
    ]


def test_a_lease_just_longer_than_the_timeouts_is_taken() -> None:
    """The edge of the rule."""
    assert Settings.from_values(worker={"lease": 18.001}).worker.threads == 16


@pytest.mark.parametrize(
    ("retry", "days"),
    [
        ({"max_attempts": 8, "base": 86_400, "cap": 86_400}, "7.0"),
        ({"max_attempts": 100, "base": 1, "cap": 86_400}, "83.5"),
        ({"max_attempts": 100, "base": 561_600, "cap": 561_600}, "643.5"),
    ],
)
def test_retries_must_end_before_the_token_does(retry: dict[str, int], days: str) -> None:
    """A repeat under a token that AWS has forgotten texts the customer twice."""
    assert refused({"retry": retry}) == [
        (
            f"retry would retry for up to {days} days, but the token that prevents a repeated call from texting the "
            "customer twice is valid for 7; lower max_attempts or cap"
        )
    ]


def test_retries_of_six_and_a_half_days_are_taken() -> None:
    """The edge of the rule: half a day is kept for clocks, leases and the call."""
    retry = Settings.from_values(retry={"max_attempts": 14, "base": 43_200, "cap": 43_200}).retry

    assert retry.max_attempts == 14


@pytest.mark.parametrize("broker", [{}, {"broker_url": ""}])
def test_a_redis_cluster_needs_a_broker_of_its_own(broker: dict[str, str]) -> None:
    """Celery can't speak to a cluster, and would say so in words nobody understands."""
    values = {"redis_url": "redis+cluster://h:7000", **broker}

    assert refused(values) == [
        "broker_url is required with a Redis Cluster store: Celery has no transport for clusters"
    ]
    assert Settings.from_values(**{**values, "broker_url": "amqp://h"}).broker == "amqp://h"


@pytest.mark.parametrize(
    ("values", "broker"),
    [
        ({"redis_url": "redis://h/1"}, "redis://h/1"),
        ({"redis_url": "redis://h", "broker_url": "sqs://"}, "sqs://"),
        ({"redis_url": "rediss://h/1"}, "rediss://h/1?ssl_cert_reqs=required"),
        ({"broker_url": "rediss://h?ssl_check_hostname=1"}, "rediss://h?ssl_check_hostname=1&ssl_cert_reqs=required"),
        ({"broker_url": "rediss://h?ssl_cert_reqs=optional"}, "rediss://h?ssl_cert_reqs=optional"),
        ({"redis_url": "unix:///run/redis.sock"}, "redis+socket:///run/redis.sock"),
        ({"redis_url": "unix:///run/redis.sock?db=2"}, "redis+socket:///run/redis.sock?virtual_host=2"),
        (
            {"redis_url": "unix:///run/redis.sock?password=p%40w&username=u&db=2"},
            "redis+socket://u:p%40w@/run/redis.sock?virtual_host=2",
        ),
        ({"redis_url": "redis://:secret@h:1?db=2"}, "redis://:secret@h:1/2"),
        ({"redis_url": "rediss://h?db=2"}, "rediss://h/2?ssl_cert_reqs=required"),
        (
            {"broker_url": "redis+socket:///run/redis.sock?virtual_host=3"},
            "redis+socket:///run/redis.sock?virtual_host=3",
        ),
        ({"broker_url": "redis://h:1;redis://h:2"}, "redis://h:1;redis://h:2"),
    ],
)
def test_the_broker_is_told_in_celerys_spelling(values: dict[str, str], broker: str) -> None:
    """Celery takes any certificate where nothing is said; a choice that was made stays."""
    assert Settings.from_values(**values).broker == broker


def test_a_sender_that_is_not_configured_is_told_with_those_that_are() -> None:
    """Mostly it is a misspelling."""
    with pytest.raises(SettingsError, match=r'^sender "suport" is not configured; known senders: support$'):
        Settings.from_values(**with_sender()).sender("suport")
    with pytest.raises(SettingsError, match=r"known senders: none is configured$"):
        Settings().sender("support")
