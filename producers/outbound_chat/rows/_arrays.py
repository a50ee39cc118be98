"""Reads a list of JSON objects, however they are laid out, with only one of them in memory."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any

from outbound_chat.model.errors import InvalidJob
from outbound_chat.request import FieldCode
from outbound_chat.request.templates import Template
from outbound_chat.rows._columns import UnusableFile
from outbound_chat.rows._form import Form
from outbound_chat.rows._reader import LONGEST_LINE, WHOLE_ROW, Found, RowReader
from outbound_chat.rows._values import STRICT_JSON, TooManyMembers, refused

_MARK = re.compile(r"[ \t\r\n]*([\[,\]])[ \t\r\n]*")
_BEFORE_OBJECT = re.compile(r"\s*[\[,]?\s*")
_ANY_JSON = json.JSONDecoder()


class ArrayReader(RowReader):
    """Reads one JSON list. What follows an object that can't be read can't either, so that it ends the reading."""

    def __init__(self, name: str = "the body", template: Template | None = None, form: Form | None = None) -> None:
        super().__init__(name, template, form)
        self._decode = getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._text = ""
        self._mark = ""
        """What came last of `[`, `,` and `]`."""

    @property
    def _unfinished(self) -> int:
        return len(self._text)

    def _split_held(self, *, last: bool) -> None:
        self._text += self._decode(bytes(self._held), last)
        self._held.clear()

    def _found(self, *, last: bool) -> Iterator[Found]:
        place = 0
        while self._mark != "]" and (mark := _MARK.match(self._text, place)):
            if (mark[1] == "[") == bool(self._mark):
                raise self._broken(place)
            begin = mark.end()
            if mark[1] == "]" or (mark[1] == "[" and self._text.startswith("]", begin)):
                self.line += self._text.count("\n", place, begin)
                self._mark, place = mark[1], begin
                continue
            found = self._object(place, begin)
            if not found or not (last or _MARK.match(self._text, found[0])):
                break
            end, cells, fault = found
            self.line += self._text.count("\n", place, begin)
            lines = self._text.count("\n", begin, end)
            yield self.line + 1, lines + 1, cells, fault
            self.line += lines
            self._mark, place = ",", end
        self._text = self._text[place:]
        if self._mark == "]" and self._text.isspace():
            self.line, self._text = self.line + self._text.count("\n"), ""
        if self._text if self._mark == "]" else last or len(self._text) > LONGEST_LINE:
            raise self._broken(0)

    def _object(self, place: int, begin: int) -> tuple[int, dict[str, Any], InvalidJob | None] | None:
        """Returns end, members and fault of an object; None if it is not whole yet."""
        fault = None
        try:
            cells, end = STRICT_JSON.raw_decode(self._text, begin)
        except json.JSONDecodeError:
            return None
        except TooManyMembers as error:
            fault = refused(FieldCode.TOO_LONG, str(error))
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(cells, dict):
                return end, cells, None
        try:
            _, end = _ANY_JSON.raw_decode(self._text, begin)
        except json.JSONDecodeError:
            return None
        except (ValueError, RecursionError):
            raise self._broken(place) from None
        message = "must be one JSON object, with no name twice, NaN or Infinity"
        return end, {WHOLE_ROW: self._text[begin:end]}, fault or refused(FieldCode.INVALID_JSON, message)

    def _broken(self, place: int) -> UnusableFile:
        """Returns the error of what follows `place`, which is behind the lines that were read."""
        before = _BEFORE_OBJECT.match(self._text, place)
        line = self.line + 1 + (before[0].count("\n") if before else 0)
        return UnusableFile(
            f"{self._name} is not a JSON list from line {line:,} on, or has an object there of more than "
            f"{LONGEST_LINE:,} bytes; correct it there"
        )
