"""The parts of a worker process: settings, store, and Connect. They are created once per process, after any fork."""

import hashlib
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import StoreError, StoreUnavailable
from outbound_chat.model.times import in_ms
from outbound_chat.notices import Notices
from outbound_chat.request import ChatRequest, codec
from outbound_chat.request.codec import UnreadableRequest
from outbound_chat.store import ACCESS, Keys, Store, scripts
from outbound_chat_config import Sender, Settings, callback_host, load_settings
from outbound_chat_worker.clock_skew import ClockSkew
from outbound_chat_worker.connect import UNANSWERED, Connect
from outbound_chat_worker.pump import sentences
from outbound_chat_worker.pump.durations import Durations
from outbound_chat_worker.pump.retry import judge

logger = logging.getLogger(__name__)

stopping = threading.Event()
"""Set when this process should stop: pumps claim no more jobs and end after their calls in flight."""


class Runtime:
    """The parts of a worker process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cipher = RequestCipher(settings.encryption)
        self.store = Store.from_settings(settings, seconds=settings.worker.redis_timeout.total_seconds())
        self.connect = Connect(settings.worker, budgets=len(settings.budgets))
        self.clock = ClockSkew()
        self.durations: defaultdict[str, Durations] = defaultdict(Durations)
        """Measurements of the process, by budget."""
        self.notices = Notices(logger)
        self._warned_newer: set[str] = set()
        self.shared_request = lru_cache(maxsize=256)(self._read_shared_request)
        """Reads the part of the request that the jobs of a batch share, by budget and batch."""

    def _read_shared_request(self, budget: str, batch: str) -> ChatRequest:
        shared = self.store.run(scripts.read_shared(self.store.keys(budget), batch))
        if shared is None:
            # Without the shared part, customers would get only a part of their message, or none.
            raise UnreadableRequest("what the rows of its batch share is missing, or another program overwrote it")
        return codec.decode(self.cipher, shared)

    def prepare_clients(self, budget: str) -> None:
        """Creates the clients of the budget's senders, so that claimed jobs need not wait for them."""
        for name, sender in self.settings.senders.items():
            if sender.budget == budget:
                try:
                    self.connect.prepare(sender)
                except Exception as error:  # noqa: BLE001  # logged, with its traceback if it is no known one
                    # Profiles may name programs and files of any kind: one that fails must not stop other senders.
                    sentence = sentences.of_sender(judge(error, left=False))
                    is_ours = not isinstance(error, UNANSWERED) or isinstance(error, AttributeError | TypeError)
                    self.notices.note(f"sender {name}", f"sender {name}: {sentence}", error=error if is_ours else None)

    def store_failed(self, budget: str, error: StoreError) -> None:
        """Logs that Redis failed to do something for the budget. The caller tries again."""
        everywhere = isinstance(error, StoreUnavailable) and not self.store.clustered
        self.notices.note("redis" if everywhere else f"redis {budget}", f"{error}; jobs wait until Redis works")

    def store_works(self, *budgets: str) -> None:
        """Logs that Redis works again, if there was a problem. Call it only if `notices.open`."""
        for subject in ("redis", *(f"redis {budget}" for budget in budgets)):
            self.notices.over(subject, "Redis works again")

    def settings_version(self, budget: str) -> str:
        """Short hash of the budget's settings, which differs between workers with different files."""
        what = (self._budget_settings(budget), self.cipher.key_ids)
        return hashlib.sha256(repr(what).encode()).hexdigest()[:12]

    def configure(self, budget: str) -> str:
        """Writes the budget's settings to the store; returns the previous version, empty if there was none."""
        settings = self._budget_settings(budget)
        call = scripts.configure(self.keys(budget), version=self.settings_version(budget), **settings)
        before = self.store.run(call)
        try:
            self.store.run(scripts.note_budgets(self.keys(ACCESS), [budget]))
        except StoreError as error:
            # On a cluster another node has that key, and a budget works without it.
            logger.warning("budget %s: could not record that it is in use: %s", budget, error)
        return before

    def _budget_settings(self, budget: str) -> dict[str, Any]:
        chosen, senders = self.settings.budgets[budget], self.settings.senders
        return {
            "rate": chosen.own_rate,
            "burst": chosen.own_burst,
            "max_pumps": chosen.max_pumps,
            "keep_ms": in_ms(self.settings.results.keep),
            "keep_requests_ms": in_ms(self.settings.results.keep_requests),
            # Those of other budgets too: a sender that moved keeps its limits for the jobs that wait in its old budget.
            "senders": {name: _limits(sender, senders, self.cipher.mark_form) for name, sender in senders.items()},
            "weights": chosen.weights,
            "contacts": self.settings.contact_events is not None,
        }

    def warn_newer_version(self, budget: str, jobs: int) -> None:
        """Warns once that jobs of the budget were written by a newer version."""
        if jobs and budget not in self._warned_newer:
            self._warned_newer.add(budget)
            logger.warning(
                "budget %s: %d due jobs were written by a newer version of outbound-chat and are left to its workers; "
                "upgrade this one. This is logged once",
                budget,
                jobs,
            )

    def keys(self, budget: str) -> Keys:
        """The names of the budget's keys."""
        return self.store.keys(budget)


def _limits(sender: Sender, senders: Mapping[str, Sender], mark_form: str) -> dict[str, Any]:
    """Returns what the scripts need to know of a sender, without limits that are not set."""
    caps = [[cap.contacts, in_ms(cap.window)] for cap in sender.recipient_caps]
    limits: dict[str, Any] = {
        "per_recipient": caps or None,
        "over_cap": sender.over_cap if caps else None,
        "mark_form": mark_form if caps else None,
        "number_rate": sender.number_rate,
        "concurrency": sender.concurrency,
        "max_chats": sender.max_open_chats,
        "hooks": callback_host(sender.callback_url.get_secret_value()) if sender.callback_url else None,
    }
    peers = [name for name, other in senders.items() if other.instance_id == sender.instance_id]
    return {
        "instance": sender.instance_id,
        "number": sender.number,
        "peers": peers,
        **{name: limit for name, limit in limits.items() if limit is not None},
    }


_runtime: Runtime | None = None
_lock = threading.Lock()


def get_runtime() -> Runtime:
    """Returns the runtime of this process. The first call loads the settings.

    Raises:
        SettingsError: the settings can't be used.
    """
    global _runtime  # noqa: PLW0603  # one a process is the point
    with _lock:
        if _runtime is None:
            _runtime = Runtime(load_settings())
        return _runtime


def _forget_after_fork() -> None:
    global _runtime, _lock  # a child must not use its parent's connections or a lock in use
    _runtime, _lock = None, threading.Lock()
    stopping.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
