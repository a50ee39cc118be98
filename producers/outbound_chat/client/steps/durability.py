"""`durability="fsync"`: waits after the last write until everything that a call stored is on disk and on replicas.

WAITAOF reports on the last write of its own connection. So a marker is written after everything else, on any
connection, and WAITAOF follows on the same one. The script of the marker also checks that everything is still there: a
restart or failover of Redis in between could have lost it.
https://valkey.io/commands/waitaof/
"""

from collections.abc import Sequence

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.validation import Errors, check_durability
from outbound_chat.model.errors import NotDurable, StoreError
from outbound_chat.store import Forbidden, Keys, lacking, scripts
from outbound_chat.store.scripts import Standing
from outbound_chat_config import Durability, DurabilitySettings


class DurabilityCheck:
    """Gives one call of a producer the requested durability."""

    def __init__(self, settings: DurabilitySettings, wanted: object, errors: Errors) -> None:
        """`wanted`: the caller's option, or None for the default of the settings. Adds to `errors` if invalid."""
        self._settings = settings
        self.waits = (check_durability(wanted, errors) or settings.default) is Durability.FSYNC
        """Whether it was requested; if not, the methods do nothing."""
        self._replicas = 0
        self._duplicates: list[str] = []
        self._keys: Keys | None = None

    def remember(self, local_id: str) -> None:
        """Adds an earlier job that a row of a batch repeats: it must be safe too."""
        if self.waits:
            self._duplicates.append(local_id)

    def prepare(self, keys: Keys) -> Steps[None]:
        """Refuses, before anything is stored, what this server can't guarantee.

        Raises:
            StoreError: the server has no append-only file, is too old, or has too few replicas.
        """
        self._keys = keys
        if not self.waits:
            return
        found = yield from ask(scripts.check_durable(keys))
        if found.refusal:
            kind = Forbidden if lacking(found.refusal) else StoreError
            raise kind(f"{_why_refused(found.refusal)}; nothing was stored") from found.refusal
        self._replicas = self._replicas_of(found.online)

    def _replicas_of(self, online: int | None) -> int:
        wanted = self._settings.replicas
        if wanted is None and online is None:
            raise StoreError(
                "the server does not report its replicas, since it refuses INFO; set durability.replicas to a "
                "number, 0 for none; nothing was stored"
            )
        if wanted is None:
            return min(1, online or 0)
        if online is not None and online < wanted:
            raise StoreError(
                f"durability.replicas asks for {wanted}, and {online} are connected; connect more or ask for fewer; "
                "nothing was stored"
            )
        return wanted

    def confirm(self, id_: str, *, batch: str = "", accepted: int = 0, local_ids: Sequence[str] = ()) -> Steps[None]:
        """Returns when everything written so far is safe; does nothing if that was not requested.

        Raises:
            NotDurable: Redis did not confirm that it is safe.
        """
        if not self.waits or self._keys is None:
            return
        rest = [*local_ids, *self._duplicates]
        lost = False
        try:
            # All but the last only check that the jobs are there: one wait covers everything.
            while len(rest) > scripts.MOST_JOBS:
                page, rest = rest[: scripts.MOST_JOBS], rest[scripts.MOST_JOBS :]
                lost = (yield from ask(scripts.check_durable(self._keys, local_ids=page))).lost or lost
            found = yield from ask(
                scripts.check_durable(
                    self._keys,
                    batch=batch,
                    accepted=accepted,
                    local_ids=rest,
                    timeout_ms=int(self._settings.timeout.total_seconds() * 1000),
                    replicas=self._replicas,
                )
            )
        except StoreError as error:
            raise NotDurable(id_, f"it is unknown whether it is on disk: {error}", missing=["disk"]) from error
        self._judge(id_, found, lost=lost or found.lost)

    def _judge(self, id_: str, found: Standing, *, lost: bool) -> None:
        seconds = f"{self._settings.timeout.total_seconds():g} s"
        if lost:
            raise NotDurable(id_, "a restart or failover of Redis lost it, or part of it", missing=["store"])
        if found.refusal:
            raise NotDurable(id_, _why_refused(found.refusal), missing=["disk"]) from found.refusal
        reasons = {}
        if not found.on_disk:
            reasons["disk"] = f"it was not confirmed on disk within {seconds}"
        if found.on_replicas < self._replicas:
            reasons["replicas"] = f"only {found.on_replicas} of {self._replicas} replicas confirmed it within {seconds}"
        if reasons:
            raise NotDurable(id_, " and ".join(reasons.values()), missing=list(reasons))


def _why_refused(error: Exception) -> str:
    text = str(error)
    if "unknown command" in text.lower():
        return 'durability "fsync" needs WAITAOF: Valkey, or Redis 7.2 or newer'
    if "appendonly" in text.lower():
        return 'durability "fsync" needs an append-only file: set appendonly yes on the server'
    return f'durability "fsync" needs WAITAOF and WAIT, which the server refuses: {lacking(error) or text}'
