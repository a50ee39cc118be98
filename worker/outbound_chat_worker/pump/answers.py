"""Makes answers of other servers readable for botocore, which expects answers of AWS.

A proxy may answer with JSON that is not an object, with members of other types, or with bytes that are not UTF-8. Then
botocore raises any error of Python, and the status of the answer is lost. For the meaning of answers, see `retry`.
"""

import json
from typing import Any

_READ = ("__type", "code", "Code", "message", "Message", "ContactId")
"""The members of errors and successes that are read. All are strings."""
_SHORT = 500
"""In bytes. A shorter body can't be nested too deeply for the JSON parser."""


def make_readable(response_dict: dict[str, Any], **_: object) -> None:
    """Replaces a body that botocore can't parse: an object keeps the strings that are read, others become a message.

    A page that is not JSON is not changed, since botocore itself treats it as a message. For the event
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
    """Replaces lone surrogates, which JSON can represent but UTF-8 can't."""
    return text.encode(errors="replace").decode()
