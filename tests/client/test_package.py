"""The package as it is installed: light to import, and complete in the wheel."""

import ast
import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import outbound_chat

ROOT = Path(__file__).parents[2]
LOADED = """
import sys
import outbound_chat.client
heavy = {"celery", "kombu", "boto3", "botocore", "fastapi", "aiohttp", "typer", "rich"}
# redis-py itself looks whether there is a package of this name, without loading its parts.
heavy.add("cryptography.fernet")
print(sorted(heavy & ({name.partition(".")[0] for name in sys.modules} | {*sys.modules})))
"""


def test_importing_the_client_loads_neither_celery_nor_boto3_nor_a_framework() -> None:
    """A web app pays for what it uses: start-up time and memory of its processes."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_each_name_of_the_package_is_that_of_its_module() -> None:
    """Names are loaded when they are used; a type checker reads where each is from."""
    tree = ast.parse(Path(outbound_chat.__file__).read_text(encoding="utf-8"))
    homes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name: node.module for node in homes for alias in node.names}
    assert set(names) == set(outbound_chat.__all__)
    for name, home in names.items():
        assert getattr(outbound_chat, name) is getattr(importlib.import_module(home or ""), name), name
    with pytest.raises(AttributeError, match="has no attribute 'Clock'"):
        getattr(outbound_chat, "Clock")  # noqa: B009  # a type checker would refuse it


def test_importing_the_worker_connects_to_nothing_and_reads_no_settings(tmp_path: Path) -> None:
    """Celery imports the app in many commands; none of them may fail for a setting it does not need."""
    code = "import outbound_chat_worker.celery, outbound_chat_worker.tasks"
    environment = {"OUTBOUND_CHAT_CONFIG": str(tmp_path / "does-not-exist.toml"), "PATH": ""}

    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_all_that_runs_and_nothing_else(wheel: Path) -> None:
    """What is tested from the checkout must be what is installed."""
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(root).as_posix()
        for root in (ROOT / "config", ROOT / "producers", ROOT / "worker")
        for path in root.rglob("*")
        if path.suffix in {".py", ".lua", ".typed", ".html", ".css", ".js", ".LICENSE"}
    }
    packaged = {name for name in names if ".dist-info/" not in name}

    assert packaged == sources | {"outbound_chat_worker/cli/demo.csv"}


def test_the_pages_take_little_of_the_wheel(wheel: Path) -> None:
    pages = [one for one in zipfile.ZipFile(wheel).infolist() if one.filename.startswith("outbound_chat/http/ui/")]

    assert len(pages) > 10
    assert sum(one.compress_size for one in pages) < 250_000


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """The scripts are data files: they must be found where the wheel puts them."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import outbound_chat, outbound_chat_worker\n"
        "from outbound_chat.store.scripts._loader import load_script\n"
        "assert load_script('claim').source and load_script('submit').source\n"
        f"assert outbound_chat.__file__.startswith({str(tmp_path)!r}), outbound_chat.__file__\n"
    )

    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, check=True)


def test_pytest_finds_the_fixtures_of_an_installed_package(wheel: Path, tmp_path: Path) -> None:
    """Nobody has to name a plugin: an application is tested in five lines."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    (tmp_path / "test_application.py").write_text(
        "from outbound_chat import OutboundChat\n\ndef test_it(chat):\n"
        "    OutboundChat.from_settings().enqueue(sender='demo', to='+12025550123', text='Hello')\n"
        "    assert chat.enqueued[0].text == 'Hello'\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_application.py"]
    environment = {"PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "1 passed" in done.stdout, done.stdout
