"""Sends a WhatsApp template with the client that openapi-python-client makes of docs/openapi.json, and waits."""

import os

from outbound_chat_client import AuthenticatedClient
from outbound_chat_client.api.jobs import enqueue_job, read_job
from outbound_chat_client.models import (
    Job,
    NewJob,
    NewJobSegmentAttributes,
    ProblemDetails,
    SegmentAttributeValue,
    TemplateAttributes,
    TemplateAttributesCustomAttributes,
    TemplatedMessageConfig,
)

client = AuthenticatedClient(os.environ["OUTBOUND_CHAT_URL"], token=os.environ["OUTBOUND_CHAT_KEY"])

custom = TemplateAttributesCustomAttributes()
custom["first_name"] = "Ana"
segment = NewJobSegmentAttributes()
segment["campaign"] = SegmentAttributeValue(value_string="autumn")
segment["wave"] = 3
message = NewJob(
    sender="chat",
    to="+12025550123",
    initial_templated_system_message=TemplatedMessageConfig(
        knowledge_base_id="5a1b2c3d-1111-4222-8333-444455556666",
        message_template_id="6a1b2c3d-1111-4222-8333-444455556666",
        template_attributes=TemplateAttributes(custom_attributes=custom),
    ),
    segment_attributes=segment,
    idempotency_key="python",
)

job = enqueue_job.sync(client=client, body=message)
if not isinstance(job, Job):
    raise SystemExit(f"not enqueued: {job}")
ended = read_job.sync(job.id, client=client, wait=60)
if not isinstance(ended, Job):
    raise SystemExit(f"not read: {ended}")
print(ended.state, ended.id)

refused = enqueue_job.sync(client=client, body=NewJob(sender="chat", to="+1202"))
if not isinstance(refused, ProblemDetails) or not refused.errors:
    raise SystemExit(f"not refused: {refused}")
print(refused.code, refused.errors[0].field)
