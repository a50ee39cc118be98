"""docs/python-api.md has everything that programs may import, and each part of it with its meaning."""

import inspect
import re
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import is_typeddict

import pytest

from docs.generate import python_api
from outbound_chat import AsyncOutboundChat, OutboundChat, OutboundChatError
from outbound_chat.client.signatures import options_of

from .pages import DOCS, bare, blocks, read, section, tables

PAGE = "python-api.md"
PUBLIC = {name: one for names in python_api.public().values() for name, one in names.items()}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_section_with_its_parts(name: str) -> None:
    one, text = PUBLIC[name], section(read(PAGE), f"### {name}")
    rows = [row for rows in tables(text) for row in rows]
    named = {bare(row[column]) for row in rows for column in row if column in {"option", "field", "member"}}
    assert text.strip()
    if is_typeddict(one):
        assert named == {option.name for option in options_of(one)}
    elif is_dataclass(one):
        properties = {key for key, value in vars(one).items() if isinstance(value, property)}
        assert named == {field.name for field in fields(one)} | properties
    elif isinstance(one, type) and issubclass(one, Enum):
        assert named == {member.name for member in one}
    assert all(row["meaning"] for row in rows), name


def test_every_method_has_a_section_with_its_signature() -> None:
    for name, function in python_api.methods(OutboundChat):
        if name != "__init__":
            text = section(read(PAGE), f"#### OutboundChat.{name}()")
            assert f"def {name}(" in text
            assert inspect.getdoc(function)


def test_of_the_async_client_only_what_differs_is_repeated() -> None:
    shown = re.findall(r"^#### AsyncOutboundChat\.(\w+)\(\)$", read(PAGE), re.MULTILINE)
    assert "suppressed" in shown
    assert "status" not in shown
    for name in shown:
        assert getattr(AsyncOutboundChat, name).__doc__ != getattr(OutboundChat, name).__doc__


def test_every_error_says_what_raises_it() -> None:
    raised = python_api.raised_by()
    for name, one in PUBLIC.items():
        if isinstance(one, type) and issubclass(one, Exception) and one is not OutboundChatError:
            assert name in raised or name in python_api.EVERYWHERE, name
            assert "Raised by" in section(read(PAGE), f"### {name}")
    assert {error for error in raised if error.isidentifier()} <= {
        *PUBLIC,
        "ModuleNotFoundError",
        "TypeError",
        "ValueError",
    }


def test_the_page_is_reached_from_where_people_begin() -> None:
    for page in ("../README.md", "index.md", "quickstart.md"):
        assert f"{PAGE})" in read(page), page


def test_signatures_are_python() -> None:
    """`test_all_pages` compiles them."""
    shown = [block for block in blocks(DOCS / PAGE) if block.language == "python"]
    assert len(shown) > 40
