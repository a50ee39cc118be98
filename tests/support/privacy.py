"""Looks for what is personal where it must not be: in output of processes, in databases, in files.

`Markers` are the phone numbers and texts of a test; any trace of them is one too many. Use texts and numbers that
nothing else has by chance: a word of 12 letters or more, a number of 10 digits.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

_AROUND = 60


@dataclass(frozen=True, slots=True)
class Markers:
    """What nobody may see: phone numbers in E.164, and other texts."""

    numbers: Iterable[str] = field(repr=False)
    texts: Iterable[str] = field(repr=False)

    def pattern(self) -> re.Pattern[bytes]:
        """Finds any of them: numbers however they are written, texts also as JSON and Python escape them."""
        found = {part for number in self.numbers for part in _spellings(number)}
        for text in self.texts:
            found |= {re.escape(text.encode()), re.escape(ascii(text)[1:-1].encode())}
        return re.compile(b"|".join(sorted(found)))


def _spellings(number: str) -> Iterator[bytes]:
    """The number in E.164, national and bare form: its last ten digits are in all, with separators or not."""
    between = rb"[\s().\-\xa0]{0,3}"
    yield between.join(re.escape(digit.encode()) for digit in number[1:][-10:])


def assert_private(output: str | bytes, markers: Markers, *, where: str = "the output") -> None:
    """Fails when anything of the markers is in the output, and shows what stands around the first few."""
    raw = output.encode(errors="surrogateescape") if isinstance(output, str) else output
    found = [raw[max(0, hit.start() - _AROUND) : hit.end() + _AROUND] for hit in markers.pattern().finditer(raw)]
    assert not found, f"{where} has {len(found)} traces of what is personal, first: {found[:3]!r}"


def assert_private_files(folder: Path, markers: Markers, *, but: Iterable[Path] = ()) -> None:
    """The same for every file below a folder; `but`: files and folders that may hold them."""
    kept = [path.resolve() for path in but]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.resolve().is_relative_to(other) for other in kept):
            assert_private(path.read_bytes(), markers, where=str(path))


def content_of(url: str, pattern: str = "*") -> str:
    """Everything in a database under keys of a pattern: a line a key, with its name and content."""
    found: list[str] = []
    with redis.Redis.from_url(url, decode_responses=True, encoding_errors="backslashreplace") as client:
        readers: dict[str, Any] = {
            "string": client.get,
            "hash": client.hgetall,
            "list": lambda name: client.lrange(name, 0, -1),
            "set": client.smembers,
            "zset": lambda name: client.zrange(name, 0, -1),
            "stream": client.xrange,
        }
        for name in client.scan_iter(pattern):
            kind = client.type(name)
            if kind != "none":
                found.append(f"{name} {readers[kind](name)}")
    return "\n".join(found)
