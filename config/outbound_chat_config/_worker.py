"""Settings of workers, retries and results."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from outbound_chat_config._model import Model
from outbound_chat_config._values import Duration

# A ClientToken protects a repeat for 7 days; half a day is left for clocks, leases and the call itself.
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
TOKEN_HORIZON = timedelta(days=6, hours=12)


class WorkerSettings(Model):
    """How workers work. Durations are in seconds or in ISO 8601 form."""

    threads: int = Field(default=16, ge=1, le=256)
    """Calls that a pump keeps in flight."""
    pumps: int = Field(default=4, ge=2, le=64)
    """Pumps that a worker process runs side by side for each budget. Celery's concurrency is this times the budgets.

    At least two, so that a pump that is finishing its last calls does not delay the next one.
    """
    connect_timeout: Duration = Field(default=timedelta(seconds=3), gt=timedelta(0), le=timedelta(days=1))
    """Timeout of a connection to AWS."""
    read_timeout: Duration = Field(default=timedelta(seconds=15), gt=timedelta(0), le=timedelta(days=1))
    """Cancel a call after this much silence of AWS. It limits each read, not the whole call."""
    lease: Duration = Field(default=timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(days=1))
    """How long a worker keeps a claimed job before another worker may claim it. Renewed while the call runs."""
    slice: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(minutes=5))
    """How long a pump works before another pump takes over."""
    linger: Duration = Field(default=timedelta(seconds=1), ge=timedelta(0), le=timedelta(seconds=5))
    """How long an idle pump waits for the next job before it ends."""
    redis_timeout: Duration = Field(default=timedelta(seconds=10), ge=timedelta(seconds=1), le=timedelta(seconds=60))
    """Timeout of a worker's whole call to Redis, including retries. Then the worker makes the call again."""

    @model_validator(mode="after")
    def _calls_end_before_the_lease(self) -> Self:
        if self.connect_timeout + self.read_timeout >= self.lease:
            raise ValueError(
                "lease must be longer than connect_timeout + read_timeout "
                f"({(self.connect_timeout + self.read_timeout).total_seconds():g} s), or a job could be claimed again "
                "during its call; raise lease"
            )
        return self


class RetrySettings(Model):
    """How jobs with temporary failures are retried: full jitter, `random(0, min(cap, base * 2**n))`."""

    max_attempts: int = Field(default=10, ge=1, le=100)
    """Calls for one job. Waits for the pace and throttled calls don't count."""
    base: Duration = Field(default=timedelta(seconds=1), gt=timedelta(0), le=TOKEN_HORIZON)
    """Longest wait before the second attempt; doubles with each attempt."""
    cap: Duration = Field(default=timedelta(minutes=10), gt=timedelta(0), le=TOKEN_HORIZON)
    """Upper limit of that wait."""

    @model_validator(mode="after")
    def _tokens_outlive_the_retries(self) -> Self:
        # In numbers: a timedelta overflows where the doubling goes far beyond the cap.
        base, cap = self.base.total_seconds(), self.cap.total_seconds()
        longest = sum(min(cap, base * 2**n) for n in range(self.max_attempts - 1))
        if longest > TOKEN_HORIZON.total_seconds():
            raise ValueError(
                f"would retry for up to {longest / 86_400:.1f} days, but the token that prevents a repeated "
                "call from texting the customer twice is valid for 7; lower max_attempts or cap"
            )
        return self


class ResultSettings(Model):
    """How long Redis keeps the results of jobs."""

    keep: Duration = Field(default=timedelta(days=7), ge=timedelta(minutes=1), le=timedelta(days=365))
    """How long a job's record, its batch and its idempotency key are kept after the job is final."""
    keep_requests: Duration = Field(default=timedelta(days=7), ge=timedelta(0), le=timedelta(days=365))
    """How long failed and uncertain jobs keep their request, so that they can be replayed. At most `keep`."""
    listed_jobs: int = Field(default=100_000, ge=0, le=10_000_000)
    """How many of the newest single jobs of a budget `outbound-chat jobs` lists, at 18 bytes of Redis each; 0: none.
    Set it for all programs that enqueue."""
    find_by_number: bool = False
    """Whether jobs can be found by phone number, through a keyed hash of it. Requires `encryption.keys`."""
