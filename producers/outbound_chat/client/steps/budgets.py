"""Records in Redis that a budget is in use, so that `doctor` finds it after it was removed from the settings."""

import logging

from outbound_chat.client.steps.base import Steps, ask
from outbound_chat.model.errors import StoreError
from outbound_chat.store import ACCESS, Keys, scripts

logger = logging.getLogger(__name__)


def note_budget(keys: Keys) -> Steps[None]:
    """Records a budget at its first job. Workers record their budgets when they start."""
    try:
        yield from ask(scripts.note_budgets(Keys(keys.prefix, ACCESS), [keys.budget]))
    except StoreError as error:
        # The job is stored all the same; the record of budgets may be on another node of a cluster.
        logger.warning("budget %s: could not record that it is in use: %s", keys.budget, error)
