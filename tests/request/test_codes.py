"""Every code is documented, every documented code exists, and none is unused."""

import re
from pathlib import Path

import outbound_chat.request
from outbound_chat.request import FieldCode

_DOCS = Path(__file__).parents[2] / "docs" / "errors.md"
_ROW = re.compile(r"^\| `(?P<code>[a-z_]+)` \| (?P<meaning>.+?) \| (?P<fix>.+?) \|$", re.MULTILINE)


def _documented() -> list[str]:
    section = _DOCS.read_text(encoding="utf-8").split("## Codes of a refused request", 1)[1].split("\n## ", 1)[0]
    return [row["code"] for row in _ROW.finditer(section)]


def test_the_table_of_codes_is_the_codes() -> None:
    assert sorted(_documented()) == sorted(code.value for code in FieldCode)


def test_every_code_is_given_by_some_check() -> None:
    package = Path(str(outbound_chat.request.__file__)).parents[1]
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py") if path.name != "_codes.py")
    assert set(re.findall(r"FieldCode\.([A-Z_]+)", source)) == {code.name for code in FieldCode}
