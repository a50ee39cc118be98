"""What the parsers are fuzzed with: texts, bytes and JSON that people of ill will or other programs would write.

`FUZZ_EXAMPLES` says how many examples each property gets; `make fuzz` sets it high.
"""

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings, strategies as st

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "30")),
    # Far more than any of them takes on a busy machine: what goes past it has no bound.
    deadline=timedelta(seconds=20),
    database=None,
    suppress_health_check=list(HealthCheck),
)

SPECIAL = (
    *("", " ", "\0", "\n", "\r", "\x1b[2J", "\x9b2J", "\u202e", "\u200b", "\u2028", "\ufeff", "\ud800", "\udcff"),
    *("{", "}", "*", "?", "[", "]", "{other}", "main}:x{", "main.../other", "a.b.c", "main.j:1", "../..", "%s", "{0}"),
    *("👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "٣", "x" * 5_000, "9" * 5_000, "[" * 5_000, '{"a":' * 5_000),
    *(
        "1e400",
        "-1e400",
        "nan",
        "inf",
        "NaN",
        "null",
        "true",
        "-0",
        "0x10",
        "1_000",
        "٣٣",
        "+1",
        "P1D",
        "PT" + "9" * 400 + "S",
    ),
    *(
        "+12025550123",
        "+1" + "2" * 20,
        "+٣" * 5,
        "arn:aws:connect:us-east-1:123456789012:phone-number/x",
        "arn:",
        "arn:/",
    ),
)
texts = st.one_of(st.sampled_from(SPECIAL), st.text(max_size=40), st.text(st.characters(), max_size=40))
names = st.one_of(texts, st.sampled_from(("a", "main", "support", "connect:Subtype")))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from((10**400, -(10**400), 2**31, 2**63, 1e308)))
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def nested(depth: int, what: str = "list") -> object:
    """A value nested so deep."""
    value: object = 1
    for _ in range(depth):
        value = [value] if what == "list" else {"a": value}
    return value
