"""`outbound-chat keys`: what is printed once, what is listed, and what is refused."""

import pytest

from outbound_chat.model.api_keys import ANY_TOKEN
from tests.support.harness import Harness, data_of

from .keyring import make_key


def test_a_key_is_printed_once_and_listed_without_it(stack: Harness) -> None:
    options = ["--scope", "read", "--scope", "enqueue", "--sender", "chat", "--tenant", "shop", "--rate", "600/m"]
    made = stack.run("keys", "create", "the shop", *options, "--expires", "90d")
    assert made.returncode == 0, made.stderr
    match = ANY_TOKEN.fullmatch(made.stdout.strip())
    assert match is not None
    assert made.stdout.strip() not in made.stderr

    listed = stack.run("keys", "list").stdout
    for word in (match["id"], "active", "the shop", "enqueue, read", "shop", "chat", "600/m", "never", "ends"):
        assert word in listed
    assert match[0] not in listed
    (row,) = data_of(stack.run("keys", "list", "--json").stdout)
    assert (row["scopes"], row["senders"], row["rate"]) == (["enqueue", "read"], ["chat"], "600/m")
    assert not {"digest", "hash", "secret", "key"} & row.keys()

    # A key that was found somewhere is revoked as it was found.
    assert stack.run("keys", "revoke", match[0]).stdout == f"{match['id']} is revoked\n"
    assert "revoked" in stack.run("keys", "list").stdout
    assert stack.run("keys", "revoke", match["id"], "--json").returncode == 0
    unknown = stack.run("keys", "revoke", "nosuchkey")
    assert unknown.returncode == 5
    assert unknown.stderr == "error: no API key has the id 'nosuchkey'; `outbound-chat keys list` lists them\n"
    # Also one that was cut short when it was copied.
    cut = stack.run("keys", "revoke", match[0][:-3], "--json")
    assert (cut.returncode, data_of(cut.stdout)["id"]) == (0, match["id"])
    assert match[0][20:40] not in cut.stdout + cut.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), "scope"),
        (("--scope", "all"), "scope"),
        (("--scope", "read", "--sender", "nobody"), "--sender"),
        (("--scope", "read", "--tenant", "a b"), "--tenant"),
        (("--scope", "read", "--tenant", ""), "--tenant"),
        (("--scope", "read", "--rate", "10"), "--rate"),
        (("--scope", "read", "--rate", "0/s"), "--rate"),
        (("--scope", "read", "--rate", "9999999/s"), "--rate"),
        (("--scope", "read", "--expires", "tomorrow"), "--expires"),
        (("--scope", "read", "--expires", "2020-01-01T00:00:00Z"), "--expires"),
        (("--scope", "read", "--expires", "2030-01-01T00:00:00"), "--expires"),
    ],
)
def test_what_makes_no_key_is_named(stack: Harness, options: tuple[str, ...], named: str) -> None:
    ended = stack.run("keys", "create", "x", *options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert named in ended.stderr


def test_the_names_of_keys_can_be_shown(stack: Harness) -> None:
    assert stack.run("keys", "create", " ", "--scope", "read").returncode == 2
    assert stack.run("keys", "create", "x" * 101, "--scope", "read").returncode == 2
    assert make_key(stack, "--expires", "2999-01-01T00:00:00Z").id in stack.run("keys", "list").stdout
