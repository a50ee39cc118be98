"""Checks single values: names, ARNs, Regions, durations, attributes. Each error continues the name of its field."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from outbound_chat_config._quiet_hours import check_quiet_hours, check_zone

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")

# Any partition: aws, aws-cn, aws-us-gov, ...
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_IN_CONNECT = r"arn:aws[a-z-]*:connect:[a-z0-9-]+:\d{12}:"
_NUMBER_ARN = re.compile(rf"{_IN_CONNECT}phone-number/[A-Za-z0-9-]+", re.ASCII)
_INSTANCE_ARN = re.compile(rf"{_IN_CONNECT}instance/(?P<id>[^/\s]+)", re.ASCII)
_FLOW_ARN = re.compile(rf"{_IN_CONNECT}instance/[^/\s]+/contact-flow/(?P<id>[^/\s]+)", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
_URL = re.compile(r"https?://\S+")
_SECONDS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)

# Attributes and their size:
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartChatContact.html
_ATTRIBUTE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENT_KEY = re.compile(r"(?:connect:)?[A-Za-z0-9_-]+")
_ATTRIBUTE_BYTES = 32_768


def is_name(name: str) -> bool:
    """Returns whether the name can be used in Redis keys and job ids."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Returns the name if it can be used in Redis keys and job ids.

    Raises:
        ValueError: it has characters other than letters, digits, `_` and `-`, or more than 32 characters.
    """
    if not is_name(name):
        raise ValueError(
            "is not a valid name: use 1 to 32 letters, digits, '_' or '-', starting with a letter or digit"
        )
    return name


def number_region(arn: str) -> str:
    """Returns the Region of the number with this ARN, which is the fourth part of the ARN."""
    return arn.split(":")[3]


def _fits(pattern: re.Pattern[str], refusal: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(refusal)
        return value

    return AfterValidator(check)


def _id_of(pattern: re.Pattern[str], refusal: str) -> AfterValidator:
    # The API takes ids and the console shows ARNs: the id is the last part of the ARN.
    # https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
    def check(value: str) -> str:
        if not value.startswith("arn:"):
            return value
        arn = pattern.fullmatch(value)
        if arn is None:
            raise ValueError(refusal)
        return arn["id"]

    return AfterValidator(check)


def _seconds(value: object) -> object:
    # Environment variables are text; pydantic takes seconds only as a number.
    return float(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else value


def _fit_in_a_contact(attributes: dict[str, str]) -> dict[str, str]:
    size = sum(len(text.encode()) for pair in attributes.items() for text in pair)
    if size > _ATTRIBUTE_BYTES:
        raise ValueError(
            f"must be at most {_ATTRIBUTE_BYTES:,} UTF-8 bytes, names and values together; it has {size:,}, "
            "shorten some"
        )
    return attributes


Name = Annotated[str, AfterValidator(check_name)]
Weight = Annotated[float, Field(ge=0.01, le=100)]
READ_DURATION = BeforeValidator(_seconds)
"""Behind the bounds of a duration that may be None, so that errors name them as durations."""
Duration = Annotated[timedelta, READ_DURATION]
QuietHoursText = Annotated[str, AfterValidator(check_quiet_hours)]
Zone = Annotated[str, AfterValidator(check_zone)]
Url = Annotated[str, _fits(_URL, 'must be a URL, such as "http://127.0.0.1:4000"')]
Region = Annotated[str, _fits(_REGION, 'must be an AWS Region, such as "us-east-1"')]
NumberArn = Annotated[
    str,
    _fits(
        _NUMBER_ARN,
        "must be the ARN of a number claimed in Amazon Connect, such as "
        '"arn:aws:connect:us-east-1:123456789012:phone-number/…" (Connect console, Phone numbers)',
    ),
]
RoleArn = Annotated[
    str, _fits(_ROLE_ARN, 'must be the ARN of an IAM role, such as "arn:aws:iam::123456789012:role/sender"')
]
InstanceId = Annotated[
    str,
    _id_of(
        _INSTANCE_ARN,
        'must be the id of a Connect instance, or its ARN, such as "arn:aws:connect:us-east-1:123456789012:instance/…"',
    ),
]
FlowId = Annotated[
    str,
    _id_of(
        _FLOW_ARN,
        "must be the id of a flow, or its ARN, such as "
        '"arn:aws:connect:us-east-1:123456789012:instance/…/contact-flow/…"',
    ),
]
Attributes = Annotated[
    dict[
        Annotated[str, _fits(_ATTRIBUTE_KEY, "must have a name with only letters A-Z, digits, '_' and '-'; rename it")],
        str,
    ],
    AfterValidator(_fit_in_a_contact),
]
SegmentAttributes = dict[
    Annotated[
        str,
        _fits(
            _SEGMENT_KEY,
            "must have a name with only letters A-Z, digits, '_' and '-', after 'connect:' in a system attribute; "
            "rename it",
        ),
    ],
    str,
]
