"""The control client: asks a running sandbox what happened and changes what happens."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Unpack

from pydantic_core import to_jsonable_python

from ._options import SandboxChanges
from ._reports import SandboxArrival, SandboxContact, SandboxStats

_TIMEOUT_S = 30


class SandboxError(Exception):
    """A control request was refused; the text says why."""


class SandboxClient:
    """Controls the sandbox at `url`. Keeps no connection, so it may be shared between threads."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # A proxy from the environment must not see what goes to a server on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stats(self) -> SandboxStats:
        """Return the totals since the start or the last reset."""
        return SandboxStats(**json.loads(self._get("stats")))

    def contacts(self) -> Iterator[SandboxContact]:
        """Yield every started contact in the order of starting, also those that end meanwhile."""
        for row in self._rows("contacts"):
            yield SandboxContact(**{**row, "started_at": datetime.fromisoformat(row["started_at"])})

    def arrivals(self) -> Iterator[SandboxArrival]:
        """Yield every call in the order of arrival, refused ones too: what pacing is checked with."""
        for row in self._rows("arrivals"):
            yield SandboxArrival(**row)

    def configure(self, **changes: Unpack[SandboxChanges]) -> None:
        """Change options while the sandbox runs, until the next reset; what is not named stays.

        `faults` replaces all faults, and their `times` begin anew. Raises `SandboxError` for impossible values.
        """
        self._post("configure", to_jsonable_python(changes))

    def close_chat(self, contact_id: str) -> None:
        """End a chat, as its flow would, and free its place; raises `SandboxError` when it is not open."""
        self._post("close", {"contact_id": contact_id})

    def reset(self) -> None:
        """Forget contacts, tokens, rates, arrivals and changes: as after the start. Safe to repeat."""
        self._post("reset", {})

    def _rows(self, route: str) -> Iterator[dict[str, Any]]:
        seen = 0
        while lines := self._get(f"{route}?after={seen}").splitlines():
            seen += len(lines)
            yield from map(json.loads, lines)

    def _get(self, route: str) -> bytes:
        return self._send(urllib.request.Request(f"{self.url}/_sandbox/{route}"))  # noqa: S310 - the user's own address

    def _post(self, route: str, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self.url}/_sandbox/{route}"
        self._send(urllib.request.Request(url, data=body, headers=headers, method="POST"))  # noqa: S310 - as above

    def _send(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(error.read().decode(errors="replace")) from None
