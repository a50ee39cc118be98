"""What holds for every page: links lead somewhere, code compiles, settings load, and nothing private is named."""

import ast
import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest

from outbound_chat import AsyncOutboundChat, OutboundChat
from outbound_chat.testing import InMemoryOutboundChat
from outbound_chat_config import CONFIG_VARIABLE, Settings

from .pages import DOCS, ROOT, Block, anchors, bare, blocks, links, pages, table

OURS = {"outbound_chat", "outbound_chat_config", "outbound_chat_worker"}
PYTHON = [block for page in pages() for block in blocks(page) if block.language == "python"]
FILE_NAME = re.compile(r"`?[\w./-]+\.(?:md|py|lua|json|toml|sh|mjs|html)`?")
TOML = [block for page in pages() for block in blocks(page) if block.language == "toml"]


def tree(block: Block) -> ast.Module:
    parsed = compile(block.body, block.page.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(parsed, ast.Module)
    return parsed


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for _, target in links(page):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_text_of_a_link_is_a_title_or_says_what_is_there(page: Path) -> None:
    """The name of a file says nothing to somebody who reads the site."""
    assert [text for text, _ in links(page) if FILE_NAME.fullmatch(text)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_product_is_installed_from_a_clone(page: Path) -> None:
    """Nothing is published yet: what pip would find under our name is somebody else's."""
    for block in blocks(page):
        assert not re.findall(r"pip install .*outbound-chat.*", block.body)


@pytest.mark.parametrize("name", ["README.md", "docs/quickstart.md"])
def test_people_read_which_command_is_for_a_clone_and_which_for_the_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "pip install '.[all]'" in text
    (later,) = [part for part in text.split("\n\n") if "pip install 'outbound-chat[all]'" in part]
    assert "not published yet" in later or "No version is published yet" in later
    assert "`outbound-chat[cli]`" in later  # as the hints of the program name the package


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_on_a_page_compiles_and_imports_what_exists(block: Block) -> None:
    for node in ast.walk(tree(block)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS:
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_on_a_page_calls_the_client_as_it_is(block: Block) -> None:
    for node in ast.walk(tree(block)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "chat"
        ):
            verb = node.func.attr
            known = {*inspect.signature(getattr(InMemoryOutboundChat, verb)).parameters}
            assert {word.arg for word in node.keywords} <= known, verb
            assert hasattr(AsyncOutboundChat, verb) == hasattr(OutboundChat, verb)
            assert hasattr(OutboundChat, verb) or block.page.name == "test-your-application.md"


@pytest.mark.parametrize("block", TOML, ids=str)
def test_settings_on_a_page_can_be_used(block: Block) -> None:
    assert Settings.from_values(**tomllib.loads(block.body)).senders


def test_python_and_settings_are_found_on_the_pages() -> None:
    """Were the search broken, the tests above would pass with nothing."""
    assert {"README.md", "quickstart.md"} <= {block.page.name for block in PYTHON} & {block.page.name for block in TOML}


def test_every_environment_variable_on_a_page_is_in_the_page_of_settings() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    known = {*re.findall(r"`(OUTBOUND_CHAT_\w+)`", text), CONFIG_VARIABLE}
    for page in pages():
        for name in re.findall(r"\bOUTBOUND_CHAT_[A-Z][A-Z_]*\b", page.read_text(encoding="utf-8")):
            # The name of a sender or budget stands in the place of NAME.
            general = re.sub(r"(BUDGETS|SENDERS)__[A-Z0-9]+(?=__)", r"\1__NAME", name)
            assert general in known, f"{page.name}: {name}"


def test_no_page_or_example_names_a_package_index_or_a_folder_of_a_machine() -> None:
    # In pieces, so that this file does not hold them either.
    indexes = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "com"))]
    folders = re.compile(r"(?<![\w.$/-])/(?:work|root|home|Users|opt)\b")
    examples = [file for file in (ROOT / "examples").rglob("*") if file.suffix in {".py", ".sh", ".mjs", ".html"}]
    for file in [*pages(), *examples, *Path(__file__).parent.glob("*.py")]:
        text = file.read_text(encoding="utf-8")
        assert [name for name in indexes if name in text] == [], file.name
        assert folders.findall(text) == [], file.name


def test_the_extras_of_the_readme_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = table((ROOT / "README.md").read_text(encoding="utf-8"), "extra")
    assert [bare(row["extra"]) for row in rows] == [
        "(none)",
        *("cli", "worker", "http", "sandbox", "embedded", "encryption", "excel"),
        *("all", "testing", "docs", "dev", "bench"),
    ]
    assert len(rows) == 1 + len(project["optional-dependencies"])


def test_the_readme_fits_into_250_lines_and_the_quickstart_into_40() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 250
    assert len((ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
