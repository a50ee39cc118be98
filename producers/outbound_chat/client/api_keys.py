"""Creates, lists and revokes the API keys of the HTTP service.

Only their hashes are stored, in Redis, under the key prefix and outside any budget.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from outbound_chat.model.api_keys import ApiKey, NewApiKey, digest_of, id_of, new_token
from outbound_chat.store import ACCESS, Store, scripts


class ApiKeys:
    """The API keys in a store. Methods raise `StoreError` if Redis refuses, `StoreUnavailable` if it is unreachable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = store.keys(ACCESS)

    def create(
        self, wanted: NewApiKey, *, lives: timedelta | None = None, until: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Creates a key and returns it with its record. The key can't be read again later.

        It expires after `lives`, by the clock of Redis, or at `until`; with neither it does not expire.
        """
        token = new_token()
        id_ = id_of(token) or ""
        call = scripts.create_key(self._keys, id_, digest=digest_of(token), wanted=wanted, lives=lives, until=until)
        return token, self._store.run(call)

    def all(self) -> Sequence[ApiKey]:
        """Returns all keys, oldest first, including revoked and expired ones."""
        found = self._store.run(scripts.read_keys(self._keys))
        return sorted(found, key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str) -> bool:
        """Revokes a key permanently, within a second in every process of the service. Returns whether the id is known.

        Revoking it again changes nothing, and keeps the first time.
        """
        return self._store.run(scripts.revoke_key(self._keys, key_id))
