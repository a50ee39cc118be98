"""What makes a batch the same one when its producer begins anew, after a crash or a lost answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from outbound_chat.client._checks import LONGEST_KEY, Errors
from outbound_chat.errors import FieldError
from outbound_chat.request import Code
from outbound_chat.seal import Seal


@dataclass(frozen=True, slots=True)
class FileKey:
    """The batch key of a file: the same content, name and options are the same batch, others make another one."""

    content: str
    """Hash of the file's bytes."""


class KeyHashes(NamedTuple):
    """A batch key as `open_batch` takes it."""

    batch_key: str = ""
    fingerprint: str = "-"
    source: str = ""


def check_batch_key(value: object, errors: Errors) -> str | FileKey | None:
    """The batch key; None where none is given."""
    if value is None or isinstance(value, FileKey):
        return value
    if isinstance(value, str) and 0 < len(value) <= LONGEST_KEY:
        return value
    errors.append(FieldError("batch_key", Code.TOO_LONG, f"must be text of 1 to {LONGEST_KEY} characters"))
    return None


def hashes_of(
    seal: Seal, key: str | FileKey | None, *, tenant: str | None, name: str, options: Mapping[str, Any]
) -> KeyHashes:
    """Hashes that tell a key, and what was asked for with it. A key is known to one tenant."""
    if key is None:
        return KeyHashes()
    asked = json.dumps({**options, "name": name}, sort_keys=True)
    if isinstance(key, FileKey):
        of_file = json.dumps(["file", tenant, key.content])
        return KeyHashes(seal.digest(of_file + asked), "-", seal.digest(of_file + json.dumps(name)))
    return KeyHashes(seal.digest(json.dumps(["key", tenant, key])), seal.fingerprints(asked))
