"""What the terminal of `dev` shows: a line for each message as it ends, one for its chat, and what needs a person.

It reads the product's own events and holds, as any program may. The sandbox adds number and text: it sends nothing to
anybody, so what it got is the developer's own.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from outbound_chat.cli.output import out, talk, warn, when
from outbound_chat.cli.show_jobs import COLOURS
from outbound_chat.client import OutboundChat
from outbound_chat.model.errors import OutboundChatError, StoreUnavailable
from outbound_chat.model.jobs import Job, JobState
from outbound_chat.model.operations import Event, EventKind, Hold
from outbound_chat.model.words import release_command
from outbound_chat_worker.local.stack import BROKEN, Stack
from outbound_chat_worker.sandbox import SandboxMessage

LOOK_SECONDS = 0.5
LINES = 10
"""Messages that are shown of a look; of the others, and of all in the looks after it, only their number."""
END_SECONDS = 2.0
TEXT_CHARACTERS = 40
ENDS = {EventKind.JOB_FINAL, EventKind.BATCH_FINAL}
UNREACHABLE = (OutboundChatError, OSError, ValueError)
"""What a question to a part raises that starts again at this moment; the next look asks again."""


class Feed:
    """Looks a few times a second, in a thread of its own, until it is stopped."""

    def __init__(self, stack: Stack, *, silent: bool) -> None:
        """`silent`: only warnings are printed."""
        self._chat = OutboundChat.from_settings(stack.settings)
        self._sandbox = stack.sandbox
        self._silent = silent
        self._is_busy = False
        self._is_silent = False
        self._holds: dict[tuple[str, str], Hold] = {}
        self._stopped = threading.Event()
        self._since = self._last_number()
        self._events_seen = 0
        self._senders: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops it. A look that waits for a part that is gone is not waited for."""
        self._stopped.set()
        self._thread.join(END_SECONDS)

    def _last_number(self) -> int:
        since, found = 0, self._chat.events()
        while found.events and not self._silent:
            since, found = found.next, self._chat.events(since=found.next)
        return since

    def _run(self) -> None:
        with self._chat:
            while not self._stopped.wait(LOOK_SECONDS):
                talkative = () if self._silent else (self._look_at_events, self._look_at_chats)
                for look in (self._look_at_holds, *talkative):
                    try:
                        look()
                    except UNREACHABLE:
                        continue

    def _look_at_holds(self) -> None:
        try:
            holds = self._chat.holds()
        except StoreUnavailable:
            if not self._is_silent:
                self._is_silent = True
                warn("Valkey does not answer: messages wait until it does")
            return
        if self._is_silent:
            self._is_silent = False
            talk.print(Text("Valkey answers again", style="green"))
        now = {(hold.scope, hold.name): hold for hold in holds if hold.owner != "cancel"}
        before, self._holds = self._holds, now
        for key in now.keys() - before.keys():
            warn(held(now[key]))
        for scope, name in before.keys() - now.keys():
            talk.print(Text(f"{scope} {name} is released: its messages continue", style="green"))

    def _look_at_events(self) -> None:
        room, more = 0 if self._is_busy else LINES, Counter[str]()
        found = self._chat.events(since=self._since)
        while found.events and not self._stopped.is_set():
            self._since, more["not seen"] = found.next, more["not seen"] + found.missed
            ends = [event for event in found.events if event.kind in ENDS]
            self._show(ends[:room])
            more.update(map(outcome, ends[room:]))
            room -= len(ends[:room])
            found = self._chat.events(since=self._since)
        self._is_busy = more.total() > LINES
        if rest := ", ".join(f"{count:,} more {word}" for word, count in more.items() if count):
            out.print(Text(f"… {rest}", style="dim"))

    def _show(self, ends: Sequence[Event]) -> None:
        jobs = self._chat.statuses(event.id for event in ends if event.state)
        for event in ends:
            job = jobs.get(event.id)
            if job and job.contact_id:
                self._senders[job.contact_id] = job.sender
            out.print(line(event, job, self._message(job)), no_wrap=True, overflow="ellipsis")

    def _look_at_chats(self) -> None:
        """Shows the end of each chat whose message was shown."""
        for found in self._sandbox.events(after=self._events_seen):
            self._events_seen, chat = found.number, found.event["detail"]
            sender = self._senders.pop(chat["contactId"], None) if chat["eventType"] == "DISCONNECTED" else None
            if sender:
                out.print(chat_line(sender, chat, self._ask(chat["contactId"])), no_wrap=True, overflow="ellipsis")

    def _message(self, job: Job | None) -> SandboxMessage | None:
        request_id = job.history[-1].request_id if job and job.history else None
        return self._ask((job and job.contact_id) or request_id)

    def _ask(self, id_: str | None) -> SandboxMessage | None:
        try:
            return self._sandbox.message(id_) if id_ else None
        except UNREACHABLE:
            return None


def outcome(event: Event) -> str:
    """Returns `sent`, `failed: refused` or, for a batch, `batch ended`."""
    if event.state is None:
        return "batch ended"
    return f"{event.state}: {event.code}" if event.code and event.state is not JobState.SENT else f"{event.state}"


def line(event: Event, job: Job | None, message: SandboxMessage | None) -> Text:
    """Returns the line for the end of a job or batch: number and text are shown as the sandbox got them."""
    head = Text(f"{when(event.at, brief=True)}  ")
    if event.state is None:
        return head + Text(f"{outcome(event)}: {event.id}")
    text = " ".join(message.text.split()) if message else ""
    short = text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"
    who = f"  {job.sender if job else '-'}  {message.to if message else event.id}  {short}"
    return head + Text(f"{outcome(event):<9}", style=COLOURS.get(event.state, "")) + Text(who.rstrip())


def chat_line(sender: str, chat: Mapping[str, Any], message: SandboxMessage | None) -> Text:
    """Returns the line for the end of a chat, with its reason, and whether the customer answered."""
    ended_at, reason = datetime.fromisoformat(chat["disconnectTimestamp"]), chat["disconnectReason"]
    answered = ", answered" if chat["chatMetrics"]["customerMetrics"]["messagesSent"] else ""
    head = f"{when(ended_at, brief=True)}  {'chat over':<9}  {sender}  {message.to if message else chat['contactId']}"
    return Text(f"{head}  {reason}{answered}", style="dim")


def held(hold: Hold) -> str:
    """Describes a hold, and how to end it; one of the system ends with a probe that is sent."""
    if hold.owner == "person":
        rest = f"by a person ({hold.reason}): its messages wait. To release it:"
    else:
        advice = "" if hold.name == BROKEN else f" Numbers that do this are for --sender {BROKEN}."
        rest = f"({hold.code}: {hold.reason}): its messages wait.{advice} Cancel the one that can't be sent, then:"
    return f"{hold.scope} {hold.name} is held {rest}\n  {release_command(hold)}"
