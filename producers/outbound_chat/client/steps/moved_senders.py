"""Finds what a sender or instance left in its former budgets when it was moved while jobs waited."""

from collections.abc import Callable, Collection, Sequence

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.suppression_list import NumberList
from outbound_chat.model.times import to_ms
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import FIRST_PAGE, Left


def left_behind(context: Context, scopes: Sequence[str], own: Collection[str]) -> Steps[list[tuple[Keys, Left]]]:
    """Returns the other budgets that have jobs or suppressed numbers of a scope. It takes a round trip per budget."""
    found = []
    for budget in context.settings.budgets:
        if budget not in own:
            keys = context.keys(budget)
            left = yield from ask(scripts.read_scopes(keys, scopes))
            both = Left(any(one.open for one in left), sum(one.listed for one in left))
            if both.open or both.listed:
                found.append((keys, both))
    return found


class SenderList:
    """A sender's suppression list, with the lists in its former budgets, which still apply to the jobs there."""

    def __init__(self, context: Context, sender: str) -> None:
        """Raises `SettingsError` if the settings have no such sender."""
        self._context = context
        self._sender = sender
        self.own = self._list(context.keys(context.settings.sender(sender).budget))
        """The list in its current budget, which is the one to read."""
        self._found: list[NumberList] | None = None

    def _list(self, keys: Keys) -> NumberList:
        return NumberList(keys, self._sender, self._context.cipher)

    def _former(self) -> Steps[list[NumberList]]:
        if self._found is None:
            left = yield from left_behind(self._context, [f"sender:{self._sender}"], [self.own.keys.budget])
            self._found = [self._list(keys) for keys, _ in left]
        return self._found

    def add(self, reason: str, numbers: Sequence[str]) -> Steps[int]:
        """Adds numbers for a reason; returns how many are new."""
        entries = [(number, 0, reason) for number in numbers]
        for former in (yield from self._former()):
            yield from former.add(entries)
        return (yield from self.own.add(entries))

    def remove(self, numbers: Sequence[str], *, of_sync: bool = False) -> Steps[int]:
        """Removes numbers; returns how many were on the list. `of_sync`: only those that a sync added."""
        for former in (yield from self._former()):
            yield from former.remove(numbers, of_sync=of_sync)
        return (yield from self.own.remove(numbers, of_sync=of_sync))

    def rewrite(self, on_progress: Callable[[int], None] | None) -> Steps[int]:
        """Rewrites it according to the current settings, with entries of the former lists; returns its length."""
        for former in (yield from self._former()):
            yield from self._copy_from(former)
            yield from former.rewrite()
        return (yield from self.own.rewrite(on_progress))

    def _copy_from(self, former: NumberList) -> Steps[None]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = yield from former.page(cursor or FIRST_PAGE)
            known = {entry.number for entry in (yield from self.own.among([entry.number for entry in page]))}
            new = [entry for entry in page if entry.number not in known]
            yield from self.own.add([(entry.number, to_ms(entry.since), entry.reason) for entry in new])
