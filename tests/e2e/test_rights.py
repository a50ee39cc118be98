"""Each command and each method of the client, called as each of the documented users of Redis.

The table in docs/deployment.md says which of them may call it. The others get one error that names the right they lack.
"""

import inspect
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import tomlkit
import typer

from outbound_chat import FileKey, Job, OutboundChat, OutboundChatError, WaitTimeout
from outbound_chat.cli.app import app, run
from outbound_chat.client.api_keys import ApiKeys
from outbound_chat.model.api_keys import NewApiKey, Scope
from outbound_chat.model.ids import new_local_id
from outbound_chat.store import Forbidden, Store, scripts
from outbound_chat.store.scripts import Claimed, Outcome, Result, WebhookResult
from outbound_chat_config import Settings
from outbound_chat_worker.local.embedded import EmbeddedServer
from outbound_chat_worker.runtime import Runtime
from tests.support.contact_events import contact_event, receipt_event
from tests.support.harness import number, sender

PAGE = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")
LINES = {line.split()[2]: line for line in re.findall(r"^ACL SETUSER .+$", PAGE, re.MULTILINE)}
TABLE = re.findall(
    r"^\| (.*) \| (.*) \| (.*) ?\|$", PAGE.partition("\n| users | commands | methods |")[2], re.MULTILINE
)
PASSWORD = "a-password"
BUSY = {"http", "worker"}
"""They stay; `test_acl` runs them with their users."""
NO_SERVER_OF_OURS = {"demo", "dev", "sandbox"}
LACKS = r"user {} has no permission for ([A-Z|]+); give it \+\w+, or name another user in redis_url"
JOB: Any = {"sender": "support", "to": number(0), "text": "Hello", "tenant": "acme"}
DAY_MS = 86_400_000
HOOK = "https://hooks.example.com/"


def _may(user: str, column: int) -> set[str]:
    """What the table allows to the user; column 1: commands, 2: methods."""
    found = set()
    for row in TABLE:
        users, but, excepted = row[0].partition("all but ")
        named = set(LINES) if "all" in row[0] else set(re.findall(r"`(.+?)`", users))
        if user in named - set(re.findall(r"`(.+?)`", excepted if but else "")):
            found |= set(re.findall(r"`(.+?)`", row[column]))
    return found


@dataclass
class World:
    """What the calls find, made by a user who may do all."""

    admin: redis.Redis
    chat: OutboundChat
    store: Store
    values: dict[str, Any]
    folder: Path
    batch: str = ""

    def refused(self) -> set[str]:
        """What the server has refused since this was asked last; commands that a library does without included."""
        found = {str(entry["object"]) for entry in self.admin.acl_log()}
        self.admin.acl_log_reset()
        return found

    def job(self, **more: Any) -> str:
        return self.chat.enqueue(**JOB, **more).id

    def open_batch(self) -> str:
        return self.chat.enqueue_batch(rows(), sender="support", text="Hi").id

    def called(self, outcome: str, **more: Any) -> str:
        """A job that was called, with what came of it."""
        self.job()
        keys, claim = self.store.keys("main"), new_local_id()
        asked = scripts.claim(keys, pump="p", claim_id=claim, wanted=1, lease_ms=60_000, linger_ms=0, nonce="")
        answer = self.store.run(asked)
        assert isinstance(answer, Claimed), answer
        (job,) = answer.jobs
        self.store.run(
            scripts.finish(keys, [Result(local_id=job.local_id, claim=claim, outcome=Outcome(outcome), **more)])
        )
        return f"main.{job.local_id}"

    def dead_job(self) -> str:
        return self.called("failed", code="refused")

    def open_chat(self) -> str:
        contact = new_local_id()
        self.called("sent", contact_id=contact, chat_ms=60_000)
        return contact

    def dead_webhook(self) -> str:
        job, keys = self.chat.cancel(self.job(callback_url=HOOK)).id, self.store.keys("main")
        name, dead = f"{job}.cancelled", set[str]()
        while name not in dead:
            # Those that were replayed before come first.
            asked = scripts.claim_webhooks(
                keys, courier="c", wanted=100, lease_ms=60_000, per_host=100, give_up_ms=DAY_MS
            )
            claimed = self.store.run(asked)
            assert claimed is not None
            assert claimed.webhooks
            for one in claimed.webhooks:
                result = WebhookResult(name=one.name, host=one.host, outcome="dead", code="status_410", host_is="up")
                self.store.run(scripts.finish_webhooks(keys, [result], per_host=100))
                dead.add(f"main.{one.name}")
        return name

    def nothing_asked(self) -> str:
        """No worker runs here. Once three requests for one had no answer, which takes 6 s, doctor finds a fault."""
        self.admin.delete(self.store.keys("main").requests)
        return ""

    def held(self) -> str:
        self.chat.hold(tenant="held", reason="r")
        return "held"

    def api_key(self) -> str:
        return ApiKeys(self.store).create(NewApiKey(name="a-key", scopes=(Scope.READ,)))[1].id


def the_only(outcomes: Sequence[Job | OutboundChatError]) -> Job:
    """Returns the job of a list of one, or raises why there is none."""
    (outcome,) = outcomes
    if isinstance(outcome, OutboundChatError):
        raise outcome
    return outcome


def ended(contact: str) -> dict[str, Any]:
    return contact_event("DISCONNECTED", contact)


def rows() -> list[dict[str, Any]]:
    return [{"to": number(1)}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rights")
    server = EmbeddedServer(folder / "valkey", fsync="everysec")
    try:
        values: dict[str, Any] = {
            "redis_url": server.url,
            "budgets": {"main": {"rate": 5_000.0, "burst": 500}},
            "senders": {"support": sender(endpoint_url="http://127.0.0.1:9", max_open_chats=1_000)},
            "http": {"port": 9},
        }
        (folder / "events.json").write_text(json.dumps(ended("c-0")))
        (folder / "rows.csv").write_text(f"to\n{number(1)}\n")
        (folder / "settings.toml").write_text(tomlkit.dumps(values))
        runtime = Runtime(Settings.from_values(**values))
        runtime.configure("main")
        with (
            redis.Redis(port=server.port, decode_responses=True) as admin,
            OutboundChat(**values) as chat,
            runtime.store as store,
        ):
            for line in LINES.values():
                admin.execute_command(*shlex.split(line.replace(">PASSWORD", f">{PASSWORD}")))
            chat.suppress([number(7)], sender="support")
            world = World(admin, chat, store, values, folder)
            world.batch = world.open_batch()
            yield world
    finally:
        server.stop()


def _in_vain(wait: Callable[[str, float], object], id_: str) -> None:
    with pytest.raises(WaitTimeout):
        wait(id_, 0.01)


METHODS: dict[str, Callable[[OutboundChat, World], object]] = {
    "batch": lambda chat, world: chat.batch(world.batch),
    "batch_jobs": lambda chat, world: chat.batch_jobs(world.batch),
    "jobs": lambda chat, _: (chat.jobs(idempotency_key="k"), chat.jobs()),
    "each_job": lambda chat, _: list(chat.each_job()),
    "batches": lambda chat, _: chat.batches(),
    "budgets": lambda chat, _: chat.budgets(),
    "cancel": lambda chat, world: chat.cancel(world.job()),
    "cancel_batch": lambda chat, world: chat.cancel_batch(world.open_batch()),
    "cancel_batch_jobs": lambda chat, world: chat.cancel_batch_jobs(world.open_batch(), rows="1"),
    "cancel_jobs": lambda chat, world: chat.cancel_jobs([world.job()]),
    "cancel_sender": lambda chat, world: (world.job(), chat.cancel_sender("support")),
    "cancel_tenant": lambda chat, world: (world.job(), chat.cancel_tenant("acme")),
    "contact_event_status": lambda chat, _: chat.contact_event_status(),
    "contact_closed": lambda chat, world: chat.contact_closed(world.open_chat()),
    "ingest_contact_events": lambda chat, world: chat.ingest_contact_events(
        [contact_event("DISCONNECTED", world.open_chat()), receipt_event()]
    ),
    "count_dead": lambda chat, world: (world.dead_job(), chat.count_dead()),
    "dead_letters": lambda chat, world: (world.dead_job(), chat.dead_letters()),
    "dead_webhooks": lambda chat, world: (world.dead_webhook(), chat.dead_webhooks()),
    "earlier_batches": lambda chat, _: chat.earlier_batches(sender="support", batch_key=FileKey("a")),
    "each_batch": lambda chat, _: list(chat.each_batch()),
    "each_batch_job": lambda chat, world: list(chat.each_batch_job(world.batch)),
    "each_dead_letter": lambda chat, world: (world.dead_job(), list(chat.each_dead_letter())),
    "each_event": lambda chat, _: list(chat.each_event()),
    "enqueue": lambda chat, _: chat.enqueue(**JOB),
    'enqueue(durability="fsync")': lambda chat, _: chat.enqueue(**JOB, durability="fsync"),
    "enqueue_batch": lambda chat, _: chat.enqueue_batch(rows(), sender="support", text="Hi"),
    'enqueue_batch(durability="fsync")': lambda chat, _: chat.enqueue_batch(
        rows(), sender="support", text="Hi", durability="fsync"
    ),
    "enqueue_many": lambda chat, _: the_only(chat.enqueue_many([JOB])),
    "enqueue_request": lambda chat, _: chat.enqueue_request(
        sender="support",
        DestinationEndpoint={"Type": "TELEPHONE_NUMBER", "Address": number(1)},
        InitialSystemMessage={"Content": "Hi", "ContentType": "text/plain"},
    ),
    "events": lambda chat, _: chat.events(),
    "hold": lambda chat, _: chat.hold(tenant="held", reason="r"),
    "holds": lambda chat, world: (world.held(), chat.holds()),
    "is_file_of": lambda chat, world: chat.is_file_of(world.batch, FileKey("a")),
    "lanes": lambda chat, world: (world.job(), chat.lanes()),
    "history": lambda chat, _: chat.history(),
    "workers": lambda chat, _: chat.workers(),
    "ping": lambda chat, _: chat.ping(),
    "preflight_batch": lambda chat, _: chat.preflight_batch(rows(), sender="support", text="Hi"),
    "receipts": lambda chat, _: chat.receipts(),
    "release": lambda chat, world: chat.release(tenant=world.held()),
    "replay": lambda chat, world: chat.replay(world.dead_job()),
    "start_replay": lambda chat, _: chat.start_replay(code="none", force=True),
    "actions": lambda chat, _: chat.actions(),
    "stop_action": lambda chat, world: chat.stop_action(world.chat.start_replay(code="none").id),
    "replay_all": lambda chat, world: (world.dead_job(), list(chat.replay_all())),
    "replay_all_webhooks": lambda chat, world: (world.dead_webhook(), chat.replay_all_webhooks()),
    "replay_webhooks": lambda chat, world: chat.replay_webhooks([world.dead_webhook()]),
    "rewrite_suppressed": lambda chat, _: chat.rewrite_suppressed(sender="support"),
    "status": lambda chat, world: chat.status(world.job()),
    "statuses": lambda chat, world: chat.statuses([world.job()]),
    "suppress": lambda chat, _: chat.suppress([number(8)], sender="support"),
    "suppressed": lambda chat, _: list(chat.suppressed(sender="support")),
    "suppressed_page": lambda chat, _: chat.suppressed_page(sender="support"),
    "unsuppress": lambda chat, _: chat.unsuppress([number(9)], sender="support"),
    "wait": lambda chat, world: _in_vain(chat.wait, world.job()),
    "wait_batch": lambda chat, world: _in_vain(chat.wait_batch, world.open_batch()),
    "webhook_hosts": lambda chat, _: chat.webhook_hosts(),
    "why": lambda chat, world: chat.why(world.job()),
}
COMMANDS: dict[str, Callable[[World], str]] = {
    "contact-events ingest": lambda world: f"{world.folder}/events.json",
    "contact-events status": lambda _: "",
    "send": lambda _: f"--sender support --to {number(0)} --text Hi",
    "send --durability fsync": lambda _: f"--sender support --to {number(0)} --text Hi",
    "send-batch": lambda world: f"{world.folder}/rows.csv --sender support --text Hi --name {new_local_id()}",
    "send-batch --durability fsync": lambda world: (
        f"{world.folder}/rows.csv --sender support --text Hi --name {new_local_id()}"
    ),
    "send-batch --dry-run": lambda world: f"{world.folder}/rows.csv --sender support --text Hi",
    "status": World.job,
    "why": World.job,
    "jobs": lambda _: "--idempotency-key k",
    "list": lambda _: "",
    "watch": lambda _: "--once",
    "wait": lambda world: f"{world.job()} --timeout 0.01",
    "cancel": World.job,
    "hold": lambda _: "--tenant held --reason r",
    "release": lambda world: f"--tenant {world.held()}",
    "holds": lambda _: "",
    "dead": lambda world: (world.dead_job(), "")[1],
    "replay": World.dead_job,
    "events": lambda _: "",
    "export": lambda world: world.batch,
    "suppress": lambda _: f"--sender support {number(8)}",
    "unsuppress": lambda _: f"--sender support {number(9)}",
    "suppressed": lambda _: "--sender support",
    "optouts sync": lambda _: "",
    "optouts sync --dry-run": lambda _: "",
    "webhooks hosts": lambda _: "",
    "webhooks dead": lambda _: "",
    "webhooks replay": World.dead_webhook,
    "webhooks secret": lambda _: "",
    "new-key": lambda _: "",
    "ui": lambda _: "",
    "encryption-keys": lambda _: "",
    "rewrite-suppressed": lambda _: "",
    "audit": lambda _: "",
    "doctor": World.nothing_asked,
    "keys create": lambda _: "a-key --scope read",
    "keys list": lambda _: "",
    "keys revoke": World.api_key,
}


def _url(world: World, user: str) -> str:
    return str(world.values["redis_url"]).replace("//", f"//{user}:{PASSWORD}@")


def test_the_page_names_every_command_and_every_method() -> None:
    """One that is added is put into the table, and so is tried below."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("outbound-chat", [], resilient_parsing=True)
    names = set(group.list_commands(context)) - NO_SERVER_OF_OURS
    names |= {f"keys {name}" for name in group.get_command(context, "keys").commands}
    of_client = {name for name, _ in inspect.getmembers(OutboundChat, inspect.isfunction) if name[0] != "_"} - {"close"}
    commands, methods = (set().union(*(_may(user, column) for user in LINES)) for column in (1, 2))

    assert {name.split()[0] if name not in names else name for name in commands} | {"keys"} == names | {"keys"}
    assert {name.partition("(")[0] for name in methods} == of_client
    assert (commands, methods) == (set(COMMANDS) | BUSY, set(METHODS))


@pytest.mark.parametrize("user", LINES)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_the_client_can_be_called_by_the_users_of_the_page(world: World, method: str, user: str) -> None:
    with OutboundChat(**{**world.values, "redis_url": _url(world, user)}) as chat:
        if method in _may(user, 2):
            METHODS[method](chat, world)
            assert world.refused() == set()
        else:
            with pytest.raises(Forbidden, match=LACKS.format(user)):
                METHODS[method](chat, world)
            assert world.refused()


@pytest.mark.parametrize("user", LINES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_run_by_the_users_of_the_page(
    world: World, command: str, user: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUTBOUND_CHAT_CONFIG", str(world.folder / "settings.toml"))
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", _url(world, user))
    monkeypatch.setattr(sys, "argv", ["outbound-chat", *command.split(), *COMMANDS[command](world).split()])
    with pytest.raises(SystemExit) as ended:
        run()
    said = capsys.readouterr()

    lacks = re.findall(LACKS.format(user), said.err)
    if command in _may(user, 1):
        assert not lacks, said.err
        assert world.refused() <= ({"config|get", "oc:celery:outbound-chat"} if command == "doctor" else set())
        # Nobody listens where its sender calls, which `doctor` reports, nor where the pages would be.
        assert ended.value.code == {"wait": 4, "doctor": 1, "optouts": 1, "ui": 2}.get(
            command.split(maxsplit=1)[0], 0
        ), said
    else:
        assert len(lacks) == 1, said.err
        assert world.refused()
        assert ended.value.code == 3
        assert said.out == "" or command == "wait", "it prints what it could read"
