"""Batch keys: by them a batch is found again when its producer repeats the call, after a crash or a lost answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from outbound_chat.client.steps.validation import LONGEST_KEY, Errors
from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import FieldError
from outbound_chat.request import FieldCode


@dataclass(frozen=True, slots=True)
class FileKey:
    """The batch key of a file: the same content, name and options are the same batch; other ones make another batch.

    The batch records which file its rows came from, as `is_file_of` reports.
    """

    content: str
    """Hash of the file's bytes; empty if they are not known."""
    key: str | None = None
    """A key in place of content, name and options, as a batch key that is text."""
    read_as: str = ""
    """How the file is read, where that changes its jobs, such as the country of its numbers: it counts as an option."""


class KeyHashes(NamedTuple):
    """A batch key as `open_batch` takes it."""

    batch_key: str = ""
    fingerprint: str = "-"
    source: str = ""


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
    read_as = {"read_as": key.read_as} if isinstance(key, FileKey) and key.read_as else {}
    asked = json.dumps({**options, **read_as, "name": name}, sort_keys=True)
    source = ""
    if isinstance(key, FileKey):
        source = cipher.digest(_source(tenant, name, key.content)) if key.content else ""
        if key.key is None:
            return KeyHashes(cipher.digest(_of_file(tenant, key.content) + asked), "-", source)
        key = key.key
    return KeyHashes(cipher.digest(json.dumps(["key", tenant, key])), cipher.fingerprints(asked), source)


def is_source(cipher: RequestCipher, source: str, *, tenant: str | None, name: str, content: str) -> bool:
    """Whether a batch's `source` is a file with this content, hashed before or after encryption was switched on."""
    return source in cipher.fingerprints(_source(tenant, name, content)).split()


def _source(tenant: str | None, name: str, content: str) -> str:
    return _of_file(tenant, content) + json.dumps(name)


def _of_file(tenant: str | None, content: str) -> str:
    return json.dumps(["file", tenant, content])
