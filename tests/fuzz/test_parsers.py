"""Parsers of what callers, files and Redis hold: a value or an error of ours, nothing else, within bounded time."""

import contextlib
import json
import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import FieldError, InvalidJob, WrittenByNewerVersion
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Job
from outbound_chat.request import ChatRequest, codec, match_sender, number_fault, to_e164
from outbound_chat.request.codec import UnreadableRequest
from outbound_chat.request.options import SHORT_FORM
from outbound_chat.rows import ArrayReader, CsvReader, Form, UnusableFile, parse_time
from outbound_chat.store.records import UnreadableRecord, job_from_head
from outbound_chat_config import EncryptionSettings, QuietHours, Settings, SettingsError
from tests.support.harness import WHATSAPP_SOURCE, sender

from .hostile import fuzzed, leaves, names, nested, numbers, texts, values

SENDERS = Settings.from_values(
    senders={"support": sender(attributes={"a": "b"}), "chat": sender(channel="whatsapp", source=WHATSAPP_SOURCE)}
).senders
PLAIN = RequestCipher(EncryptionSettings())
OPTIONS = sorted(SHORT_FORM)
MEMBERS = (
    *("SourceEndpoint", "DestinationEndpoint", "InstanceId", "SegmentAttributes", "Attributes", "ContactFlowId"),
    *("ChatDurationInMinutes", "ParticipantDetails", "InitialSystemMessage", "InitialTemplatedSystemMessage"),
    *("RelatedContactId", "SupportedMessagingContentTypes", "ClientToken", "to", "text"),
)
inside = st.one_of(
    values,
    st.dictionaries(
        st.one_of(names, st.sampled_from(("Type", "Address", "Content", "ContentType", "ValueString", "ValueMap"))),
        values,
    ),
)
short_forms = st.dictionaries(st.one_of(st.sampled_from(OPTIONS), names), inside, max_size=6)
api_forms = st.dictionaries(st.one_of(st.sampled_from(MEMBERS), names), inside, max_size=6)


def check(request: ChatRequest) -> None:
    """Asks a request everything that is asked before it is sent; an error never shows a text of its own length."""
    assert all(error.code != "sender_mismatch" for error in request.errors(None))
    for one in SENDERS.values():
        errors = request.errors(one)
        assert all(error.field and error.code and len(error.message) < 1_500 for error in errors)
        if not errors:
            json.dumps(request.api(one, "token"))
            request.parts(one)
    assert isinstance(request.number, str)
    assert len(repr(request)) < 2_000


@fuzzed
@given(short_forms, short_forms)
@example({"text": "x" * 1_000_000, "attributes": {"a": "b" * 1_000_000}}, {})
@example(
    {"attributes": {f"{number} é": "b" for number in range(10_000)}}, {f"o{number}": 1 for number in range(10_000)}
)
def test_the_short_form_is_read_or_refused(own: dict[str, Any], shared: dict[str, Any]) -> None:
    """What a web application passes on may come from anybody."""
    with contextlib.suppress(InvalidJob):
        row = ChatRequest.from_short(own)
        check(row)
        check(row.merged(ChatRequest.from_short(shared)))


def test_a_short_form_that_is_nested_without_end_is_refused() -> None:
    """By an error of ours, and no matter how deep. Hypothesis can't print such an example."""
    own = {"segment_attributes": nested(5_000, "dict"), "attributes": nested(5_000)}
    request = ChatRequest.from_short(own).merged(ChatRequest.from_short({"attributes": {"a{*}": "x"}}))
    check(request)
    assert all(request.errors(one) for one in SENDERS.values())


@fuzzed
@given(api_forms)
def test_a_raw_request_is_read_or_refused(kwargs: dict[str, Any]) -> None:
    """So may a request in the API's own form."""
    with contextlib.suppress(InvalidJob):
        check(ChatRequest.from_api(kwargs))
    assert isinstance(match_sender(kwargs, SENDERS), str | InvalidJob)


@fuzzed
@given(st.one_of(texts, values.map(json.dumps), api_forms.map(json.dumps)))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example('{"to":' + "9" * 5_000 + "}")
def test_a_stored_request_is_read_or_refused(text: str) -> None:
    """Another program may have written it; the worker ends that job alone."""
    with contextlib.suppress(UnreadableRequest):
        request = codec.decode(PLAIN, text)
        with contextlib.suppress(InvalidJob):
            check(request.merged(ChatRequest.from_stored({"text": "Hello"})))


HEAD: list[Any] = [1, "queued", "2:support::", 1.7e12, 0, 1.7e12, 9e12, 0, "", 0, 0, 1, "", "", "", 0, 0]
heads = st.tuples(st.integers(0, len(HEAD)), st.one_of(leaves, values)).map(
    lambda change: json.dumps([*HEAD[: change[0]], change[1], *HEAD[change[0] + 1 :]])
)


@fuzzed
@given(st.one_of(texts, heads, values.map(json.dumps)))
@example("[" * 100_000)
@example(json.dumps([*HEAD[:3], 10**400, *HEAD[4:]]))
@example(json.dumps([*HEAD[:16], [[1, "retry", "a", "", "", ""]]]))
def test_the_head_of_a_record_is_read_or_refused(raw: str) -> None:
    """One record that can't be read must not hide the others of a page."""
    with contextlib.suppress(UnreadableRecord, WrittenByNewerVersion):
        job = job_from_head("main", "01JD2Y8Q6ZK4X0B7V5N3M1C9TR", raw, 0)
        assert isinstance(job, Job)
        json.dumps([job.id, job.error and job.error.message, str(job.created_at)])


@fuzzed
@given(texts)
@example("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR\n")
@example("main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-1٣")
@example("main.../other.01JD2Y8Q6ZK4X0B7V5N3M1C9TR")
def test_an_id_is_ours_or_none(text: str) -> None:
    """What reaches a key has no characters but letters, digits and dashes."""
    if parts := split_id(text):
        assert all(part.isascii() and part.replace("-", "").replace("_", "").isalnum() for part in parts)


@pytest.mark.parametrize(
    "text",
    ["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR\n", "main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR-1٣", "a.b.c", "{other}", "main.j:1", "*.*"],
)
def test_an_id_that_reaches_for_other_keys_is_none(text: str) -> None:
    """A budget's keys are its own."""
    assert split_id(text) is None


@fuzzed
@given(st.one_of(texts, leaves))
def test_a_phone_number_is_right_or_has_a_fault_that_does_not_show_it(value: object) -> None:
    """Faults go to logs."""
    fault = number_fault(value)
    assert fault is None or not (isinstance(value, str) and len(value) > 4 and value in fault[1])


@fuzzed
@given(st.one_of(texts, st.text("0123456789 +()-./\xa0", max_size=20)), st.sampled_from(["DE", "US", "IT", "AR", "RU"]))
@example("9" * 5_000, "DE")
def test_a_national_number_is_completed_left_or_refused(written: str, country: str) -> None:
    """A cell of a file; what is completed can be called, unless Germany has longer numbers than E.164."""
    found = to_e164(written, country)
    assert isinstance(found, str | tuple)
    if isinstance(found, str) and found != written and "+" not in written:
        assert number_fault(found) is None or len(found) > 16


@fuzzed
@given(texts, st.lists(texts, max_size=3), texts)
def test_a_form_is_read_or_refused(delimiter: str, column: list[str], country: str) -> None:
    """Its options come from a shell or a query; an error does not show them whole."""
    errors: list[FieldError] = []
    form = Form.parse(errors, delimiter=delimiter, column=column, country=country)
    assert all(len(error.message) < 200 for error in errors)
    if not errors:
        with contextlib.suppress(UnusableFile):
            reader = CsvReader(form=form)
            assert all(row.job() for row in [*reader.feed(b"to;a\n0170 1234567;b\n"), *reader.end()])


@fuzzed
@given(st.one_of(st.binary(max_size=200), values.map(lambda value: json.dumps([value]).encode())))
def test_a_list_of_json_is_read_or_refused(body: bytes) -> None:
    """As a file of another program."""
    with contextlib.suppress(UnusableFile):
        reader = ArrayReader()
        assert all(row.fault or row.cells is not None for row in [*reader.feed(body), *reader.end()])


@fuzzed
@given(st.one_of(texts, st.text("0123456789:-,montuewdhfris ", max_size=60)))
@example("00:00-24:00," * 2_000 + "00:00-24:00")
def test_quiet_hours_are_read_or_refused(text: str) -> None:
    """They come from a file that somebody wrote by hand."""
    with contextlib.suppress(ValueError):
        QuietHours.parse(text)


@fuzzed
@given(st.one_of(texts, st.text("0123456789T:-+Z.W", max_size=40)))
def test_a_time_is_read_or_refused(text: str) -> None:
    """A cell of a file."""
    assert isinstance(parse_time("send_at", text), datetime | InvalidJob)


FIELDS = {
    "redis_url": "text",
    "broker_url": "text",
    "key_prefix": "text",
    "budgets.main.rate": "number",
    "budgets.main.burst": "number",
    "budgets.main.weights.a": "number",
    "senders.support.quiet_hours": "text",
    "senders.support.source": "text",
    "senders.support.endpoint_url": "text",
    "senders.support.max_age": "number",
    "senders.support.number_rate": "number",
    "senders.support.attributes": "any",
    "worker.slice": "number",
    "worker.threads": "number",
    "worker.lease": "number",
    "retry.base": "number",
    "results.keep": "number",
}


@fuzzed
@given(st.sampled_from(sorted(FIELDS)), st.one_of(leaves, values, numbers))
@example("budgets.main.rate", math.inf)
@example("budgets.main.rate", math.nan)
@example("worker.slice", math.nan)
@example("worker.lease", 10**400)
@example("results.keep", "P" + "9" * 400 + "D")
def test_each_setting_is_taken_or_refused(path: str, value: object) -> None:
    """`Settings.from_values` is what files and the environment end in."""
    whole: dict[str, Any] = {"senders": {"support": sender()}, "budgets": {"main": {}}}
    *steps, last = path.split(".")
    table = whole
    for step in steps:
        table = table.setdefault(step, {})
    table[last] = value
    with contextlib.suppress(SettingsError):
        settings = Settings.from_values(**whole)
        main = settings.budgets["main"]
        assert 0 < main.own_rate < math.inf
        assert int(settings.results.keep.total_seconds() * 1000) > 0
