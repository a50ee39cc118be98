"""Whom is written to and what: the service's log, its metrics and its problems show neither, whatever it is asked.

A real service whose loggers are all at DEBUG, those of its libraries too. Every operation of the OpenAPI document has
its requests here, and each holds a number and a text wherever a caller can put one.
"""

import sys
from pathlib import Path
from typing import Any

import httpx
import redis

from tests.support.harness import Harness, free_port, running_harness
from tests.support.privacy import Markers, assert_private
from tests.support.waiting import wait_until

from .conftest import TIMEOUT, Service

TEXT, NUMBER, OTHER = "Zwiebelkuchen für Änne, heute frisch", "+13475551301", "+13475551302"
PERSONAL = Markers([NUMBER, OTHER], [TEXT, "Zwiebelkuchen"])
LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s %(message)s")
from outbound_chat.cli import main
sys.argv[0] = "outbound-chat"
sys.exit(main())
"""
SHOWING = {"readSuppressed", "readJobs", "readManyJobs", "cancelJobs", "replayWebhooks", "preflightBatch"}
"""Whose answers may: one lists numbers, one shows texts as customers would get them, the others say of each id,
whatever it is, what it is the id of.
"""
JOB = {"sender": "support", "to": NUMBER, "text": TEXT, "attributes": {"name": TEXT}}
RAW = {"DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": NUMBER}, "Attributes": {"a": TEXT}}
CSV = f'to,text,nosuch\n{NUMBER},"{TEXT}",{TEXT}\n{TEXT},{NUMBER},\n'
NDJSON = f'{{"to": "{NUMBER}", "text": "{TEXT}"}}\n{{"to": "{TEXT}"}}\n{{"to": "{NUMBER}", {TEXT}\n'

Request = tuple[str, str, dict[str, Any]]


def loud_service(stack: Harness) -> Service:
    """A service that logs all it can."""
    port = free_port()
    process = stack.start([sys.executable, "-c", LOUD, "http", "--port", str(port)], {"PYTHONASYNCIODEBUG": "1"})
    service = Service(stack, f"http://127.0.0.1:{port}", process)
    wait_until(lambda: "listening on" in stack.logs(), timeout=TIMEOUT, what="the service")
    return service


def requests(job: str, batch: str) -> dict[str, list[Request]]:
    """Requests of each operation: one that it takes, and such as it refuses."""
    listed = "/v1/senders/support/suppressed"
    hold = {"scope": "sender", "name": "chat", "reason": "wait"}
    one, many = f"/v1/jobs/{job}", f"/v1/batches/{batch}"
    return {
        "enqueueJob": [
            ("POST", "/v1/jobs", {"json": JOB, "headers": {"Idempotency-Key": "once"}}),
            ("POST", "/v1/jobs", {"json": {**JOB, "to": OTHER}, "headers": {"Idempotency-Key": "once"}}),
            ("POST", "/v1/jobs", {"json": {**JOB, **RAW}}),
            ("POST", "/v1/jobs", {"json": [JOB, {**JOB, **RAW}, {**JOB, "to": TEXT, TEXT: 1}, TEXT, {"to": [NUMBER]}]}),
            ("POST", "/v1/jobs", {"json": {**RAW, "sender": TEXT, TEXT: NUMBER}}),
            ("POST", "/v1/jobs", {"json": {**JOB, "to": TEXT, "text": [NUMBER], TEXT: 1, "send_at": TEXT}}),
            ("POST", "/v1/jobs", {"content": f'{{"to": "{NUMBER}", {TEXT}'.encode(), "headers": _kind("json")}),
        ],
        "readJobs": _asked(
            "/v1/jobs", "ids", "nosuch", "sender", "code", "since", "idempotency_key", "cursor", "limit"
        ),
        "searchJobs": _told(
            "/v1/jobs/search", {"to": NUMBER}, "to", "sender", "until", "idempotency_key", "limit", TEXT
        ),
        "readManyJobs": _told("/v1/statuses", {"ids": [job, NUMBER]}, "ids", TEXT),
        "cancelJobs": _told("/v1/cancellations", {"ids": [NUMBER]}, "ids", TEXT),
        "readJob": [("GET", one, {}), ("GET", f"/v1/jobs/{NUMBER}", {}), *_asked(one, "wait", TEXT)],
        "cancelJob": [("POST", f"/v1/jobs/{NUMBER}/cancel", {}), ("POST", f"{one}/cancel", {"params": {TEXT: NUMBER}})],
        "explainJob": [("GET", f"{one}/why", {}), ("GET", f"/v1/jobs/{NUMBER}/why", {})],
        "enqueueBatch": [
            *_batches(),
            ("POST", "/v1/batches", {"params": {"sender": NUMBER, "priority": TEXT}, "headers": _kind("csv", "text")}),
        ],
        "preflightBatch": _batches("/v1/batches/preflight"),
        "readBatches": _asked("/v1/batches", "budget", "sender", "tenant", "open", "cursor", "limit"),
        "readBatch": [("GET", many, {}), ("GET", f"/v1/batches/{NUMBER}", {}), *_asked(many, "wait", TEXT)],
        "readBatchJobs": [("GET", f"{many}/jobs", {}), *_asked(f"{many}/jobs", "state", "cursor", "limit")],
        "holdBatch": _told(f"{many}/hold", {"reason": "wait"}, "reason"),
        "releaseBatch": [
            *_told(f"{many}/release", {}),
            ("POST", f"/v1/batches/{NUMBER}/release", {"json": {TEXT: NUMBER}}),
        ],
        "cancelBatch": [
            *_told(f"{many}/cancel", {}, "rows", "state", TEXT),
            ("POST", f"/v1/batches/{NUMBER}/cancel", {"json": {TEXT: NUMBER}}),
        ],
        "readDeadLetters": _asked("/v1/dead-letters", "budget", "state", "code", "sender", "tenant", "batch", "cursor"),
        "startAction": _told(
            "/v1/actions", {"kind": "replay"}, "kind", "state", "code", "sender", "tenant", "batch", TEXT
        ),
        "readActions": _asked("/v1/actions", TEXT),
        "stopAction": [("POST", f"/v1/actions/{NUMBER}/stop", {})],
        "replayJob": _told(f"{one}/replay", {"to": OTHER, "text": TEXT}, "to", "text", "sender", "send_at", "force"),
        "readWebhookHosts": _asked("/v1/webhooks/hosts", TEXT),
        "readDeadWebhooks": _asked("/v1/webhooks/dead", "budget", "skip", "limit"),
        "replayWebhooks": _told("/v1/webhooks/replay", {"ids": [NUMBER, TEXT]}, "ids", "all", "budget", TEXT),
        "readBudgets": _asked("/v1/budgets", TEXT),
        "readWorkers": _asked("/v1/workers", TEXT),
        "readLanes": _asked("/v1/lanes", "limit", TEXT),
        "readDoctor": _asked("/v1/doctor", TEXT),
        "readHistory": _asked("/v1/history", "budget", "hours", "step", TEXT),
        "readSenders": _asked("/v1/senders", TEXT),
        "readReceipts": _asked("/v1/receipts", "hours", TEXT),
        "readHolds": _asked("/v1/holds", TEXT),
        "hold": _told("/v1/holds", hold, "scope", "name", TEXT),
        "release": [
            ("DELETE", "/v1/holds", {"params": {"scope": scope, "name": NUMBER}}) for scope in ("sender", TEXT)
        ],
        "suppress": _told(listed, {"numbers": [OTHER], "reason": TEXT}, "numbers", "reason", TEXT),
        "readSuppressed": [("GET", listed, {}), *_asked(listed, "cursor")],
        "unsuppress": [
            ("DELETE", listed, {"json": {"numbers": [OTHER, TEXT, 7, NUMBER[1:]]}}),
            ("DELETE", f"/v1/senders/{NUMBER}/suppressed", {"json": {"numbers": [NUMBER]}}),
        ],
        "followEvents": [
            *_asked("/v1/events", "budget"),
            ("GET", "/v1/events", {"headers": {"Last-Event-ID": NUMBER}}),
        ],
        "ingestContactEvents": [
            ("POST", "/v1/contact-events", {"json": {"destinationPhoneNumber": NUMBER, TEXT: TEXT}}),
            ("POST", "/v1/contact-events", {"json": [{"contactId": NUMBER, "instanceArn": TEXT}, NUMBER, [TEXT]]}),
            ("POST", "/v1/contact-events", {"content": f'["{NUMBER}", {TEXT}'.encode(), "headers": _kind("json")}),
            *_asked("/v1/contact-events", TEXT),
        ],
        "health": _asked("/healthz", TEXT),
        "readiness": _asked("/readyz", TEXT),
        "metrics": _asked("/metrics", TEXT),
        "readAudit": [("GET", "/v1/audit", {"params": {"limit": 500}}), *_asked("/v1/audit", "cursor", "limit", TEXT)],
    }


def _kind(subtype: str, main: str = "application") -> dict[str, str]:
    return {"Content-Type": f"{main}/{subtype}"}


def _batches(path: str = "/v1/batches") -> list[Request]:
    query = {"sender": "support", "text": TEXT, "name": "parcels"}
    bodies = [
        (CSV, _kind("csv", "text")),
        (NDJSON, _kind("x-ndjson")),
        (CSV, {**_kind("csv"), "Content-Encoding": "gzip"}),
    ]
    found: list[Request] = [
        ("POST", path, {"params": given, "content": body.encode(), "headers": kind})
        for body, kind in bodies
        for given in (query, {**query, "template": f"{{{TEXT}}} {{{NUMBER}"}, {**query, "callback_url": NUMBER})
    ]
    rows = [{"to": NUMBER}, {"to": TEXT}, {TEXT: NUMBER}, TEXT, {"to": OTHER, "attributes": {"a": TEXT}}]
    return [*found, ("POST", path, {"json": {"sender": "support", "text": TEXT, "rows": rows}})]


def _asked(path: str, *parameters: str) -> list[Request]:
    return [("GET", path, {"params": {name: value}}) for name in parameters for value in (NUMBER, TEXT)]


def _told(path: str, right: dict[str, Any], *members: str) -> list[Request]:
    wrong = [{**right, name: value} for name in members for value in (NUMBER, [TEXT])]
    return [("POST", path, {"json": body}) for body in (right, *wrong)]


def ask(http: httpx.Client, operation: str, request: Request) -> int:
    """Sends a request, and looks at the answer; its status."""
    method, path, given = request
    answer = http.request(method, path, **given)
    if operation not in SHOWING or answer.status_code >= 400:
        assert_private(answer.content, PERSONAL, where=f"{answer.status_code} of {operation}")
    assert answer.status_code != 500, f"{operation}: {answer.text}"
    return answer.status_code


def test_no_request_leaves_a_trace_of_whom_or_what(tmp_path: Path) -> None:
    """Logs and metrics go to other systems, which keep them for years and show them to many."""
    with running_harness(tmp_path) as stack:
        _check_that_nothing_shows(stack)


def _check_that_nothing_shows(stack: Harness) -> None:
    stack.start_worker("--loglevel", "DEBUG")
    service = loud_service(stack)
    with service.client() as http:
        http.post("/v1/senders/support/suppressed", json={"numbers": [NUMBER], "reason": TEXT})
        job = http.post("/v1/jobs", json=JOB).json()["id"]
        batch = http.post("/v1/batches", json={"sender": "chat", "text": TEXT, "rows": [{"to": OTHER}]}).json()["id"]
        assert http.get(f"/v1/jobs/{job}", params={"wait": 60}).json()["error"]["code"] == "suppressed"
        every = requests(job, batch)
        document = http.get("/openapi.json").json()["paths"]
        assert set(every) == {one["operationId"] for path in document.values() for one in path.values()}

        seen = {operation: {ask(http, operation, one) for one in asked} for operation, asked in every.items()}
        assert_private(http.get("/metrics").content, PERSONAL, where="the metrics")
        _check_a_store_that_refuses(stack, http)
        stack.server.stop()
        assert ask(http, "enqueueJob", every["enqueueJob"][0]) == 503
        assert ask(http, "suppress", every["suppress"][0]) == 503

    refusing = {operation for operation, statuses in seen.items() if max(statuses) >= 400}
    assert set(every) - refusing == {"health", "readiness"}, seen
    service.process.terminate()
    assert service.process.wait(TIMEOUT) == 0
    logs = stack.logs()
    assert " DEBUG asyncio " in logs
    assert_private(logs, PERSONAL, where="the log")


def _check_a_store_that_refuses(stack: Harness, http: httpx.Client) -> None:
    """What Redis says of a failed script is told to the caller: it must not have the arguments."""
    name = "oc:{main}:suppressed:chat"
    with redis.Redis.from_url(stack.server.url) as client:
        client.set(name, "of another program")
        told: Request = ("POST", "/v1/senders/chat/suppressed", {"json": {"numbers": [NUMBER], "reason": TEXT}})
        assert ask(http, "suppress", told) == 503
        client.delete(name)
