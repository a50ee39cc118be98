"""What operators order: hold, release, cancel many jobs, and count a chat as ended."""

from dataclasses import dataclass

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.moved_senders import left_behind
from outbound_chat.client.steps.progress import batch
from outbound_chat.client.steps.validation import LONGEST_REASON, Errors, check_label, check_tenant
from outbound_chat.model.errors import BatchClosed, FieldError, InvalidJob, SettingsError, UnknownBatch
from outbound_chat.model.ids import split_id
from outbound_chat.model.jobs import Batch
from outbound_chat.model.operations import Hold
from outbound_chat.request import FieldCode
from outbound_chat.store import scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is held or released: exactly one of these."""

    budget: str | None = None
    sender: str | None = None
    instance: str | None = None
    tenant: str | None = None
    batch: str | None = None

    def __post_init__(self) -> None:
        given = [
            name for name in ("budget", "sender", "instance", "tenant", "batch") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            message = (
                f"name exactly one of budget, sender, instance, tenant and batch; given: {', '.join(given) or 'none'}"
            )
            raise InvalidJob([FieldError("scope", FieldCode.NOT_ALLOWED, message)])


def hold(context: Context, target: Target, reason: str) -> Steps[None]:
    """Stops a scope."""
    errors: Errors = []
    check_label("reason", reason, LONGEST_REASON, errors)
    if not errors and not reason.strip():
        errors.append(FieldError("reason", FieldCode.REQUIRED, "is required: say why, for those who will wonder"))
    if errors:
        raise InvalidJob(errors)
    for budget, scope in (*_scopes(context, target), *(yield from _before(context, target))):
        word = yield from ask(scripts.hold(context.keys(budget), scope=scope, reason=reason.strip()))
        if word == "gone":
            raise UnknownBatch(str(target.batch))
        if word == "final":
            raise BatchClosed(str(target.batch), "is final; nothing of it can be held")


def release(context: Context, target: Target) -> Steps[bool]:
    """Ends a person's hold of a scope; whether there was one."""
    released = False
    for budget, scope in _wherever(context, target) or _scopes(context, target):
        released |= (yield from ask(scripts.release(context.keys(budget), scope=scope))).ended
    if not released:
        _scopes(context, target)  # nobody holds what the settings do not know, which may be misspelt
    return released


def holds(context: Context) -> Steps[list[Hold]]:
    """All holds of all budgets."""
    found: list[Hold] = []
    for budget in context.settings.budgets:
        found += yield from ask(scripts.read_holds(context.keys(budget)))
    return found


def cancel_batch(context: Context, batch_id: str) -> Steps[Batch]:
    """Cancels the waiting jobs of a batch, and reads it."""
    for budget, scope in _scopes(context, Target(batch=batch_id)):
        yield from _cancel(context, budget, scope, batch_id)
    return (yield from batch(context, batch_id))


def cancel_tenant(context: Context, tenant: str) -> Steps[int]:
    """Cancels the waiting jobs of a tenant, in all budgets; how many."""
    ended = 0
    for budget, scope in _scopes(context, Target(tenant=tenant)):
        ended += yield from _cancel(context, budget, scope, tenant)
    return ended


def _cancel(context: Context, budget: str, scope: str, name: str) -> Steps[int]:
    ended, first, left = 0, True, True
    while left:
        answer = yield from ask(scripts.cancel_many(context.keys(budget), scope=scope, first=first))
        if answer is None:
            raise UnknownBatch(name)
        ended, first, left = ended + answer.jobs, False, answer.left
    return ended


def contact_closed(context: Context, contact_id: str) -> Steps[bool]:
    """Takes a chat off the count of its instance; whether it was counted."""
    for budget in context.settings.budgets:
        senders = [sender for sender in context.settings.senders.values() if sender.budget == budget]
        instances = sorted({sender.instance_id for sender in senders if sender.max_open_chats})
        if instances:
            call = scripts.close_chat(context.keys(budget), contact=contact_id, instances=instances)
            if (yield from ask(call)):
                return True
    return False


def _scopes(context: Context, target: Target) -> list[tuple[str, str]]:
    """Budgets that a scope concerns, and what it is called there."""
    if target.budget is not None:
        return [(context.budget(target.budget), "budget")]
    if target.sender is not None:
        return [(context.settings.sender(target.sender).budget, f"sender:{target.sender}")]
    if target.instance is not None:
        return [(budget, f"instance:{target.instance}") for budget in _budgets_of_instance(context, target.instance)]
    if target.tenant is not None:
        tenant = known_tenant(target.tenant)
        return [(budget, f"tenant:{tenant}") for budget in context.settings.budgets]
    parts = split_id(str(target.batch))
    if parts is None:
        raise UnknownBatch(str(target.batch))
    return [(parts[0], f"batch:{parts[1]}")]


def _before(context: Context, target: Target) -> Steps[list[tuple[str, str]]]:
    """Budgets that a sender or instance had before, where jobs of it are still open."""
    if target.sender is None and target.instance is None:
        return []
    own = dict(_scopes(context, target))
    (scope,) = set(own.values())
    # Redis knows the instance of a sender once a worker has been started with these settings.
    senders = [name for name, one in context.settings.senders.items() if one.instance_id == target.instance]
    scopes = [scope, *(f"sender:{name}" for name in senders)]
    left = yield from left_behind(context, scopes, own.keys())
    return [(keys.budget, scope) for keys, one in left if one.open]


def _wherever(context: Context, target: Target) -> list[tuple[str, str]]:
    """All budgets for a sender or instance: it may have been held before it was given another, or removed."""
    for kind, name in (("sender", target.sender), ("instance", target.instance)):
        if name is not None:
            return [(budget, f"{kind}:{name}") for budget in context.settings.budgets]
    return []


def _budgets_of_instance(context: Context, instance: str) -> list[str]:
    senders = context.settings.senders.values()
    budgets = {sender.budget for sender in senders if sender.instance_id == instance}
    if not budgets:
        known = ", ".join(sorted({sender.instance_id for sender in senders})) or "none is configured"
        raise SettingsError(f'no sender has the instance "{instance}"; known instances: {known}')
    return sorted(budgets)


def known_tenant(name: object) -> str:
    """The tenant's name, checked.

    Raises:
        InvalidJob: it can be no tenant's name.
    """
    errors: Errors = []
    tenant = check_tenant(name, errors)
    if errors or tenant is None:
        raise InvalidJob(errors)
    return tenant
