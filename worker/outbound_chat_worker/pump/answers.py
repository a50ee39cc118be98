"""Makes the answers of strangers readable for botocore, which expects those of AWS.

A proxy may answer with JSON that is no object, with members of other types, or with bytes that are no UTF-8. Parsing
these, botocore raises whatever Python does, and the status of the answer is lost. Not for what an answer means: see
`retry`.
"""

import json
from typing import Any

_READ = ("__type", "code", "Code", "message", "Message", "ContactId")
"""The members that are read of an answer, of an error and of a success; all are texts."""
_SHORT = 500
"""Bytes. Nothing that is shorter nests too deep for the parser of JSON."""


def make_readable(response_dict: dict[str, Any], **_: object) -> None:
    """Replaces a body that botocore can't parse: an object keeps the texts that are read, all else is a message.

    A page that is no JSON stays as it is, since botocore takes that for a message by itself. For the event
    `before-parse`: https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """
    body: bytes = response_dict["body"]
    plain = body.isascii() and b"\\" not in body and len(body) < _SHORT
    if plain and response_dict["status_code"] == 200 and body.startswith(b"{"):  # noqa: PLR2004
        return
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except RecursionError:
        found = None
    except ValueError:
        response_dict["body"] = text.encode()
        return
    kept = {"message": text}
    if isinstance(found, dict):
        kept = {name: _encodable(found[name]) for name in _READ if isinstance(found.get(name), str)}
    response_dict["body"] = json.dumps(kept).encode()


def _encodable(text: str) -> str:
    """The text without half surrogate pairs, which JSON can name and no UTF-8 can carry."""
    return text.encode(errors="replace").decode()
