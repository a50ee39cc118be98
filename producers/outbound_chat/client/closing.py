"""What a closed client does: each of its methods raises `ClientClosed`.

`close` takes away what every method uses first, so an open client pays nothing for it.
"""

from typing import TYPE_CHECKING, Any

from outbound_chat.model.errors import ClientClosed

_USED = frozenset({"_context", "_store", "_loops"})


class Closable:
    """A client that can be closed."""

    def _take(self) -> dict[str, Any]:
        """Closes it, and returns what it used; empty if it was closed before."""
        return {name: vars(self).pop(name) for name in _USED & vars(self).keys()}

    if not TYPE_CHECKING:  # else a type checker would accept every name

        def __getattr__(self, name: str) -> object:
            if name in _USED:
                raise ClientClosed
            return object.__getattribute__(self, name)
