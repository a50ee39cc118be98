"""The scripts and the Python that calls them say the same."""

import re
from datetime import timedelta
from importlib.resources import files
from itertools import takewhile
from typing import Any

import pytest
import redis

from outbound_chat.model.api_keys import NewApiKey, Scope
from outbound_chat.model.contact_events import Change
from outbound_chat.model.lanes import Lane
from outbound_chat.store import KINDS, Keys, ScriptCall, Store, scripts
from outbound_chat.store.records import FIELDS_OF_ALL, RECORD_VERSION, Field
from outbound_chat.store.scripts import Outcome, Result, WebhookResult
from outbound_chat.store.scripts._loader import ADDS_JOBS, load_script

from .ledger import LANE, LISTED, Ledger, new_job

KEYS = Keys("oc", "main")
FOLDER = files("outbound_chat.store") / "lua"
FILES = {
    file.name.removesuffix(".lua"): file
    for folder in FOLDER.iterdir()
    if folder.name != "lib"
    for file in folder.iterdir()
}
SCRIPTS = sorted(FILES)
RESULT = Result(local_id="id", claim="claim", outcome=Outcome.SENT)
A_CHANGE = Change(budgets=["main"], contacts=["c"], values=["v"], waits_at="c", facts={"legs": {"c": [1, ""]}})
A_KEY = NewApiKey(name="n", scopes=(Scope.READ,))
LIBRARIES = {file.name.removesuffix(".lua") for file in (FOLDER / "lib").iterdir()} - {"base", "fields"}
MOST_NAMES = 90


def names_in(text: str) -> set[str]:
    """Functions and values that are defined at the top of a script or of a part of one."""
    found = re.findall(r"^local (?:function )?(\w+(?:, \w+)*)", text, re.MULTILINE)
    return {name for names in found for name in names.split(", ")}


def a_call(script: str, items: int) -> ScriptCall[Any]:
    """A call of the script, for so many jobs."""
    made: dict[str, ScriptCall[Any]] = {
        "submit": scripts.submit(
            KEYS, lane=Lane.parse(LANE), max_age_ms=1, rejected=0, jobs=[new_job()] * items, listing=LISTED
        ),
        "claim": scripts.claim(KEYS, pump="p", claim_id="c", wanted=1, lease_ms=1, linger_ms=0, nonce="n"),
        "finish": scripts.finish(KEYS, [RESULT] * items),
        "renew": scripts.renew(KEYS, pump="p", load="full", lease_ms=1, leased=[("id", "claim")] * items),
        "leave": scripts.leave(KEYS, pump="p", warm=True, unanswered=""),
        "maintain": scripts.maintain(KEYS, worker="w", version="v"),
        "cancel": scripts.cancel(KEYS, ["id"] * items),
        "open_batch": scripts.open_batch(KEYS, batch="b", lane=Lane.parse(LANE), name="n", shared="{}"),
        "find_batches": scripts.find_batches(KEYS, batch_key="k", alike=["h"] * items),
        "close_batch": scripts.close_batch(KEYS, batch="b", rejected=0),
        "read_idem": scripts.used_keys(KEYS, None, ["i"] * items),
        "read_jobs": scripts.read_jobs(KEYS, ["id"] * items),
        "read_batch": scripts.read_batch(KEYS, "b"),
        "read_batches": scripts.read_batches(KEYS, part="open", after=None, senders=(), tenant="", count=1),
        "read_listed": scripts.read_listed(KEYS, blind_index="", after="", skipped=0, count=1),
        "read_rows": scripts.read_rows(KEYS, batch="b", first=1, count=1),
        "read_budget": scripts.read_budget(KEYS, []),
        "read_history": scripts.read_history(KEYS, minutes=1),
        "read_lanes": scripts.read_lanes(KEYS, 1),
        "read_workers": scripts.read_workers(KEYS),
        "read_pace": scripts.read_pace(KEYS, Lane.parse(LANE)),
        "read_shared": scripts.read_shared(KEYS, "b"),
        "configure": scripts.configure(
            KEYS, version="v", rate=1, burst=1, max_pumps=1, keep_ms=1, keep_requests_ms=1, senders={}, weights={}
        ),
        "hold": scripts.hold(KEYS, scope="budget", reason="r"),
        "release": scripts.release(KEYS, scope="budget"),
        "read_holds": scripts.read_holds(KEYS),
        "cancel_many": scripts.cancel_many(KEYS, scope="batch:b", first=True),
        "read_dead": scripts.read_dead(KEYS, state="", code="", after=None, count=1),
        "read_request": scripts.read_request(KEYS, "id"),
        "read_events": scripts.read_events(KEYS, since=0, count=1),
        "read_receipts": scripts.read_receipts(KEYS, since_ms=1, skip=0),
        "replay": scripts.replay(
            KEYS,
            old="o",
            local_id="n",
            lane=Lane.parse(LANE),
            max_age_ms=1,
            parts=1,
            token="t",
            edited=False,
            force=False,
            send_at_ms=0,
            request="{}",
            listing=LISTED,
        ),
        "actions": scripts.actions(KEYS),
        "claim_webhooks": scripts.claim_webhooks(
            KEYS, courier="c", wanted=1, lease_ms=1, per_host=1, give_up_ms=1, posting=[("h", "w")] * items
        ),
        "finish_webhooks": scripts.finish_webhooks(
            KEYS, [WebhookResult(name="w", host="h", outcome="dead")] * items, per_host=1
        ),
        "read_dead_webhooks": scripts.read_dead_webhooks(KEYS, skip=0, count=1),
        "read_webhook_hosts": scripts.read_webhook_hosts(KEYS),
        "replay_webhooks": scripts.replay_webhooks(KEYS, ["w"] * items),
        "suppress": scripts.suppress(KEYS, sender="sms", entries=[("+1", 0, "r")] * items),
        "unsuppress": scripts.unsuppress(KEYS, sender="sms", names=["+1"] * items),
        "recount": scripts.recount(
            KEYS, local_id="id", claim="c", request="{}", marks={"f" * (n + 1): "m" for n in range(items)}
        ),
        "read_suppressed": scripts.read_suppressed(KEYS, sender="sms", names=["+1"] * items),
        "read_scopes": scripts.read_scopes(KEYS, ["sender:sms"] * items),
        "note_budgets": scripts.note_budgets(KEYS, ["main"] * items),
        "read_key_ids": scripts.read_key_ids(KEYS, index="expiry", cursor="0"),
        "watch_chats": scripts.watch_chats(KEYS, worker="w", turn_ms=1, instance="i"),
        "read_contact_events": scripts.read_contact_events(KEYS, ["i"] * items),
        "record_contacts": scripts.record_contacts(KEYS, [A_CHANGE] * items),
        "close_chat": scripts.close_chat(KEYS, contact="c", instances=["i"]),
        "create_key": scripts.create_key(KEYS, "k", digest="d", wanted=A_KEY, lives=None, until=None),
        "read_key": scripts.read_key(KEYS, "k"),
        "read_keys": scripts.read_keys(KEYS),
        "revoke_key": scripts.revoke_key(KEYS, "k"),
        "log_change": scripts.log_change(KEYS, {"key_id": "k"}, most=1, keep=timedelta(days=1)),
        "spend_key": scripts.spend_key(KEYS, "k", None),
        "why": scripts.why(KEYS, "id"),
        "check_durable": scripts.check_durable(KEYS, local_ids=["id"] * items),
        "reconcile": scripts.reconcile(KEYS, lease_ms=1),
        "audit": scripts.audit(KEYS, what="jobs", names=["id"] * items),
    }
    return made[script]


def text_of(name: str) -> str:
    file = FILES.get(name) or FOLDER / f"{name}.lua"
    return file.read_text(encoding="utf-8")


def head_of(script: str) -> list[str]:
    """The comment lines that a script opens with."""
    head = takewhile(lambda line: line.startswith("--"), text_of(script).splitlines())
    return [line.removeprefix("-- ") for line in head]


def places_of(head: list[str]) -> tuple[int, int]:
    """How many arguments the head names by number, and how many for each job."""
    numbered = [int(number) for line in head for number in re.findall(r"^ARGV\[(\d+)\] [a-z_]+: ", line)]
    assert numbered == list(range(1, len(numbered) + 1))
    for number, line in enumerate(head):
        if line.startswith(("ARGV    ids of jobs", "ARGV    names of webhooks")):
            return len(numbered), 1
        if each := re.search(r"^(?:ARGV    |then )(\d+) for each \w+: ?(.*)$", line):
            # What stands in brackets explains a name; the list ends where the reply begins.
            rest = " ".join([each[2], *head[number + 1 :]]).partition("reply ")[0]
            names = re.sub(r"\([^)]*\)", "", rest).split(",")
            assert len(names) == int(each[1])
            assert all(re.fullmatch(r"[a-z_]+", name.strip()) for name in names)
            return len(numbered), int(each[1])
    return len(numbered), 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_tells_what_it_takes_answers_and_keeps(script: str) -> None:
    """The head is the only reference that a reader of Lua has."""
    head = head_of(script)

    assert re.match(rf"{script}: \S.*\.$", head[0])
    assert head[1] == "KEYS[1] base: first part of all keys of the budget"
    for word in ("reply   ", "keeps   "):
        assert sum(line.startswith(word) for line in head) == 1, word


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_given_the_arguments_that_it_names(script: str) -> None:
    """An argument in the wrong place is read as another, without any error."""
    none, one, three = (len(a_call(script, items).args) for items in (0, 1, 3))

    assert (none, one - none) == places_of(head_of(script))
    assert three - none == 3 * (one - none)
    assert a_call(script, 1).script == script


@pytest.mark.parametrize("file", [*SCRIPTS, *(f"lib/{name}" for name in sorted(LIBRARIES))])
def test_a_file_names_the_libraries_that_it_uses(file: str) -> None:
    """Lua finds out about a missing one only when it comes to the line that needs it."""
    text = text_of(file)
    code = re.sub(r"--.*|'(?:[^'\\\n]|\\.)*'", "", text)
    used = set(re.findall(r"(?<![\w.])([a-z_]+)\.\w", code)) & (LIBRARIES - {file.removeprefix("lib/")})
    named = " ".join(re.findall(r"^-- uses: (.+)$", text, re.MULTILINE))

    assert named.split() == sorted(used)


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_is_one_table(library: str) -> None:
    """What others may use of it stands in the table, and nothing of a library is seen outside of it."""
    head, _, rest = text_of(f"lib/{library}").partition(f"\nlocal {library} = {{}}\n")

    assert head.startswith(f"-- {library}: ")
    assert all(line.startswith("--") for line in head.splitlines())
    assert rest.endswith(f"\nreturn {library}\n")
    assert f"local {library} = " not in rest


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_sees_few_names(script: str) -> None:
    """Lua refuses a script with 200; the functions of a library are behind the name of its table."""
    assert len(names_in(load_script(script).source)) < MOST_NAMES


def test_the_places_of_a_record_are_the_same_on_both_sides() -> None:
    """Two lists in two languages; one that is off by one would read a token as a contact."""
    text = text_of("lib/fields")
    places: dict[str, int] = {}
    for names, numbers in re.findall(r"^local ([A-Z_, ]+) = ([\d, ]+)$", text, re.MULTILINE):
        if "," in names:
            places |= dict(zip(names.split(", "), map(int, numbers.split(", ")), strict=True))

    assert places == {place.name: place.value + 1 for place in Field}
    assert f"records.NEWEST_VERSION = {RECORD_VERSION}\n" in text_of("lib/records")


def test_a_new_record_has_all_places(ledger: Ledger) -> None:
    """The scripts set aside a record with fewer."""
    (local_id,) = ledger.add(1)

    assert len(ledger.head(local_id)) == FIELDS_OF_ALL


def test_every_kind_of_key_has_a_pattern_of_its_own() -> None:
    """The list in `keys` is what an operator sees of the memory; each key must be one of them."""
    starts = [kind.pattern.removesuffix("*") for kind in KINDS]

    assert len(set(starts)) == len(KINDS)
    assert all(kind.content and not kind.content.endswith(".") for kind in KINDS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_begins_with_a_shebang(script: str) -> None:
    """Without one, a cluster of one node takes keys of any slot, and the suite's run on it would prove nothing."""
    first = "#!lua" if script in ADDS_JOBS else "#!lua flags=allow-oom"
    assert load_script(script).source.splitlines()[0] == first


def test_keys_of_another_slot_are_refused_under_a_shebang_alone(cluster: Store) -> None:
    """The suite finds keys in the wrong slot by this."""
    source = "return redis.call('SET', 'elsewhere', 1)"
    key = KEYS.base

    assert cluster.redis.eval(source, 1, key) == "OK"
    with pytest.raises(redis.ResponseError, match="same slot"):
        cluster.redis.eval(f"#!lua\n{source}", 1, key)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_given_nothing_but_text(script: str) -> None:
    """Ctrl-C in the middle of what hiredis does with a number ended the process without a word (signal 11)."""
    assert all(isinstance(argument, str) for argument in a_call(script, 2).script_args)
