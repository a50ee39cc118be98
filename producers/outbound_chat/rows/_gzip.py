"""Unpacks rows that come as gzip, part by part; what is not gzip comes out as it came in.

Whatever a part unpacks to, no piece is longer than 64 KiB: a few bytes may stand for gigabytes.
"""

import zlib
from collections.abc import Iterator

from outbound_chat.rows._columns import UnusableFile

MAGIC = b"\x1f\x8b"
"""Bytes that gzip begins with, and no CSV or JSON does. https://www.rfc-editor.org/rfc/rfc1952#page-6"""
PIECE = 65_536
_GZIP = 16 + zlib.MAX_WBITS


class Unpacker:
    """Unpacks a source, which may have several gzip files one after the other, as `cat a.gz b.gz` makes them."""

    def __init__(self, name: str = "the body", *, packed: bool = False) -> None:
        """`name`: what errors call the source. `packed`: it says of itself that it is gzip."""
        self._name = name
        self._packed = packed
        self._begun = b""
        self._known = False
        self._unpacker: zlib._Decompress | None = None

    def unpack(self, part: bytes) -> Iterator[bytes]:
        """What the part unpacks to; read it to its end before the next.

        Raises:
            UnusableFile: it is not gzip and says so, or is broken.
        """
        if not self._known:
            part = self._begun = self._begun + part
            if len(part) < len(MAGIC):
                return
            self._decide()
        if self._unpacker is None:
            yield part
            return
        while part:
            if self._unpacker.eof:
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                piece = self._unpacker.decompress(part, PIECE)
            except zlib.error:
                raise self._broken() from None
            if piece:
                yield piece
            part = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail

    def end(self) -> Iterator[bytes]:
        """What is left, when no more parts come.

        Raises:
            UnusableFile: it ends in the middle of its gzip data.
        """
        if not self._known:
            self._decide()
            if self._begun:
                yield self._begun
        if self._unpacker is not None and not self._unpacker.eof:
            raise UnusableFile(f"{self._name} ends in the middle of its gzip data; send or pack it again")

    def _decide(self) -> None:
        self._known = True
        if self._begun.startswith(MAGIC):
            self._unpacker = zlib.decompressobj(_GZIP)
        elif self._packed:
            raise self._broken()

    def _broken(self) -> UnusableFile:
        return UnusableFile(f"{self._name} is not gzip, as it says, or its gzip data is broken; pack it again")
