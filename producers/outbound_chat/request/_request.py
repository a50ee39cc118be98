"""`ChatRequest`: one request to start an outbound chat, as its caller wrote it and as AWS accepts it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.request._codes import FieldCode
from outbound_chat.request._names import API_NAMES, STORED_NAMES, Names, step, written
from outbound_chat.request._reading import read_call, read_options
from outbound_chat.request._rules import ANY_SENDER, check_body, check_extra
from outbound_chat.request._sms import sms_parts
from outbound_chat.request._walk import MOST_FINDINGS
from outbound_chat_config import Channel, Sender

# A row's own member (first) replaces the other one in the shared part of its batch, which gives the same value.
_DISPLACED = (
    ("to", "DestinationEndpoint"),
    ("DestinationEndpoint", "to"),
    ("text", "InitialSystemMessage"),
    ("InitialSystemMessage", "text"),
)
_MESSAGES = ("text", "InitialSystemMessage", "InitialTemplatedSystemMessage")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_BY_KEY = ("Attributes", "SegmentAttributes")


@dataclass(frozen=True, slots=True, repr=False)
class ChatRequest:
    """What a job asks Amazon Connect for. Two requests are equal when they ask for the same in the same form.

    Create it with `from_short`, `from_api` or `from_stored`, none of which validates: `errors` does. Its `repr` shows
    the names of its members, never their values.
    """

    body: Mapping[str, Any]
    """The stored form: members in the API's names, as the caller gave them, but `to` stands for a DestinationEndpoint
    that is a phone number and `text` for an InitialSystemMessage in plain text. Not to be changed."""
    names: Names = field(default_factory=lambda: STORED_NAMES, compare=False)
    """What the caller calls the members, where that differs from the API."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What else a raw request had: the sender's own members, kept for comparing, and unknown names. Not stored."""

    surely_valid: bool = field(default=False, compare=False)
    """Whether its members were found valid when they were read; see `copy_and_check` for the exceptions."""
    json: str = field(default="", compare=False)
    """The stored form as Redis holds it, where it is known; see `codec`."""

    def __repr__(self) -> str:
        members = ", ".join(step(member, position) for position, member in enumerate(self.body, start=1))
        return f"ChatRequest({members})"

    @classmethod
    def from_short(cls, options: Mapping[str, Any], errors: list[FieldError] | None = None) -> Self:
        """Creates a request from `to`, `text` and the optional parameters of the API in snake case.

        Nested values have the shape of the API, but a value of `segment_attributes` may be a plain text or whole
        number. `display_name` is the DisplayName of ParticipantDetails. None means not given. `errors` gets what is
        wrong with the names; a value that is an `InvalidJob` reports what else is.

        Raises:
            InvalidJob: an option is unknown, and there is no list of `errors`.
        """
        faults: list[FieldError] = [] if errors is None else errors
        body, names, json = read_options(options, faults)
        if errors is None and faults:
            raise InvalidJob(faults)
        return cls(body, names, json=json, surely_valid=bool(json))

    @classmethod
    def from_api(cls, kwargs: Mapping[str, Any], errors: list[FieldError] | None = None) -> Self:
        """Creates a request from exactly what boto3's `start_outbound_chat_contact` takes, valid or not.

        InstanceId and SourceEndpoint are compared with the sender, whose own are sent; both may be left out. `errors`
        gets what a value reports that is an `InvalidJob`.
        """
        body, extra, json = read_call(kwargs, [] if errors is None else errors)
        return cls(body, API_NAMES, extra, json=json, surely_valid=bool(json))

    @classmethod
    def from_stored(cls, body: Mapping[str, Any], *, surely_valid: bool = False) -> Self:
        """Creates the request whose stored form is `body`. Its errors use short names."""
        return cls(body, surely_valid=surely_valid)

    def stored(self) -> dict[str, Any]:
        """Returns the stored form, JSON if the request has no errors. `from_stored` makes an equal request from it."""
        return dict(self.body)

    def api(self, sender: Sender, token: str) -> dict[str, Any]:
        """Returns all keyword arguments of `start_outbound_chat_contact`: the job's members, else those of the sender.

        Attributes and segment attributes of both are merged; the job's win. `token` is used unless the job has its own
        ClientToken. Valid only for a request without errors.
        """
        body = self.body
        call = {member: value for member, value in body.items() if member not in ("to", "text")}
        if "to" in body:
            call["DestinationEndpoint"] = {"Type": "TELEPHONE_NUMBER", "Address": body["to"]}
        if "text" in body:
            call["InitialSystemMessage"] = {"ContentType": "text/plain", "Content": body["text"]}
        call["InstanceId"] = sender.instance_id
        call["SourceEndpoint"] = {"Type": "CONNECT_PHONENUMBER_ARN", "Address": sender.source}
        call.setdefault("ContactFlowId", sender.contact_flow_id)
        call.setdefault("ClientToken", token)
        call["SegmentAttributes"] = {
            **{key: {"ValueString": text} for key, text in sender.segment_attributes.items()},
            **body.get("SegmentAttributes", {}),
            "connect:Subtype": {"ValueString": sender.channel.subtype},
        }
        if sender.attributes:
            call["Attributes"] = {**sender.attributes, **body.get("Attributes", {})}
        if sender.display_name is not None:
            call.setdefault("ParticipantDetails", {"DisplayName": sender.display_name})
        if sender.chat_duration_minutes is not None:
            call.setdefault("ChatDurationInMinutes", sender.chat_duration_minutes)
        return call

    def errors(self, sender: Sender | None, *, checked: "ChatRequest | None" = None) -> tuple[FieldError, ...]:
        """Returns all that is wrong with the request for this sender, in the caller's names; empty if it may be sent.

        `sender`: None if it is not known; then what is wrong for any. `checked`: what the rows of its batch share,
        found valid for this sender; its values are not checked again.
        """
        by = sender or ANY_SENDER
        found = check_body(self.body, by, checked.body if checked else _NOTHING, sure=self.surely_valid)
        extra = check_extra(self.extra, by) if self.extra else []
        if not found and not extra:
            return ()
        return tuple(
            FieldError(written(path, names), code.value, message)
            for findings, names in ((found, self.names), (extra, {}))
            for path, code, message in findings[:MOST_FINDINGS]
            if sender or code is not FieldCode.SENDER_MISMATCH
        )

    @property
    def number(self) -> str:
        """The phone number of the customer; may be empty if the request has errors."""
        number = self.body.get("to")
        if number is None and isinstance(endpoint := self.body.get("DestinationEndpoint"), dict):
            number = endpoint.get("Address")
        return number if isinstance(number, str) else ""

    @property
    def text(self) -> Any:
        """The message; None if there is none. Not text if the request has errors."""
        text = self.body.get("text")
        if text is None and isinstance(message := self.body.get("InitialSystemMessage"), dict):
            text = message.get("Content")
        return text

    def merged(self, shared: "ChatRequest") -> "ChatRequest":
        """Returns this row of a batch, merged with what the rows of the batch share.

        The row's members win; attributes and segment attributes are merged key by key. Merging again changes nothing.

        Raises:
            InvalidJob: the shared part has a ClientToken, which would make one contact of all rows.
        """
        if "ClientToken" in shared.body:
            message = "would make one contact of all rows; give each row its own or leave it out"
            raise InvalidJob([FieldError(written(("ClientToken",), shared.names), FieldCode.NOT_SHAREABLE, message)])
        body = {**shared.body, **self.body}
        for own, other in _DISPLACED:
            if own in self.body and other not in self.body:
                body.pop(other, None)
        for member in _BY_KEY:
            ours, theirs = self.body.get(member), shared.body.get(member)
            if isinstance(ours, dict) and isinstance(theirs, dict):
                body[member] = {**theirs, **ours}
        sure = self.surely_valid and shared.surely_valid
        names = self.names if self.names is shared.names else {**self.names, **shared.names}
        return ChatRequest(body, names, {**shared.extra, **self.extra}, surely_valid=sure)

    def has_message_of(self, shared: "ChatRequest") -> bool:
        """Whether its message is the very one of the shared part that it was merged with."""
        return all(self.body.get(member) is shared.body.get(member) for member in _MESSAGES)

    def parts(self, sender: Sender) -> int:
        """Returns how many message parts the initial message is sent as; 0 if the chat starts silent.

        On WhatsApp a message is one part. A template on SMS counts as one, because its text is not known here.
        https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html
        """
        text = self.text
        templates = int("InitialTemplatedSystemMessage" in self.body)
        if not isinstance(text, str) or not text:
            return templates
        return 1 if sender.channel is Channel.WHATSAPP else templates + sms_parts(text)
