"""What a worker process is made of."""

from pathlib import Path

import pytest

from outbound_chat.model.errors import StoreUnavailable
from outbound_chat.store import Store
from outbound_chat_config import Settings
from outbound_chat_worker.runtime import Runtime
from tests.support.harness import sender


def test_a_sender_with_a_broken_profile_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile may name a program that is not there: the pump and the waker must go on with the healthy senders."""
    file = tmp_path / "config"
    file.write_text("[profile broken]\ncredential_process = /nonexistent/tool\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    senders = {"broken": sender(profile="broken"), "healthy": sender()}

    Runtime(Settings.from_values(senders=senders)).prepare_clients("main")


def test_a_cluster_that_is_away_is_said_like_any_server_that_is_away() -> None:
    """Callers catch one error for it, at the first command: a worker may be started before the cluster."""
    with Store("redis+cluster://127.0.0.1:1/0") as store, pytest.raises(StoreUnavailable):
        store.counts(store.keys("main"))
