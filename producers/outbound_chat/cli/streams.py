"""Standard output and error that no character and no lost reader breaks half way through a command."""

import codecs
import errno
import io
import json
import os
import sys

from outbound_chat.model.errors import OutboundChatError

_ESCAPED = "outbound_chat.escaped"


class OutputLost(OutboundChatError, code="output_lost"):
    """Standard output can't be written any more. The text says why; it is empty if the reader has gone."""


class _Stream(io.TextIOWrapper):
    """Escapes characters that the stream's encoding does not have, and notices when the stream is lost.

    Losing standard output raises `OutputLost`. Standard error only has messages: the command continues without it.
    """

    def __init__(self, stream: io.TextIOWrapper, *, needed: bool) -> None:
        super().__init__(stream.buffer, encoding=stream.encoding, errors=_ESCAPED, line_buffering=stream.line_buffering)
        self._needed = needed

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        # What is still in the buffer would fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        if self._needed:
            raise OutputLost("" if error.errno == errno.EPIPE else f"the output can't be written: {error.strerror}")


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Escapes as JSON does, so that JSON stays valid."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def take_streams() -> None:
    """Replaces Python's streams by ours; a closed one is replaced by one that discards everything."""
    codecs.register_error(_ESCAPED, _escape)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # as long as the process
        elif type(stream) is io.TextIOWrapper:
            setattr(sys, name, _Stream(stream, needed=name == "stdout"))
