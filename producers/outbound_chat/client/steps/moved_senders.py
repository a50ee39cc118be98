"""What is left in other budgets of a sender, or an instance, that was given another budget while its jobs waited."""

from collections.abc import Callable, Collection, Sequence

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.suppression_list import NumberList
from outbound_chat.model.operations import SuppressedNumber
from outbound_chat.model.times import to_ms
from outbound_chat.store import Keys, scripts
from outbound_chat.store.scripts import FIRST_PAGE, Left


def left_behind(context: Context, scopes: Sequence[str], own: Collection[str]) -> Steps[list[tuple[Keys, Left]]]:
    """Other budgets that have jobs or suppressed numbers of a scope. A round trip each; none where there is one."""
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
    """What a sender must not contact: its list, and those in budgets that it had before, by which jobs there go."""

    def __init__(self, context: Context, sender: str) -> None:
        """Raises `SettingsError` where the settings have no such sender."""
        self._context = context
        self._sender = sender
        self._own = self._list(context.keys(context.settings.sender(sender).budget))
        self._found: list[NumberList] | None = None

    def _list(self, keys: Keys) -> NumberList:
        return NumberList(keys, self._sender, self._context.cipher)

    def _before(self) -> Steps[list[NumberList]]:
        if self._found is None:
            left = yield from left_behind(self._context, [f"sender:{self._sender}"], [self._own.keys.budget])
            self._found = [self._list(keys) for keys, _ in left]
        return self._found

    def add(self, reason: str, numbers: Sequence[str]) -> Steps[int]:
        """Puts numbers on it for a reason; how many are new."""
        entries = [(number, 0, reason) for number in numbers]
        for before in (yield from self._before()):
            yield from before.add(entries)
        return (yield from self._own.add(entries))

    def remove(self, numbers: Sequence[str]) -> Steps[int]:
        """Takes numbers off it; how many were on it."""
        for before in (yield from self._before()):
            yield from before.remove(numbers)
        return (yield from self._own.remove(numbers))

    def rewrite(self, on_progress: Callable[[int], None] | None) -> Steps[int]:
        """Writes it again, as the settings say now; how many entries. Those of the lists before come onto it first."""
        for before in (yield from self._before()):
            yield from self._take_over(before)
            yield from before.rewrite()
        return (yield from self._own.rewrite(on_progress))

    def _take_over(self, before: NumberList) -> Steps[None]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = yield from before.page(cursor or FIRST_PAGE)
            known = {entry.number for entry in (yield from self._own.among([entry.number for entry in page]))}
            new = [entry for entry in page if entry.number not in known]
            yield from self._own.add([(entry.number, to_ms(entry.since), entry.reason) for entry in new])

    def among(self, numbers: Sequence[str]) -> Steps[list[SuppressedNumber]]:
        """Those of the numbers that are on it, in their order."""
        return (yield from self._own.among(numbers))

    def page(self, cursor: str) -> Steps[tuple[str, list[SuppressedNumber]]]:
        """A page of it, and where the next begins; `FIRST_PAGE` again when none is left."""
        return (yield from self._own.page(cursor))
