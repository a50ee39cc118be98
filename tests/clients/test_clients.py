"""Clients that others generate from docs/openapi.json send a WhatsApp template, with their types and without a cast."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.http.conftest import TIMEOUT, Service, start_service
from tests.http.keyring import make_key
from tests.support.harness import running_harness

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
PYTHON = ROOT / ".venv-clients/bin"
NODE = ROOT / ".npm-clients/node_modules"
TEMPLATE = {
    "KnowledgeBaseId": "5a1b2c3d-1111-4222-8333-444455556666",
    "MessageTemplateId": "6a1b2c3d-1111-4222-8333-444455556666",
    "TemplateAttributes": {"CustomAttributes": {"first_name": "Ana"}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a worker."""
    with running_harness(tmp_path_factory.mktemp("clients")) as stack:
        stack.start_worker()
        yield start_service(stack)


@pytest.fixture(scope="module")
def environment(service: Service) -> dict[str, str]:
    """What the programs find the service by."""
    # The generator of Python formats with the ruff beside it.
    path = f"{PYTHON}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "OUTBOUND_CHAT_URL": service.url,
        "OUTBOUND_CHAT_KEY": make_key(service.stack).token,
    }


def run(*command: str | Path, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def check(service: Service, output: str) -> None:
    """Both programs print the state of their job, and what a wrong number is answered with."""
    sent, refused = output.splitlines()
    state, job_id = sent.split()
    assert (state, refused) == ("sent", "invalid_request to")
    with service.stack.chat() as chat:
        contact_id = chat.status(job_id).contact_id
    (contact,) = [one for one in service.stack.sandbox.contacts() if one.contact_id == contact_id]
    assert contact.body["InitialTemplatedSystemMessage"] == TEMPLATE
    assert contact.body["SegmentAttributes"]["wave"] == {"ValueInteger": 3}


def test_openapi_typescript(service: Service, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(NODE)
    for name in ("package.json", "send.ts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    run(
        NODE / ".bin/openapi-typescript",
        DOCS / "openapi.json",
        "-o",
        "api.d.ts",
        folder=tmp_path,
        environment=environment,
    )
    run(NODE / ".bin/tsc", folder=tmp_path, environment=environment)
    check(service, run("node", "out/send.js", folder=tmp_path, environment=environment))


def test_openapi_python_client(service: Service, environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(HERE / "send.py", tmp_path)
    generate = (PYTHON / "openapi-python-client", "generate", "--path", DOCS / "openapi.json", "--meta", "none")
    told = run(*generate, "--output-path", "outbound_chat_client", folder=tmp_path, environment=environment)
    assert "Unable to process schema" not in told
    models = [path.stem for path in (tmp_path / "outbound_chat_client/models").glob("*.py")]
    assert "new_job" in models
    assert [name for name in models if re.search(r"model|body|type_\d|additional|response|item", name)] == []
    run(PYTHON / "mypy", "--strict", "--follow-imports=silent", "send.py", folder=tmp_path, environment=environment)
    check(service, run(PYTHON / "python", "send.py", folder=tmp_path, environment=environment))
