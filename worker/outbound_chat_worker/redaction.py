"""Keeps phone numbers and texts out of logs and records of calls.

Our own messages contain none, but those of libraries and servers may repeat their input.
"""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outbound_chat.notices import Notices

MOST_CHARACTERS = 300
REDACTED = "[hidden]"

# At DEBUG they write whole requests and answers; at INFO and above they don't.
_TELL_ALL = ("boto3", "botocore", "urllib3")
# Members of a request that say nothing about the recipient: ids of ours and of AWS, and kinds of things.
_SHOWN = frozenset(
    {"InstanceId", "SourceEndpoint", "ContactFlowId", "ClientToken", "ContentType", "Type", "connect:Subtype"}
    | {"SupportedMessagingContentTypes", "KnowledgeBaseId", "MessageTemplateId", "RelatedContactId"}
)
_notices = Notices(logging.getLogger(__name__))
_SHORTEST = 3
_NUMBER = re.compile(r"\+\s?\d[\d\s().-]{5,}\d|\d{9,}")


def silence_debug_logs() -> None:
    """Prevents the libraries that make calls from logging requests when everything else logs at DEBUG.

    A logger with its own level keeps it, since somebody set it deliberately.
    """
    for name in _TELL_ALL:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
    logging.getLogger("botocore.credentials").addFilter(_note_failed_refresh)


def _note_failed_refresh(record: logging.LogRecord) -> bool:
    """Replaces the traceback that botocore logs at each call while credentials can't be renewed with a line.

    Once they have expired, the call fails with the same error, which is logged with its sender.
    """
    if not record.exc_info:
        return True
    if "mandatory" not in record.getMessage():
        _notices.note("refresh", f"AWS credentials are about to expire and can't be renewed: {record.exc_info[1]}")
    return False


def personal_texts(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns all texts of a call that may be personal, the longest first."""
    found = {text for text in _texts(arguments) if len(text) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _SHOWN:
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def redact(text: str, personal: Sequence[str] = ()) -> str:
    """Returns the text without those texts and without phone numbers, cut to `MOST_CHARACTERS`."""
    for content in personal:
        # A server that repeats it may do so as JSON does, a library as Python does.
        for form in (content, ascii(content)[1:-1], content.replace("\n", "\\n")):
            text = text.replace(form, REDACTED)
    return _NUMBER.sub("[number]", text)[:MOST_CHARACTERS]


def origin_of(error: BaseException) -> str:
    """Returns the origin of an error: kinds and lines of code of the error and its causes, without messages."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None:
        parts = [*traceback.format_tb(current.__traceback__), f"{type(current).__qualname__}\n", *parts]
        current = current.__cause__ or current.__context__
    return "".join(parts).rstrip()
