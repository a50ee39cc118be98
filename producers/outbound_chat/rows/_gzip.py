"""Unpacks rows that arrive as gzip, part by part; other data passes unchanged.

No piece is longer than 64 KiB, since a few bytes may unpack to gigabytes.
"""

import zlib
from collections.abc import Iterator

from outbound_chat.rows._columns import UnusableFile

MAGIC = b"\x1f\x8b"
"""The first bytes of gzip, which no CSV or JSON begins with. https://www.rfc-editor.org/rfc/rfc1952#page-6"""
PIECE = 65_536
_GZIP = 16 + zlib.MAX_WBITS


class Unpacker:
    """Unpacks a source, which may consist of several gzip files, as from `cat a.gz b.gz`."""

    def __init__(self, name: str = "the body", *, packed: bool = False) -> None:
        """`name`: name of the source in errors. `packed`: the source claims to be gzip."""
        self._name = name
        self._packed = packed
        self._begun = b""
        self._known = False
        self._unpacker: zlib._Decompress | None = None

    def unpack(self, part: bytes) -> Iterator[bytes]:
        """Yields what the part unpacks to. Read it to its end before the next part.

        Raises:
            UnusableFile: it claims to be gzip and is not, or is broken.
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
        """Yields the rest, after the last part.

        Raises:
            UnusableFile: it ends in the middle of its gzip data.
        """
        if not self._known:
            self._decide()
            if self._begun:
                yield self._begun
        if self._unpacker is not None and not self._unpacker.eof:
            raise UnusableFile(f"{self._name} ends in the middle of its gzip data; send or compress it again")

    def _decide(self) -> None:
        self._known = True
        if self._begun.startswith(MAGIC):
            self._unpacker = zlib.decompressobj(_GZIP)
        elif self._packed:
            raise self._broken()

    def _broken(self) -> UnusableFile:
        return UnusableFile(f"{self._name} claims to be gzip, but is not or is damaged; compress it again")
