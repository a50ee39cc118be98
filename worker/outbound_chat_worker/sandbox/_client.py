"""The control client: asks a running sandbox what happened, and changes what it does next."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Unpack

from pydantic_core import to_jsonable_python

from outbound_chat_worker.sandbox._options import SandboxChanges
from outbound_chat_worker.sandbox._reports import SandboxArrival, SandboxContact, SandboxStats

_TIMEOUT_SECONDS = 30


class SandboxError(Exception):
    """The sandbox refused a control request; the text says why."""


class SandboxClient:
    """Controls the sandbox at `url`. Keeps no connection, so threads may share it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # A proxy from the environment must not see what goes to a server on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stats(self) -> SandboxStats:
        """Returns the totals since the start or the last reset."""
        return SandboxStats(**json.loads(self._ask("stats")))

    def contacts(self) -> Iterator[SandboxContact]:
        """Yields every contact in the order in which they were started, ended ones too."""
        for row in self._rows("contacts"):
            yield SandboxContact(**{**row, "started_at": datetime.fromisoformat(row["started_at"])})

    def arrivals(self) -> Iterator[SandboxArrival]:
        """Yields every call in the order of arrival, refused ones too, so that pacing can be checked."""
        for row in self._rows("arrivals"):
            yield SandboxArrival(**row)

    def configure(self, **changes: Unpack[SandboxChanges]) -> None:
        """Changes options of the running sandbox until the next reset; the others stay.

        `faults` replaces all faults, and their `times` start again. Raises `SandboxError` for invalid values.
        """
        self._ask("configure", to_jsonable_python(changes))

    def close_chat(self, contact_id: str) -> None:
        """Ends a chat, as its flow would, and frees its place; raises `SandboxError` if it is not open."""
        self._ask("close", {"contact_id": contact_id})

    def reset(self) -> None:
        """Forgets contacts, tokens, rates, arrivals and changes, as if just started. Safe to repeat."""
        self._ask("reset", {})

    def _rows(self, route: str) -> Iterator[dict[str, Any]]:
        seen = 0
        while lines := self._ask(f"{route}?after={seen}").splitlines():
            seen += len(lines)
            yield from map(json.loads, lines)

    def _ask(self, route: str, document: dict[str, Any] | None = None) -> bytes:
        """GET, or POST with a document."""
        body = None if document is None else json.dumps(document).encode()
        url = f"{self.url}/_sandbox/{route}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  # the user's own
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(error.read().decode(errors="replace")) from None
