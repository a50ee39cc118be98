"""Operations on many jobs: hold, release and cancel, and the report that a chat has ended."""

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.client.steps.context import Context
from outbound_chat.client.steps.moved_senders import left_behind
from outbound_chat.client.steps.progress import batch
from outbound_chat.client.steps.validation import Errors, check_reason, check_tenant
from outbound_chat.model.batches import Batch
from outbound_chat.model.errors import BatchClosed, FieldError, InvalidJob, SettingsError, UnknownBatch
from outbound_chat.model.ids import split_id
from outbound_chat.model.operations import Hold
from outbound_chat.request import FieldCode
from outbound_chat.request.options import HoldTarget
from outbound_chat.store import scripts
from outbound_chat_config import NotConfigured


def _kind_and_name(target: HoldTarget) -> tuple[str, str]:
    given = [(kind, name) for kind, name in target.items() if name is not None]
    if unknown := target.keys() - HoldTarget.__annotations__.keys():
        raise TypeError(f"can't hold or release by {', '.join(sorted(unknown))}")
    if len(given) != 1:
        names = ", ".join(kind for kind, _ in given) or "none"
        message = f"name exactly one of budget, sender, instance, tenant and batch; given: {names}"
        raise InvalidJob([FieldError("scope", FieldCode.NOT_ALLOWED, message)])
    ((kind, name),) = given
    if not isinstance(name, str):
        raise InvalidJob([FieldError(kind, FieldCode.WRONG_TYPE, "must be a string")])
    return kind, name


def hold(context: Context, target: HoldTarget, reason: str) -> Steps[None]:
    """Holds a scope."""
    errors: Errors = []
    check_reason(reason, errors)
    kind, name, scopes = _checked(context, target, errors)
    for budget, scope in (*scopes, *(yield from _former_scopes(context, kind, name))):
        word = yield from ask(scripts.hold(context.keys(budget), scope=scope, reason=reason.strip()))
        if word == "gone":
            raise UnknownBatch(name)
        if word == "final":
            raise BatchClosed(name, "is final; it can't be held")


def _checked(context: Context, target: HoldTarget, errors: Errors) -> tuple[str, str, list[tuple[str, str]]]:
    """Returns the kind and name of the target, and its scopes; raises if it is invalid or there are `errors`."""
    kind = name = ""
    scopes: list[tuple[str, str]] = []
    try:
        kind, name = _kind_and_name(target)
        scopes = _scopes(context, kind, name)
    except InvalidJob as error:
        errors += error.errors
    except (SettingsError, UnknownBatch) as error:
        if not errors:
            raise
        errors.append(FieldError(kind, FieldCode.NOT_ALLOWED, str(error)))
    if errors:
        raise InvalidJob(errors)
    return kind, name, scopes


def release(context: Context, target: HoldTarget) -> Steps[bool]:
    """Ends a person's hold of a scope; returns whether there was one."""
    kind, name = _kind_and_name(target)
    if kind in {"sender", "instance"}:
        # In all budgets: it may have been held before it was moved to another one, or removed.
        scopes = [(budget, f"{kind}:{name}") for budget in context.settings.budgets]
    else:
        scopes = _scopes(context, kind, name)
    released = False
    for budget, scope in scopes:
        released |= (yield from ask(scripts.release(context.keys(budget), scope=scope))).ended
    if not released:
        _scopes(context, kind, name)  # raises if the settings do not know it: it may be misspelt
    return released


def holds(context: Context) -> Steps[list[Hold]]:
    """Reads all holds of all budgets."""
    found: list[Hold] = []
    for budget in context.settings.budgets:
        found += yield from ask(scripts.read_holds(context.keys(budget)))
    return found


def cancel_batch(context: Context, batch_id: str) -> Steps[Batch]:
    """Cancels the waiting jobs of a batch, and reads the batch."""
    for budget, scope in _scopes(context, *_kind_and_name({"batch": batch_id})):
        yield from _cancel(context, budget, scope, batch_id)
    return (yield from batch(context, batch_id))


def cancel_all_of(context: Context, target: HoldTarget) -> Steps[int]:
    """Cancels the waiting jobs of a tenant or sender, in all budgets; returns how many."""
    kind, name = _kind_and_name(target)
    ended = 0
    for budget, scope in (*_scopes(context, kind, name), *(yield from _former_scopes(context, kind, name))):
        ended += yield from _cancel(context, budget, scope, name)
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
    """Removes a chat from the count of its instance; returns whether it was counted."""
    for budget in context.settings.budgets:
        senders = [sender for sender in context.settings.senders.values() if sender.budget == budget]
        instances = sorted({sender.instance_id for sender in senders if sender.max_open_chats})
        if instances:
            call = scripts.close_chat(context.keys(budget), contact=contact_id, instances=instances)
            if (yield from ask(call)):
                return True
    return False


def _scopes(context: Context, kind: str, name: str) -> list[tuple[str, str]]:
    """Returns the budgets that a scope concerns, with its name in each."""
    match kind:
        case "budget":
            return [(context.budget(name), "budget")]
        case "sender":
            return [(context.settings.sender(name).budget, f"sender:{name}")]
        case "instance":
            return [(budget, f"instance:{name}") for budget in _budgets_of_instance(context, name)]
        case "tenant":
            errors: Errors = []
            if check_tenant(name, errors) is None:
                raise InvalidJob(errors)
            return [(budget, f"tenant:{name}") for budget in context.settings.budgets]
    parts = split_id(name)
    if parts is None:
        raise UnknownBatch(name)
    return [(parts[0], f"batch:{parts[1]}")]


def _former_scopes(context: Context, kind: str, name: str) -> Steps[list[tuple[str, str]]]:
    """Returns former budgets of a sender or instance that still have open jobs of it."""
    if kind not in {"sender", "instance"}:
        return []
    own = [budget for budget, _ in _scopes(context, kind, name)]
    scope = f"{kind}:{name}"
    # Redis knows the instance of a sender once a worker has been started with these settings.
    senders = [
        sender for sender, one in context.settings.senders.items() if kind == "instance" and one.instance_id == name
    ]
    left = yield from left_behind(context, [scope, *(f"sender:{sender}" for sender in senders)], own)
    return [(keys.budget, scope) for keys, one in left if one.open]


def _budgets_of_instance(context: Context, instance: str) -> list[str]:
    senders = context.settings.senders.values()
    budgets = {sender.budget for sender in senders if sender.instance_id == instance}
    if not budgets:
        known = ", ".join(sorted({sender.instance_id for sender in senders})) or "none is configured"
        raise NotConfigured(f'no sender has the instance "{instance}"; known instances: {known}')
    return sorted(budgets)
