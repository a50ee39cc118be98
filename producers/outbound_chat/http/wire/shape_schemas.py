"""Schemas of Amazon Connect's own input, made from the shapes in `request`: the document says what is checked."""

from typing import Any

from outbound_chat.request import OPTIONS, SPEC, Integer, ListOf, MapOf, Shape, Structure, Text

_REFERENCE = "https://docs.aws.amazon.com/connect/latest/APIReference/"
SCHEMAS: dict[str, Any] = {}
"""Schemas by their names, by which others refer to them."""
MEANINGS = {
    "SourceEndpoint": "The number that sends. Default: the sender's.",
    "DestinationEndpoint": "The customer: `TELEPHONE_NUMBER` and the phone number.",
    "InstanceId": "The Amazon Connect instance. Default: the sender's.",
    "SegmentAttributes": "Segment attributes of the contact, in addition to the sender's.",
    "Attributes": "Contact attributes, which the flow can read, in addition to the sender's.",
    "ContactFlowId": "The flow that handles the contact.",
    "ChatDurationInMinutes": "How long the chat may stay open, in minutes.",
    "ParticipantDetails": "The customer.",
    "InitialSystemMessage": "The message.",
    "InitialTemplatedSystemMessage": "A message from a template, such as a WhatsApp template.",
    "RelatedContactId": "A contact that the new one is related to.",
    "SupportedMessagingContentTypes": "Content types that the customer's side can show; `text/plain` must be one.",
    "ClientToken": "Client token for Amazon Connect, instead of the one that is made for the job.",
    "Type": "`TELEPHONE_NUMBER` for the customer, `CONNECT_PHONENUMBER_ARN` for the number that sends.",
    "Address": "The phone number in E.164 form, or the ARN of the number that sends.",
    "DisplayName": "The customer's display name.",
    "ContentType": "`text/plain`.",
    "Content": "The text of the message.",
    "KnowledgeBaseId": "The knowledge base that has the template.",
    "MessageTemplateId": "The template.",
    "TemplateAttributes": "Values for the template.",
    "CustomAttributes": "Custom values, by the names that the template gives them.",
    "CustomerProfileAttributes": "Values from the customer's profile: a JSON object, as a string.",
    "ValueString": "A string.",
    "ValueMap": "Segment attributes by name.",
    "ValueInteger": "An integer.",
    "ValueList": "A list of values.",
    "ValueArn": "An ARN.",
}
"""What each member of these schemas means."""


def named(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Names the schema, and returns a reference to it. Generated clients name a type after it."""
    SCHEMAS[name] = {"title": name, **schema}
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """Returns the schema of an object that has these members and no other."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": list(required)} if required else schema


def members_of(structure: Structure) -> dict[str, Any]:
    """Returns the schemas of the members of a structure."""
    return {name: {**schema_of(shape), "description": MEANINGS[name]} for name, shape in structure.members.items()}


def schema_of(shape: Shape) -> dict[str, Any]:
    """Returns the schema of a shape; that of a structure is a reference."""
    match shape:
        case Text():
            limits = {"minLength": shape.min, "maxLength": shape.max, "enum": list(shape.choices)}
            return {"type": "string", **{word: limit for word, limit in limits.items() if limit}}
        case Integer():
            limits = {"minimum": shape.min, "maximum": shape.max}
            given = {word: limit for word, limit in limits.items() if limit is not None}
            return {"type": "integer", "format": "int32", **given}
        case ListOf():
            return {"type": "array", "items": schema_of(shape.item)}
        case MapOf():
            return {"type": "object", "additionalProperties": schema_of(shape.value)}
        case Structure():
            return _reference(shape)


def _reference(shape: Structure) -> dict[str, Any]:
    if shape.name not in SCHEMAS:
        found = named(shape.name, {})  # before its members: a segment attribute may hold segment attributes
        page = f"[{shape.name}]({_REFERENCE}API_{shape.name}.html) of the Amazon Connect API."
        SCHEMAS[shape.name] |= closed(members_of(shape), *sorted(shape.required), description=page)
        return found
    return {"$ref": f"#/components/schemas/{shape.name}"}


RAW: dict[str, Any] = members_of(SPEC)
"""Members of a raw request."""
_SEGMENT = {
    "anyOf": [
        {"type": "string"},
        {"type": "integer", "format": "int32"},
        RAW["SegmentAttributes"]["additionalProperties"],
    ]
}
_OF_SHORT_FORM = {
    "contact_flow_id": "Default: the sender's.",
    "segment_attributes": "A string or integer is short for `ValueString` or `ValueInteger`.",
    "attributes": "",
    "chat_duration_in_minutes": "Default: the sender's.",
    "participant_details": "`display_name` is the short form.",
    "initial_system_message": "`text` is the short form.",
    "initial_templated_system_message": "",
    "related_contact_id": "",
    "supported_messaging_content_types": "",
}
SHORT: dict[str, Any] = {
    "text": SCHEMAS["ChatMessage"]["properties"]["Content"],
    "display_name": SCHEMAS["ParticipantDetails"]["properties"]["DisplayName"],
    **{
        option: {**RAW[OPTIONS[option]], "description": f"{MEANINGS[OPTIONS[option]]} {more}".rstrip()}
        for option, more in _OF_SHORT_FORM.items()
    },
}
SHORT["segment_attributes"] |= {"additionalProperties": _SEGMENT}
"""Members in the short form."""
