"""The error of a port that can't be listened on, the same sentence in each program."""

import errno
import os

from outbound_chat.model.errors import OutboundChatError


class CannotListen(OutboundChatError, code="cannot_listen"):
    """A port can't be listened on. The message names the port, the reason and the option."""

    def __init__(self, host: str, port: int, error: OSError, option: str = "--port") -> None:
        if error.errno == errno.EADDRINUSE:
            why = "is in use by another program"
        else:
            # asyncio puts a sentence of its own around the reason; a wrong name of a host has no number of the system.
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            why = f"can't be listened on: {reason}"
        super().__init__(f"port {port} of {host} {why}; choose another one with {option}")
