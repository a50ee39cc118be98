"""A campaign, cell by cell, as in a notebook: look first, send, follow, see to those that failed.

Editors that know `# %%` run it by cells; `python examples/campaign.py customers.csv` runs all of them. Run
again it sends nothing twice, since each row has an idempotency key.
"""

# %% What to send, and to whom: the columns `id` (of the customer), `to` and `first_name`
import csv
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from outbound_chat import BatchClosed, JobState, OutboundChat

chat = OutboundChat.from_settings()
with Path(sys.argv[1]).open(newline="", encoding="utf-8-sig") as lines:
    customers = [one for one in csv.DictReader(lines) if any(one.values())]
for row, one in enumerate(customers, start=1):
    if None in one or not all((one.get(name) or "").strip() for name in ("id", "to", "first_name")):
        sys.exit(f"customer {row} has no id, no number or no first name, or a cell too many: nothing was sent")
rows = [
    {
        "to": one["to"],
        "text": f"Hello {one['first_name']}, our sale begins today.",
        "idempotency_key": f"sale-{one['id']}",  # not the number, which is nobody's business in logs
    }
    for one in customers
]

# %% Look before anything is stored: who would be refused, how long it takes
flight = chat.preflight_batch(rows, sender="demo")
print(f"{flight.accepted} would be taken, {flight.rejected} refused, the last one called at {flight.ends_at}")
for rejection in flight.rejections:
    print(f"  customer {rejection.row}: {rejection.errors[0]}")

# %% Enqueue; workers begin at once, and single messages of others still go first
receipt = chat.enqueue_batch(rows, sender="demo", name="sale")
print(f"batch {receipt.id}: {receipt.accepted} taken, {receipt.duplicates} were taken before")

# %% Stop and go on, whenever you like
with suppress(BatchClosed):  # a small one may have ended by now
    chat.hold(batch=receipt.id, reason="one last look")
    chat.release(batch=receipt.id)

# %% Follow it to the end
batch = chat.wait_batch(receipt.id, timeout=600)
print({state.value: count for state, count in batch.counts.items() if count})

# %% Why did some fail?
failed = list(chat.each_dead_letter(batch=receipt.id))
print(Counter(job.error.code for job in failed if job.error))

# %% Those that may have been texted are left alone; the others once more, with another text
for job in failed:
    if job.state is JobState.FAILED:
        again = chat.wait(chat.replay(job.id, text="Our sale begins today.").id)
        print(f"{job.id} once more: {again.state}")
chat.close()
