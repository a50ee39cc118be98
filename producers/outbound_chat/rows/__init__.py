"""Reads rows of jobs from CSV or JSONL, plain or gzip, that comes part by part, from a file or from a caller over HTTP.

Columns are the names of the short form: `to`, `text`, `send_at` …; `attributes.NAME` and `segment_attributes.NAME` fill
the maps. Columns whose name begins with `_` are passed over: those of a file of rejects do.
"""

from outbound_chat.rows._columns import UnusableFile
from outbound_chat.rows._gzip import MAGIC, Unpacker
from outbound_chat.rows._reader import LONGEST_LINE, WHOLE_ROW, CsvReader, JsonReader, RowReader
from outbound_chat.rows._values import COLUMNS, MAPS, TIMES, Row, TooManyMembers, converted, parse_json, parse_time

__all__ = [
    "COLUMNS",
    "LONGEST_LINE",
    "MAGIC",
    "MAPS",
    "TIMES",
    "WHOLE_ROW",
    "CsvReader",
    "JsonReader",
    "Row",
    "RowReader",
    "TooManyMembers",
    "Unpacker",
    "UnusableFile",
    "converted",
    "parse_json",
    "parse_time",
]
