"""Describes settings in two lines, so that programs can show at their start which settings they use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outbound_chat_config._settings import Settings

_MOST = 8


def describe(settings: "Settings") -> tuple[str, str]:
    """Returns two lines: where the settings came from, and Redis, budgets and senders. They contain no passwords."""
    redis = shown_address(settings.redis_url.get_secret_value())
    budgets = [f"{name} ({one.rate:g}/s, burst {one.burst})" for name, one in settings.budgets.items()]
    senders = some(list(settings.senders), most=_MOST) or "none"
    return (
        f"settings: {settings.source}",
        f"Redis: {redis}; budgets: {some(budgets, most=_MOST)}; senders: {senders}",
    )


def some(names: Sequence[str], *, most: int) -> str:
    """Returns the names as a list; if there are many, the first ones and the number of others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def shown_address(url: str) -> str:
    """Returns the URL of a server without login and options, which may contain secrets."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    # A password that is not percent-encoded may contain any of the characters that end it.
    return f"{scheme}://{rest.rpartition('@')[2]}"
