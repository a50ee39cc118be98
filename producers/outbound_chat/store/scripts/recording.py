"""Reads whether events about contacts can be expected."""

from typing import NamedTuple

from outbound_chat.store.keys import Keys
from outbound_chat.store.scripts._script_call import ScriptCall


class Recording(NamedTuple):
    """What events a budget can expect."""

    contacts: bool
    """Whether calls are recorded with their contacts, since somebody brings events."""
    receipts: bool
    """Whether a job was ever found for a receipt of its delivery."""


def read_recording(keys: Keys) -> ScriptCall[Recording]:
    """Reads whether events about the budget's contacts can be expected."""
    return ScriptCall("read_recording", keys, [], lambda reply: Recording(int(reply[0]) > 0, int(reply[1]) > 0))
