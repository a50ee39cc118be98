"""Notes in Redis that a budget is in use, so that `doctor` finds it when nobody's settings name it any more."""

import logging

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.model.errors import StoreError
from outbound_chat.store import ACCESS, Keys, scripts

logger = logging.getLogger(__name__)


def note_budget(keys: Keys) -> Steps[None]:
    """Notes a budget at its first job; workers note the budgets that they start for."""
    try:
        yield from ask(scripts.note_budgets(Keys(keys.prefix, ACCESS), [keys.budget]))
    except StoreError as error:
        # The job is stored, whatever became of the note, which lies on another node of a cluster.
        logger.warning("budget %s: that it is in use could not be noted: %s", keys.budget, error)
