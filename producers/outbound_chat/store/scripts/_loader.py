"""Loads the Lua of the store: each file of `lua/lib/` is a library, which is one table; all others are scripts.

The head of either names in lines of `-- uses:` the libraries that it needs itself; the loader adds what those need.
`base` and `fields` are no tables: every script has their names.

All scripts together are one library of Redis Functions, which is loaded once: its libraries are not built at each call,
as those of a script are. https://redis.io/docs/latest/develop/programmability/functions-intro/
Its name and those of its functions end with a hash of its text, so that two versions can work on one server.
Where functions can't be loaded each runs as a script by itself, with the same text.

Both say what they need of a server. A replica refuses also those that only read, since it may be a primary of a moment
ago with old data; a full server all that add jobs.
https://redis.io/docs/latest/develop/programmability/eval-intro/#eval-flags
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import indent
from typing import NamedTuple

from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

ADDS_JOBS = frozenset({"submit", "open_batch"})
"""The scripts that a full server (`maxmemory`) refuses. The others lead to fewer jobs, or need a few bytes to do so."""

REFUSED_SECONDS = 60.0
"""Time for which no function is asked for where the server takes none from us; a worker may load them meanwhile."""

_UNKNOWN_FUNCTION = "Function not found"
_LOADED_BEFORE = "already exists"
_FOLDER = files("outbound_chat.store") / "lua"
_USES = re.compile(r"^-- uses: ([a-z_ ]+)$", re.MULTILINE)
_FOR_ALL = ("base", "fields")


@dataclass(frozen=True, slots=True)
class Script:
    """A script by itself."""

    name: str
    source: str
    sha: str
    """By which Redis knows it."""


@cache
def load_script(name: str, *, shebang: bool = True) -> Script:
    """The script of that name with the libraries it needs. `shebang`: whether its first line is one.

    Raises:
        KeyError: the package holds no such script.
    """
    text = _read(f"{_folders()[name]}/{name}.lua")
    first = ["#!lua" if name in ADDS_JOBS else "#!lua flags=allow-oom"] if shebang else []
    source = "\n".join([*first, *_libraries([text]), "begin_call(KEYS)", text])
    return Script(name, source, _sha1(source))


@cache
def load_library() -> str:
    """The library of all scripts as functions."""
    version = _version()
    return f"#!lua name=outbound_chat_{version}\nlocal SUFFIX = '_{version}'\n{_functions()}"


def function_name(script: str) -> str:
    """The name of the script in the library."""
    return f"oc_{script}_{_version()}"


@cache
def _version() -> str:
    return _sha1(_functions())[:10]


@cache
def _functions() -> str:
    """The library without its name and that of this version."""
    texts = {name: _read(f"{folder}/{name}.lua") for name, folder in sorted(_folders().items())}
    registered = (
        f"register('{name}', {_names(_needed(text))}, function(KEYS, ARGV)\n{indent(text, '  ')}\nend)"
        for name, text in texts.items()
    )
    return "\n".join([*_libraries(texts.values()), _REGISTER, *registered])


_REGISTER = f"""\
local ADDS_JOBS = {{ {", ".join(f"{name} = true" for name in sorted(ADDS_JOBS))} }}
local function register(name, libraries, script)
  local own_starts = {{}}
  for i = 1, #libraries do
    own_starts[#own_starts + 1] = starts[libraries[i]]
  end
  redis.register_function({{
    function_name = 'oc_' .. name .. SUFFIX,
    flags = ADDS_JOBS[name] and {{}} or {{ 'allow-oom' }},
    callback = function(KEYS, ARGV)
      begin_call(KEYS, own_starts)
      return script(KEYS, ARGV)
    end,
  }})
end"""


def _names(libraries: Iterable[str]) -> str:
    """The Lua table of these names."""
    return "{ " + ", ".join(f"'{name}'" for name in libraries) + " }"


def _libraries(texts: Iterable[str]) -> Iterator[str]:
    """The libraries that these texts need, each before those that need it."""
    yield from (_read(f"lib/{name}.lua") for name in _FOR_ALL)
    needed = _needed(*texts)
    yield from (f"local {name} = (function()\n{indent(_read(f'lib/{name}.lua'), '  ')}end)()" for name in needed)


def _needed(*texts: str) -> list[str]:
    """The names of the libraries that these texts need, each before those that need it."""
    placed: list[str] = []
    for text in texts:
        _place(text, placed)
    return placed


def _place(text: str, placed: list[str]) -> None:
    for name in " ".join(_USES.findall(text)).split():
        if name not in placed:
            _place(_read(f"lib/{name}.lua"), placed)
            placed.append(name)


@cache
def _folders() -> dict[str, str]:
    """Each script → the folder of its noun."""
    folders = (folder for folder in _FOLDER.iterdir() if folder.name != "lib")
    return {file.name.removesuffix(".lua"): folder.name for folder in folders for file in folder.iterdir()}


@cache
def _read(path: str) -> str:
    return (_FOLDER / path).read_text(encoding="utf-8")


def _sha1(text: str) -> str:
    # Redis names scripts by SHA-1; nothing here is secret.
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Way(NamedTuple):
    """How a script is run, or the command by which the server gets to know it."""

    command: tuple[str, ...]
    loads: bool = False


class Ways:
    """How the scripts are run on one server: as functions where it knows them, else each by itself. Of one store."""

    def __init__(self, *, shebang: bool = True) -> None:
        """`shebang`: whether scripts may begin with one."""
        self._shebang = shebang
        self._refused_until = 0.0
        self._functions: dict[str, Way] = {}

    def of(self, name: str) -> Iterator[Way]:
        """The ways to run the script, the quickest first. After each, its error goes to `next_after`."""
        as_function = self._functions.get(name)
        if as_function is None:
            as_function = self._functions[name] = Way(("FCALL", function_name(name)))
        if not self._refused:
            yield as_function
        if not self._refused:
            yield Way(("FUNCTION LOAD", load_library()), loads=True)
        if not self._refused:
            yield as_function
        script = load_script(name, shebang=self._shebang)
        yield Way(("EVALSHA", script.sha))
        yield Way(("EVAL", script.source))

    @property
    def _refused(self) -> bool:
        return self._refused_until > 0 and time.monotonic() < self._refused_until

    def next_after(self, way: Way, error: ResponseError) -> bool:
        """Whether the next way may do where this one was refused; if not, the error is that of the call."""
        command, text = way.command[0], str(error)
        if command == "EVALSHA":
            return isinstance(error, NoScriptError)
        if command == "EVAL":
            return False
        if _UNKNOWN_FUNCTION in text or _LOADED_BEFORE in text:
            return True
        # Only workers need the right to load functions, and a full server takes none.
        is_refused = isinstance(error, NoPermissionError | OutOfMemoryError) and (way.loads or command.lower() in text)
        if is_refused or "unknown command" in text:
            self._refused_until = time.monotonic() + REFUSED_SECONDS
            return True
        return False


def knows_shebang(client: object) -> bool:
    """Whether scripts for the client may begin with a shebang: fakeredis hands it to Lua, which can't read it."""
    return type(client).__module__.partition(".")[0] != "fakeredis"
