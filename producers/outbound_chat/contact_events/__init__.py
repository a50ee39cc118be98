"""Reads events about contacts and messages, as EventBridge, SNS or SQS deliver them, without any I/O.

Only events of the senders' own accounts, Regions and instances have an effect, since anyone who may write to a queue
could forge the others. No event creates, sends or retries a job.
"""

from outbound_chat.contact_events._envelope import read_event
from outbound_chat.contact_events._known import KnownSources

__all__ = ["KnownSources", "read_event"]
