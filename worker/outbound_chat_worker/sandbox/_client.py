"""The control client: asks a running sandbox what happened, and changes what it does next."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from pydantic_core import to_jsonable_python

from outbound_chat.model.errors import OutboundChatError
from outbound_chat_worker.sandbox._options import SandboxChanges
from outbound_chat_worker.sandbox._reports import (
    SandboxArrival,
    SandboxContact,
    SandboxEvent,
    SandboxMessage,
    SandboxStats,
)

if TYPE_CHECKING:
    import subprocess

T = TypeVar("T")

_TIMEOUT_SECONDS = 30
_STRANGE = (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError)
"""What reading an answer raises if something else than a sandbox sent it."""
NEXT_HEADER = "x-sandbox-next"
"""For a page: the number of its last row, after which the next page begins."""


class SandboxError(OutboundChatError, code="no_sandbox"):
    """The sandbox did not start, or refused a control request, or something else answers. The message says why."""


class SandboxClient:
    """Controls the sandbox at `url`. It keeps no connection, so threads can share it."""

    def __init__(self, url: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """`process`: the process of the sandbox, if it is a child of this one."""
        self.url = url.rstrip("/")
        self.process = process
        # A proxy from the environment must not see what goes to a server on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stats(self) -> SandboxStats:
        """Returns the totals since the start or the last reset."""
        body, _ = self._ask("stats")
        with self._understanding():
            return SandboxStats(**json.loads(body))

    def contacts(self) -> Iterator[SandboxContact]:
        """Yields all contacts in the order in which they were started, including ended ones."""
        return self._rows("contacts", _contact)

    def arrivals(self) -> Iterator[SandboxArrival]:
        """Yields all calls in the order of arrival, including refused ones, so that pacing can be checked."""
        return self._rows("arrivals", lambda row: SandboxArrival(**row))

    def inbox(self, *, after: int = 0) -> Iterator[SandboxMessage]:
        """Yields the messages after number `after`, oldest first: contacts and refused calls.

        The last 10,000 are kept, or fewer with the option `keep`. A number that the sandbox has not reached, since it
        was restarted, counts as 0.
        """
        return self._rows("inbox", _message, after)

    def events(self, *, after: int = 0) -> Iterator[SandboxEvent]:
        """Yields the contact events after number `after`, in the order of delivery. They are kept like messages."""
        return self._rows("events", lambda row: SandboxEvent(**row), after)

    def message(self, id_: str) -> SandboxMessage | None:
        """Returns the message with this contact id or request id; None if it is not kept."""
        body, _ = self._ask(f"message?{urllib.parse.urlencode({'id': id_})}")
        with self._understanding():
            return _message(json.loads(body)) if body else None

    def configure(self, **changes: Unpack[SandboxChanges]) -> None:
        """Changes options of the running sandbox until the next reset. Other options are not changed.

        `faults` replaces all faults, and their `times` start again. Raises `SandboxError` for invalid values.
        """
        self._ask("configure", to_jsonable_python(changes))

    def close_chat(self, contact_id: str) -> None:
        """Ends a chat, as its flow would, which makes room for another; raises `SandboxError` if it is not open."""
        self._ask("close", {"contact_id": contact_id})

    def change_opt_outs(self, **changes: Any) -> None:
        """Changes an opt-out `list` (`add`, `remove`), or the `number` with an `id`, the last part of its ARN: members
        with other values, or None if it should not exist; or refuses operations (`deny`).
        """
        self._ask("opt-outs", to_jsonable_python(changes))

    def reset(self) -> None:
        """Forgets contacts, tokens, rates, arrivals and changes, as after a restart. Safe to repeat."""
        self._ask("reset", {})

    def _rows(self, route: str, read: Callable[[Any], T], after: int = 0) -> Iterator[T]:
        while True:
            body, after = self._ask(f"{route}?after={after}")
            if not body:
                return
            with self._understanding():
                rows = [read(json.loads(line)) for line in body.splitlines()]
            yield from rows

    def _ask(self, route: str, document: dict[str, Any] | None = None) -> tuple[bytes, int]:
        """Makes a GET request, or a POST with a document. Returns the answer and, for a page, where the next begins."""
        body = None if document is None else json.dumps(document).encode()
        url = f"{self.url}/_sandbox/{route}"
        with self._understanding():
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  # the user's own
            try:
                with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                    return bytes(response.read()), int(response.headers.get(NEXT_HEADER, "0"))
            except urllib.error.HTTPError as error:
                with error:
                    raise SandboxError(error.read().decode(errors="replace")) from None

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except _STRANGE as error:
            raise SandboxError(f"what answers at {self.url} is not a sandbox: {error!r}") from error


def _contact(row: dict[str, Any]) -> SandboxContact:
    return SandboxContact(**{**row, "started_at": datetime.fromisoformat(row["started_at"])})


def _message(row: dict[str, Any]) -> SandboxMessage:
    return SandboxMessage(**{**row, "at": datetime.fromisoformat(row["at"])})
