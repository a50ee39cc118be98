"""What an API key may see and name: a tenant, senders, both, or everything. `docs/http.md` has the table of routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from outbound_chat.http.wire.codes import Code
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.api_keys import ApiKey
from outbound_chat.model.jobs import Batch, Job


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one caller. What is refused is refused before it is known whether it exists."""

    tenant: str | None = None
    """The only tenant whose jobs it may see and enqueue; None: all."""
    senders: frozenset[str] | None = None
    """The only senders it may use; None: all."""

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Those of an API key."""
        return cls(key.tenant, None if key.senders is None else frozenset(key.senders))

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.tenant is not None or self.senders is not None

    def show(self, one: Job | Batch) -> bool:
        """Whether it may see the job or batch."""
        of_tenant = self.tenant is None or one.tenant == self.tenant
        return of_tenant and (self.senders is None or one.sender in self.senders)

    def has_sender(self, name: object) -> bool:
        """Whether it may use the sender."""
        return self.senders is None or (isinstance(name, str) and name in self.senders)

    def has_scope(self, scope: str, name: str) -> bool:
        """Whether all that a hold of the scope stops is its own; of batches see `show`."""
        if not self.any:
            return True
        if scope == "tenant":
            return name == self.tenant and self.senders is None
        return scope == "sender" and self.tenant is None and self.has_sender(name)

    def own(self, options: Mapping[str, Any], sender: object) -> Any:
        """The options with the caller's tenant; refused where they name another, or a sender that it may not use."""
        if not self.has_sender(sender):
            raise Problem(Code.FORBIDDEN, "The API key may not use this sender.")
        if self.tenant is None:
            return options
        if options.get("tenant") is not None and options["tenant"] != self.tenant:
            raise Problem(Code.FORBIDDEN, "The API key belongs to another tenant.")
        return {**options, "tenant": self.tenant}

    def need_none(self) -> None:
        """Refuses a caller with limits."""
        if self.any:
            raise Problem(Code.FORBIDDEN, "This needs an API key that is not limited to a tenant or to senders.")
