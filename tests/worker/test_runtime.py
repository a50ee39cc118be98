"""What a worker process is made of."""

import logging
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outbound_chat.client.steps import actions
from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.notices import Notices
from outbound_chat.store import Store, inspection
from outbound_chat_config import Settings
from outbound_chat_worker.publisher import PumpPublisher
from outbound_chat_worker.redaction import silence_debug_logs
from outbound_chat_worker.runtime import Runtime
from outbound_chat_worker.waker.reconciler import Reconciler
from outbound_chat_worker.waker.waker import Waker
from tests.support.harness import sender

REFUSED = "missing, expired or refused (Error when retrieving credentials from"


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which boto3 looks for profiles; no other place has any."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path / "config"


def test_a_sender_with_a_broken_profile_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile may name a program that is not there: the pump and the waker must go on with the healthy senders."""
    file = tmp_path / "config"
    file.write_text("[profile broken]\ncredential_process = /nonexistent/tool\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    senders = {"broken": sender(profile="broken"), "healthy": sender()}

    Runtime(Settings.from_values(senders=senders)).prepare_clients("main")


@pytest.mark.parametrize(
    ("values", "config", "said"),
    [
        ({}, "", "no AWS credentials were found; its jobs wait and will be retried; configure valid credentials"),
        ({"role_arn": "arn:aws:iam::123456789012:role/sender"}, "", "no AWS credentials were found; its jobs wait"),
        ({"profile": "nobody"}, "", "(The config profile (nobody) could not be found); its jobs wait"),
        (
            {"profile": "p"},
            "credential_process = /nonexistent/tool",
            f"{REFUSED} profile p: FileNotFoundError: ",
        ),
        ({"profile": "p"}, "credential_process = sh -c 'echo no >&2; exit 3'", f"{REFUSED} custom-process: no"),
        (
            {"profile": "p"},
            "credential_process = echo garbage",
            f"{REFUSED} profile p: JSONDecodeError: ",
        ),
        ({"profile": "p"}, "aws_access_key_id = AKIA", "Partial credentials found"),
        ({"profile": "p"}, "sso_session = gone\nsso_account_id = 1\nsso_role_name = r", "sso-session does not exist"),
        ({"profile": "p"}, "no value here", "Unable to parse config file"),
    ],
)
def test_credentials_that_can_not_be_had_are_one_line_without_a_traceback(
    no_credentials: Path, caplog: pytest.LogCaptureFixture, values: Any, config: str, said: str
) -> None:
    """At the start and at each probe a traceback buried the one line that mattered."""
    no_credentials.write_text(f"[profile p]\n{config}\n", encoding="utf-8")
    runtime = Runtime(Settings.from_values(senders={"support": sender(**values)}))
    runtime.notices = Notices(logging.getLogger(Runtime.__module__), now=lambda: 0.0)  # pauses do not pass
    for _ in range(3):
        runtime.prepare_clients("main")

    lines = [record for record in caplog.records if record.levelname != "INFO"]
    assert len(lines) == 1, caplog.text
    assert lines[0].getMessage().startswith("sender support: ")
    assert said in lines[0].getMessage()
    assert "\n" not in lines[0].getMessage()
    assert "Traceback" not in caplog.text


def test_an_error_of_ours_in_making_a_client_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no condition that somebody can repair by what a line says."""
    runtime = Runtime(Settings.from_values(senders={"support": sender()}))
    monkeypatch.setattr(runtime.connect, "prepare", lambda _: dict[str, str]()["ours"])
    runtime.prepare_clients("main")

    assert "Traceback" in caplog.text
    assert "sender support: can't create an AWS client (KeyError: 'ours')" in caplog.text


def test_credentials_that_can_not_be_renewed_are_no_traceback_at_each_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """botocore logs one, at WARNING, whenever it tries."""
    silence_debug_logs()
    for period in ("advisory", "mandatory"):
        for _ in range(3):
            try:
                (tmp_path / "none").read_bytes()
            except OSError:
                text = "Refreshing temporary credentials failed during %s refresh period."
                logging.getLogger("botocore.credentials").warning(text, period, exc_info=True)

    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("AWS credentials are about to expire and can't be renewed: [Errno 2]")
    assert "Traceback" not in caplog.text


def test_a_cluster_that_is_away_is_said_like_any_server_that_is_away() -> None:
    """Callers catch one error for it, at the first command: a worker may be started before the cluster."""
    with Store("redis+cluster://127.0.0.1:1/0") as store, pytest.raises(StoreUnavailable):
        inspection.counts(store, store.keys("main"))


def test_a_waker_that_works_again_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Pumps look at `notices.open` after each call: what is over must not stay there."""
    runtime = Runtime(Settings.from_values(redis_url="redis://127.0.0.1:1/0", senders={"support": sender()}))
    rounds, worked = iter(range(4)), threading.Event()

    def maintain(*_: object) -> float:
        match next(rounds, None):
            case 0:
                raise LookupError
            case 3:
                worked.set()
        return 0.0

    monkeypatch.setattr("outbound_chat_worker.waker.waker.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Waker, "_configure", lambda *_: None)
    monkeypatch.setattr(Waker, "_maintain", maintain)
    monkeypatch.setattr(Reconciler, "step", lambda *_: 0.0)
    monkeypatch.setattr(inspection, "forget_worker", lambda *_: None)
    publisher = PumpPublisher(lambda *_: None, lambda *_: None)
    waker = Waker(runtime, publisher, publisher, node="a", connected=lambda: True)
    waker.start()
    assert worked.wait(60)
    waker.stop()

    assert runtime.notices.open == set()
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "unexpected error",
        "checking for due jobs again",
    ]


def test_an_unexpected_error_in_a_bulk_action_is_logged_by_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lease ends, and any worker tries again."""
    runtime = Runtime(Settings.from_values(redis_url="redis://127.0.0.1:1/0", senders={"support": sender()}))
    found = SimpleNamespace(
        now_ms=time.time() * 1000, configured=True, lost=0, wakeup="", courier=False, action=True, next_ms=-1
    )
    monkeypatch.setattr(runtime.store, "run", lambda _: found)
    monkeypatch.setattr(actions, "carry_out", lambda *_: 1 / 0)
    waker = Waker(runtime, *[PumpPublisher(lambda *_: None, lambda *_: None)] * 2, node="a", connected=lambda: True)
    waker._maintain("main")
    for thread in waker._actions.values():
        thread.join(60)

    (record,) = caplog.records
    assert "unexpected error in a bulk action" in record.getMessage()
    assert record.exc_info
