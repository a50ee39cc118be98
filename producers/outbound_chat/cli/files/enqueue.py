"""Enqueues a file as one batch."""

from typing import Any

from outbound_chat.cli.files.job_file import JobFile
from outbound_chat.cli.files.rejects import Rejects
from outbound_chat.cli.progress import file_progress
from outbound_chat.client import OutboundChat
from outbound_chat.model.jobs import BatchReceipt


def enqueue_file(chat: OutboundChat, rows: JobFile, rejects: Rejects, **options: Any) -> BatchReceipt:
    """Enqueues a file as one batch, with a progress bar; rejected rows go to `rejects`."""
    with file_progress("enqueue", rows) as show:
        receipt = chat.enqueue_batch(rows, on_rejected=rejects.add, on_progress=show, **options)
        show(receipt.accepted, receipt.rejected)
    return receipt
