"""Makes each method of a closed client raise `ClientClosed`.

`close` removes what every method uses first, so this costs an open client nothing.
"""

from typing import TYPE_CHECKING, Any

from outbound_chat.model.errors import ClientClosed

_USED = frozenset({"_context", "_store", "_loops"})


class Closable:
    """A client that can be closed."""

    def _take(self) -> dict[str, Any]:
        """Closes it and returns what it used; empty if it was already closed."""
        used = vars(self)
        # Of threads that close it at once, the one that gets the context gets all.
        return {name: used.pop(name) for name in _USED & used.keys()} if used.pop("_context", None) else {}

    if not TYPE_CHECKING:  # else a type checker would accept every name

        def __getattr__(self, name: str) -> object:
            if name in _USED:
                raise ClientClosed
            return object.__getattribute__(self, name)
