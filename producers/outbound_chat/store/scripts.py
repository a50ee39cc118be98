"""Loads the Lua scripts: each file of `lua/` with the library files that its head names in `-- uses:`."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_USES = re.compile(r"^-- uses: (?P<names>[a-z_ ]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """Source of a script and the hash Redis knows it by."""

    name: str
    source: str
    sha: str


@cache
def load_script(name: str) -> Script:
    """The script of that name, complete with the library parts it uses.

    Raises:
        FileNotFoundError: the package holds no such script.
    """
    folder = files(__package__) / "lua"
    text = (folder / f"{name}.lua").read_text(encoding="utf-8")
    uses = _USES.search(text)
    parts = (
        [(folder / "lib" / f"{part}.lua").read_text(encoding="utf-8") for part in uses["names"].split()] if uses else []
    )
    source = "\n".join([*parts, text])
    # Redis names scripts by SHA-1; nothing here is secret.
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
