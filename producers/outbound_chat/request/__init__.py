"""The request of a job: every parameter of StartOutboundChatContact, how callers write it, and how it is checked.

It sends nothing and needs no AWS library. Producers use it to check a job before anything is stored, and workers check
the job again before the call. The main idea: a request is kept in the terms of the API, so nothing is lost between the
caller and Amazon Connect; what a job omits is filled in from its sender just before the call.
https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
"""

from outbound_chat.request._codes import FieldCode
from outbound_chat.request._copy import is_missing
from outbound_chat.request._match import match_sender
from outbound_chat.request._names import OPTIONS, nearest
from outbound_chat.request._numbers import LACKS_COUNTRY, number_fault, to_e164
from outbound_chat.request._reading import is_report, with_report
from outbound_chat.request._request import ChatRequest
from outbound_chat.request._rules import RULES, FieldRule
from outbound_chat.request._shapes import SPEC, Integer, ListOf, MapOf, Shape, Structure, Text
from outbound_chat.request._walk import MOST_FINDINGS
from outbound_chat.request._zones import zones_of, zones_of_country

__all__ = [
    "LACKS_COUNTRY",
    "MOST_FINDINGS",
    "OPTIONS",
    "RULES",
    "SPEC",
    "ChatRequest",
    "FieldCode",
    "FieldRule",
    "Integer",
    "ListOf",
    "MapOf",
    "Shape",
    "Structure",
    "Text",
    "is_missing",
    "is_report",
    "match_sender",
    "nearest",
    "number_fault",
    "to_e164",
    "with_report",
    "zones_of",
    "zones_of_country",
]
