"""Writes files that can be read back exactly."""

import csv
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import IO, Any, BinaryIO

from outbound_chat.model.errors import OutboundChatError
from outbound_chat.model.ids import new_local_id

_PART = 65_536
_NEEDS_QUOTES = re.compile(r"\s|.*[\r\n]", re.DOTALL).match
"""Finds leading blanks, which our reader skips outside quotes, and line ends, of which `csv` quotes only its own."""


class CannotWrite(OutboundChatError, code="unwritable_file"):
    """A file can't be written; the text names it and the reason."""


@contextmanager
def writing(path: Path, hint: str = "") -> Iterator[None]:
    """Turns errors of the system while the file is written into `CannotWrite`, whose text ends with `hint`."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{path} can't be written: {error.strerror}{hint}") from error


def check_writable(path: Path) -> None:
    """Checks that the file can be written, and leaves everything unchanged.

    Raises:
        CannotWrite: it can't be written.
    """
    with writing(path, "; name another file"):
        path = path.resolve()
        new = not path.exists()
        if new or path.is_file() or path.is_dir():
            path.open("ab").close()
        if new:
            path.unlink()


def check_overwrites(path: Path, *, overwrite: bool) -> None:
    """Checks that no file is lost, unless `overwrite`: somebody may have edited it.

    Raises:
        CannotWrite: there is a file at that path, and it is not empty.
    """
    if not overwrite and path.is_file() and path.stat().st_size:
        raise CannotWrite(f"{path} exists already; name another file, or add --overwrite to replace it")


def settle(content: BinaryIO, path: Path) -> Path:
    """Writes all of `content` to `path`, or to the next free name, such as `rejects-2.csv`; returns where it is.

    No byte of a file is lost. One that has the beginning of the content, or all of it, is completed: an earlier run of
    the same command wrote it. Any other stays as it is.
    """
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(target for target in chain([path], others) if _complete(target, content))


def _complete(target: Path, content: BinaryIO) -> bool:
    """Adds to the target what it lacks of the content; returns False if it has anything else."""
    content.seek(0)
    is_special = target.exists() and not target.is_file()  # a device or a pipe, which has nothing
    with target.open("wb" if is_special else "a+b") as file:
        if not is_special:
            file.seek(0)
            while old := file.read(_PART):
                if content.read(len(old)) != old:
                    return False
        shutil.copyfileobj(content, file)
    return True


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Yields a file that replaces `path` once all of it is written; if anything fails, `path` stays unchanged.

    Raises:
        CannotWrite: it can't be written.
    """
    with writing(path):
        target = path.resolve()
        if target.exists() and not target.is_file():
            # A device or a pipe, which can't be replaced.
            with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                yield file
            return
        part = target.with_name(f".{new_local_id()}.part")
        try:
            with part.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
                yield file
            if target.exists():
                shutil.copymode(target, part)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


class CsvWriter:
    """Writes rows of CSV that our reader reads back exactly."""

    def __init__(self, file: IO[str]) -> None:
        self._plain = csv.writer(file, lineterminator="\n")
        self._quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(self, cells: Iterable[Any]) -> None:
        """Writes one row."""
        row = list(cells)
        quoted = any(isinstance(cell, str) and _NEEDS_QUOTES(cell) for cell in row)
        (self._quoted if quoted else self._plain).writerow(row)
