"""Which accounts, Regions and instances belong to the senders of the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from outbound_chat.model.times import in_ms
from outbound_chat_config import Settings, chat_duration


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """An instance of the senders."""

    id: str
    budgets: Sequence[str]
    counts_all: bool
    """Whether its open chats are limited, and those count as well that no job started."""
    chat_ms: int
    """How long its chats last at most, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event comes from, by its envelopes; empty: they don't tell."""

    source: str = ""
    kind: str = ""
    account: str = ""
    region: str = ""
    time: str = ""

    def may_be(self, account: str, region: str) -> bool:
        """Returns whether nothing says that it comes from elsewhere."""
        return self.account in {"", account} and self.region in {"", region}


@dataclass(frozen=True, slots=True)
class KnownSources:
    """Where events may come from."""

    instances: Mapping[tuple[str, str, str], KnownInstance]
    """By account, Region and id."""
    accounts: Mapping[tuple[str, str], Sequence[str]]
    """Budgets by account and Region."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the sources of the settings' senders, from their `source` and `instance_id`."""
        of_instance: dict[tuple[str, str, str], list[str]] = {}
        for name, sender in settings.senders.items():
            _, _, _, region, account, *_ = sender.source.split(":")
            of_instance.setdefault((account, region, sender.instance_id), []).append(name)
        instances, accounts = {}, dict[tuple[str, str], set[str]]()
        count_all = settings.contact_events is not None and settings.contact_events.count_all
        for where, names in of_instance.items():
            senders = [settings.senders[name] for name in names]
            budgets = sorted({sender.budget for sender in senders})
            longest = max((chat_duration(sender) for sender in senders), default=timedelta())
            counts_all = count_all and any(sender.max_open_chats for sender in senders)
            instances[where] = KnownInstance(where[2], budgets, counts_all, in_ms(longest))
            accounts.setdefault(where[:2], set()).update(budgets)
        return cls(instances, {where: sorted(budgets) for where, budgets in accounts.items()})
