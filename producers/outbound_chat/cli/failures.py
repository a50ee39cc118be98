"""What a command says of a followed batch that is over: why messages failed, and how to look at them."""

from collections import Counter
from pathlib import Path

from outbound_chat.cli.files.row_file import STANDARD_INPUT
from outbound_chat.cli.output import talk
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import JobState

_DEAD = (JobState.FAILED, JobState.UNCERTAIN)


def print_failures(chat: OutboundChat, batch: Batch, file: Path) -> None:
    """Prints the codes of failed and uncertain jobs with their numbers, and the command that writes these rows."""
    joined = "" if file == STANDARD_INPUT else f" --join {file}"
    for state in _DEAD:
        if number := batch.counts.get(state, 0):
            codes = _codes(chat, batch, state, number)
            talk.print(f"{state} {number:,}: {codes}" if codes else f"{state} {number:,}")
            # A command is not broken between words, so that it can be copied.
            talk.print(f"  outbound-chat export {batch.id} --state {state}{joined} -o {state}.csv", soft_wrap=True)


def _codes(chat: OutboundChat, batch: Batch, state: JobState, number: int) -> str:
    """Returns such as `2 suppressed, 1 refused`; empty where Redis can't be asked any more."""
    found: Counter[str] = Counter()
    budget, _ = split_id(batch.id) or ("", "")
    try:
        for job in chat.each_dead_letter(budget=budget, state=state, batch=batch.id):
            found[job.error.code if job.error else "unknown"] += 1
            if found.total() == number:
                break
    except StoreError:
        return ""
    return ", ".join(f"{count:,} {code}" for code, count in found.most_common())
