"""Settings from a file and from the environment: taken, or refused by one error, however hostile they are."""

import os

import pytest
from hypothesis import example, given, strategies as st

from outbound_chat_config import SettingsError, load_settings

from .hostile import fuzzed, texts

KEYS = ("redis_url", "budgets.main.rate", "senders", "senders.a", "worker.slice", "retry.base", "a.b.c", '"".""', "x")
lines = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.one_of(texts, st.sampled_from(("1e400", "nan", "1979-05-27", "[[[", "{a={"))))
    .map(" = ".join)
    .map(lambda line: line.encode("utf-8", "surrogatepass")),
    st.sampled_from((b"[senders.a]", b"[[senders]]", b"[budgets]", b"\xff\xfea\0", b"\xef\xbb\xbf", b"\0", b"\r")),
    st.binary(max_size=20),
)


@fuzzed
@given(st.lists(lines, max_size=5).map(b"\n".join))
@example(b"a." * 100_000 + b"a = 1")
@example(b"[" + b'"a" . ' * 30_000 + b"a]")
@example(b"a = " + b"[" * 100_000)
@example(b"a = " + b"{a=" * 50_000)
@example(b"a = " + b"1" * 5_000)
@example(b"".join(b"[a%d]\n" % number for number in range(10_000)))
@example(b"a" * 1_000_000)
def test_a_file_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """A file of settings may be any file, by one slip in a name; time and text of the refusal are bounded."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_bytes(content)
    try:
        load_settings(path)
    except SettingsError as error:
        assert len(str(error)) < 30_000  # noqa: PT017  # most examples are refused, and a few are not


@pytest.mark.parametrize("path", ["/dev/zero", "/", "/dev/full", "a\0b", "x" * 5_000])
def test_what_is_no_file_is_refused(path: str) -> None:
    """A device has no end: it is not read to one."""
    with pytest.raises(SettingsError):
        load_settings(path)


@fuzzed
@given(
    st.sampled_from(("REDIS_URL", "SENDERS", "BUDGETS", "BUDGETS__MAIN__RATE", "WORKER__SLICE", "WORKER__A__B", "X")),
    texts.map(lambda text: text.replace("\0", "").encode("utf-8", "surrogatepass")),
)
@example("SENDERS", b"[" * 100_000)
@example("BUDGETS", b'{"a":' * 20_000)
@example("WORKER" + "__A" * 20_000, b"1")
@example("WORKER__THREADS", b"9" * 5_000)
def test_a_variable_is_taken_or_refused(name: str, value: bytes) -> None:
    """Whoever deploys may paste anything into it."""
    variable = f"OUTBOUND_CHAT_{name}".encode()
    os.environb[variable] = value
    try:
        load_settings()
    except SettingsError as error:
        assert len(str(error)) < 30_000  # noqa: PT017  # most examples are refused, and a few are not
    finally:
        del os.environb[variable]
