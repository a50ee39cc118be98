"""When workers read the opt-out lists of AWS, and how fast."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from outbound_chat_config._model import Model
from outbound_chat_config._values import READ_DURATION


class OptOutSettings(Model):
    """How numbers get from the opt-out lists of AWS End User Messaging SMS into the suppression lists of senders."""

    every: Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=30)), READ_DURATION] | None = None
    """How often workers read the lists; one of them does it at a time. Default: never, only `optouts sync` does."""
    mirror: bool = False
    """Whether workers also remove numbers that an earlier sync added and that have left the list."""
    rate: float = Field(default=1.0, gt=0, le=1_000)
    """Calls per second, each for at most 100 numbers.
    https://docs.aws.amazon.com/sms-voice/latest/userguide/quotas.html"""
