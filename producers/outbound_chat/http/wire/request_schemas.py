"""Request bodies as the OpenAPI document shows them. Only the client decides what is valid, and reports every fault."""

from typing import Any

from outbound_chat.http.wire.shape_schemas import RAW, SHORT, closed, named
from outbound_chat.model.jobs import JobState

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}

FILTER: dict[str, Any] = {
    "budget": {**_TEXT, "description": "Name of the budget; required if there are several."},
    **{word: {**_TEXT, "description": f"Only those of this {word}."} for word in ("sender", "tenant", "batch")},
    "state": {**_TEXT, "enum": [*JobState], "description": "Only jobs in this state."},
    "code": {**_TEXT, "description": "Only jobs whose last attempt ended with this code, such as `refused`."},
    "since": {**_TIME, "description": "Only jobs enqueued at this time or later."},
    "until": {**_TIME, "description": "Only jobs enqueued before this time."},
    "to": {**_TEXT, "description": "Phone number in E.164 form. Requires `results.find_by_number`."},
    "idempotency_key": {
        **_TEXT,
        "description": "The job with this key, which belongs to `tenant` if it has one. Not with `to`.",
    },
    "cursor": {**_TEXT, "description": "`cursor` of the previous page."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "description": "Size of the page."},
}
"""What lists of jobs can be filtered by, in a body or as parameters."""
OWN: dict[str, Any] = {
    "sender": {**_TEXT, "description": "Name of the sender, as in the settings."},
    "tenant": {
        **_TEXT,
        "description": "Tenant this counts toward; tenants take turns. 1 to 32 letters, digits, `_` or `-`.",
    },
    "priority": {
        **_TEXT,
        "enum": ["urgent", "normal", "bulk"],
        "description": "Which messages go first. Default: `normal`, or `bulk` in a batch.",
    },
    "durability": {
        **_TEXT,
        "enum": ["memory", "fsync"],
        "description": "What the response guarantees: the message is in Redis's memory, or on its disk.",
    },
    "callback_url": {**_TEXT, "maxLength": 2_000, "description": "`https://` URL to notify when the message is final."},
}
TIMING: dict[str, Any] = {
    "send_at": {**_TIME, "description": "Earliest time to send: at most 5 minutes in the past and a year ahead."},
    "expires_at": {**_TIME, "description": "Latest time to send; after it, the job ends as `expired`."},
    "expires_in": {
        **_TEXT,
        "pattern": "^[1-9][0-9]{0,7}[smhd]$",
        "description": "Instead of `expires_at`: time after `send_at`, or after now, such as `10m`. At most a year.",
    },
    "idempotency_key": {
        **_TEXT,
        "minLength": 1,
        "maxLength": 255,
        "description": "Repeating a request with the same key and content returns the same job.",
    },
}
TO: dict[str, Any] = {
    "to": {**_TEXT, "description": "The customer's phone number in E.164 form, such as `+12025550123`."},
    "client_token": RAW["ClientToken"],
}


def body_of(content: dict[str, Any], *parameters: dict[str, Any], required: bool = True) -> dict[str, Any]:
    """Returns what a route adds to its part of the document."""
    body: dict[str, Any] = {"requestBody": {"required": required, "content": content}}
    return {**body, "parameters": list(parameters)} if parameters else body


def json_body(name: str, description: str, example: Any, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Does the same for a body that is one JSON object."""
    schema = named(name, closed(properties, *required, description=description))
    return body_of({"application/json": {"schema": schema, "example": example}})


def _idempotency_key(description: str) -> dict[str, Any]:
    key = {"name": "Idempotency-Key", "in": "header", "required": False, "description": description}
    return {**key, "schema": TIMING["idempotency_key"]}


JOB = named(
    "NewJob", closed({**OWN, **TO, **SHORT, **TIMING}, "sender", "to", description="A message in the short form.")
)
RAW_JOB = named(
    "RawJob",
    closed(
        {**OWN, **RAW, **TIMING},
        "DestinationEndpoint",
        description="A StartOutboundChatContact request in the API's own form. Without `sender`, its instance and "
        "source number decide which sender it is.",
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
        "description": "Messages in either form. An invalid one is refused without affecting the others.",
        "items": {"oneOf": [JOB, RAW_JOB]},
    },
)
JOB_BODY = body_of(
    {"application/json": {"schema": {"oneOf": [JOB, RAW_JOB, JOB_LIST]}, "examples": _JOB_EXAMPLES}},
    _idempotency_key("Same as `idempotency_key` in the body. Not allowed with a list."),
)
_IDS = {"ids": {"type": "array", "items": _TEXT, "maxItems": 1_000, "description": "Ids of jobs."}}
IDS_BODY = json_body("JobIds", "The jobs.", {"ids": ["main.01JD2Y8Q6ZK4X0B7V5N3M1C9TR"]}, _IDS, "ids")
_PART = named(
    "BatchPart",
    closed(
        {
            "rows": {
                **_TEXT,
                "description": "Only these rows, counted from 1: `7`, `15001-20000`, `15001-`, or several with commas.",
            },
            "state": {**FILTER["state"], "enum": ["scheduled", "queued", "sending"]},
        },
        description="The part of a batch to cancel. Without a body, all of the batch is cancelled and closed.",
    ),
)
PART_BODY = body_of({"application/json": {"schema": _PART, "example": {"rows": "15001-20000"}}}, required=False)

_TEMPLATE = named(
    "MessageTemplate",
    closed(
        {
            "text": {**_TEXT, "description": "The message."},
            "display_name": {**_TEXT, "description": "The customer's display name."},
            "attributes": {**RAW["Attributes"], "additionalProperties": _TEXT},
        },
        minProperties=1,
        description="Texts with placeholders, which each row fills in.",
    ),
)
SHARED = {
    **OWN,
    "name": {**_TEXT, "maxLength": 200, "description": "Name of the batch, for people."},
    "weight": {
        "type": "number",
        "minimum": 0.01,
        "maximum": 100,
        "description": "Turns that this batch gets for each turn of another batch of its tenant. Default: 1.",
    },
    "concurrency": {
        "type": "integer",
        "minimum": 1,
        "description": "Calls of this batch that may run at the same time. Default: no limit.",
    },
    "hold": {
        **_TEXT,
        "maxLength": 1_000,
        "description": "Reason to hold the batch from the start: nothing is sent until somebody releases it.",
    },
    "template": {
        "oneOf": [_TEXT, _TEMPLATE],
        "description": "The message with placeholders, `{name}` or `{name|default}`, which each row fills in; or an "
        "object with several such texts.",
    },
    **SHORT,
    "text": {**SHORT["text"], "description": "Default message for rows without one."},
}
_ROW = {
    "type": "object",
    "properties": {**{name: schema for name, schema in OWN.items() if name != "durability"}, **TO, **SHORT, **TIMING},
    "additionalProperties": True,
    "required": ["to"],
    "description": "A message in the short form, and values for the template. An invalid row is rejected without "
    "affecting the others.",
}
_ROWS = {"type": "array", "items": named("Row", _ROW), "description": "One object per message."}
_CSV = "to,text\n+12025550101,Your parcel has left.\n+12025550102,Your parcel is late.\n"
_LINES = '{"to": "+12025550101", "text": "Your parcel has left."}\n'
_BATCH = closed({**SHARED, "rows": _ROWS}, "sender", "rows", description="Messages, and what they share.")
_ROWS_BODIES = {
    "application/json": {
        "schema": named("NewBatch", _BATCH),
        "example": {"sender": "support", "text": "Your parcel has left.", "rows": [{"to": "+12025550101"}]},
    },
    "text/csv": {
        "schema": {**_TEXT, "description": "A row of field names, then a row per message."},
        "example": _CSV,
    },
    "application/x-ndjson": {"schema": {**_TEXT, "description": "One JSON object per line."}, "example": _LINES},
}
PREFLIGHT_BODY = body_of(_ROWS_BODIES)
BATCH_BODY = body_of(
    _ROWS_BODIES,
    _idempotency_key(
        "Identifies the batch. Repeat an interrupted request with the same key: it resumes where it stopped."
    ),
)
_REASON = {"reason": {**_TEXT, "minLength": 1, "description": "Why it is held, for other operators."}}
REASON_BODY = json_body("HoldReason", "Why the batch is held.", {"reason": "wrong text"}, _REASON, "reason")
_SCOPE = {
    "scope": {
        **_TEXT,
        "enum": ["budget", "sender", "instance", "tenant", "batch"],
        "description": "What kind of thing to hold.",
    },
    "name": {**_TEXT, "description": "Name of the budget, sender, instance or tenant, or id of the batch."},
}
_HOLD_EXAMPLE = {"scope": "sender", "name": "support", "reason": "the number is being ported"}
HOLD_BODY = json_body(
    "NewHold", "What to hold, and why.", _HOLD_EXAMPLE, {**_SCOPE, **_REASON}, "scope", "name", "reason"
)
_SEARCH = {name: schema for name, schema in FILTER.items() if name != "batch"}
SEARCH_BODY = json_body("JobSearch", "Which jobs to find.", {"to": "+12025550123"}, _SEARCH)
_FORCE = {"type": "boolean", "description": "Replay a job even if the customer might be texted twice. Default: false."}
_ACTION = {
    "kind": {**_TEXT, "enum": ["replay"], "description": "What to do with the dead letters."},
    **{name: FILTER[name] for name in ("budget", "sender", "tenant", "batch", "code")},
    "state": {**FILTER["state"], "enum": ["failed", "uncertain"]},
    "force": _FORCE,
}
ACTION_BODY = json_body("ActionStart", "What to do.", {"kind": "replay", "code": "unreachable"}, _ACTION, "kind")
_CHANGES = named(
    "ReplayChanges",
    closed(
        {**TO, **SHORT, "force": _FORCE},
        description="Fields to replace in the request. A changed request gets a new client token.",
    ),
)
REPLAY_BODY = body_of({"application/json": {"schema": _CHANGES, "example": {"force": False}}}, required=False)
_WEBHOOKS = {
    "ids": {"type": "array", "items": _TEXT, "maxItems": 500, "description": "Ids of dead webhooks."},
    "all": {"type": "boolean", "description": "Post all dead webhooks of the budget, instead of `ids`."},
    "budget": {**_TEXT, "description": f"For `all`. {FILTER['budget']['description']}"},
}
REPLAY_WEBHOOKS_BODY = json_body("WebhookReplay", "Which dead webhooks to post again.", {"all": True}, _WEBHOOKS)
_NUMBERS = {"numbers": {"type": "array", "items": _TEXT, "description": "Phone numbers in E.164 form."}}
_WHY = {"reason": {**_TEXT, "maxLength": 200, "description": "Why they are on the list, for people."}}
_EXAMPLE = {"numbers": ["+12025550199"]}
SUPPRESS_BODY = json_body(
    "NumbersToSuppress",
    "Numbers that the sender must not contact.",
    {**_EXAMPLE, "reason": "answered STOP"},
    {**_NUMBERS, **_WHY},
    "numbers",
)
UNSUPPRESS_BODY = json_body(
    "NumbersToUnsuppress", "Numbers that the sender may contact again.", _EXAMPLE, _NUMBERS, "numbers"
)
MOST_EVENTS = 1_000
_EVENT = named(
    "ContactEvent",
    {
        "type": "object",
        "additionalProperties": True,
        "description": "An event as EventBridge or SNS sends it, or only its `detail`.",
    },
)
_EVENTS = named(
    "ContactEvents",
    {"type": "array", "items": _EVENT, "maxItems": MOST_EVENTS, "description": "Events, in any order."},
)
_EVENT_EXAMPLE = {
    "source": "aws.connect",
    "detail-type": "Amazon Connect Contact Event",
    "detail": {"eventType": "DISCONNECTED", "contactId": "5a6b7c8d-1111-4222-8333-444455556666", "channel": "CHAT"},
}
EVENTS_BODY = body_of({"application/json": {"schema": {"oneOf": [_EVENT, _EVENTS]}, "example": _EVENT_EXAMPLE}})
