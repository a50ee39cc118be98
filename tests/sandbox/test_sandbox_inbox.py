"""The inbox: what recipients would have got, for the developer who sent it."""

import http.client
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import HTTPClientError
from hypothesis import given, strategies as st

from outbound_chat.request._sms import sms_parts as parts_of_the_sender
from outbound_chat_worker.sandbox import SandboxClient, SandboxOptions
from outbound_chat_worker.sandbox._rules import sms_parts

if TYPE_CHECKING:
    from types_boto3_connect import ConnectClient

RequestTo = Callable[..., dict[str, Any]]
Outcome = Callable[..., str]
NUMBER = "+12025550100"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"


def _text(content: str) -> dict[str, str]:
    return {"ContentType": "text/plain", "Content": content}


def _page(sandbox: SandboxClient, path: str = "/") -> tuple[http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
    connection.request("GET", path)
    with connection.getresponse() as response:
        assert response.status == 200
        text = response.read().decode()
    connection.close()
    return response.headers, text


def test_a_message_has_all_that_its_recipient_would_have_got(
    connect: "ConnectClient", sandbox: SandboxClient, request_to: RequestTo
) -> None:
    before = datetime.now(UTC)
    request = request_to(NUMBER, InitialSystemMessage=_text("a" * 161), Attributes={"order": "A-17"})
    answer = connect.start_outbound_chat_contact(**request)

    message, *others = sandbox.inbox()
    assert others == []
    assert (message.number, message.to, message.text, message.parts) == (1, NUMBER, "a" * 161, 2)
    assert (message.channel, message.state, message.code) == ("SMS", "open", "accepted")
    assert (message.flow, message.attributes) == (request["ContactFlowId"], {"order": "A-17"})
    assert (message.contact_id, message.request_id) == (answer["ContactId"], answer["ResponseMetadata"]["RequestId"])
    assert before - timedelta(seconds=1) < message.at
    assert NUMBER not in repr(message)
    sandbox.close_chat(answer["ContactId"])
    closed = sandbox.message(answer["ContactId"])
    assert closed is not None
    assert closed.state == "closed"
    assert sandbox.message("unknown") is None


def test_a_template_is_shown_by_its_id_and_has_no_parts(
    connect: "ConnectClient", sandbox: SandboxClient, request_to: RequestTo
) -> None:
    template = {"KnowledgeBaseId": "kb", "MessageTemplateId": "welcome", "TemplateAttributes": {}}
    whatsapp = {"connect:Subtype": {"ValueString": "connect:WhatsApp"}}
    connect.start_outbound_chat_contact(
        **request_to(NUMBER, InitialTemplatedSystemMessage=template, SegmentAttributes=whatsapp)
    )

    assert [(one.channel, one.text, one.parts) for one in sandbox.inbox()] == [("WhatsApp", "welcome", None)]


def test_a_refused_message_is_there_with_its_code_and_what_comes_again_is_not(
    connect: "ConnectClient", sandbox: SandboxClient, request_to: RequestTo, outcome: Outcome
) -> None:
    """Why did nobody get it? A throttled call comes again, and a repeat starts nothing."""
    outcome(connect, request_to("+12025550140", InitialSystemMessage=_text("no")))
    outcome(connect, request_to("+12025550142"))
    with pytest.raises(HTTPClientError):
        connect.start_outbound_chat_contact(**request_to("+12025550159", ClientToken="t"))
    outcome(connect, request_to(NUMBER, ClientToken="t"))

    assert [(one.to, one.state, one.code, one.text) for one in sandbox.inbox()] == [
        ("+12025550140", "refused", "InvalidRequestException", "no"),
        ("+12025550159", "open", "hang_up_after_accepting", ""),
    ]


def test_only_the_last_are_kept_and_their_numbers_stay(
    timed_sandbox: Callable[..., tuple[SandboxClient, Any]],
    make_connect: Callable[..., "ConnectClient"],
    request_to: RequestTo,
) -> None:
    """A sandbox that runs for weeks must not fill the memory."""
    sandbox, _ = timed_sandbox(SandboxOptions(rate=None, keep=2))
    connect = make_connect(sandbox.url)
    for index in range(7):
        connect.start_outbound_chat_contact(**request_to(f"+1202555010{index}"))
    connect.close()

    messages = list(sandbox.inbox())
    assert [message.number for message in messages] == [5, 6, 7]
    assert [message.to for message in sandbox.inbox(after=6)] == ["+12025550106"]
    assert len(list(sandbox.contacts())) == len(list(sandbox.arrivals())) == 3
    assert sandbox.stats().accepted == sandbox.stats().calls == 7
    assert [message.number for message in sandbox.inbox(after=1_000)] == [5, 6, 7], "of a sandbox before this one"


def test_refused_messages_are_kept_no_longer_than_connect_would_take_them(
    timed_sandbox: Callable[..., tuple[SandboxClient, Any]], request_to: RequestTo
) -> None:
    """A program that sends a megabyte again and again must not fill the memory, nor the page."""
    sandbox, _ = timed_sandbox(SandboxOptions(rate=None, keep=10, verify_signatures=False))
    plain = request_to(NUMBER, InitialSystemMessage=_text("a" * 900_000))
    for number in range(12):
        long = {f"a{part}": "b" * 9_000 for part in range(100)}
        nested = {**request_to(f"+{number}" * 400_000), "Attributes": [[]]}
        for request in (plain, {**request_to(NUMBER), "Attributes": long}, nested):
            body = json.dumps(request)
            connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=60)
            connection.request("PUT", "/contact/outbound-chat", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
            connection.close()

    found = list(sandbox.inbox())
    sizes = [len(one.text) + sum(len(name) + len(text) for name, text in one.attributes.items()) for one in found]
    assert len(found) >= 10
    assert max(sizes) < 33_000
    assert all(len(one.destination or "") < 100 for one in sandbox.arrivals())
    assert len(_page(sandbox)[1]) < 200_000


@given(st.text(st.sampled_from("aé€[\nΔ漢😀"), max_size=400))
def test_the_parts_are_those_that_the_sender_counts(text: str) -> None:
    """Each with rules of its own."""
    assert sms_parts(text) == max(1, parts_of_the_sender(text))


@pytest.mark.parametrize("path", ["/", "/inbox"])
def test_the_page_shows_all_and_escapes_what_came_in(
    connect: "ConnectClient", sandbox: SandboxClient, request_to: RequestTo, path: str
) -> None:
    """A text is somebody's data, in a browser that runs what is not escaped."""
    request = request_to(NUMBER, InitialSystemMessage=_text(HOSTILE), Attributes={"order": HOSTILE})
    connect.start_outbound_chat_contact(**request)

    headers, page = _page(sandbox, path)

    assert request["ContactFlowId"] in page
    assert NUMBER in page
    assert "1 part" in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script>") == 1, "its own"
    assert "<img" not in page
    assert not re.search(r"(?:src|href)=|https?:", page.replace("src=x", ""))
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_page_of_a_sandbox_that_got_nothing_says_so(sandbox: SandboxClient) -> None:
    assert "No message yet." in _page(sandbox)[1]
