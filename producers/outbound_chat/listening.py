"""The error of a port that can't be listened on: the same sentence from each program of ours that listens."""

import errno

from outbound_chat.model.errors import OutboundChatError


class CannotListen(OutboundChatError):
    """A port can't be listened on; the text names it, the reason and the option."""

    code = "cannot_listen"

    def __init__(self, host: str, port: int, error: OSError, option: str = "--port") -> None:
        taken = error.errno == errno.EADDRINUSE
        why = "is in use by another program" if taken else f"can't be listened on: {error.strerror}"
        # Not asyncio's text, which has another form on each system.
        super().__init__(f"port {port} of {host} {why}; name another one with {option}")
