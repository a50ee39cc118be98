"""Holds, within the restrictions of an API key."""

from collections.abc import Mapping
from dataclasses import dataclass

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped.batches import ScopedBatches
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.operations import Hold


@dataclass(frozen=True, slots=True)
class ScopedHolds:
    """Holds of what the key may see."""

    _client: AsyncOutboundChat
    _restrictions: Restrictions
    _batches: ScopedBatches

    async def hold(self, target: Mapping[str, str], reason: str) -> None:
        """Stops a scope."""
        await self._client.hold(reason=reason, **await self._checked(target))

    async def release(self, target: Mapping[str, str]) -> bool:
        """Ends a person's hold."""
        return await self._client.release(**await self._checked(target))

    async def all(self) -> list[Hold]:
        """All holds that stop nothing but the key's own."""
        return [hold for hold in await self._client.holds() if not self._restrictions.any or await self._shows(hold)]

    async def _shows(self, hold: Hold) -> bool:
        if hold.scope == "batch":
            return await self._batches.shows(hold.name)
        return self._restrictions.has_scope(hold.scope, hold.name)

    async def of(self, scope: str, name: str) -> list[Hold]:
        """Those of a scope that the key has just held."""
        return [hold for hold in await self._client.holds() if (hold.scope, hold.name) == (scope, name)]

    async def _checked(self, target: Mapping[str, str]) -> Mapping[str, str]:
        """The target; raises if the key may not stop it, or the settings do not define it."""
        ((scope, name),) = target.items()
        if scope == "batch":
            await self._batches.check(name)
        elif not self._restrictions.has_scope(scope, name):
            raise Problem(ProblemCode.FORBIDDEN, "The API key is limited, and this would stop more than its own.")
        if scope == "budget":
            self._restrictions.budget(name)
        senders = self._restrictions.settings.senders
        known = senders if scope == "sender" else {sender.instance_id for sender in senders.values()}
        if scope in {"sender", "instance"} and name not in known:
            raise Problem(ProblemCode.UNKNOWN_SENDER, "The settings have no sender of this name or instance.")
        return target
