"""Reads the pages of the documentation: their tables, code blocks, links and anchors."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<not_run>[^\n]+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"(?:^ {4}.*\n(?:^\s*\n)*)+", re.MULTILINE)
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`(?P<code>[^`\n]+)`")
# A pipe inside of code does not end a cell when it is escaped.
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code."""

    page: Path
    language: str
    body: str
    not_run: str = ""
    """Why no test runs its commands: the comment `<!-- not run: … -->` on the line before it."""

    def __str__(self) -> str:
        return f"{self.page.name}: {self.body.splitlines()[0] if self.body else ''}"


def pages() -> list[Path]:
    """All pages for people, in the root and in docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def read(name: str) -> str:
    """The text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands between the heading and the next one of its rank."""
    rank = heading.split(" ", 1)[0]
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    if not found:
        raise LookupError(f"no heading {heading!r}")
    return re.split(rf"^#{{1,{len(rank)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> list[list[dict[str, str]]]:
    """All tables of a text: rows as column → cell."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip())[1:-1]])
        elif found[-1]:
            found.append([])
    return [[dict(zip(rows[0], row, strict=True)) for row in rows[2:]] for rows in found if rows]


def table(text: str, first_column: str) -> list[dict[str, str]]:
    """The one table whose first column has that name."""
    (found,) = [rows for rows in tables(text) if next(iter(rows[0])) == first_column]
    return found


def bare(cell: str) -> str:
    """A cell without the backticks around it."""
    return cell.removeprefix("`").removesuffix("`")


def names_in(cell: str) -> set[str]:
    """Everything in backticks."""
    return {match["code"] for match in _INLINE.finditer(cell)}


def blocks(page: Path, heading: str = "") -> Iterator[Block]:
    """All blocks of code, fenced or indented, of a page or of one of its sections."""
    text = page.read_text(encoding="utf-8")
    text = section(text, heading) if heading else text
    for match in _FENCE.finditer(text):
        yield Block(page, match["language"], textwrap.dedent(match["body"]), match["not_run"] or "")
    for match in _INDENTED.finditer(_FENCE.sub("", text)):
        yield Block(page, "", textwrap.dedent(match[0]))


def commands(page: Path, heading: str = "") -> list[list[str]]:
    """The words of each command in the shell blocks of a page or section, but for those that are marked as not run."""
    shown = [block for block in blocks(page, heading) if block.language == "sh" and not block.not_run]
    lines = [line for block in shown for line in block.body.replace("\\\n", " ").splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def inline_code(page: Path) -> Iterator[str]:
    """All code inside of sentences and tables."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _INLINE.finditer(text):
        yield match["code"]


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The text and the target of each link."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        yield match["text"], match["target"]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", match["text"].lower()).strip().replace(" ", "-") for match in _HEADING.finditer(text)
    }
