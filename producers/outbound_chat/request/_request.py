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
    """What a job asks Amazon Connect for. Two requests are equal if they have the same content in the same form.

    Create it with `from_short`, `from_api` or `from_stored`. They do not validate it; `errors` does. Its `repr` shows
    the names of its members, never their values.
    """

    body: Mapping[str, Any]
    """The stored form: members under the API's names, as the caller gave them, except `to` for a DestinationEndpoint
    that is a phone number and `text` for an InitialSystemMessage in plain text. Do not change it."""
    names: Names = field(default_factory=lambda: STORED_NAMES, compare=False)
    """The caller's names of members, if they differ from the API's."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The rest of a raw request: the sender's own members, kept for comparison, and unknown names. Not stored."""

    surely_valid: bool = field(default=False, compare=False)
    """Whether its members were valid when they were read; see `copy_and_check` for the exceptions."""
    json: str = field(default="", compare=False)
    """The stored form as it is in Redis, if known; see `codec`."""

    def __repr__(self) -> str:
        members = ", ".join(step(member, position) for position, member in enumerate(self.body, start=1))
        return f"ChatRequest({members})"

    @classmethod
    def from_short(cls, options: Mapping[str, Any], errors: list[FieldError] | None = None) -> Self:
        """Creates a request from `to`, `text` and the optional parameters of the API in snake case.

        Nested values have the shape of the API, but a value of `segment_attributes` may be a plain string or integer.
        `display_name` is the DisplayName of ParticipantDetails. None means not given. Unknown names, and the errors of
        values that are an `InvalidJob`, are added to `errors`.

        Raises:
            InvalidJob: an option is unknown, and no list of `errors` was given.
        """
        faults: list[FieldError] = [] if errors is None else errors
        body, names, json = read_options(options, faults)
        if errors is None and faults:
            raise InvalidJob(faults)
        return cls(body, names, json=json, surely_valid=bool(json))

    @classmethod
    def from_api(cls, kwargs: Mapping[str, Any], errors: list[FieldError] | None = None) -> Self:
        """Creates a request from what boto3's `start_outbound_chat_contact` takes, valid or not.

        InstanceId and SourceEndpoint may be omitted; if given, they must be those of the sender. The errors of values
        that are an `InvalidJob` are added to `errors`.
        """
        body, extra, json = read_call(kwargs, [] if errors is None else errors)
        return cls(body, API_NAMES, extra, json=json, surely_valid=bool(json))

    @classmethod
    def from_stored(cls, body: Mapping[str, Any], *, surely_valid: bool = False) -> Self:
        """Creates the request whose stored form is `body`. Its errors use short names."""
        return cls(body, surely_valid=surely_valid)

    def stored(self) -> dict[str, Any]:
        """Returns the stored form, which is JSON if the request has no errors. `from_stored` reads it."""
        return dict(self.body)

    def api(self, sender: Sender, token: str) -> dict[str, Any]:
        """Returns all keyword arguments of `start_outbound_chat_contact`, from the job or else from the sender.

        Attributes and segment attributes of both are merged; the job's take precedence. `token` is used unless the job
        has its own ClientToken. Only for a request without errors.
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
        """Returns everything that is wrong with the request for this sender, in the caller's names; empty if valid.

        `sender`: None if it is unknown; then only what is wrong for any sender. `checked`: what the rows of its batch
        share, if it is valid for this sender; its values are not checked again.
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

        The row's members take precedence; attributes and segment attributes are merged key by key. Merging again
        changes nothing.

        Raises:
            InvalidJob: the shared part has a ClientToken, which would give all rows the same contact.
        """
        if "ClientToken" in shared.body:
            message = "would give all rows the same contact; give each row its own or leave it out"
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
        """Returns whether its message is the shared one that it was merged with."""
        return all(self.body.get(member) is shared.body.get(member) for member in _MESSAGES)

    def parts(self, sender: Sender) -> int:
        """Returns how many message parts the initial message has; 0 if there is no initial message.

        A WhatsApp message is one part. A template on SMS counts as one, because its text is unknown here.
        https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html
        """
        text = self.text
        templates = int("InitialTemplatedSystemMessage" in self.body)
        if not isinstance(text, str) or not text:
            return templates
        return 1 if sender.channel is Channel.WHATSAPP else templates + sms_parts(text)
