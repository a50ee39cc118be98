"""The command `outbound-chat demo`: 300 jobs take the whole real path in under a minute."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.output import out, print_json, talk
from outbound_chat.cli.progress import follow_batch, read_file
from outbound_chat.client import OutboundChat
from outbound_chat.model.batches import Batch, BatchReceipt
from outbound_chat.model.jobs import Job, JobState
from outbound_chat_worker.local.embedded import writing_to
from outbound_chat_worker.local.stack import Stack, running_stack
from outbound_chat_worker.sandbox import Fault, FaultKind, SandboxArrival, SandboxOptions, SandboxStats

RATE, BURST = 20.0, 20
PROCESSES = 2
TIMEOUT = 120.0
FAULTS = (Fault(FaultKind.INTERNAL_ERROR, share=0.03),)
SENDER = "demo"
THROTTLED = "ThrottlingException"

# In a wheel the file is in this folder, in a checkout in `examples/`.
FILES = (Path(__file__).with_name("demo.csv"), Path(__file__).parents[3] / "examples" / "demo.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of the demo's jobs, by our counts and by the sandbox's."""

    receipt: BatchReceipt
    batch: Batch
    sent: int
    sent_after_retry: int
    reasons: dict[str, int]
    calls: int
    seconds: float
    """From the first call to the last."""
    share_of_allowance: float
    """Unthrottled calls, as a share of those that the sandbox allows, while jobs waited for their first call."""
    sandbox: SandboxStats
    destinations: int
    """Number of different phone numbers that got a contact."""

    @property
    def faults(self) -> list[str]:
        """The counts that do not add up; empty when all do."""
        ends = sum(self.batch.counts.values()) - self.batch.remaining
        claims = {
            f"{self.batch.accepted} jobs accepted, {ends} final": self.batch.accepted == ends,
            f"{self.sent} jobs sent, {self.sandbox.accepted} contacts": self.sent == self.sandbox.accepted,
            f"{self.sent} jobs sent to {self.destinations} numbers": self.sent == self.destinations,
        }
        return [claim for claim, holds in claims.items() if not holds]


def demo(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False) -> None:
    """Send 300 messages to a sandbox, in under a minute.

    Real workers send them to a sandbox on this machine that throttles and fails some calls. Nothing leaves the machine,
    and nothing is left behind.
    """
    path = next(file for file in FILES if file.exists())
    options = SandboxOptions(rate=RATE, burst=BURST, max_chats=1_000, faults=FAULTS)
    with writing_to("a temporary folder"):
        temporary = tempfile.TemporaryDirectory(prefix="outbound-chat-")
    with temporary as name:
        folder = Path(name)
        talk.print(f"Starting Valkey, a sandbox for Amazon Connect ({RATE:g} calls/s) and {PROCESSES} workers …")
        with running_stack(folder, sandbox=options, processes=PROCESSES, log_level="WARNING") as stack:
            report = _send(stack, path, folder)
    if as_json:
        print_json({"faults": report.faults, "report": report})
    else:
        _print(report)
    if report.faults:
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _send(stack: Stack, path: Path, folder: Path) -> Report:
    rows = JobFile(path)
    rejects = Rejects(folder / "rejects.csv", rows)
    options: dict[str, Any] = {"sender": SENDER, "name": path.name, "priority": "bulk", "on_rejected": rejects.add}
    try:
        with OutboundChat.from_settings(stack.settings) as chat:
            receipt = read_file(chat.enqueue_batch, "enqueue", rows, **options)
            batch = follow_batch(chat, receipt.id, TIMEOUT)
            row_ids = [f"{receipt.id}-{row}" for row in range(1, receipt.accepted + receipt.rejected + 1)]
            jobs = [job for job in chat.statuses(row_ids).values() if job]
    finally:
        rows.close()
        rejects.close()
    return _report(receipt, batch, jobs, stack)


def _report(receipt: BatchReceipt, batch: Batch, jobs: list[Job], stack: Stack) -> Report:
    arrivals: list[SandboxArrival] = list(stack.sandbox.arrivals())
    stats = stack.sandbox.stats()
    first_calls = {arrival.destination: arrival.seconds for arrival in reversed(arrivals)}
    backlog = [arrival for arrival in arrivals if arrival.seconds <= max(first_calls.values())]
    allowed = BURST + RATE * (backlog[-1].seconds - backlog[0].seconds)
    sent = [job for job in jobs if job.state is JobState.SENT]
    return Report(
        receipt=receipt,
        batch=batch,
        sent=len(sent),
        sent_after_retry=sum(bool(job.history) for job in sent),
        reasons=dict(Counter(f"{job.state}: {job.error.code}" for job in jobs if job.error)),
        calls=len(arrivals),
        seconds=arrivals[-1].seconds - arrivals[0].seconds,
        share_of_allowance=sum(arrival.code != THROTTLED for arrival in backlog) / allowed,
        sandbox=stats,
        destinations=len({contact.destination for contact in stack.sandbox.contacts()}),
    )


def _print(report: Report) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("rejected before anything was stored", f"{report.receipt.rejected}", "wrong phone numbers")
    table.add_row("accepted", f"{report.receipt.accepted}")
    table.add_row("  sent", f"{report.sent}", f"{report.sent_after_retry} of them after another attempt", style="green")
    for reason, number in report.reasons.items():
        table.add_row(f"  {reason}", f"{number}", style="red")
    table.add_row("contacts in the sandbox", f"{report.sandbox.accepted}", f"to {report.destinations} numbers")
    table.add_row("calls", f"{report.calls}", f"{report.sandbox.throttled} throttled")
    allowance = f"{report.share_of_allowance:.0%} of the {RATE:g} calls/s allowed, while jobs waited"
    table.add_row("time", f"{report.seconds:.1f} s", allowance)
    out.print(table)
    if report.faults:
        out.print("The counts do NOT add up: " + "; ".join(report.faults), style="bold red")
    else:
        out.print("The counts add up: every job is final, and every job sent is one contact.", style="green")
