"""How the errors of the client are answered."""

import asyncio
import copy
import pickle
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from outbound_chat.http import create_app
from outbound_chat.http.wire.codes import TITLES, ProblemCode
from outbound_chat.http.wire.problems import problem_of
from outbound_chat.model import errors
from outbound_chat.model.errors import FieldError, OutboundChatError, SettingsError
from tests.support.harness import Harness

LOCAL = "http://127.0.0.1"
FAULTS = [FieldError("to", "invalid_number", "is none")]
ANSWERS: dict[ProblemCode, tuple[OutboundChatError | SettingsError, ...]] = {
    ProblemCode.INVALID_REQUEST: (
        errors.InvalidJob(FAULTS),
        errors.InvalidNumbers(FAULTS, rejected=1),
        SettingsError("senders has no nobody"),
    ),
    ProblemCode.IDEMPOTENCY_CONFLICT: (errors.IdempotencyConflict("main.1"), errors.BatchKeyConflict("main.1")),
    ProblemCode.UNKNOWN_JOB: (errors.UnknownJob("main.1"),),
    ProblemCode.UNKNOWN_BATCH: (errors.UnknownBatch("main.1"),),
    ProblemCode.BATCH_CLOSED: (errors.BatchClosed("main.1"),),
    ProblemCode.NOT_REPLAYABLE: (errors.NotReplayable("main.1", "is sent"),),
    ProblemCode.DUPLICATE_RISK: (errors.DuplicateRisk("main.1", datetime(2026, 1, 1, tzinfo=UTC), edited=False),),
    ProblemCode.WRITTEN_BY_NEWER_VERSION: (errors.WrittenByNewerVersion("main.1"),),
    ProblemCode.MISSING_ENCRYPTION_KEY: (errors.MissingEncryptionKey("the list is encrypted"),),
    ProblemCode.STORE_UNAVAILABLE: (errors.StoreUnavailable("redis at 10.0.0.7 is away"),),
    ProblemCode.STORE_REFUSED: (errors.StoreError("OOM"),),
    ProblemCode.NOT_DURABLE: (errors.NotDurable("main.1", "not in time", missing=["disk"]),),
    ProblemCode.INTERNAL_ERROR: (errors.ClientClosed(),),
}
NEVER_ANSWERED = {"FieldError", "InvalidWebhook", "OutboundChatError", "WaitTimeout"}
"""A part of an error, what receivers of webhooks see, the base of all, and what a long poll answers as the job that
stands."""


def test_every_public_error_has_an_answer() -> None:
    """One that was forgotten would be answered as a fault of the service, or worse, of the caller."""
    answered = {type(error).__name__ for given in ANSWERS.values() for error in given}
    assert answered == set(errors.__all__) - NEVER_ANSWERED


def test_every_public_error_survives_pickling_and_copying() -> None:
    """A process pool or a task queue hands it on; one that can't be read back breaks the whole pool."""
    given = [*(error for several in ANSWERS.values() for error in several), errors.WaitTimeout("main.1", None, "why")]
    for error in (*given, errors.InvalidWebhook("too old"), OutboundChatError("x")):
        error.add_note("in row 7")
        for found in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  # our own
            assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("code", ANSWERS)
def test_an_error_has_the_code_that_tells_it(code: ProblemCode) -> None:
    for error in ANSWERS[code]:
        problem = problem_of(error)
        assert problem.code is code
        assert ("Retry-After" in problem.headers) == (TITLES[code][0] == 503)


def test_an_error_that_no_row_foresees_is_one_of_the_service() -> None:
    """Callers must not search for a fault in what they sent."""
    assert problem_of(errors.WaitTimeout("not yet")).code is ProblemCode.INTERNAL_ERROR


def test_an_app_that_is_mounted_below_a_path_refuses_the_same(stack: Harness) -> None:
    """A program may serve it beside its own pages, and a proxy may say that there is a part before each path."""
    app = create_app(stack.settings, local=True)
    mounted = httpx.ASGITransport(Starlette(routes=[Mount("/below", app)]))

    async def walk() -> list[httpx.Response]:
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=mounted, base_url=LOCAL) as http:
            return [
                await http.get(f"/below/v1/jobs{query}")
                for query in ("?ids=a", "?ids=a&nope=1", "?ids=a&ids=b", "?limit=0")
            ]

    found, *refused = asyncio.run(walk())
    assert found.status_code == 200
    assert [one.status_code for one in refused] == [400, 400, 400]
    assert {one.headers["content-type"] for one in refused} == {"application/problem+json"}
