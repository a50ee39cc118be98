"""Reads the navigation of the site out of `docs/index.md`: its headings, and the pages that each table lists."""

import re
from collections.abc import Iterator

_SECTION = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)
_ROW = re.compile(r"^\| \[(?P<title>[^\]]+)\]\((?P<page>[^)#]+)\.md\)", re.MULTILINE)


def navigation(index: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each heading of the index with its pages: title and path from `docs/`, without the ending."""
    for section in _SECTION.finditer(index):
        if rows := [(row["title"], row["page"]) for row in _ROW.finditer(section["body"])]:
            yield section["title"], rows


def toctrees(index: str) -> str:
    """The same as Sphinx takes it, invisible on the page. A page that is not in it fails a strict build."""
    blocks = []
    for title, rows in navigation(index):
        entries = "\n".join(f"{name} <{page}>" for name, page in rows)
        blocks.append(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{entries}\n```\n")
    return "".join(blocks)
