"""Bodies as the OpenAPI document shows them. What is taken is decided by the client alone, which names every fault."""

from typing import Any

from outbound_chat.http.wire.shape_schemas import SCHEMAS, closed, named, schema_of
from outbound_chat.model.jobs import JobState
from outbound_chat.request import OPTIONS, SPEC

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}

OWN: dict[str, Any] = {
    "sender": {**_TEXT, "description": "Name of the sender in the settings."},
    "tenant": {**_TEXT, "description": "Customers of yours that take turns: 1 to 32 letters, digits, `_` or `-`."},
    "priority": {
        **_TEXT,
        "enum": ["urgent", "normal", "bulk"],
        "description": "Without it `normal`; for batches `bulk`.",
    },
    "durability": {**_TEXT, "enum": ["memory", "fsync"], "description": "How safe it must be before the answer."},
    "callback_url": {**_TEXT, "maxLength": 2_000, "description": "`https://` URL that is told of the end."},
}
TIMING: dict[str, Any] = {
    "send_at": {**_TIME, "description": "Not before this time: at most 5 minutes back and a year ahead."},
    "expires_at": {**_TIME, "description": "No call after this time."},
    "expires_in": {
        **_TEXT,
        "pattern": "^[1-9][0-9]{0,7}[smhd]$",
        "description": (
            "In place of `expires_at`: no call after so long, as `10m`, at most a year, from `send_at` on, or from now."
        ),
    },
    "idempotency_key": {
        **_TEXT,
        "minLength": 1,
        "maxLength": 255,
        "description": "The same key and content give the same job.",
    },
}
RAW: dict[str, Any] = {member: schema_of(shape) for member, shape in SPEC.members.items()}
_SEGMENT = {"anyOf": [_TEXT, {"type": "integer", "format": "int32"}, RAW["SegmentAttributes"]["additionalProperties"]]}
_MEANINGS = {
    "contact_flow_id": "Flow of the chat, instead of the sender's.",
    "segment_attributes": "Segment attributes; a text or number is short for `ValueString` or `ValueInteger`.",
    "attributes": "Contact attributes, for the flow.",
    "chat_duration_in_minutes": "Life of the chat.",
    "participant_details": "The customer, as in the API; `display_name` is short for it.",
    "initial_system_message": "The message, as in the API; `text` is short for it.",
    "initial_templated_system_message": "A message from a template, such as one of WhatsApp.",
    "related_contact_id": "A contact that this one is linked with.",
    "supported_messaging_content_types": "What the customer's channel can show; `text/plain` is among them.",
}
SHORT: dict[str, Any] = {
    "text": {**SCHEMAS["ChatMessage"]["properties"]["Content"], "description": "The message."},
    "display_name": {
        **SCHEMAS["ParticipantDetails"]["properties"]["DisplayName"],
        "description": "Display name of the customer.",
    },
    **{option: {**RAW[OPTIONS[option]], "description": meaning} for option, meaning in _MEANINGS.items()},
}
SHORT["segment_attributes"] |= {"additionalProperties": _SEGMENT}
TO: dict[str, Any] = {
    "to": {**_TEXT, "description": "Phone number in E.164 form."},
    "client_token": {**RAW["ClientToken"], "description": "Used instead of the token made from the job id."},
}


def body_of(content: dict[str, Any], *parameters: dict[str, Any], required: bool = True) -> dict[str, Any]:
    """What a route adds to its part of the document."""
    body: dict[str, Any] = {"requestBody": {"required": required, "content": content}}
    return {**body, "parameters": list(parameters)} if parameters else body


def json_body(name: str, example: Any, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The same for a body that is one JSON object."""
    schema = named(name, closed(properties, *required))
    return body_of({"application/json": {"schema": schema, "example": example}})


def _idempotency_key(description: str) -> dict[str, Any]:
    key = {"name": "Idempotency-Key", "in": "header", "required": False, "description": description}
    return {**key, "schema": TIMING["idempotency_key"]}


JOB = named("NewJob", closed({**OWN, **TO, **SHORT, **TIMING}, "sender", "to", description="A job in the short form."))
RAW_JOB = named(
    "RawJob",
    closed(
        {**OWN, **RAW, **TIMING},
        "DestinationEndpoint",
        description="Exactly what StartOutboundChatContact takes; without `sender` that of its instance and source "
        "number.",
    ),
)
_JOB_EXAMPLES = {
    "short": {
        "summary": "Short form",
        "value": {"sender": "support", "to": "+12025550123", "text": "Your parcel arrives today"},
    },
    "whatsapp": {
        "summary": "WhatsApp template",
        "value": {
            "sender": "chat",
            "to": "+12025550123",
            "initial_templated_system_message": {
                "KnowledgeBaseId": "5a1b2c3d-1111-4222-8333-444455556666",
                "MessageTemplateId": "6a1b2c3d-1111-4222-8333-444455556666",
                "TemplateAttributes": {"CustomAttributes": {"first_name": "Ana"}},
            },
        },
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
JOB_LIST = named(
    "NewJobs",
    {
        "type": "array",
        "maxItems": 500,
        "description": "Jobs in either form. What is wrong with one is answered for that job alone.",
        "items": {"oneOf": [JOB, RAW_JOB]},
    },
)
JOB_BODY = body_of(
    {"application/json": {"schema": {"oneOf": [JOB, RAW_JOB, JOB_LIST]}, "examples": _JOB_EXAMPLES}},
    _idempotency_key("The same as `idempotency_key` in the body; not for a list."),
)
_IDS = {"ids": {"type": "array", "items": _TEXT, "maxItems": 1_000, "description": "Of jobs."}}
IDS_BODY = json_body("JobIds", {"ids": ["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"]}, _IDS, "ids")
_PART = named(
    "BatchPart",
    closed(
        {
            "rows": {
                **_TEXT,
                "description": "Only these rows, counted from 1: `7`, `15001-20000`, `15001-` or several, with commas.",
            },
            "state": {**_TEXT, "enum": ["scheduled", "queued", "sending"], "description": "Only jobs of this state."},
        },
        description="What to cancel of a batch. Without a body: all of it, and the batch is closed.",
    ),
)
PART_BODY = body_of({"application/json": {"schema": _PART, "example": {"rows": "15001-20000"}}}, required=False)

_TEMPLATE = named(
    "MessageTemplate",
    closed(
        {"text": _TEXT, "display_name": _TEXT, "attributes": {"type": "object", "additionalProperties": _TEXT}},
        minProperties=1,
        description="What rows share, with placeholders.",
    ),
)
_SHARED = {
    **OWN,
    "name": {**_TEXT, "maxLength": 200},
    "weight": {"type": "number", "minimum": 0.01, "maximum": 100},
    "concurrency": {"type": "integer", "minimum": 1},
    "hold": {
        **_TEXT,
        "maxLength": 1_000,
        "description": "Why nothing of it is sent until somebody releases the batch.",
    },
    "template": {
        "oneOf": [_TEXT, _TEMPLATE],
        "description": "The message with `{name}` or `{name|default}` in it, or an object; each row brings the values.",
    },
    **SHORT,
}
_ROW = {
    "type": "object",
    "properties": {**{name: schema for name, schema in OWN.items() if name != "durability"}, **TO, **SHORT, **TIMING},
    "additionalProperties": True,
    "required": ["to"],
    "description": "A job in the short form, and the values of a template. What is wrong with a row is answered for it "
    "alone.",
}
_ROWS = {"type": "array", "items": named("Row", _ROW), "description": "A message each."}
_CSV = "to,text\n+12025550101,Your parcel has left.\n+12025550102,Your parcel is late.\n"
_LINES = '{"to": "+12025550101", "text": "Your parcel has left."}\n'
BATCH_BODY = body_of(
    {
        "application/json": {
            "schema": named("NewBatch", closed({**_SHARED, "rows": _ROWS}, "sender", "rows")),
            "example": {"sender": "support", "text": "Your parcel has left.", "rows": [{"to": "+12025550101"}]},
        },
        "text/csv": {"schema": _TEXT, "example": _CSV},
        "application/x-ndjson": {"schema": _TEXT, "example": _LINES},
    },
    _idempotency_key("The same key is the same batch: a request that broke off is repeated, and goes on there."),
)
_REASON = {"reason": {**_TEXT, "minLength": 1, "description": "Why, for those who will wonder."}}
REASON_BODY = json_body("HoldReason", {"reason": "wrong text"}, _REASON, "reason")
_SCOPE = {
    "scope": {**_TEXT, "enum": ["budget", "sender", "instance", "tenant", "batch"]},
    "name": {**_TEXT, "description": "Which one; of a batch its id."},
}
_HOLD_EXAMPLE = {"scope": "sender", "name": "support", "reason": "the number is being ported"}
HOLD_BODY = json_body("NewHold", _HOLD_EXAMPLE, {**_SCOPE, **_REASON}, "scope", "name", "reason")
_SEARCH = {
    "to": {**_TEXT, "description": "Phone number in E.164 form."},
    "budget": _TEXT,
    "sender": _TEXT,
    "tenant": _TEXT,
    "state": {**_TEXT, "enum": [*JobState]},
    "code": {**_TEXT, "description": "Our code of the last attempt, such as `refused`."},
    "since": {**_TEXT, "format": "date-time", "description": "Enqueued at this time or later."},
    "until": {**_TEXT, "format": "date-time", "description": "Enqueued before this time."},
    "idempotency_key": {**_TEXT, "description": "The job with this key; with `tenant`, if it has one. Not with `to`."},
    "cursor": {**_TEXT, "description": "Of the answer before."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500},
}
SEARCH_BODY = json_body("JobSearch", {"to": "+12025550123"}, _SEARCH)
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
REPLAYS_BODY = json_body("ReplayFilter", {"code": "unreachable"}, _DEAD_LETTERS)
_CHANGES = named(
    "ReplayChanges",
    closed(
        {**TO, **SHORT, "force": {"type": "boolean"}},
        description="What is replaced in the request; that needs a new token.",
    ),
)
REPLAY_BODY = body_of({"application/json": {"schema": _CHANGES, "example": {"force": False}}}, required=False)
_WEBHOOKS = {
    "ids": {"type": "array", "items": _TEXT, "maxItems": 500, "description": "Of dead webhooks."},
    "all": {"type": "boolean", "description": "All of the budget, instead of ids."},
    "budget": {**_TEXT, "description": "With `all`, where there are several."},
}
REPLAY_WEBHOOKS_BODY = json_body("WebhookReplay", {"all": True}, _WEBHOOKS)
_NUMBERS = {"numbers": {"type": "array", "items": _TEXT, "description": "Phone numbers in E.164 form."}}
_EXAMPLE = {"numbers": ["+12025550199"]}
SUPPRESS_BODY = json_body(
    "NumbersToSuppress",
    {**_EXAMPLE, "reason": "answered STOP"},
    {**_NUMBERS, "reason": {**_TEXT, "maxLength": 200}},
    "numbers",
)
UNSUPPRESS_BODY = json_body("NumbersToUnsuppress", _EXAMPLE, _NUMBERS, "numbers")
