"""Decides how a call is answered, without sockets: it takes a request and returns an `Answer`.

The order of the checks is the order in which a caller must fix things:

1. signature: an unknown caller has no rate;
2. rate: AWS throttles before it reads the request, so a bad request uses up the rate too;
3. shape and rules: a bad request is bad with every token, and starts nothing;
4. magic destinations and faults: they only apply to valid calls, so that they hide no mistake of the caller;
5. token: a repeat is answered even when the chats are full, since it opens none;
6. chats.
"""

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outbound_chat.model.times import when
from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._faults import MAGIC_DESTINATIONS, Fault, FaultKind
from outbound_chat_worker.sandbox._http import HttpRequest, HttpResponse
from outbound_chat_worker.sandbox._ledger import START, Call, Ledger
from outbound_chat_worker.sandbox._messages import shortened
from outbound_chat_worker.sandbox._options import SandboxOptions
from outbound_chat_worker.sandbox._others import answer_other
from outbound_chat_worker.sandbox._quotas import answer_quota, is_quota_call
from outbound_chat_worker.sandbox._refusal import Refusal, invalid
from outbound_chat_worker.sandbox._rules import check_rules
from outbound_chat_worker.sandbox._shapes import check_of_request
from outbound_chat_worker.sandbox._signature import Account, check_signature

_OPERATION = ("PUT", "/contact/outbound-chat")
_MEDIA_TYPES = frozenset({"application/json", "application/x-amz-json-1.1"})
_THROTTLES = frozenset({"ThrottlingException", "TooManyRequestsException", FaultKind.BARE_429})
_BODIES = {
    FaultKind.GARBAGE: b"<html><body>It works!</body></html>",
    FaultKind.NO_CONTACT_ID: b'{"Contacts":[]}',
    FaultKind.HALF_ANSWER: b'{"Contact',
}
_OTHER_HALF = 42
_MOST_OF_A_NUMBER = 64


@dataclass(slots=True, kw_only=True)
class Answer(HttpResponse):
    """The answer to a call, the `code` under which it is counted, and the contact that it started."""

    code: str
    contact_id: str | None = None


class Engine:
    """A sandbox without its sockets. Not safe to share between threads."""

    def __init__(self, options: SandboxOptions, clock: Clock, log: Callable[[str], None] | None = None) -> None:
        """`log` receives a line per call."""
        self._at_start = options
        self.clock = clock
        self._log = log
        self._check_shape = check_of_request(START)
        self.reset()

    def reset(self) -> None:
        """Forgets everything, including changes of the options, as after a restart."""
        self.ledger = Ledger(self._at_start, self.clock)
        self._faults = _FaultDraw(self._at_start)
        self._request_id_start = str(uuid.uuid4())[:-12]
        self._met: set[tuple[Account, str, str]] = set()

    def configure(self, changes: dict[str, Any]) -> None:
        """Changes options in their JSON form; `times` of new faults start again. Raises `ValueError`."""
        self.ledger.options = self.ledger.options.changed(changes)
        if "faults" in changes:
            self._faults = _FaultDraw(self.ledger.options)

    def respond(self, call: HttpRequest) -> HttpResponse:
        """Answers a call of any kind."""
        if other := answer_other(call, self.ledger, self.clock):
            return other
        if not is_quota_call(call):
            return self._answer(call)
        request_id = str(uuid.uuid4())
        answer = answer_quota(call, self.ledger.options, now=self.clock.now(), request_id=request_id)
        self._write(call.headers["x-amz-target"].partition(".")[2], None, str(answer.status), request_id)
        return answer

    def _write(self, operation: str, destination: str | None, code: str, request_id: str) -> None:
        if self._log is not None:
            line = f"{operation} {destination or '-'} {code} {request_id}"
            # What came in may have characters that a terminal obeys.
            shown = line.encode("unicode_escape", "surrogatepass").decode("ascii")
            self._log(f"{when(self.clock.now(), brief=True)} {shown}")

    def _answer(self, call: HttpRequest) -> Answer:
        """Answers a call for Amazon Connect, and records it."""
        arrived = self.clock.monotonic()
        body: dict[str, Any] = {}
        unreadable: Refusal | None = None
        # Read before the rate is checked only so that a throttled call is counted with its destination.
        try:
            body = _read_body(call)
        except Refusal as refusal:
            unreadable = refusal
        try:
            answer = self._decide(call, body, unreadable)
        except Refusal as refusal:
            answer = _error(refusal.status, refusal.code, refusal.message)
        request_id = f"{self._request_id_start}{self.ledger.arrivals.total:012x}"
        answer.headers |= {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
        answer.delay_seconds += self.ledger.options.latency.total_seconds()
        self._record(call, body, answer, arrived, request_id)
        return answer

    def _record(self, call: HttpRequest, body: dict[str, Any], answer: Answer, arrived: float, request_id: str) -> None:
        refused = answer.status is not None and answer.status >= 400  # noqa: PLR2004  # the range of HTTP errors
        destination, throttled = _destination(body), answer.code in _THROTTLES
        self.ledger.record(arrived, answer.code, destination, refused=refused, throttled=throttled)
        # A throttled call comes again; a repeat started nothing.
        if answer.contact_id or (body and refused and not throttled):
            kept = call.body if answer.contact_id else shortened(body)
            self.ledger.remember(Call(self.clock.now(), request_id, answer.code, answer.contact_id, kept))
        is_start = (call.method, call.path) == _OPERATION
        operation = START if is_start else f"{call.method} {call.path}"
        self._write(operation, destination, answer.code, request_id)

    def _decide(self, call: HttpRequest, body: dict[str, Any], unreadable: Refusal | None) -> Answer:
        if (call.method, call.path) != _OPERATION:
            raise Refusal("UnknownOperationException", "The sandbox only supports PUT /contact/outbound-chat.")
        options = self.ledger.options
        account = check_signature(call, now=self.clock.now(), verify=options.verify_signatures)
        self.ledger.take_call(account)
        if unreadable is not None:
            raise unreadable
        self._check(body)
        fault = self._magic(account, body) or self._faults.draw(body["DestinationEndpoint"]["Address"])
        if fault and not fault.effect.starts_contact:
            return _struck(fault)
        contact_id, repeated = self.ledger.start_contact(account, body, call.body)
        if fault and fault.kind is not FaultKind.LATE:
            answer = _struck(fault)
        else:
            delay = fault.delay.total_seconds() if fault and fault.delay else 0.0
            code = "repeated" if repeated else "accepted"
            answer = Answer(code=code, body=b'{"ContactId":"%b"}' % contact_id.encode(), delay_seconds=delay)
        answer.contact_id = None if repeated else contact_id
        return answer

    def _check(self, body: dict[str, Any]) -> None:
        try:
            self._check_shape(body, "")
            check_rules(body)
        except RecursionError:
            raise invalid("The body is nested too deeply.") from None

    def _magic(self, account: Account, body: dict[str, Any]) -> Fault | None:
        magic = MAGIC_DESTINATIONS.get(body["DestinationEndpoint"]["Address"])
        if magic is None:
            return None
        token = body.get("ClientToken")
        if magic.first_call_only and token:
            meeting = (account, magic.number, token)
            if meeting in self._met:
                return None
            self._met.add(meeting)
        return magic.fault


class _FaultDraw:
    """Draws the fault that strikes the next call; the same seed and the same calls give the same faults."""

    def __init__(self, options: SandboxOptions) -> None:
        self._random = random.Random(options.seed)  # noqa: S311  # reproducible, and nothing secret
        self._left: list[int | None] = [fault.times for fault in options.faults]
        self._faults = options.faults

    def draw(self, destination: str) -> Fault | None:
        for index, fault in enumerate(self._faults):
            left = self._left[index]
            if left == 0 or fault.destination not in (None, destination):
                continue
            if fault.share < 1 and self._random.random() >= fault.share:
                continue
            if left is not None:
                self._left[index] = left - 1
            return fault
        return None


def _read_body(call: HttpRequest) -> dict[str, Any]:
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise Refusal("UnsupportedMediaTypeException", "Content-Type must be application/json.")
    try:
        body = json.loads(call.body)
        if b"\\u" in call.body:
            # An escape may stand for half a character, which is no text: encoding finds it.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def _destination(body: dict[str, Any]) -> str | None:
    endpoint = body.get("DestinationEndpoint")
    address = endpoint.get("Address") if isinstance(endpoint, dict) else None
    return address[:_MOST_OF_A_NUMBER] if isinstance(address, str) else None


def _struck(fault: Fault) -> Answer:
    effect = fault.effect
    if effect.code is not None and effect.status is not None:
        answer = _error(effect.status, effect.code, effect.message)
    else:
        answer = Answer(status=effect.status, code=fault.kind.value, body=_BODIES.get(fault.kind, b""))
        answer.missing = _OTHER_HALF if fault.kind is FaultKind.HALF_ANSWER else 0
    if fault.retry_after_ms is not None:
        answer.headers["x-amz-retry-after"] = str(fault.retry_after_ms)
    return answer


def _error(status: int, code: str, message: str) -> Answer:
    body = json.dumps({"Message": message}).encode()
    return Answer(status=status, code=code, body=body, headers={"x-amzn-ErrorType": code})
