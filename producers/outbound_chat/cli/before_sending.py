"""What `send-batch` reports and asks before it stores anything: what went out before, and how many would go now."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outbound_chat.cli.confirm import can_ask, confirm
from outbound_chat.cli.files.faults import LineFaults, print_faults
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.output import number_of, talk, warn, when
from outbound_chat.cli.progress import read_file, spinner
from outbound_chat.client import FileKey, NumberSketch, OutboundChat
from outbound_chat.model.batches import EarlierBatch, Preflight
from outbound_chat_config import Channel, Sender

MOST_NAMED = 3
_SAME = {"file": "the same file", "name": "the same name", "numbers": "nearly the same numbers"}


class RepeatedNumbers:
    """Counts numbers that occur more than once. Keeps 8 bytes for each row: a hash of its number."""

    def __init__(self) -> None:
        """Begins with no number."""
        self._bands = [array("q") for _ in range(256)]

    def add(self, number: str) -> None:
        """Adds the number of a row."""
        hashed = hash(number)
        self._bands[hashed % 256].append(hashed)

    def in_more_rows(self, than: int = 1) -> int:
        """Returns how many numbers are in more rows than that."""
        # One band at a time, because counting takes many times the memory of the hashes.
        return sum(times > than for band in self._bands for times in Counter(band).values())

    def warn(self, sender: Sender) -> None:
        """Warns if there are numbers in more than one row, and says what becomes of them."""
        if count := self.in_more_rows():
            over = self._over_cap(sender)
            caps = f"per_recipient ({', '.join(sender.per_recipient)}) of the sender"
            then = f"delays rows of {over:,}" if sender.over_cap == "wait" else f"suppresses rows of {over:,}"
            what = f"{caps} {then} of them, which predicted ends don't include" if over else "each row is sent"
            warn(f"{number_of(count, 'number is', 'numbers are')} in more than one row; {what}")

    def counts(self, sender: Sender) -> dict[str, Any]:
        """Returns the same for `--json`."""
        over = {"numbers": self._over_cap(sender), "then": sender.over_cap} if sender.per_recipient else None
        return {"repeated_numbers": self.in_more_rows(), "over_cap": over}

    def _over_cap(self, sender: Sender) -> int:
        caps = sender.recipient_caps
        return self.in_more_rows(min(cap.contacts for cap in caps)) if caps else 0


@dataclass(frozen=True, slots=True)
class Campaign:
    """A file that is to be sent, and how."""

    chat: OutboundChat
    rows: JobFile
    shared: Mapping[str, Any]
    """Sender and options of all rows, as `enqueue_batch` takes them."""
    name: str
    """Of the batch."""
    batch_key: str | None
    """In place of file, name and options."""
    senders: Mapping[str, Sender]
    repeated: RepeatedNumbers = field(default_factory=RepeatedNumbers)
    """Filled by `key`."""

    @property
    def sender(self) -> Sender:
        """The sender, once it is known that there is one."""
        return self.senders[self.shared["sender"]]

    def key(self) -> FileKey:
        """Reads the whole file, and returns what it is recognized by."""
        sketch = NumberSketch()
        with spinner(f"reading {self.rows.name}"):
            for row in self.rows:
                if isinstance(row, Mapping) and isinstance(number := row.get("to"), str):
                    sketch.add(number)
                    self.repeated.add(number)
        self.rows.rewind()
        return FileKey(self.rows.content_hash(), self.batch_key, self.rows.form.read_as, sketch.digests)

    def earlier(self, key: FileKey) -> list[EarlierBatch]:
        """Returns the batches that had the same key, file, name or numbers."""
        return self.chat.earlier_batches(batch_key=key, name=self.name, **self.shared)

    def parts_of(self, flight: Preflight) -> str:
        """Returns how many parts all messages have, such as `1,300`; empty unless they are SMS."""
        return f"{flight.parts:,}" if self.sender.channel is Channel.SMS else ""


def begun_of(earlier: Sequence[EarlierBatch]) -> EarlierBatch | None:
    """Returns the batch that the same command began before."""
    return next((one for one in earlier if "key" in one.same), None)


def warn_of_earlier(earlier: Sequence[EarlierBatch]) -> None:
    """Warns of other batches with the same file, name or numbers; not if the command adds nothing."""
    begun = begun_of(earlier)
    if begun and begun.closed:
        return
    others = [one for one in earlier if one is not begun]
    for one in others[:MOST_NAMED]:
        warn(_described(one))
    if len(others) > MOST_NAMED:
        warn(f"{number_of(len(others) - MOST_NAMED, 'other batch was', 'other batches were')} like this one, too")


def _described(one: EarlierBatch) -> str:
    # The same file has the same numbers.
    *first, last = [_SAME[what] for what in one.same if what != "numbers" or "file" not in one.same]
    same = f"{', '.join(first)} and {last}" if first else last
    state = f"ended {when(one.final_at)}" if one.final_at else "is in progress" if one.closed else "is still open"
    counts = ", ".join(f"{number:,} {state}" for state, number in one.counts.items() if number) or "no message"
    risk = ". Its recipients may be texted twice" if one.texted else ""
    name = f" {one.name}" if one.name else ""
    return f"batch {one.id}{name}, begun {when(one.created_at)}, had {same}. It {state}: {counts}{risk}"


def ask(campaign: Campaign, begun: EarlierBatch | None, *, yes: bool) -> bool:
    """Counts the messages of a file and asks whether to send them, if there is somebody to ask.

    Returns whether it checked the file and printed its faults. A batch that has all its messages needs no question.
    """
    if not can_ask(yes=yes) or (begun and begun.closed):
        return False
    rows, shared = campaign.rows, campaign.shared
    known_rows = begun.resumed_rows if begun else 0
    faults = LineFaults(rows, known_rows=known_rows)
    flight = read_file(campaign.chat.preflight_batch, "check", rows, on_rejected=faults.report, **shared)
    rows.rewind()
    print_faults(faults.faults, talk)
    left = flight.accepted + flight.rejected - known_rows - faults.new
    if left <= 0:
        return True
    if begun:
        talk.print(f"batch {begun.id}, begun {when(begun.created_at)}, has {number_of(begun.accepted, 'message')}")
    what = number_of(left, "message")
    if begun:
        what = f"the {what} left"
    elif parts := campaign.parts_of(flight):
        what += f" ({parts} parts)"
    held = ", held until you release the batch" if shared.get("hold") else ""
    confirm(f"Send {what} from {rows.name} with sender {shared['sender']}{held}?", yes=yes)
    return True
