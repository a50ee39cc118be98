"""Options of a sandbox, with their JSON form for its child process and for changes while it runs."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypedDict

from pydantic import ConfigDict, TypeAdapter, ValidationError

from outbound_chat_worker.sandbox._faults import Fault, read_pairs, seconds

KEEP = 10_000
"""Messages that the inbox keeps by default, and default of `keep` in the commands."""
_HEADER = re.compile(r"[!-9;-~]+: *[!-~][ -~]*")
_SHARES = ("late", "doubled", "swapped", "lost")


@dataclass(frozen=True, kw_only=True, slots=True)
class EventOptions:
    """How a sandbox reports the starts and ends of its chats. Shares are from 0 to 1, drawn with the `seed`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    late: float = 0.0
    """Share of the starts and ends that are reported `delay` later."""
    doubled: float = 0.0
    """Share that is reported again, `delay` later."""
    delay: timedelta = timedelta(seconds=5)
    swapped: float = 0.0
    """Share of the chats whose events come in the opposite order, all at the end."""
    lost: float = 0.0
    """Share of the starts and ends that are never reported."""
    url: str | None = None
    """Each event is posted to this address too, until it is accepted, as by an API destination of EventBridge."""
    header: str | None = field(default=None, repr=False)
    """A header for these requests, such as `Authorization: Bearer oc_…`."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "EventOptions":
        """Reads options from texts such as `lost=0.02`. Raises `ValueError` with a sentence for an invalid one."""
        shares: dict[str, Callable[[str], object]] = dict.fromkeys(_SHARES, float)
        return cls(**read_pairs(texts, shares | {"delay": seconds, "url": str, "header": str}, "an event"))

    def __post_init__(self) -> None:
        """Raises `ValueError` with a sentence for an invalid value."""
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1")
        if self.delay < timedelta(0):
            raise ValueError("delay must not be negative")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("url must begin with http:// or https://")
        if self.header is not None and not _HEADER.fullmatch(self.header):
            raise ValueError("header must be like 'Authorization: Bearer oc_…'")


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOptions:
    """Options of a sandbox. The defaults are the quotas of a new AWS account.

    Quotas: https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free port, chosen by the operating system."""
    rate: float | None = 2.0
    """Calls per second of an access key id and Region, which represent an account and Region; None: all operations are
    unlimited."""
    burst: int = 5
    """Calls that may come at once after a pause."""
    max_chats: int = 500
    """Open chats that an InstanceId may have."""
    chat_seconds: tuple[float, float] | None = None
    """Each chat ends by itself after a time that is drawn between these two; None: after its duration."""
    answered: float = 0.0
    """Share of the chats in which the customer answers."""
    events: EventOptions | None = None
    """How contact events are delivered; None: there are none."""
    events_shut: bool = False
    """True: nobody gets an event, and none is lost. The queue refuses calls."""
    latency: timedelta = timedelta(0)
    """Delay of every answer; the contact has started by then."""
    verify_signatures: bool = True
    """False: only the form of the Authorization header is checked, not the key, the signature or the date."""
    quotas_denied: bool = False
    """True: Service Quotas refuses to answer, as if the policy lacks `servicequotas:GetServiceQuota`."""
    seed: int = 0
    """Seed of the random draw of calls with faults."""
    faults: tuple[Fault, ...] = ()
    """Faults. The first one that applies to a call has its effect."""
    keep: int | None = None
    """Contacts and calls whose numbers and texts are kept, at times twice as many; messages in a queue. None: all."""
    log_calls: bool = False
    """True: the child process of `running_sandbox` writes a line per call to standard error."""

    def __post_init__(self) -> None:
        """Raises `ValueError` with a sentence for an invalid value."""
        if self.rate is not None and not self.rate > 0:
            raise ValueError("rate must be above 0 calls per second, or None for no limit")
        if self.burst < 1:
            raise ValueError("burst must be at least 1 call")
        if self.chat_seconds and not 0 <= self.chat_seconds[0] <= self.chat_seconds[1]:
            raise ValueError("chat_seconds must be two numbers of seconds, the smaller one first")
        if not 0 <= self.answered <= 1:
            raise ValueError("answered must be from 0 to 1")
        if self.max_chats < 0:
            raise ValueError("max_chats must not be negative")
        if self.latency < timedelta(0):
            raise ValueError("latency must not be negative")
        if self.keep is not None and self.keep < 1:
            raise ValueError("keep must be at least 1")

    def changed(self, changes: dict[str, Any]) -> "SandboxOptions":
        """Returns these options with `changes` in JSON form; raises `ValueError` for options that can't be changed."""
        known = SandboxChanges.__annotations__.keys()
        if unknown := changes.keys() - known:
            raise ValueError(f"{', '.join(sorted(unknown))} can't be changed; use only: {', '.join(known)}")
        try:
            return OPTIONS_AS_JSON.validate_python({**OPTIONS_AS_JSON.dump_python(self, mode="json"), **changes})
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
            raise ValueError("; ".join(faults)) from None


class SandboxChanges(TypedDict, total=False):
    """Options that `SandboxClient.configure` can change while a sandbox runs."""

    rate: float | None
    burst: int
    max_chats: int
    chat_seconds: tuple[float, float] | None
    answered: float
    events: EventOptions | None
    events_shut: bool
    latency: timedelta
    quotas_denied: bool
    faults: tuple[Fault, ...]


OPTIONS_AS_JSON = TypeAdapter(SandboxOptions)
"""Options to JSON and back."""
