"""An SQS for tests: the server of moto, on this machine, with a hand on its queues."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3

from outbound_chat.children import spawn
from tests.support.harness import free_port
from tests.support.killing import kill_tree
from tests.support.waiting import wait_until

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextlib.contextmanager
def running_sqs(folder: Path) -> Iterator[str]:
    """The URL of a server for the length of a block."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "sqs.log").open("wb") as log:
        process = spawn(command, environment={**os.environ}, folder=folder, output=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), what="the server of moto")
        yield url
    finally:
        kill_tree(process)


def _answers(url: str) -> bool:
    try:
        client_of(url).list_queues()
    except Exception:  # noqa: BLE001  # whatever a server says that is not ready
        return False
    return True


def client_of(url: str) -> Any:
    """A client of that server."""
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client("sqs", endpoint_url=url)


class Queue:
    """A queue whose messages come back at once, unless a test wants otherwise."""

    def __init__(self, url: str, name: str, **attributes: str) -> None:
        self.endpoint, self.client = url, client_of(url)
        given = {"VisibilityTimeout": "0", **attributes}
        self.url: str = self.client.create_queue(QueueName=name, Attributes=given)["QueueUrl"]

    def send(self, bodies: Sequence[str]) -> None:
        for first in range(0, len(bodies), 10):
            chunk = enumerate(bodies[first : first + 10])
            entries = [{"Id": str(place), "MessageBody": body} for place, body in chunk]
            self.client.send_message_batch(QueueUrl=self.url, Entries=entries)

    def count(self) -> int:
        """Messages that wait or were received, and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    @property
    def arn(self) -> str:
        names = ["QueueArn"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return str(found["Attributes"]["QueueArn"])

    @property
    def settings(self) -> dict[str, Any]:
        """The table `contact_events` for it."""
        return {"queue_url": self.url, "region": REGION, "endpoint_url": self.endpoint}
