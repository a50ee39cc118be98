"""What an API key may access: a tenant, senders, both, or everything. `docs/http.md` has the table of routes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outbound_chat.http.access.audit import AuditLog
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import FieldError, InvalidJob
from outbound_chat.model.jobs import Job
from outbound_chat.request import FieldCode
from outbound_chat_config import Sender, Settings


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What an API key may access. This is checked before existence, so that a refusal reveals nothing."""

    settings: Settings
    check: Callable[[], Awaitable[object]]
    """Raises if the key is no longer valid, or if a key is now required. Long requests call it repeatedly."""
    spend: Callable[[int], Awaitable[int]]
    """Counts that many more requests of the key, and returns how many of them its rate allows."""
    audit_log: AuditLog
    tenant: str | None = None
    """The only tenant whose jobs the key may see and enqueue; None: all tenants."""
    senders: frozenset[str] | None = None
    """The only senders that the key may use; None: all senders."""
    key_id: str = ""
    """Empty without a key, as its name."""
    key_name: str = ""

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.tenant is not None or self.senders is not None

    def show(self, one: Job | Batch) -> bool:
        """Whether the key may see the job or batch."""
        of_tenant = self.tenant is None or one.tenant == self.tenant
        return of_tenant and (self.senders is None or one.sender in self.senders)

    def has_sender(self, name: object) -> bool:
        """Whether the key may use the sender."""
        return self.senders is None or (isinstance(name, str) and name in self.senders)

    def has_scope(self, scope: str, name: str) -> bool:
        """Returns whether a hold of the scope only stops what the key may see. For batches use `show`."""
        if not self.any:
            return True
        if scope == "tenant":
            return name == self.tenant and self.senders is None
        return scope == "sender" and self.tenant is None and self.has_sender(name)

    def has_some(self, scope: str) -> bool:
        """Whether the key may hold something of this kind of scope."""
        return scope == "batch" or any(
            self.has_scope(scope, name) for name in (self.tenant or "", *self.known_senders())
        )

    def own(self, options: Mapping[str, Any], sender: object) -> Any:
        """Returns the options with the key's tenant; raises if they name another tenant, or a sender it may not use.

        `sender`: an `InvalidJob` says why it is not known.
        """
        if not isinstance(sender, InvalidJob) and not self.has_sender(sender):
            raise Problem(ProblemCode.FORBIDDEN, "The API key may not use this sender.")
        if self.tenant is None:
            return options
        if options.get("tenant") is not None and options["tenant"] != self.tenant:
            raise Problem(ProblemCode.FORBIDDEN, "The API key belongs to another tenant.")
        return {**options, "tenant": self.tenant}

    def own_list(self, chosen: Mapping[str, Any]) -> Any:
        """Does the same for the filter of a list, with the budget, and all senders of the key where none is named."""
        sender = next(iter(self.known_senders()), None) if chosen.get("sender") is None else chosen["sender"]
        own = self.own({**chosen, "budget": self.budget(chosen.get("budget"))}, sender)
        return {**own, "sender": self.senders and sorted(self.senders)} if own.get("sender") is None else own

    def allow(self, chosen: Mapping[str, Any]) -> bool:
        """Whether the key could choose this filter, of which `sender` may be a list."""
        sender = chosen.get("sender") or []
        senders = {sender} if isinstance(sender, str) else set(sender)
        of_tenant = self.tenant is None or chosen.get("tenant") == self.tenant
        return of_tenant and (self.senders is None or (bool(senders) and senders <= self.senders))

    def require_none(self) -> None:
        """Refuses a key with restrictions."""
        if self.any:
            raise Problem(
                ProblemCode.FORBIDDEN, "This requires an API key that is not restricted to a tenant or to senders."
            )

    def known_senders(self) -> dict[str, Sender]:
        """Returns the senders in the settings that the key may use."""
        known = self.settings.senders
        return {name: known[name] for name in sorted(known) if self.has_sender(name)}

    def budget(self, name: str | None) -> str:
        """Returns the name of the budget, or of the only one; raises if it is unknown, or missing among several."""
        known = self.settings.budgets
        if name is None and len(known) > 1:
            message = f"is required, since there are several budgets; name one of: {', '.join(sorted(known))}"
            raise InvalidJob([FieldError("budget", FieldCode.REQUIRED, message)])
        if name is not None and name not in known:
            raise Problem(ProblemCode.UNKNOWN_BUDGET, f"Known budgets: {', '.join(sorted(known))}.")
        return name or next(iter(known))
