"""What depends on the kind of broker in Celery's configuration."""

import subprocess
import sys

import pytest

ASK = "from outbound_chat_worker.celery import app; print(app.conf.broker_transport_options)"


@pytest.mark.parametrize(
    ("url", "confirms"),
    [
        ("amqp://guest:guest@127.0.0.1:5672//", True),
        ("amqps://guest:guest@127.0.0.1:5671//", True),
        ("pyamqp://guest:guest@127.0.0.1:5672//", True),
        ("redis://127.0.0.1:6379/1", False),
        ("sqs://", False),
    ],
)
def test_a_message_to_rabbitmq_counts_once_rabbitmq_has_it(url: str, confirms: bool) -> None:
    """One that hangs takes bytes into its socket: a pump would leave for a successor that never comes."""
    environment = {"OUTBOUND_CHAT_BROKER_URL": url, "OUTBOUND_CHAT_REDIS_URL": "redis://127.0.0.1:6379/0"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True, cwd="/"
    )

    assert ("confirm_publish" in asked.stdout) is confirms
