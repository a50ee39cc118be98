"""What a command says of a followed batch that is over: why messages failed, and how to look at them."""

import shlex
from collections import Counter

from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.row_file import STANDARD_INPUT
from outbound_chat.cli.output import talk
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import StoreError
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import JobState

_DEAD = (JobState.FAILED, JobState.UNCERTAIN)


def print_failures(chat: OutboundChat, batch: Batch, rows: JobFile) -> None:
    """Prints the codes of failed and uncertain jobs with their numbers, and the command that writes these rows."""
    for state in _DEAD:
        if number := batch.counts.get(state, 0):
            codes = _codes(chat, batch, state, number)
            talk.print(f"{state} {number:,}: {codes}" if codes else f"{state} {number:,}")
            # A command is not broken between words, so that it can be copied.
            command = ["outbound-chat", "export", batch.id, "--state", state, *_joined(rows)]
            ending = "csv" if rows.is_csv else "jsonl"
            talk.print(f"  {shlex.join([*command, '-o', f'{state}.{ending}'])}", soft_wrap=True)


def _joined(rows: JobFile) -> list[str]:
    """Returns the options with which `export` reads and writes a file as it was sent."""
    form = [] if rows.is_csv else ["--format", "jsonl"]
    if rows.path == STANDARD_INPUT:
        return form
    # A shell would complete a word if a tab were pasted.
    given = {"--delimiter": "tab" if rows.form.delimiter == "\t" else rows.form.delimiter, "--sheet": rows.form.sheet}
    return [*form, "--join", str(rows.path), *(word for option in given.items() if option[1] for word in option)]


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
