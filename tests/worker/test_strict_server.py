"""A worker against another server that speaks the operation: every parameter arrives as it was asked for, signed."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outbound_chat import JobState
from tests.support.harness import FLOW_ID, INSTANCE_ID, SOURCE, WHATSAPP_SOURCE, Harness, number, sender

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/us-east-1/connect/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


class StrictServer(ThreadingHTTPServer):
    """Takes the operation, checks the signature with botocore's own signer, and keeps the bodies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: StrictServer

    def do_PUT(self) -> None:  # the name is the library's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self._fault(body)
        if fault:
            self.server.faults.append(fault)
        self.server.bodies.append(json.loads(body))
        answer = json.dumps({"ContactId": f"contact-{len(self.server.bodies)}"}).encode()
        self.send_response(400 if fault else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _fault(self, body: bytes) -> str:
        if self.path != "/contact/outbound-chat":
            return f"path {self.path}"
        if self.headers["Content-Type"] != "application/json":
            return f"content type {self.headers['Content-Type']}"
        match = AUTHORIZATION.fullmatch(self.headers["Authorization"])
        if not match:
            return "authorization header"
        host = f"127.0.0.1:{self.server.server_port}"
        signed = {name: self.headers[name] for name in match["headers"].split(";") if name != "host"}
        request = AWSRequest("PUT", f"http://{host}{self.path}", data=body, headers=signed)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = SigV4Auth(Credentials(KEY, SECRET), "connect", "us-east-1")
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return "" if signer.signature(text, request) == match["signature"] else "signature"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        """Stays silent."""


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with StrictServer() as strict:
        thread = threading.Thread(target=strict.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield strict
        strict.shutdown()
        thread.join()


def _request(channel: str, **values: Any) -> dict[str, Any]:
    """Every parameter of the operation, with all five kinds of segment attribute values."""
    subtype, source = {"sms": ("connect:SMS", SOURCE), "whatsapp": ("connect:WhatsApp", WHATSAPP_SOURCE)}[channel]
    return {
        "SourceEndpoint": {"Type": "CONNECT_PHONENUMBER_ARN", "Address": source},
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(7)},
        "InstanceId": INSTANCE_ID,
        "SegmentAttributes": {
            "connect:Subtype": {"ValueString": subtype},
            "connect:Tags": {"ValueList": [{"ValueString": "a"}, {"ValueInteger": 2}]},
            "connect:Resource": {"ValueArn": SOURCE},
            "order": {"ValueMap": {"number": {"ValueInteger": 42}, "colour": {"ValueString": "Grün"}}},
            "count": {"ValueInteger": 3},
        },
        "Attributes": {"order": "42", "name-of_it": "päckchen 📦"},
        "ContactFlowId": FLOW_ID,
        "ChatDurationInMinutes": 60,
        "ParticipantDetails": {"DisplayName": "Kundin"},
        "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Ihr Paket kommt heute"},
        "InitialTemplatedSystemMessage": {
            "KnowledgeBaseId": "kb-1",
            "MessageTemplateId": "template-1",
            "TemplateAttributes": {"CustomAttributes": {"when": "today"}, "CustomerProfileAttributes": '{"a": "b"}'},
        },
        "RelatedContactId": "4d5e6f70-1111-4222-8333-444455556666",
        "SupportedMessagingContentTypes": ["text/plain", "text/markdown"],
        "ClientToken": "a-token-of-the-caller",
        **values,
    }


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_every_parameter_arrives_as_it_was_asked_for(stack: Harness, server: StrictServer, channel: str) -> None:
    """The raw request is what teams have today: it must pass through unchanged, whatever it holds."""
    source = {"sms": SOURCE, "whatsapp": WHATSAPP_SOURCE}[channel]
    stack.configure(senders={"support": sender(channel=channel, source=source)})
    endpoint = {"AWS_ENDPOINT_URL_CONNECT": f"http://127.0.0.1:{server.server_port}"}
    stack.start_worker(environment={**endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
    request = _request(channel)
    chat = stack.chat()

    job = chat.wait(chat.enqueue_request(**request).id, timeout=60)
    short = chat.wait(chat.enqueue(sender="support", to=number(8), text="Short").id, timeout=60)

    assert server.faults == []
    assert (job.state, job.contact_id) == (JobState.SENT, "contact-1")
    assert server.bodies[0] == request
    assert short.state is JobState.SENT
    assert server.bodies[1] == {
        "SourceEndpoint": request["SourceEndpoint"],
        "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": number(8)},
        "InstanceId": INSTANCE_ID,
        "SegmentAttributes": {"connect:Subtype": request["SegmentAttributes"]["connect:Subtype"]},
        "ContactFlowId": FLOW_ID,
        "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Short"},
        "ClientToken": short.id,
    }
