"""The store in memory: fakeredis runs the real scripts, by a clock that the test moves."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from outbound_chat.model.jobs import Job
from outbound_chat.model.times import in_ms
from outbound_chat.store import Keys, ScriptCall, Store, scripts
from outbound_chat.testing._clock import Clock

_START = datetime(1970, 1, 1, tzinfo=UTC)

OnAccepted = Callable[[Keys, Job, str, str], None]
"""Receives each accepted job, its stored request, and what the rows of its batch share; empty without a batch."""

_OF_WORKERS = {"why", "read_budget"}
"""Scripts that report what the workers do."""

_MANY = 99


class MemoryStore(Store):
    """The store of all clients in memory."""

    def __init__(self, prefix: str, clock: Clock, on_accepted: OnAccepted, maintain: Callable[[], None]) -> None:
        super().__init__("redis://in-memory", prefix, _fake_redis(clock))
        self._on_accepted = on_accepted
        self._maintain = maintain
        self._accepted = set[str]()

    def _send(self, call: ScriptCall[Any]) -> Any:
        if call.script in _OF_WORKERS:
            self._maintain()
        reply = super()._send(replace(call, then=()))
        if requests := scripts.requests_of(call):
            self._note(call.keys, requests)
        if call.then:
            # These wait for disk and replicas; memory is as safe as they are.
            return [[reply[0], _MANY], *([1, _MANY] if command[0] == "WAITAOF" else _MANY for command in call.then)]
        return reply

    def _note(self, keys: Keys, requests: dict[str, str]) -> None:
        jobs = self.run(scripts.read_jobs(keys, list(requests)))
        # Of one batch, if they are rows.
        batches = {job.batch_id.rpartition(".")[2] for job in jobs.values() if job.batch_id}
        shared = "".join(self.run(scripts.read_shared(keys, batch)) or "" for batch in batches)
        for local_id, job in jobs.items():
            if job.id not in self._accepted:
                self._accepted.add(job.id)
                self._on_accepted(keys, job, requests[local_id], shared)

    def age(self, by: timedelta) -> None:
        """Shortens all lifetimes, which Redis counts by itself."""
        for key in list(self.redis.scan_iter()):
            if (left_ms := self.redis.pttl(key)) > 0:
                self.redis.pexpire(key, left_ms - in_ms(by))


def _fake_redis(clock: Clock) -> Any:
    """Raises ModuleNotFoundError if the extra is not installed."""
    try:
        import fakeredis  # noqa: PLC0415  # only where it is used

        importlib.import_module("lupa")  # fakeredis fails much later without it
    except ModuleNotFoundError as error:
        message = "a client in memory needs fakeredis with Lua; run: pip install 'outbound-chat[testing]'"
        raise ModuleNotFoundError(message, name=error.name) from None

    class Connection(fakeredis.FakeRedisConnection):
        def _connect(self) -> Any:
            # It runs a command by the method of its name.
            socket: Any = super()._connect()
            fields = socket.hrandfield

            def hrandfield(key: Any, *count: Any) -> Any:
                found = fields(key, *count)
                # Redis answers with one field, and not with a list of it, where no count is given.
                return found[0] if isinstance(found, list) and not count else found

            def time() -> list[bytes]:
                # Seconds, and microseconds of the next.
                seconds, micros = divmod((clock.now() - _START) // timedelta(microseconds=1), 1_000_000)
                return [b"%d" % seconds, b"%d" % micros]

            socket.time, socket.hrandfield = time, hrandfield
            return socket

    return fakeredis.FakeRedis(
        server=fakeredis.FakeServer(version=(7,)), connection_class=Connection, decode_responses=True
    )
