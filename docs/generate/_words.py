"""What the code says of its own names: the string below a field or a member, as editors show it."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parents[1]


def linked(text: str) -> str:
    """Links each `docs/PAGE.md` that the code names; the text of the link is the page's title."""
    return re.sub(r"`docs/([\w-]+\.md)`", lambda page: f"[{_title(page[1])}]({page[1]})", text)


def _title(page: str) -> str:
    return (_DOCS / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def sentences(kind: type[Any]) -> dict[str, str]:
    """Each field or member of a class with the first paragraph of the string below it."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - what getsource gives for a class
    found: dict[str, str] = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        name = _name(before)
        if name and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[name] = re.sub(r"\s+", " ", inspect.cleandoc(str(after.value.value)).split("\n\n")[0])
    return found


def _name(node: ast.stmt) -> str:
    target = (
        node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
    )
    return target.id if isinstance(target, ast.Name) else ""
