"""A stand-in for the two operations of Amazon Connect that read contacts: a real HTTP server that answers as told."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(slots=True)
class Contacts:
    """What AWS knows: contacts by id, with times in seconds, as in its answers."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    """Status and code with which it answers everything."""
    fails_for: str = ""
    """A ContactId about which it answers with a fault of its own."""
    authorization: str = ""
    """The header of the last request."""
    asked: list[str] = field(default_factory=list)
    """ContactIds in DescribeContact."""
    searched: list[dict[str, Any]] = field(default_factory=list)
    """Requests of SearchContacts."""
    page: int = 100
    answers: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no answer comes."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by the first request."""

    def __post_init__(self) -> None:
        self.answers.set()

    def begin(self, contact: str, at_ms: int, **more: Any) -> None:
        self.known[contact] = {"Id": contact, "Channel": "CHAT", "InitiationTimestamp": at_ms / 1000, **more}

    def end(self, contact: str, at_ms: int, **more: Any) -> None:
        self.known[contact] |= {"DisconnectTimestamp": at_ms / 1000, **more}

    def describe(self, contact: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(contact)
        if contact == self.fails_for:
            return 500, {"__type": "InternalServiceException", "Message": "no"}
        found = self.known.get(contact)
        return (200, {"Contact": found}) if found else (404, {"__type": "ResourceNotFoundException", "Message": "gone"})

    def search(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.searched.append(request)
        times, first = request["TimeRange"], int(request.get("NextToken", 0))
        ended = sorted(
            (one["DisconnectTimestamp"], one["Id"])
            for one in self.known.values()
            if times["StartTime"] <= one.get("DisconnectTimestamp", 0) <= times["EndTime"]
        )
        found = [self.known[contact] for _, contact in ended]
        answer: dict[str, Any] = {"Contacts": found[first : first + self.page], "TotalCount": len(found)}
        if first + self.page < len(found):
            answer["NextToken"] = str(first + self.page)
        return 200, answer


class ContactServer(ThreadingHTTPServer):
    """Answers by `contacts` until the block with it is left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contacts = Contacts()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ContactServer

    def do_GET(self) -> None:
        self._answer(lambda contacts: contacts.describe(self.path.rpartition("/")[2]))

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda contacts: contacts.search(request))

    def _answer(self, answer: Any) -> None:
        contacts = self.server.contacts
        contacts.authorization = self.headers.get("Authorization", "")
        contacts.arrived.set()
        contacts.answers.wait()
        if contacts.refusal:
            status, said = contacts.refusal[0], {"__type": contacts.refusal[1], "Message": "no"}
        else:
            status, said = answer(contacts)
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", "request")
        if status != 200:
            self.send_header("x-amzn-ErrorType", said["__type"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to standard error."""
