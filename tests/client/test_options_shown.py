"""What `help`, `inspect.signature` and editors show of the client, and what type checkers refuse."""

import asyncio
import inspect
import pydoc
from types import FunctionType
from typing import Any, get_overloads
from unittest.mock import create_autospec

import pytest

import outbound_chat
from outbound_chat import ApiOptions, AsyncOutboundChat, InvalidJob, JobOptions, OutboundChat
from outbound_chat.client.signatures import options_of, taken_by
from tests.client.conftest import VALUES

CLIENTS = (OutboundChat, AsyncOutboundChat)
TAKEN = {
    "enqueue": "JobOptions",
    "enqueue_request": "ApiOptions",
    "enqueue_batch": "BatchOptions",
    "preflight_batch": "BatchOptions",
    "earlier_batches": "BatchOptions",
    "jobs": "JobFilter",
    "each_job": "JobFilter",
    "dead_letters": "DeadFilter",
    "each_dead_letter": "DeadFilter",
    "replay": "ReplayOptions",
    "replay_all": "DeadFilter",
    "start_replay": "DeadFilter",
    "hold": "HoldTarget",
    "release": "HoldTarget",
}


def methods(client: type) -> dict[str, Any]:
    return {
        name: one for name, one in vars(client).items() if not name.startswith("_") and isinstance(one, FunctionType)
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("method", TAKEN)
def test_a_signature_has_every_option_by_name_and_type(client: type, method: str) -> None:
    """Notebooks complete by it, and `create_autospec` refuses what is misspelt."""
    shown = inspect.signature(getattr(client, method)).parameters
    options = options_of(getattr(outbound_chat, TAKEN[method]))

    assert {option.name for option in options} <= shown.keys()
    assert all(shown[option.name].annotation == option.type for option in options)
    assert not any(one.kind is one.VAR_KEYWORD for one in shown.values())
    required = {option.name for option in options if shown[option.name].default is inspect.Parameter.empty}
    assert required == {option.name for option in options if option.required}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("method", TAKEN)
def test_help_says_what_every_option_means(client: type, method: str) -> None:
    """The interpreter is the documentation that everybody has at hand."""
    shown = " ".join(pydoc.plain(pydoc.render_doc(getattr(client, method))).replace("|", " ").split())

    for option in options_of(getattr(outbound_chat, TAKEN[method])):
        assert option.meaning, option.name
        assert f"): {' '.join(option.meaning.replace('|', ' ').split())}" in shown, option.name


def test_all_methods_that_take_options_are_looked_at() -> None:
    for client in CLIENTS:
        taking = {name for name, one in methods(client).items() if taken_by(one) is not None}
        assert taking == TAKEN.keys()


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    """Programs move from one to the other by adding `await`."""
    threads, tasks = map(methods, CLIENTS)
    assert threads.keys() == tasks.keys()
    for name in threads:
        shown = [inspect.signature(getattr(client, name)).parameters for client in CLIENTS]
        defaults = [[(one.name, one.kind, str(one.default)) for one in each.values()] for each in shown]
        assert defaults[0] == defaults[1], name


def test_a_mock_made_from_the_client_refuses_a_misspelt_option() -> None:
    chat = create_autospec(OutboundChat, instance=True)
    chat.enqueue(sender="support", to="+12025550123", expires_in=None)
    with pytest.raises(TypeError, match="prio"):
        chat.enqueue(sender="support", to="+12025550123", prio="urgent")
    with pytest.raises(TypeError, match="to"):
        chat.enqueue(sender="support")


def test_a_member_of_the_api_that_can_be_left_out_and_not_be_none_is_shown_so() -> None:
    shown = inspect.signature(OutboundChat.enqueue_request).parameters["InstanceId"]
    assert str(shown) == "InstanceId: str = ..."


def test_a_wrapper_needs_nothing_private_for_its_types() -> None:
    """Option types are public, so that `**options: Unpack[JobOptions]` can be written in any program."""
    job: JobOptions = {"sender": "support", "to": "+12025550123"}
    request: ApiOptions = {"InstanceId": "x"}
    assert {"JobOptions", "ApiOptions", "BatchOptions", "ReplayOptions", "DeadFilter", "HoldTarget"} <= {
        *outbound_chat.__all__
    }
    assert (job["sender"], request["InstanceId"]) == ("support", "x")


def test_a_type_checker_refuses_a_hold_or_release_of_nothing(chat: OutboundChat) -> None:
    """mypy reports an `ignore` that nothing needs, so it checks these lines; at run time it is one sentence."""
    sentence = "name exactly one of budget, sender, instance, tenant and batch"
    with pytest.raises(InvalidJob, match=sentence):
        chat.hold(reason="wrong text")  # type: ignore[call-overload]
    with pytest.raises(InvalidJob, match=sentence):
        chat.release()  # type: ignore[call-overload]
    with pytest.raises(InvalidJob, match=sentence):
        chat.hold(reason="wrong text", budget="main", sender="support")  # type: ignore[call-overload]
    chat.hold(reason="wrong text", sender="support")
    assert chat.release(sender="support")
    for client in CLIENTS:
        for method in (client.hold, client.release):
            scopes = [[*inspect.signature(one).parameters][-1] for one in get_overloads(method)]
            assert scopes == ["budget", "sender", "instance", "tenant", "batch"]


def test_a_type_checker_refuses_it_of_the_async_client_too() -> None:
    async def walk() -> None:
        async with AsyncOutboundChat(**VALUES) as chat:
            with pytest.raises(InvalidJob, match="exactly one"):
                await chat.hold(reason="wrong text")  # type: ignore[call-overload]

    asyncio.run(walk())
