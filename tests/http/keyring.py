"""API keys for tests, made and revoked by the command line."""

from typing import Any, NamedTuple

from tests.support.harness import Harness, data_of


class Key(NamedTuple):
    """A key that was made."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """With which it is sent."""
        return {"Authorization": f"Bearer {self.token}"}


def make_key(stack: Harness, *options: str, scopes: tuple[str, ...] = ("enqueue", "read", "operate", "ingest")) -> Key:
    """A key with these options."""
    words = [word for scope in scopes for word in ("--scope", scope)]
    made = stack.run("keys", "create", "test", *words, *options, "--json")
    assert made.returncode == 0, made.stderr
    told: dict[str, Any] = data_of(made.stdout)
    return Key(told["id"], told["key"])


def revoke(stack: Harness, key: Key) -> None:
    """Ends the key."""
    ended = stack.run("keys", "revoke", key.id)
    assert ended.returncode == 0, ended.stderr
