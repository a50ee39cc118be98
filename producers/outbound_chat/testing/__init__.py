"""For tests of applications: the real client on a Redis in memory, without a server and a worker.

    def test_a_customer_is_told(chat):  # a fixture of pytest that comes with the package
        ship(order)
        assert chat.enqueued[0].to == "+12025550123"

It needs the extra `testing`. Checks and storage are those of production, down to the scripts; only pace, quotas and
Amazon Connect are missing. See docs/howto/test-your-application.md.

Each name is loaded when it is first used, since pytest imports this package in every run.
"""

import importlib

TYPE_CHECKING = False  # as that of `typing`
if TYPE_CHECKING:
    from outbound_chat.testing._chat import InMemoryOutboundChat
    from outbound_chat.testing._clock import Clock
    from outbound_chat.testing._jobs import EnqueuedJob, make_job, make_sender
    from outbound_chat.testing._replacing import in_memory

__all__ = ["Clock", "EnqueuedJob", "InMemoryOutboundChat", "in_memory", "make_job", "make_sender"]


def __dir__() -> list[str]:
    return [*__all__]


if not TYPE_CHECKING:  # else a type checker would accept every name

    def __getattr__(name: str) -> object:
        for home in ("_clock", "_jobs", "_chat", "_replacing"):
            if name in __all__ and hasattr(module := importlib.import_module(f"{__name__}.{home}"), name):
                return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
