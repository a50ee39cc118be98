"""The page for tests of applications: each of its programs is run, with the examples that it names."""

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks

from .conftest import EXAMPLES, Run

PAGE = DOCS / "howto" / "test-your-application.md"
FILES = {
    block.body.splitlines()[0].removeprefix("# "): block.body for block in blocks(PAGE) if block.language == "python"
}
OF_DJANGO = "shop/tests.py"


def test_every_program_of_the_page_names_its_file() -> None:
    assert len(FILES) == 8
    assert OF_DJANGO in FILES
    assert all(name.endswith(".py") for name in FILES)


def test_the_tests_of_the_page_pass(run_pytest: Run, tmp_path: Path) -> None:
    for name in FILES.keys() - {OF_DJANGO}:
        (tmp_path / name).write_text(FILES[name])
    ended = run_pytest("-q")

    assert f"{_tests()} passed" in ended.stdout, ended.stdout


def _tests() -> int:
    return sum(len(re.findall(r"^def test_", text, re.MULTILINE)) for text in FILES.values())


def test_the_tests_of_django_pass(run: Run, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "django_shop", project)
    (project / OF_DJANGO).write_text(FILES[OF_DJANGO])
    ended = run(str(project / "manage.py"), "test", "shop", path=project)

    assert "Ran 2 tests" in ended.stderr, ended.stderr
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", ["test_shop.py", OF_DJANGO, "test_flask_app.py", "test_fastapi_app.py"])
def test_a_wrong_number_is_refused_in_each_of_them(name: str) -> None:
    assert "wrong_number_is_refused" in FILES[name]
