"""Enqueues the file of `send-batch`: what is said before, after Ctrl-C or an error, and at the end."""

from outbound_chat.cli.before_sending import Campaign, ask, begun_of, warn_of_earlier
from outbound_chat.cli.files.faults import LineFaults, print_faults
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.output import number_of, print_json, talk, warn, when
from outbound_chat.cli.progress import read_file
from outbound_chat.doctor.open_chats import batch_warning, chats_lasted
from outbound_chat.model.batches import BatchReceipt, BatchStart, EarlierBatch


class Sending:
    """Enqueues one file."""

    def __init__(self, campaign: Campaign, rejected: Rejects) -> None:
        self._campaign, self._rows = campaign, campaign.rows
        self._rejected = rejected
        self._faults = LineFaults(self._rows, rejected.add)
        self._shown = False
        self._begun: list[BatchStart] = []
        self.earlier: list[EarlierBatch] = []
        """Batches that had the same key, file, name or numbers before this call."""

    def run(self, *, yes: bool, as_json: bool) -> BatchReceipt:
        """Enqueues all rows, unless somebody is asked and says no."""
        try:
            campaign, key = self._campaign, self._campaign.key()
            self.earlier = campaign.earlier(key)
            warn_of_earlier(self.earlier)
            begun = begun_of(self.earlier)
            is_done = begun is not None and begun.closed
            if not is_done:
                campaign.repeated.warn(campaign.sender)
            self._shown = ask(campaign, begun, yes=yes)
            # What was asked about is sent, never half of it and half of what was saved since.
            self._rows.check_unchanged()
            options = {**campaign.shared, "name": campaign.name, "batch_key": key, "on_start": self._note_start}
            options |= {"on_rejected": self._faults.report, "counts": not is_done}
            verb = "check" if is_done else "enqueue"
            return read_file(campaign.chat.enqueue_batch, verb, self._rows, **options)
        except BaseException as error:
            self._explain(error)
            if as_json and isinstance(error, KeyboardInterrupt):
                print_json({"receipt": {"id": self._begun[0].id}} if self._begun else None, [error])
            raise
        finally:
            self._rows.close()
            self._rejected.close()

    def _note_start(self, found: BatchStart) -> None:
        """Prints what is known of a batch that was begun before."""
        self._begun.append(found)
        if found.created_at and found.repeated:
            talk.print(
                f"this was enqueued as batch {found.id}, begun {when(found.created_at)}: nothing new is added; to "
                "send it again, give it another --name"
            )
        elif found.created_at:
            talk.print(f"batch {found.id}, begun {when(found.created_at)}, resumes after row {found.resumed_rows:,}")

    def _explain(self, error: BaseException) -> None:
        """Adds to an error how to resume or to stop what was stored; after Ctrl-C it is printed here."""
        if self._begun and getattr(error, "__notes__", None):  # which say what was stored
            stop = f"to stop it:\n  outbound-chat cancel {self._begun[0].id}"
            error.add_note(f"to resume, run the same command again; {stop}")
        if isinstance(error, KeyboardInterrupt):
            for line in "\n".join(getattr(error, "__notes__", ["nothing new was stored"])).splitlines():
                # Commands are not broken between words, so that they can be copied.
                talk.print(line, soft_wrap=line.startswith(" ") or None)

    def print_end(self, receipt: BatchReceipt) -> None:
        """Prints what is wrong with rejected rows, warnings about the accepted ones, and how to release the batch."""
        if receipt.rejected:
            rows_were = number_of(receipt.rejected, "row was", "rows were")
            talk.print(f"{rows_were} rejected; see {self._rejected.path}", style="yellow")
            if not self._shown:
                print_faults(self._faults.faults, talk)
        if not receipt.id:
            talk.print("no row can be sent, so there is no batch")
        sender = self._campaign.sender
        chats = batch_warning(sender, receipt.accepted, self._rows.own_minutes)
        if chats:
            events = self._campaign.chat.contact_event_status()
            lasted = chats_lasted(events, sender.budget, sender.instance_id)
            chats = batch_warning(sender, receipt.accepted, self._rows.own_minutes, lasted)
        for warning in (self._rows.warning, chats):
            if warning:
                warn(warning)
        if not (self._campaign.shared.get("hold") and receipt.id):
            return
        if receipt.repeated and self._campaign.chat.batch(receipt.id).final:
            talk.print("the batch is final, so it can't be held")
        else:
            more = "the batch is held now: nothing more" if receipt.repeated or receipt.resumed_rows else "nothing"
            talk.print(f"{more} is sent until you release the batch:")
            talk.print(f"  outbound-chat release --batch {receipt.id}", soft_wrap=True)
