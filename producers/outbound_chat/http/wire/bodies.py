"""Reads bodies: decompressed parts of any length, or a JSON object of limited length."""

import asyncio
from collections.abc import AsyncGenerator
from email.message import Message
from typing import Any

from starlette.requests import Request

from outbound_chat.http.service import service_of
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.rows import TooManyMembers, Unpacker, UnusableFile, parse_json

JSON_TYPE = "application/json"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
"""Accepted values of `charset=`: UTF-8 and its subset ASCII, with the names that clients use."""
FREE_BYTES = 1_000_000
MOST_UNPACKED = 300
"""Bytes accepted for each byte sent, once `FREE_BYTES` are used up. Gzip reaches 1,032; rows that only differ in their
numbers give 30 with texts of 160 characters, 120 with 1,024, and less than 300 with the longest.
"""

PARSED_AT_ONCE = 65_536
"""Bytes of JSON that take a few milliseconds. Longer bodies are parsed in another thread, so that others are served."""


def media_type(request: Request, *known: str) -> str:
    """Returns the media type of the body; raises unless it is one of `known`, in UTF-8."""
    said = request.headers.get("content-type", "")
    if said in known:  # as nearly all callers say it
        return said
    header = Message()
    header["content-type"] = said
    (given, _), *parameters = header.get_params([("", "")])
    given = given.strip().lower()
    if given not in known:
        raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {' or '.join(known)}.")
    for charset in (value for name, value in parameters if name.lower() == "charset"):
        if str(charset).lower() not in CHARSETS:
            detail = f"The charset {ascii(charset)[:60]} of Content-Type is not supported; send the body as UTF-8."
            raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE, detail)
    return given


def key_in_header(request: Request) -> str | None:
    """Returns the idempotency key of the header, which may have any bytes."""
    raw = dict(request.headers.raw).get(b"idempotency-key")
    return None if raw is None else raw.decode("utf-8", "surrogateescape")


async def parts_of(request: Request) -> AsyncGenerator[bytes, None]:
    """Yields the body part by part, decompressed if it is gzip, even if the headers don't say so.

    No part is longer than what was received, or 64 KiB. A few bytes of gzip may decompress to gigabytes, so that length
    is limited in proportion to what was sent.
    """
    encoding = ", ".join(request.headers.getlist("content-encoding") or ["identity"]).strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip or omitted.")
    unpacker = Unpacker(packed=encoding == "gzip")
    sent = came = 0
    try:
        async for part in request.stream():
            sent += len(part)
            for unpacked in unpacker.unpack(part):
                came += len(unpacked)
                if came > max(FREE_BYTES, MOST_UNPACKED * sent):
                    detail = (
                        f"The body decompresses to more than {MOST_UNPACKED} times its length. Send it uncompressed."
                    )
                    raise Problem(ProblemCode.BODY_TOO_LARGE, detail, headers={"Connection": "close"})
                yield unpacked
        for unpacked in unpacker.end():
            yield unpacked
    except UnusableFile as error:
        raise Problem(ProblemCode.UNUSABLE_FILE, f"{str(error)[0].upper()}{str(error)[1:]}.") from None


async def json_object(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Returns the body as a JSON object, which is empty if there is no body and none is required."""
    found = await json_value(request, may_be_empty=may_be_empty)
    if not isinstance(found, dict):
        raise Problem(ProblemCode.INVALID_JSON, "The body must be a JSON object.")
    return found


async def json_value(request: Request, *known: str, may_be_empty: bool = False) -> Any:
    """Returns the body as JSON; an empty object if there is no body and none is required. `known`: its media types."""
    known = known or (JSON_TYPE,)
    if not may_be_empty:
        media_type(request, *known)
    most = service_of(request).settings.http.max_body_bytes
    body = bytearray()
    async for part in parts_of(request):
        body += part
        if len(body) > most:
            detail = f"A JSON body may have {most:,} bytes (http.max_body_bytes). Send less, or stream batches as CSV."
            raise Problem(ProblemCode.BODY_TOO_LARGE, detail, headers={"Connection": "close"})
    if may_be_empty:  # a chunked body has no length in its headers
        if not body:
            return {}
        media_type(request, *known)
    try:
        return _parsed(body) if len(body) <= PARSED_AT_ONCE else await asyncio.to_thread(_parsed, body)
    except TooManyMembers as error:
        raise Problem(ProblemCode.BODY_TOO_LARGE, f"The body {error}.") from None
    except (ValueError, RecursionError):
        detail = "The body must be JSON in UTF-8, without repeated names, NaN and Infinity."
        raise Problem(ProblemCode.INVALID_JSON, detail) from None


def _parsed(body: bytearray) -> Any:
    return parse_json(body.decode("utf-8-sig"))
