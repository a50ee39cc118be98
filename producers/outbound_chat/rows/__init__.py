"""Reads rows of jobs from CSV or JSON, plain or gzip, that arrive part by part, from a file or over HTTP.

Columns have the names of the short form: `to`, `text`, `send_at` …; `attributes.NAME` and `segment_attributes.NAME`
fill the maps. Columns whose name begins with `_` are ignored, such as those that a file of rejects adds.
"""

from outbound_chat.rows._arrays import ArrayReader
from outbound_chat.rows._columns import UnusableFile
from outbound_chat.rows._form import DELIMITERS, Form, is_known
from outbound_chat.rows._gzip import MAGIC, Unpacker
from outbound_chat.rows._reader import LONGEST_LINE, WHOLE_ROW, JsonReader, RowReader
from outbound_chat.rows._tables import CsvReader, SheetReader, text_of
from outbound_chat.rows._values import COLUMNS, MAPS, TIMES, Row, TooManyMembers, converted, parse_json, parse_time

__all__ = [
    "COLUMNS",
    "DELIMITERS",
    "LONGEST_LINE",
    "MAGIC",
    "MAPS",
    "TIMES",
    "WHOLE_ROW",
    "ArrayReader",
    "CsvReader",
    "Form",
    "JsonReader",
    "Row",
    "RowReader",
    "SheetReader",
    "TooManyMembers",
    "Unpacker",
    "UnusableFile",
    "converted",
    "is_known",
    "parse_json",
    "parse_time",
    "text_of",
]
