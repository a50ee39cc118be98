"""Loads the Lua scripts: each file of `lua/` with the library files that its head names in `-- uses:`.

Each begins with a shebang. By it a server refuses a script as a whole, and not at its first write: a replica refuses
also those that only read, since it may be a primary of a moment ago with old data; a full server all that bring jobs.
https://redis.io/docs/latest/develop/programmability/eval-intro/#eval-flags
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

BRING_JOBS = frozenset({"submit", "open_batch"})
"""The scripts that a full server (`maxmemory`) refuses. The others lead to fewer jobs, or need a few bytes to do so."""

_USES = re.compile(r"^-- uses: (?P<names>[a-z_ ]+)$", re.MULTILINE)


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
    source = "\n".join([*([first] if shebang else []), *parts, text])
    # Redis names scripts by SHA-1; nothing here is secret.
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def knows_shebang(client: object) -> bool:
    """Whether scripts for the client may begin with a shebang: fakeredis hands it to Lua, which can't read it."""
    return type(client).__module__.partition(".")[0] != "fakeredis"
