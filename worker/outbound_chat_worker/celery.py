"""The Celery app: `celery -A outbound_chat_worker worker`.

Celery runs the processes, their pools and their shutdown, and carries wake-ups. Each setting below was chosen by
measuring; `docs/celery.md` has the reasons.
"""

import atexit
import threading
from functools import partial
from typing import Any

import click
from celery import bootsteps
from celery.signals import worker_process_init, worker_shutting_down

from outbound_chat_config import SentinelAddress, Settings, load_settings
from outbound_chat_worker.isolated_celery import ApartApp
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.runtime import get_runtime, stopping
from outbound_chat_worker.waker.waker import Waker

QUEUE = "outbound-chat"
PUMP_TASK = "outbound_chat.pump"
WEBHOOKS_TASK = "outbound_chat.webhooks"
TURN_SECONDS = 0.1


def _configuration() -> dict[str, Any]:
    """Celery's configuration from our settings, read when the app is first used and not on import."""
    settings = load_settings()
    sentinel = settings.broker_sentinel
    on_redis = settings.broker.startswith("redis") or sentinel is not None
    return {
        "broker_url": settings.broker,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        # Says nothing without it, and a warning of seven lines at each loss. Of no effect: no task acknowledges late.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_transport_options": {
            **(_redis_transport(settings.key_prefix) if on_redis else {}),
            # Else a pump leaves in the belief that a successor comes, while its message waits in a socket.
            **({"confirm_publish": True} if settings.broker.startswith(("amqp", "pyamqp")) else {}),
            **(_sentinel_transport(sentinel) if sentinel else {}),
        },
        **({"broker_use_ssl": dict(sentinel.tls)} if sentinel and sentinel.tls is not None else {}),
        # A queue and exchanges of our own: on a shared broker each program would eat the other's messages.
        "task_default_queue": QUEUE,
        "control_exchange": f"{QUEUE}-control",
        # RabbitMQ refuses an exclusive queue as long as a worker of that name has it: a twin, or its own lost self.
        "control_queue_exclusive": False,
        "event_exchange": f"{QUEUE}-events",
        "event_queue_prefix": f"{QUEUE}-events",
        # Messages are wake-ups: one that is lost is sent again by a waker, so none needs an acknowledgement or result.
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        # Else a worker that is busy keeps one message more, which was meant for one that is idle.
        "worker_disable_prefetch": on_redis,
        "worker_pool": "threads",
        "worker_concurrency": slots(settings),
        "worker_send_task_events": False,
    }


def slots(settings: Settings) -> int:
    """Tasks that a process runs side by side: the pumps of each budget, and a courier where there may be one."""
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
        # Quick: a sentinel that is away must not hold up the others.
        "sentinel_kwargs": {"socket_connect_timeout": 1, "socket_timeout": 1, **address.sentinel_login, **tls},
    }


app = ApartApp("outbound-chat", include=["outbound_chat_worker.tasks"])
app.add_defaults(_configuration)


def _send(budget: str, nonce: str, task: str = PUMP_TASK) -> None:
    with app.producer_or_acquire() as producer:
        try:
            options = {"queue": QUEUE, "ignore_result": True, "retry": False, "producer": producer}
            app.send_task(task, args=[budget, nonce], **options)
        except Exception:
            # A connection may stand and yet be of no use: after a failover it leads to what is a replica now.
            producer.connection.collect()
            raise


def _work(budget: str, nonce: str, task: str = PUMP_TASK) -> None:
    app.tasks[task](budget, nonce)


publisher = PumpPublisher(_send, _work)
"""The way of this process to more pumps."""
courier_publisher = PumpPublisher(partial(_send, task=WEBHOOKS_TASK), partial(_work, task=WEBHOOKS_TASK))
"""The same to couriers: a thread of its own, so that no pump waits for one."""
threads_pool = threading.Event()
"""Set where tasks run in threads of one process, so that a courier takes no pump's place and hears of the end."""
# The successor of a pump that ended with the process is asked for last of all.
atexit.register(publisher.drain)


def _turn() -> None:
    """Makes the worker's loop turn, and look whether it may take another message."""


class WakerStep(bootsteps.StartStopStep):
    """Runs the waker in the worker's main process.

    A step of the *worker* blueprint: steps of the consumer start anew at each reconnect to the broker.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, parent: Any, **options: Any) -> None:
        """Refuses options by which a worker would send nothing, end, or kill pumps in the middle of their calls."""
        for name, limit in (("--time-limit", parent.time_limit), ("--soft-time-limit", parent.soft_time_limit)):
            if limit:
                raise click.UsageError(f"{name} would end calls in progress; leave it out: calls have time-outs")
        if QUEUE not in parent.app.amqp.queues.consume_from:
            raise click.UsageError(f"this worker takes nothing from the queue {QUEUE}; leave out -Q and -X")
        if parent.autoscale and not hasattr(parent.pool_cls, "grow"):
            raise click.UsageError("--autoscale needs a pool that can grow; leave it out, or add --pool processes")
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        """Starts the waker once the pool stands, so that no thread of it is carried over a fork."""
        parent.outbound_chat_waker = Waker(
            get_runtime(),
            publisher,
            courier_publisher,
            node=parent.hostname,
            connected=lambda: parent.consumer.connection is not None,
        )
        parent.outbound_chat_waker.start()
        if parent.pool_cls.__module__ == "celery.concurrency.thread":
            threads_pool.set()
        # A worker whose slots were all taken sees that one is free only when its loop turns, by itself once a second.
        parent.timer.call_repeatedly(TURN_SECONDS, _turn)

    def stop(self, parent: Any) -> None:
        """Ends the waker with the worker."""
        parent.outbound_chat_waker.stop()

    def terminate(self, parent: Any) -> None:
        """As `stop`: a cold shutdown leaves no thread behind either."""
        self.stop(parent)


app.steps["worker"].add(WakerStep)


@worker_shutting_down.connect(weak=False)
def _stop_pumps(**_: object) -> None:
    """Pumps of this process end with the calls they have in flight; those of a prefork child end with their slice."""
    stopping.set()


@worker_process_init.connect(weak=False)
def _prepare_child(**_: object) -> None:
    """Makes the clients of a prefork child before its first pump: those who took over for a dead one waited for them.

    In a thread, since Celery kills a child that needs more than 4 s to begin.
    """
    threading.Thread(target=_prepare_clients, name="preparing", daemon=True).start()


def _prepare_clients() -> None:
    runtime = get_runtime()
    for budget in runtime.settings.budgets:
        runtime.prepare_clients(budget)
