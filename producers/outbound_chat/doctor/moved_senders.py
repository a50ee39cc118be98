"""Checks that the suppression lists of senders whose budget changed were copied to the new one."""

from collections.abc import Iterator

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.store import Store
from outbound_chat.store.scripts import Left, read_scopes
from outbound_chat_config import Settings


def moved_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Reports senders whose suppression list in another budget is longer than in their own."""
    for budget in settings.budgets:
        names = [name for name, sender in settings.senders.items() if sender.budget != budget]
        for name, left in zip(names, _left(store, budget, names), strict=True):
            home = settings.senders[name].budget
            here = _left(store, home, [name])[0].listed if left.listed else 0
            if left.listed > here:
                finding = f"has {left.listed:,} numbers in its former budget {budget}, but {here:,} in {home}"
                advice = f"copy them with: outbound-chat rewrite-suppressed --sender {name}"
                yield Check(f"suppression list of {name}", Level.FAULT, finding, advice)


def _left(store: Store, budget: str, names: list[str]) -> list[Left]:
    return store.run(read_scopes(store.keys(budget), [f"sender:{name}" for name in names])) if names else []
