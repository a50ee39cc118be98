"""Batch keys: by them a batch is found again when its producer repeats the call, after a crash or a lost answer."""

import hashlib
import json
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from outbound_chat.client.steps.validation import LONGEST_KEY, Errors
from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import FieldError
from outbound_chat.request import FieldCode

BANDS, DEPTH = 4, 4
"""Numbers are spread over so many bands by their hash, and the smallest hashes of a band stand for it."""


class NumberSketch:
    """A few digests of a set of phone numbers, by which a set with nearly the same numbers is recognized.

    Two sets with 99 of 100 numbers in common share nearly all digests; with half of them in common, hardly any. The
    order does not matter. No digest is of one number alone, which could be guessed from it. Memory is constant.
    https://en.wikipedia.org/wiki/MinHash
    """

    def __init__(self) -> None:
        """Begins with no number."""
        self._least: list[list[tuple[bytes, str]]] = [[] for _ in range(BANDS)]

    def add(self, number: str) -> None:
        """Adds a number."""
        hashed = hashlib.blake2b(number.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        least, one = self._least[hashed[0] % BANDS], (hashed[1:], number)
        if (len(least) < DEPTH or one < least[-1]) and one not in least:
            insort(least, one)
            del least[DEPTH:]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests, at most 4; a set that is too small for them has one, and a single number has none."""
        found = [band for band in self._least if len(band) == DEPTH] or [[one for band in self._least for one in band]]
        texts = [" ".join(number for _, number in band).encode("utf-8", "surrogatepass") for band in found]
        return tuple(hashlib.sha256(text).hexdigest() for text in texts if b" " in text)


@dataclass(frozen=True, slots=True)
class FileKey:
    """The batch key of a file: the same content, name and options are the same batch; other ones make another batch.

    The batch records which file its rows came from, as `is_file_of` reports. `earlier_batches` finds it by content,
    name and numbers.
    """

    content: str
    """Hash of the file's bytes."""
    key: str | None = None
    """A key in place of content, name and options, as a batch key that is text."""
    numbers: tuple[str, ...] = ()
    """The `digests` of a `NumberSketch` of its numbers."""


class KeyHashes(NamedTuple):
    """A batch key as `open_batch` takes it."""

    batch_key: str = ""
    fingerprint: str = "-"
    source: str = ""
    alike: Mapping[str, str] = MappingProxyType({})
    """More hashes by which the batch is found later, and what each stands for: the file, its name or its numbers."""


def check_batch_key(value: object, errors: Errors) -> str | FileKey | None:
    """Returns the batch key; None if none is given."""
    key = value.key if isinstance(value, FileKey) else value
    if key is None or (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        return value  # type: ignore[return-value]  # a key of that kind, or None
    errors.append(FieldError("batch_key", FieldCode.TOO_LONG, f"must be text of 1 to {LONGEST_KEY} characters"))
    return None


def hashes_of(
    cipher: RequestCipher, key: str | FileKey | None, *, tenant: str | None, name: str, options: Mapping[str, Any]
) -> KeyHashes:
    """Returns hashes of a key, and of what was asked for with it. A key belongs to one tenant."""
    if key is None:
        return KeyHashes()
    asked = json.dumps({**options, "name": name}, sort_keys=True)
    source, alike = "", dict[str, str]()
    if isinstance(key, FileKey):
        alike = {cipher.digest(_of_file(tenant, key.content)): "file"} if key.content else {}
        alike |= {cipher.digest(json.dumps(["name", tenant, name])): "name"} if name else {}
        alike |= {cipher.digest(json.dumps(["numbers", tenant, one])): "numbers" for one in key.numbers}
        source = cipher.digest(_source(tenant, name, key.content))
        if key.key is None:
            return KeyHashes(cipher.digest(_of_file(tenant, key.content) + asked), "-", source, alike)
        key = key.key
    return KeyHashes(cipher.digest(json.dumps(["key", tenant, key])), cipher.fingerprints(asked), source, alike)


def is_source(cipher: RequestCipher, source: str, *, tenant: str | None, name: str, content: str) -> bool:
    """Whether a batch's `source` is a file with this content, hashed before or after encryption was switched on."""
    return source in cipher.fingerprints(_source(tenant, name, content)).split()


def _source(tenant: str | None, name: str, content: str) -> str:
    return _of_file(tenant, content) + json.dumps(name)


def _of_file(tenant: str | None, content: str) -> str:
    return json.dumps(["file", tenant, content])
