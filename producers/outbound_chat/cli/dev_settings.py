"""Settings that `outbound-chat dev` wrote: when nothing listens at their address, `dev` does not run."""

import os
from contextlib import suppress
from pathlib import Path

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store.faults import is_refusal
from outbound_chat_config import CONFIG_VARIABLE

MARK = "# Settings of 'outbound-chat dev'"
"""How their file begins."""


def add_note_on_dev(error: BaseException) -> None:
    """Says in a note of the error that `dev` does not run, if its settings led there."""
    if not (isinstance(error, StoreUnavailable) and is_refusal(error)) or "OUTBOUND_CHAT_REDIS_URL" in os.environ:
        return
    path = Path(os.environ.get(CONFIG_VARIABLE) or "outbound-chat.toml").absolute()
    with suppress(OSError, ValueError), path.open(encoding="utf-8") as file:
        if file.readline().startswith(MARK):
            error.add_note(f"These are the settings of `outbound-chat dev`, which does not run: {path}")
