"""Enqueues one message and a small batch, waits for both, and prints what became of them.

Run `outbound-chat dev` in one terminal. In another, set OUTBOUND_CHAT_CONFIG as it says, then run this file.
"""

from outbound_chat import Batch, Job, JobState, OutboundChat

SENDER = "demo"
ROWS = [
    {"to": "+12025550101", "attributes": {"order": "A-17"}},
    {"to": "+12025550102", "attributes": {"order": "A-18"}},
    {"to": "2025550103", "attributes": {"order": "A-19"}},  # no country code: this row alone is rejected
]


def send_one(chat: OutboundChat) -> Job:
    job = chat.enqueue(sender=SENDER, to="+12025550123", text="Your parcel arrives today.")
    return chat.wait(job.id, timeout=30)


def send_batch(chat: OutboundChat) -> Batch:
    receipt = chat.enqueue_batch(ROWS, sender=SENDER, name="parcels", text="Your parcel has left.")
    for rejection in receipt.rejections:
        print(f"row {rejection.row} rejected: {rejection.errors[0]}")
    return chat.wait_batch(receipt.id, timeout=60)


with OutboundChat.from_settings() as chat:
    job = send_one(chat)
    print(f"job {job.id}: {job.state}, contact {job.contact_id}")
    batch = send_batch(chat)
    print(f"batch {batch.id}: {batch.counts[JobState.SENT]} of {batch.accepted} sent, {batch.rejected} rejected")
