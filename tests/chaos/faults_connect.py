"""Connect answers late, wrongly, by half or not at all; or shows a wrong certificate."""

import tempfile
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from outbound_chat_worker.sandbox import Fault as Answer, FaultKind
from tests.support.harness import sender
from tests.support.proxy import running_proxy
from tests.support.tls import make_certificates

from .faults import Fault
from .rig import Rig, RigOptions

KIND = "connect"
PROMISE = 5.0
FIRST_PROBES = 20.0
"""A hold by the system is probed after 5 s, and after 10 s more if that one fails."""
LASTS = 3.0
# Some causes strike the same job again and again, which is no reason to give it up here.
_RETRY: Mapping[str, Any] = {"base": 0.05, "cap": 1.0, "max_attempts": 60}


def patient(_: Rig) -> Mapping[str, Any]:
    """Changes to the settings."""
    return {"retry": dict(_RETRY)}


PROXIED = RigOptions(proxied=True, extend=patient)


def answers(rig: Rig, kind: FaultKind, share: float, delay: timedelta | None) -> None:
    rig.sandbox.configure(faults=(Answer(kind, share=share, delay=delay),))
    rig.last(LASTS)
    rig.calm()


def _answers(kind: FaultKind, share: float = 0.7, *, delay: timedelta | None = None, promise: float = PROMISE) -> Fault:
    strike = partial(answers, kind=kind, share=share, delay=delay)
    strike.__doc__ = f"{share:.0%} of the calls within {LASTS:g} s meet the sandbox's fault `{kind}`."
    return Fault(name=kind.replace("_", "-"), kind=KIND, strike=strike, promise=promise, rig=PROXIED, share=2)


# --- TLS ---

_folder = tempfile.TemporaryDirectory(prefix="outbound-chat-certificates-")
_right = make_certificates(Path(_folder.name) / "right")
_wrong = make_certificates(Path(_folder.name) / "wrong")
_context = _right.server_context


def _by_tls(rig: Rig) -> Mapping[str, Any]:
    proxy = rig.stack.enter_context(running_proxy(rig.to_connect.target, tls=_context))
    rig.to_connect = proxy
    return {**patient(rig), "senders": {"support": sender(endpoint_url=f"https://127.0.0.1:{proxy.port}")}}


def wrong_certificate(rig: Rig) -> None:
    """Whoever answers at Connect's address can't show its certificate; then the right one answers again."""
    _context.load_cert_chain(_wrong.certificate, _wrong.key)
    rig.to_connect.cut()
    rig.last(LASTS)
    _context.load_cert_chain(_right.certificate, _right.key)


FAULTS = (
    _answers(FaultKind.LATE, delay=timedelta(seconds=2.5)),
    _answers(FaultKind.INTERNAL_ERROR_AFTER_ACCEPTING),
    _answers(FaultKind.INTERNAL_ERROR),
    _answers(FaultKind.UNAVAILABLE),
    _answers(FaultKind.HANG_UP_AFTER_ACCEPTING),
    _answers(FaultKind.HANG_UP),
    _answers(FaultKind.GARBAGE),
    _answers(FaultKind.NO_CONTACT_ID),
    _answers(FaultKind.HALF_ANSWER),
    _answers(FaultKind.THROTTLING, 1.0, promise=15.0),
    _answers(FaultKind.BARE_429, promise=15.0),
    _answers(FaultKind.ACCESS_DENIED, 1.0, promise=FIRST_PROBES),
    _answers(FaultKind.EXPIRED_TOKEN, 1.0, promise=FIRST_PROBES),
    Fault(
        name="wrong-certificate",
        kind="tls",
        strike=wrong_certificate,
        promise=PROMISE,
        rig=RigOptions(extend=_by_tls, environment=(("AWS_CA_BUNDLE", str(_right.ca)),)),
    ),
)
