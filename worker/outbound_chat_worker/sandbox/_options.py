"""Options of a sandbox, and their JSON form for its child process and for changes while it runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from pydantic import TypeAdapter, ValidationError

from outbound_chat_worker.sandbox._faults import Fault

KEEP = 10_000
"""Messages that the inbox keeps where `keep` says nothing; `keep` of the commands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOptions:
    """Options of a sandbox. The defaults are the quotas of a new AWS account.

    Quotas: https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free port, chosen by the operating system."""
    rate: float | None = 2.0
    """Calls a second of one access key id and Region, which stand for an account and Region; None: unlimited."""
    burst: int = 5
    """Calls that may come at once after a quiet time."""
    max_chats: int = 500
    """Open chats that an InstanceId may have."""
    latency: timedelta = timedelta(0)
    """Delay of every answer; the contact has started by then."""
    verify_signatures: bool = True
    """False: only the shape of the Authorization header is checked: not the key, the signature or the date."""
    quotas_denied: bool = False
    """True: Service Quotas refuses to answer, as it does when the policy lacks `servicequotas:GetServiceQuota`."""
    seed: int = 0
    """Seed of the draw that decides which calls a fault strikes."""
    faults: tuple[Fault, ...] = ()
    """Faults; the first that applies to a call strikes."""
    keep: int | None = None
    """Of so many contacts and calls numbers and texts are kept, at times of twice as many; None: of all."""
    log_calls: bool = False
    """True: the child process of `running_sandbox` writes a line for each call to standard error."""

    def __post_init__(self) -> None:
        """Raises `ValueError` with a sentence for an invalid value."""
        if self.rate is not None and not self.rate > 0:
            raise ValueError("rate is above 0 calls a second, or None for no limit")
        if self.burst < 1:
            raise ValueError("burst is at least 1 call")
        if self.max_chats < 0:
            raise ValueError("max_chats is not negative")
        if self.latency < timedelta(0):
            raise ValueError("latency is not negative")
        if self.keep is not None and self.keep < 1:
            raise ValueError("keep is at least 1")

    def changed(self, changes: dict[str, Any]) -> "SandboxOptions":
        """Returns these options with `changes` as JSON; raises `ValueError` for what can't change while running."""
        known = SandboxChanges.__annotations__.keys()
        if unknown := changes.keys() - known:
            raise ValueError(f"{', '.join(sorted(unknown))} can't be changed; what can: {', '.join(known)}")
        try:
            return OPTIONS_AS_JSON.validate_python({**OPTIONS_AS_JSON.dump_python(self, mode="json"), **changes})
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
            raise ValueError("; ".join(faults)) from None


class SandboxChanges(TypedDict, total=False):
    """What `SandboxClient.configure` can change while a sandbox runs."""

    rate: float | None
    burst: int
    max_chats: int
    latency: timedelta
    quotas_denied: bool
    faults: tuple[Fault, ...]


OPTIONS_AS_JSON = TypeAdapter(SandboxOptions)
"""Options to JSON and back."""
