"""What operators may do with one caller's limits: holds, dead letters, lists, events. Part of `View`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

from outbound_chat.client import AsyncOutboundChat
from outbound_chat.http.access.restrictions import Limits
from outbound_chat.http.wire.codes import Code
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.errors import FieldError, InvalidJob, UnknownBatch
from outbound_chat.model.jobs import Batch, Job
from outbound_chat.model.operations import BatchPage, BudgetStatus, DeadLetters, Events, Hold, SuppressedPage
from outbound_chat.request import Code as FieldCode
from outbound_chat.store.scripts import DeadCursor
from outbound_chat_config import Sender, Settings

DEAD_PAGE = 500


class OperatorView:
    """What one caller sees beyond jobs and batches."""

    def __init__(
        self,
        client: AsyncOutboundChat,
        settings: Settings,
        limits: Limits,
        check: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """`check` raises when the caller's key is good no more; what takes long asks it again."""
        self._client = client
        self._settings = settings
        self._limits = limits
        self._check = check

    async def check(self) -> None:
        """Returns while the caller's key is good."""
        if self._check:
            await self._check()

    async def batch(self, batch_id: str) -> Batch:
        """One batch that the caller sees."""
        raise NotImplementedError

    async def hold(self, target: Mapping[str, str], reason: str) -> None:
        """Stops a scope."""
        await self._check_target(target)
        await self._client.hold(reason=reason, **self._known(target))

    async def release(self, target: Mapping[str, str]) -> bool:
        """Ends a person's hold."""
        await self._check_target(target)
        return await self._client.release(**self._known(target))

    async def holds(self) -> list[Hold]:
        """All holds that stop nothing but the caller's own."""
        found = await self._client.holds()
        return [hold for hold in found if await self._shows_hold(hold)] if self._limits.any else found

    async def _shows_hold(self, hold: Hold) -> bool:
        if hold.scope != "batch":
            return self._limits.has_scope(hold.scope, hold.name)
        try:
            await self.batch(hold.name)
        except UnknownBatch:
            return False
        return True

    async def holds_of(self, scope: str, name: str) -> list[Hold]:
        """Those of a scope that the caller has just held."""
        return [hold for hold in await self._client.holds() if (hold.scope, hold.name) == (scope, name)]

    async def dead_letters(self, chosen: Mapping[str, Any], *, limit: int, cursor: str | None) -> DeadLetters:
        """A page of failed and uncertain jobs."""
        options = cast("Any", {**chosen, "budget": self.budget(chosen.get("budget"))})
        if not self._limits.any:
            return await self._client.dead_letters(limit=limit, cursor=cursor, **options)
        if not 0 < limit <= DEAD_PAGE:
            raise InvalidJob([FieldError("limit", FieldCode.OUT_OF_RANGE, f"must be from 1 to {DEAD_PAGE}")])
        named = chosen.get("sender")
        options = self._limits.own(options, named if named is not None else next(iter(self.senders()), None))
        jobs: list[Job] = []
        while True:
            page = await self._client.dead_letters(limit=DEAD_PAGE, cursor=cursor, **options)
            jobs += filter(self._limits.show, page.jobs)
            cursor = page.cursor
            if cursor is None or len(jobs) > limit:
                break
        # The ledger's cursor names the last job looked at, which may be another's.
        following = str(DeadCursor.after(jobs[limit - 1])) if len(jobs) > limit else None
        return DeadLetters(jobs=tuple(jobs[:limit]), cursor=following)

    async def batches(self, chosen: Mapping[str, Any], cursor: str | None, limit: int) -> BatchPage:
        """A page of batches."""
        named = chosen.get("sender")
        options: Any = {**chosen, "budget": self.budget(chosen.get("budget"))}
        if not self._limits.any:
            return await self._client.batches(cursor=cursor, limit=limit, **options)
        own = self._limits.own(options, named if named is not None else next(iter(self.senders()), None))
        if named is None and self._limits.senders is not None:
            own = {**own, "sender": self._limits.senders}
        found: list[Batch] = []
        while True:
            # A cursor names the last batch looked at: of a full page, which only its own make full, that is its own.
            page = await self._client.batches(cursor=cursor, limit=limit - len(found), **own)
            found += page.batches
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                return BatchPage(batches=tuple(found), cursor=cursor)

    async def budgets(self) -> list[BudgetStatus]:
        """All budgets."""
        self._limits.need_none()
        return await self._client.budgets()

    def senders(self) -> dict[str, Sender]:
        """The senders that the caller may use."""
        known = self._settings.senders
        return {name: known[name] for name in sorted(known) if self._limits.has_sender(name)}

    async def suppressed_page(self, sender: str, cursor: str | None) -> SuppressedPage:
        """A page of a sender's suppression list."""
        return await self._client.suppressed_page(sender=self._list_of(sender), cursor=cursor)

    async def suppress(self, numbers: AsyncIterator[str], sender: str, reason: str) -> int:
        """Puts numbers on it."""
        return await self._client.suppress(numbers, sender=self._list_of(sender), reason=reason)

    async def unsuppress(self, numbers: AsyncIterator[str], sender: str) -> int:
        """Takes numbers off it."""
        return await self._client.unsuppress(numbers, sender=self._list_of(sender))

    async def events(self, budget: str | None, since: int, wait: float) -> Events:
        """What happened in a budget."""
        self._limits.need_none()
        found = await self._client.events(budget=self.budget(budget), since=since, wait=wait)
        await self.check()
        return found

    def budget(self, name: str | None) -> str:
        """The budget of that name, or the only one there is."""
        known = self._settings.budgets
        if name is None and len(known) > 1:
            message = f"is required, since there are several; name one of: {', '.join(sorted(known))}"
            raise InvalidJob([FieldError("budget", FieldCode.REQUIRED, message)])
        if name is not None and name not in known:
            raise Problem(Code.UNKNOWN_BUDGET, f"Known budgets: {', '.join(sorted(known))}.")
        return name or next(iter(known))

    def _list_of(self, sender: str) -> str:
        # A list is of a sender, whoever of its tenants' customers said STOP: no tenant may read or change it alone.
        if self._limits.tenant is not None:
            raise Problem(Code.FORBIDDEN, "Suppression lists are kept by keys of no tenant.")
        if sender not in self.senders():
            raise Problem(Code.UNKNOWN_SENDER, "The settings have no such sender, or the API key does not show it.")
        return sender

    async def _check_batch(self, batch_id: str) -> None:
        if self._limits.any:
            await self.batch(batch_id)

    async def _check_target(self, target: Mapping[str, str]) -> None:
        ((scope, name),) = target.items()
        if scope == "batch":
            await self._check_batch(name)
        elif not self._limits.has_scope(scope, name):
            raise Problem(Code.FORBIDDEN, "The API key is limited, and this would stop more than its own.")

    def _known(self, target: Mapping[str, str]) -> Mapping[str, str]:
        """The target, if the settings have it; a budget, sender or instance that they lack is none."""
        ((scope, name),) = target.items()
        senders = self._settings.senders
        if scope == "budget":
            self.budget(name)
        known = senders if scope == "sender" else {sender.instance_id for sender in senders.values()}
        if scope in {"sender", "instance"} and name not in known:
            raise Problem(Code.UNKNOWN_SENDER, "The settings have no sender of this name or instance.")
        return target
