"""Describes settings in a line or two, for those who start a program and want to know what it works with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outbound_chat_config._settings import Settings

_MOST = 8


def describe(settings: "Settings") -> tuple[str, str]:
    """Two lines: where the settings came from; and Redis, budgets and senders, the first few of many. No passwords."""
    redis = shown_address(settings.redis_url.get_secret_value())
    budgets = [f"{name} ({one.rate:g}/s, burst {one.burst})" for name, one in settings.budgets.items()]
    senders = some(list(settings.senders), most=_MOST) or "none"
    return (
        f"settings: {settings.source}",
        f"Redis: {redis}; budgets: {some(budgets, most=_MOST)}; senders: {senders}",
    )


def some(names: Sequence[str], *, most: int) -> str:
    """The names in a row; of many, the first and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def shown_address(url: str) -> str:
    """The URL of a server without login and options, which may hold secrets."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    # A password that is not percent-encoded may contain any of the characters that end it.
    return f"{scheme}://{rest.rpartition('@')[2]}"
