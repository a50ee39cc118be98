"""The Celery app: `celery -A outbound_chat_worker worker`.

Celery runs the processes, their pools and their shutdown, and delivers wake-ups. Each setting below was chosen by
measurement; `docs/celery.md` has the reasons.
"""

import atexit
import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import click
from celery import bootsteps
from celery.exceptions import SecurityWarning
from celery.signals import after_setup_logger, celeryd_init, worker_process_init, worker_shutting_down

from outbound_chat.notices import Notices
from outbound_chat_config import SentinelAddress, Settings, SettingsError, load_settings
from outbound_chat_worker import celery_logs
from outbound_chat_worker.isolated_celery import ApartApp
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.runtime import Runtime, get_runtime, stopping
from outbound_chat_worker.waker.waker import Waker

QUEUE = "outbound-chat"
PUMP_TASK = "outbound_chat.pump"
WEBHOOKS_TASK = "outbound_chat.webhooks"
TURN_SECONDS = 0.1


def _configuration() -> dict[str, Any]:
    """Returns Celery's configuration from our settings, which are read when the app is first used, not on import."""
    settings = _settings()
    sentinel = settings.broker_sentinel
    on_redis = settings.broker.startswith("redis") or sentinel is not None
    return {
        "broker_url": settings.broker,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        # Only avoids a warning of seven lines at each loss: no task acknowledges late.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_transport_options": {
            **(_redis_transport(settings.key_prefix) if on_redis else {}),
            # Else a pump leaves although the message for its successor still waits in a socket.
            **({"confirm_publish": True} if settings.broker.startswith(("amqp", "pyamqp")) else {}),
            **(_sentinel_transport(sentinel) if sentinel else {}),
        },
        **({"broker_use_ssl": dict(sentinel.tls)} if sentinel and sentinel.tls is not None else {}),
        # A queue and exchanges of our own: on a shared broker programs would consume each other's messages.
        "task_default_queue": QUEUE,
        "control_exchange": f"{QUEUE}-control",
        # RabbitMQ refuses an exclusive queue while a worker of that name has it: a twin, or its own lost connection.
        "control_queue_exclusive": False,
        "event_exchange": f"{QUEUE}-events",
        "event_queue_prefix": f"{QUEUE}-events",
        # Messages are wake-ups: a waker sends a lost one again, so none needs an acknowledgement or result.
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        # Else a busy worker would hold back a message that an idle one could take.
        "worker_disable_prefetch": on_redis,
        "worker_pool": "threads",
        "worker_concurrency": slots(settings),
        "worker_send_task_events": False,
    }


def _settings() -> Settings:
    """Loads the settings. If that fails in a command of Celery, the command ends with the reason."""
    try:
        return load_settings()
    except SettingsError as error:
        if click.get_current_context(silent=True):
            raise click.UsageError(str(error)) from error
        raise


def slots(settings: Settings) -> int:
    """Returns how many tasks a process runs at once: the pumps of each budget, and its courier if there is a secret."""
    return (settings.worker.pumps + bool(settings.webhooks.secrets)) * len(settings.budgets)


def _redis_transport(prefix: str) -> dict[str, Any]:
    return {
        # Kombu's emulation of acknowledgements loses messages when a process is killed, and can end the worker when
        # Redis restarts.
        "ack_emulation": False,
        "global_keyprefix": f"{prefix}:celery:",
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def _sentinel_transport(address: SentinelAddress) -> dict[str, Any]:
    tls = {"ssl": True, **address.tls} if address.tls is not None else {}
    return {
        "master_name": address.service,
        # Short, so that a sentinel that is down does not delay the others.
        "sentinel_kwargs": {"socket_connect_timeout": 1, "socket_timeout": 1, **address.sentinel_login, **tls},
    }


_notices = Notices(logging.getLogger(__name__))
app = ApartApp("outbound-chat", include=["outbound_chat_worker.tasks"])
app.add_defaults(_configuration)


def _send(budget: str, nonce: str, task: str = PUMP_TASK) -> None:
    with app.producer_or_acquire() as producer:
        try:
            options = {"queue": QUEUE, "ignore_result": True, "retry": False, "producer": producer}
            app.send_task(task, args=[budget, nonce], **options)
        except Exception:
            # A connection may be open but useless: after a failover it leads to a server that is a replica now.
            producer.connection.collect()
            raise


def _work(budget: str, nonce: str, task: str = PUMP_TASK) -> None:
    app.tasks[task](budget, nonce)


publisher = PumpPublisher(_send, _work)
"""Requests pumps for this process."""
courier_publisher = PumpPublisher(partial(_send, task=WEBHOOKS_TASK), partial(_work, task=WEBHOOKS_TASK))
"""Requests couriers, in a separate thread, so that no pump waits for one."""
threads_pool = threading.Event()
"""Set if tasks run in threads of one process: then a courier takes no slot of a pump, and sees `stopping`."""
# A pump that ends with the process requests its successor last of all.
atexit.register(publisher.drain)


class WakerStep(bootsteps.StartStopStep):
    """Runs the waker in the worker's main process.

    It is a step of the *worker* blueprint, since steps of the consumer restart at each reconnect to the broker.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, parent: Any, **options: Any) -> None:
        """Refuses options with which a worker would send nothing, end, or kill pumps during their calls."""
        for name, limit in (("--time-limit", parent.time_limit), ("--soft-time-limit", parent.soft_time_limit)):
            if limit:
                raise click.UsageError(f"{name} would interrupt calls in progress; leave it out: calls have timeouts")
        if QUEUE not in parent.app.amqp.queues.consume_from:
            raise click.UsageError(f"this worker does not consume the queue {QUEUE}; leave out -Q and -X")
        if parent.autoscale and not hasattr(parent.pool_cls, "grow"):
            raise click.UsageError("--autoscale needs a pool that can grow; leave it out or add --pool processes")
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        """Starts the waker after the pool, so that forks don't copy its threads. The base class stops it."""
        self.obj = Waker(
            get_runtime(),
            publisher,
            courier_publisher,
            node=parent.hostname,
            connected=lambda: parent.consumer.connection is not None,
        )
        self.obj.start()
        if parent.pool_cls.__module__ == "celery.concurrency.thread":
            threads_pool.set()
        # A full worker notices a free slot only when its loop turns, which by itself it does once a second.
        parent.timer.call_repeatedly(TURN_SECONDS, lambda: None)


class ThreadsStep(bootsteps.StartStopStep):
    """Runs what else the settings want in threads of the worker's main process: contact events and opt-out lists."""

    requires = ("celery.worker.components:Pool",)
    parts: Sequence[Any] = ()

    def start(self, parent: Any) -> None:  # noqa: ARG002  # given by Celery
        """Starts the threads after the pool, so that forks don't copy them."""
        self.parts = tuple(_parts(get_runtime()))
        for part in self.parts:
            part.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # given by Celery
        """Stops them, one after the other."""
        for part in self.parts:
            part.stop()


def _parts(runtime: Runtime) -> Iterator[Any]:
    """Yields what looks for lost ends, reads contact events and reads opt-out lists; each is imported if it is used."""
    settings = runtime.settings
    wanted = settings.contact_events
    if wanted and any(sender.max_open_chats for sender in settings.senders.values()):
        from outbound_chat_worker.contact_events.lost_ends import LostEnds  # noqa: PLC0415

        yield LostEnds(runtime, wanted)
    if wanted and wanted.queue_url:
        from outbound_chat_worker.contact_events.poller import QueuePoller  # noqa: PLC0415

        yield QueuePoller(runtime, wanted)
    if every := settings.opt_outs.every:
        from outbound_chat_worker.opt_outs.schedule import OptOutSchedule  # noqa: PLC0415

        yield OptOutSchedule(runtime, every)


class BrokerStep(bootsteps.StartStopStep):
    """Logs that the broker is reachable again: a step of the *consumer* starts at each connection."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, parent: Any) -> None:  # noqa: ARG002  # given by Celery
        """Ends the warning that `_note_broker` began."""
        _notices.over("broker", "Celery's broker is reachable again")


app.steps["worker"].update({WakerStep, ThreadsStep})
app.steps["consumer"].add(BrokerStep)
celeryd_init.connect(celery_logs.begin, weak=False)


@celeryd_init.connect(weak=False)
def _allow_root(**_: object) -> None:
    """Omits Celery's warning to root: it is about pickled messages, which our workers don't accept."""
    warnings.filterwarnings("ignore", category=SecurityWarning)


@after_setup_logger.connect(weak=False)
def _leave_out_messages(loglevel: int, **_: object) -> None:
    """Omits Celery's two lines for each message: a pump logs what it did."""
    if loglevel > logging.DEBUG:
        for name in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_note_broker)


def _note_broker(record: logging.LogRecord) -> bool:
    """Replaces the lines that Celery logs at each of its endless attempts to reach the broker."""
    if not (isinstance(record.args, tuple) and str(record.msg).startswith("consumer: Cannot connect to")):
        return True
    where, error, *_ = record.args
    fix = "check broker_url, or redis_url if it is not set; retrying"
    _notices.note("broker", f"Celery's broker can't be reached at {where}: {str(error).rstrip('.')}; {fix}")
    return False


@worker_shutting_down.connect(weak=False)
def _stop_pumps(**_: object) -> None:
    """Makes the pumps of this process end with their calls in flight. Those of a prefork child end with their slice."""
    stopping.set()


@worker_process_init.connect(weak=False)
def _prepare_child(**_: object) -> None:
    """Creates the clients of a prefork child before its first pump, which would otherwise wait for them.

    It does so in a thread, since Celery kills a child that takes more than 4 s to start.
    """
    threading.Thread(target=_prepare_clients, name="preparing", daemon=True).start()


def _prepare_clients() -> None:
    runtime = get_runtime()
    for budget in runtime.settings.budgets:
        runtime.prepare_clients(budget)
