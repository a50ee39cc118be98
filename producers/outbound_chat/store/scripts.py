"""Loads the Lua scripts: each file of `lua/` with the library files that its head names in `-- uses:`.

Each begins with a shebang. By it a server refuses a script as a whole, and not at its first write: a replica refuses
also those that only read, since it may be a primary of a moment ago with old data; a full server all that bring jobs.
https://redis.io/docs/latest/develop/programmability/eval-intro/#eval-flags

Of a library only what the script reaches is loaded: Lua takes no more than 200 local names at the top of a script
(`LUAI_MAXVARS`, https://www.lua.org/source/5.1/luaconf.h.html), and all the libraries together have more.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

BRING_JOBS = frozenset({"submit", "open_batch"})
"""The scripts that a full server (`maxmemory`) refuses. The others lead to fewer jobs, or need a few bytes to do so."""

_USES = re.compile(r"^-- uses: (?P<names>[a-z_ ]+)$", re.MULTILINE)
_COMMENT = re.compile(r"^ *--.*$", re.MULTILINE)
_STATEMENT = re.compile(r"^(?=[a-z])(?!end\b)", re.MULTILINE)
"""Where a statement of a library begins; what lies inside one is indented."""
_DEFINED = re.compile(r"local (?:function )?(?P<names>\w+(?:, \w+)*)")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Script:
    """Source of a script and the hash Redis knows it by."""

    name: str
    source: str
    sha: str


@cache
def load_script(name: str, *, shebang: bool = True) -> Script:
    """The script of that name, complete with the library parts it uses. `shebang`: whether its first line is one.

    Raises:
        FileNotFoundError: the package holds no such script.
    """
    folder = files(__package__) / "lua"
    text = (folder / f"{name}.lua").read_text(encoding="utf-8")
    uses = _USES.search(text)
    parts = (
        [(folder / "lib" / f"{part}.lua").read_text(encoding="utf-8") for part in uses["names"].split()] if uses else []
    )
    first = "#!lua" if name in BRING_JOBS else "#!lua flags=allow-oom"
    source = "\n".join([*([first] if shebang else []), _reached("\n".join(parts), text), text])
    # Redis names scripts by SHA-1; nothing here is secret.
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _reached(library: str, script: str) -> str:
    """The statements of the library that the script needs: all that define nothing, and definitions it comes upon."""
    words, kept = set(_WORD.findall(script)), []
    # Lua knows a name only after its definition, so whatever uses one stands behind it.
    for statement in reversed(_STATEMENT.split(_COMMENT.sub("", library))):
        defined = _DEFINED.match(statement)
        if not defined or words.intersection(defined["names"].split(", ")):
            words.update(_WORD.findall(statement))
            kept.append(statement.strip())
    return "\n".join(reversed(kept))


def knows_shebang(client: object) -> bool:
    """Whether scripts for the client may begin with a shebang: fakeredis hands it to Lua, which can't read it."""
    return type(client).__module__.partition(".")[0] != "fakeredis"
