"""Completes the values of options and arguments, by their names: from the settings, and from Redis if it answers.

Everything heavy is loaded only while the shell completes a value.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

_PATIENCE = 0.1
"""Part of `redis_timeout` that a question to Redis may take: half a second by default, since somebody pressed Tab."""
_NEWEST = 20
"""Batches of each budget."""


def completer(name: str) -> Callable[..., Any] | None:
    """Returns what completes an option or argument of that name; None: nothing does."""
    if allowed := _WORDS.get(name):
        return lambda: [*allowed]
    return _finder(_FOUND[name]) if name in _FOUND else None


def _finder(find: Callable[[Any, Any], Iterable[str]]) -> Callable[..., Any]:
    def complete(ctx: Any) -> list[str]:
        from outbound_chat.client import OutboundChat  # noqa: PLC0415  # see above
        from outbound_chat.model.errors import OutboundChatError, SettingsError  # noqa: PLC0415  # the same
        from outbound_chat_config import load_settings  # noqa: PLC0415  # the same

        # The command itself reports what is wrong; a message here would end up in the line that is being typed.
        with suppress(SettingsError, OutboundChatError):
            settings = load_settings(ctx.find_root().params.get("config"), needed=False)
            hurried = {"redis_timeout": settings.redis_timeout * _PATIENCE}
            with OutboundChat.from_settings(settings.model_copy(update=hurried)) as chat:
                return [*dict.fromkeys(find(settings, chat))]
        return []

    return complete


def _batches(settings: Any, chat: Any) -> list[str]:
    return [one.id for name in settings.budgets for one in chat.batches(budget=name, limit=_NEWEST).batches]


def _tenants(settings: Any, chat: Any) -> list[str]:
    pages = [chat.batches(budget=name).batches for name in settings.budgets]
    return [one.tenant for found in (*pages, chat.lanes(limit=50).lanes) for one in found if one.tenant]


def _codes(settings: Any, chat: Any) -> list[str]:
    return [code for name in settings.budgets for _, code in chat.count_dead(name)]


_WORDS = {
    "priority": ("urgent", "normal", "bulk"),
    "durability": ("memory", "fsync"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
}
"""Other choices are the types of their options."""
_FOUND: dict[str, Callable[[Any, Any], Iterable[str]]] = {
    "sender": lambda settings, _: settings.senders,
    "budget": lambda settings, _: settings.budgets,
    "instance": lambda settings, _: [one.instance_id for one in settings.senders.values()],
    "batch": _batches,
    "ids": _batches,
    "tenant": _tenants,
    "code": _codes,
}
