"""Bodies as the OpenAPI document shows them. What is taken is decided by the client alone, which names every fault."""

from typing import Any

_TEXT = {"type": "string"}
_MAP = {"type": "object"}
_TIME = {"type": "string", "format": "date-time"}

OWN: dict[str, Any] = {
    "sender": {**_TEXT, "description": "Name of the sender in the settings."},
    "tenant": {**_TEXT, "description": "Customers of yours that take turns: 1 to 32 letters, digits, `_` or `-`."},
    "priority": {**_TEXT, "enum": ["urgent", "normal", "bulk"]},
    "durability": {**_TEXT, "enum": ["memory", "fsync"], "description": "How safe it must be before the answer."},
    "callback_url": {**_TEXT, "maxLength": 2_000, "description": "`https://` URL that is told of the end."},
}
TIMING: dict[str, Any] = {
    "send_at": {**_TIME, "description": "Not before this time: at most 5 minutes back and a year ahead."},
    "expires_at": {**_TIME, "description": "No call after this time."},
    "expires_in": {
        **_TEXT,
        "pattern": "^[1-9][0-9]{0,7}[smhd]$",
        "description": "In place of `expires_at`: no call after so long, as `10m`, from `send_at` on, or from now.",
    },
    "idempotency_key": {**_TEXT, "minLength": 1, "maxLength": 255},
}
SHORT: dict[str, Any] = {
    "text": {**_TEXT, "description": "The message."},
    "display_name": {**_TEXT, "description": "Display name of the customer."},
    "contact_flow_id": _TEXT,
    "attributes": {**_MAP, "additionalProperties": _TEXT},
    "segment_attributes": _MAP,
    "chat_duration_in_minutes": {"type": "integer", "minimum": 60, "maximum": 10_080},
    "participant_details": _MAP,
    "initial_system_message": _MAP,
    "initial_templated_system_message": _MAP,
    "related_contact_id": _TEXT,
    "supported_messaging_content_types": {"type": "array", "items": _TEXT},
}
TO: dict[str, Any] = {
    "to": {**_TEXT, "description": "Phone number in E.164 form."},
    "client_token": {**_TEXT, "description": "Used instead of the token made from the job id."},
}
RAW: dict[str, Any] = {
    "DestinationEndpoint": _MAP,
    "SourceEndpoint": _MAP,
    "InstanceId": _TEXT,
    "SegmentAttributes": _MAP,
    "Attributes": {**_MAP, "additionalProperties": _TEXT},
    "ContactFlowId": _TEXT,
    "ChatDurationInMinutes": {"type": "integer"},
    "ParticipantDetails": _MAP,
    "InitialSystemMessage": _MAP,
    "InitialTemplatedSystemMessage": _MAP,
    "RelatedContactId": _TEXT,
    "SupportedMessagingContentTypes": {"type": "array", "items": _TEXT},
    "ClientToken": _TEXT,
}


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """The schema of an object that has these members and no other."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": list(required)} if required else schema


def body_of(content: dict[str, Any], *parameters: dict[str, Any], required: bool = True) -> dict[str, Any]:
    """What a route adds to its part of the document."""
    body: dict[str, Any] = {"requestBody": {"required": required, "content": content}}
    return {**body, "parameters": list(parameters)} if parameters else body


def json_body(title: str, example: Any, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The same for a body that is one JSON object."""
    return body_of({"application/json": {"schema": closed(properties, *required, title=title), "example": example}})


def _idempotency_key(description: str) -> dict[str, Any]:
    key = {"name": "Idempotency-Key", "in": "header", "required": False, "description": description}
    return {**key, "schema": TIMING["idempotency_key"]}


SHORT_JOB = closed({**OWN, **TO, **SHORT, **TIMING}, "sender", "to", title="Short form")
RAW_JOB = closed(
    {**OWN, **RAW, **TIMING},
    "DestinationEndpoint",
    title="Raw request",
    description="Exactly what StartOutboundChatContact takes; without `sender` that of its instance and source number.",
)
_JOB_EXAMPLES = {
    "short": {
        "summary": "Short form",
        "value": {"sender": "support", "to": "+12025550123", "text": "Your parcel arrives today"},
    },
    "raw": {
        "summary": "Raw request",
        "value": {
            "sender": "support",
            "DestinationEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": "+12025550123"},
            "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
            "InitialSystemMessage": {"ContentType": "text/plain", "Content": "Your parcel arrives today"},
        },
    },
    "list": {
        "summary": "List",
        "value": [
            {"sender": "support", "to": "+12025550123", "text": "Your parcel arrives today", "idempotency_key": "A-1"},
            {"sender": "support", "to": "+12025550124", "text": "Your parcel is late", "idempotency_key": "A-2"},
        ],
    },
}
JOB_LIST = {
    "title": "List",
    "type": "array",
    "maxItems": 500,
    "description": "Jobs in either form.",
    # Nothing in them makes the whole request invalid.
    "items": {"description": "What is wrong with a job is answered for that job alone."},
}
JOB_BODY = body_of(
    {"application/json": {"schema": {"oneOf": [SHORT_JOB, RAW_JOB, JOB_LIST]}, "examples": _JOB_EXAMPLES}},
    _idempotency_key("The same as `idempotency_key` in the body; not for a list."),
)
_IDS = {"ids": {"type": "array", "items": _TEXT, "maxItems": 1_000, "description": "Of jobs."}}
IDS_BODY = json_body("Ids", {"ids": ["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"]}, _IDS, "ids")

_SHARED = {
    **OWN,
    "name": {**_TEXT, "maxLength": 200},
    "weight": {"type": "number", "minimum": 0.01, "maximum": 100},
    "concurrency": {"type": "integer", "minimum": 1},
    "template": {
        "oneOf": [_TEXT, {"type": "object"}],
        "description": "The message with `{name}` or `{name|default}` in it, or an object with any of `text`, "
        "`display_name` and `attributes`; each row brings the values.",
    },
    **SHORT,
}
_ROWS = {"type": "array", "items": {"type": "object"}, "description": "A message each, in the short form."}
_CSV = "to,text\n+12025550101,Your parcel has left.\n+12025550102,Your parcel is late.\n"
_LINES = '{"to": "+12025550101", "text": "Your parcel has left."}\n'
BATCH_BODY = body_of(
    {
        "application/json": {
            "schema": closed({**_SHARED, "rows": _ROWS}, "sender", "rows", title="Batch"),
            "example": {"sender": "support", "text": "Your parcel has left.", "rows": [{"to": "+12025550101"}]},
        },
        "text/csv": {"schema": _TEXT, "example": _CSV},
        "application/x-ndjson": {"schema": _TEXT, "example": _LINES},
    },
    _idempotency_key("The same key is the same batch: a request that broke off is repeated, and goes on there."),
)
_REASON = {"reason": {**_TEXT, "minLength": 1, "description": "Why, for those who will wonder."}}
REASON_BODY = json_body("Reason", {"reason": "wrong text"}, _REASON, "reason")
_SCOPE = {
    "scope": {**_TEXT, "enum": ["budget", "sender", "instance", "tenant", "batch"]},
    "name": {**_TEXT, "description": "Which one; of a batch its id."},
}
_HOLD_EXAMPLE = {"scope": "sender", "name": "support", "reason": "the number is being ported"}
HOLD_BODY = json_body("Hold", _HOLD_EXAMPLE, {**_SCOPE, **_REASON}, "scope", "name", "reason")
_DEAD_LETTERS = {
    "budget": _TEXT,
    "state": {**_TEXT, "enum": ["failed", "uncertain"]},
    "code": {**_TEXT, "description": "Our code of the last attempt, such as `refused`."},
    "sender": _TEXT,
    "tenant": _TEXT,
    "batch": _TEXT,
    "cursor": {**_TEXT, "description": "Of the answer before."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500},
    "force": {"type": "boolean", "description": "Also those that may text the customer twice."},
}
REPLAYS_BODY = json_body("Which", {"code": "unreachable"}, _DEAD_LETTERS)
_CHANGES = closed(
    {**TO, **SHORT, "force": {"type": "boolean"}},
    title="Changes",
    description="What is replaced in the request; that needs a new token.",
)
REPLAY_BODY = body_of({"application/json": {"schema": _CHANGES, "example": {"force": False}}}, required=False)
_WEBHOOKS = {
    "ids": {"type": "array", "items": _TEXT, "maxItems": 500, "description": "Of dead webhooks."},
    "all": {"type": "boolean", "description": "All of the budget, instead of ids."},
    "budget": {**_TEXT, "description": "With `all`, where there are several."},
}
REPLAY_WEBHOOKS_BODY = json_body("Which webhooks", {"all": True}, _WEBHOOKS)
_NUMBERS = {"numbers": {"type": "array", "items": _TEXT, "description": "Phone numbers in E.164 form."}}
_EXAMPLE = {"numbers": ["+12025550199"]}
SUPPRESS_BODY = json_body(
    "Numbers to suppress",
    {**_EXAMPLE, "reason": "answered STOP"},
    {**_NUMBERS, "reason": {**_TEXT, "maxLength": 200}},
    "numbers",
)
UNSUPPRESS_BODY = json_body("Numbers to take off", _EXAMPLE, _NUMBERS, "numbers")
