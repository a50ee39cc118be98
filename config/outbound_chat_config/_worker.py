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
    """How workers work. Durations in seconds, or ISO 8601 text."""

    threads: int = Field(default=16, ge=1, le=256)
    """Calls that one pump keeps in flight."""
    pumps: int = Field(default=4, ge=2, le=64)
    """Pumps that one worker process runs side by side for one budget; Celery's concurrency is this times the budgets.

    At least two, so that a pump that ends its last calls does not delay its successor.
    """
    connect_timeout: Duration = Field(default=timedelta(seconds=3), gt=timedelta(0), le=timedelta(days=1))
    """Time to connect to AWS."""
    read_timeout: Duration = Field(default=timedelta(seconds=15), gt=timedelta(0), le=timedelta(days=1))
    """Silence of AWS after which a call is cancelled. It bounds each read, not the whole call."""
    lease: Duration = Field(default=timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(days=1))
    """How long a worker keeps a claimed job before another may claim it; renewed while the call runs."""
    slice: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(minutes=5))
    """How long a pump works before it makes room for another."""
    linger: Duration = Field(default=timedelta(seconds=1), ge=timedelta(0), le=timedelta(seconds=5))
    """How long an idle pump waits for the next job before it leaves."""
    redis_timeout: Duration = Field(default=timedelta(seconds=10), ge=timedelta(seconds=1), le=timedelta(seconds=60))
    """Time for a whole call of a worker to Redis, retries included; then the worker makes the call again."""

    @model_validator(mode="after")
    def _calls_end_before_the_lease(self) -> Self:
        if self.connect_timeout + self.read_timeout >= self.lease:
            raise ValueError(
                "lease must be longer than connect_timeout + read_timeout "
                f"({(self.connect_timeout + self.read_timeout).total_seconds():g} s), else a job can be claimed again "
                "while its call still runs; raise lease"
            )
        return self


class RetrySettings(Model):
    """How jobs with temporary failures are retried: full jitter, `random(0, min(cap, base * 2**n))`."""

    max_attempts: int = Field(default=10, ge=1, le=100)
    """Calls for one job. Waiting for pace and provider throttles do not count."""
    base: Duration = Field(default=timedelta(seconds=1), gt=timedelta(0), le=TOKEN_HORIZON)
    """Longest wait before the second attempt; doubles from attempt to attempt."""
    cap: Duration = Field(default=timedelta(minutes=10), gt=timedelta(0), le=TOKEN_HORIZON)
    """Longest wait before any attempt."""

    @model_validator(mode="after")
    def _tokens_outlive_the_retries(self) -> Self:
        # In numbers: a timedelta overflows where the doubling goes far beyond the cap.
        base, cap = self.base.total_seconds(), self.cap.total_seconds()
        longest = sum(min(cap, base * 2**n) for n in range(self.max_attempts - 1))
        if longest > TOKEN_HORIZON.total_seconds():
            raise ValueError(
                f"would retry for up to {longest / 86_400:.1f} days, but the token that keeps a repeat "
                "from texting the customer twice is valid for 7; lower max_attempts or cap"
            )
        return self


class ResultSettings(Model):
    """How long Redis keeps the results of jobs."""

    keep: Duration = Field(default=timedelta(days=7), ge=timedelta(minutes=1), le=timedelta(days=365))
    """Life of a job's record, and of its batch and idempotency key, after the job is final."""
    keep_requests: Duration = Field(default=timedelta(days=7), ge=timedelta(0), le=timedelta(days=365))
    """How long failed and uncertain jobs keep their request, so that they can be replayed; at most `keep`."""
    listed_jobs: int = Field(default=100_000, ge=0, le=10_000_000)
    """Newest single jobs of a budget that `outbound-chat jobs` lists, 18 bytes of Redis each; 0: none. Give it to all
    programs that enqueue."""
    find_by_number: bool = False
    """Whether jobs are found by phone number, by a keyed hash of it. It needs `encryption.keys`."""
