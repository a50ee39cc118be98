"""`durability="fsync"`: waits, after the last write, until what a call stored is on disk and on replicas.

WAITAOF reports on the last write of its own connection. So a marker is written after everything else, on any
connection, and the wait follows on that one. The marker's script also checks that everything is still there: after a
restart or failover of Redis in between, the marker would be there, and what was stored before would not.
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
    """Gives one call of a producer the durability that was asked for."""

    def __init__(self, settings: DurabilitySettings, wanted: object, errors: Errors) -> None:
        """`wanted`: the caller's option, None for the default of the settings; adds to `errors` if it is invalid."""
        self._settings = settings
        self._waits = (check_durability(wanted, errors) or settings.default) is Durability.FSYNC
        self._replicas = 0
        self._duplicates: list[str] = []
        self._keys: Keys | None = None

    def remember(self, local_id: str) -> None:
        """Adds an earlier job, which a row of a batch repeats: it must be safe as well."""
        if self._waits:
            self._duplicates.append(local_id)

    def prepare(self, keys: Keys) -> Steps[None]:
        """Refuses, before anything is stored, what this server can't promise.

        Raises:
            StoreError: it has no append-only file, is too old, or has too few replicas.
        """
        self._keys = keys
        if not self._waits:
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
                "the server does not report how many replicas it has (INFO is refused); set durability.replicas to a "
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
        """Returns when all that was written so far is safe; does nothing if that was not asked for.

        Raises:
            NotDurable: it is not known to be safe.
        """
        if not self._waits or self._keys is None:
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
            raise NotDurable(id_, f"whether it is on disk is not known: {error}", missing=["disk"]) from error
        self._judge(id_, found, lost=lost or found.lost)

    def _judge(self, id_: str, found: Standing, *, lost: bool) -> None:
        seconds = f"{self._settings.timeout.total_seconds():g} s"
        if lost:
            raise NotDurable(id_, "a restart or failover of Redis lost it, or a part of it", missing=["store"])
        if found.refusal:
            raise NotDurable(id_, _why_refused(found.refusal), missing=["disk"]) from found.refusal
        reasons = {}
        if not found.on_disk:
            reasons["disk"] = f"it is not known to be on disk after {seconds}"
        if found.on_replicas < self._replicas:
            reasons["replicas"] = f"{found.on_replicas} of {self._replicas} replicas have it after {seconds}"
        if reasons:
            raise NotDurable(id_, " and ".join(reasons.values()), missing=list(reasons))


def _why_refused(error: Exception) -> str:
    text = str(error)
    if "unknown command" in text.lower():
        return 'durability "fsync" needs WAITAOF: Valkey, or Redis 7.2 or newer'
    if "appendonly" in text.lower():
        return 'durability "fsync" needs an append-only file: set appendonly yes on the server'
    return f'durability "fsync" needs WAITAOF and WAIT, which the server refuses: {lacking(error) or text}'
