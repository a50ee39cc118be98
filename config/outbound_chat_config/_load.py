"""Reads settings from a TOML file, `.env` and the environment. Later sources take precedence."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from outbound_chat_config._describe import some
from outbound_chat_config._errors import SettingsError, explain
from outbound_chat_config._settings import Settings

DEFAULT_FILE = Path("outbound-chat.toml")
ENV_FILE = Path(".env")
PREFIX = "OUTBOUND_CHAT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
DEV_FILE = Path(".outbound-chat", "outbound-chat.toml")
"""Where `outbound-chat dev` writes its settings by default."""
LARGEST_FILE = 262_144
"""In bytes. A thousand senders take 250,000. There is a limit since the path may lead to any file."""

_DEEPEST_KEY = 30
# The time of `tomllib` grows by the square of a key's names: hours for a key that fills a file.
_NAME = rb"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
_DEEP_KEY = re.compile(rb"(?:%b\.[ \t]*){%d}" % (_NAME, _DEEPEST_KEY))

_OF_CLIENTS = frozenset({f"{PREFIX}URL", f"{PREFIX}KEY"})
"""Variables of programs that call the HTTP service, such as those in examples/. They are not settings."""

# Kubernetes gives each container the address of every service, such as one named outbound-chat-redis. A ..._PORT could
# also be a misspelt setting of ours, such as HTTP_PORT, so there the value decides.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_A_SERVICE = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)", re.ASCII)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.+")


class _KnownInDotEnv(DotEnvSettingsSource):
    """Ignores variables of other programs in `.env`. `_unknown` finds misspelt names of our own."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name in self.settings_cls.model_fields}


class _Sources(BaseSettings, Settings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the name is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the name is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The TOML file is passed as init values, so these come last.
        return env_settings, _KnownInDotEnv(settings_cls), init_settings


def load_settings(config: str | Path | None = None, *, needed: bool = True) -> Settings:
    """Loads settings from the environment (`OUTBOUND_CHAT_*`), `.env` and a TOML file, in this order of precedence.

    The file is `config`, or else the one that `OUTBOUND_CHAT_CONFIG` names, or else `outbound-chat.toml` in the working
    directory if it exists. In the name of a variable, `__` leads into a table, as in `OUTBOUND_CHAT_WORKER__THREADS`.
    Each call reads everything again. If there are no settings at all, this raises an error if they are `needed`;
    otherwise the attribute `missing` of the result says what is missing.

    Raises:
        SettingsError: the file can't be read or isn't TOML, or a value is invalid; the message names each field and the
            fix. Or there is no file, and no variable has a `redis_url` or a sender.
    """
    with _reading(ENV_FILE):
        dot_env = dotenv_values(ENV_FILE)
    path = _find(config, dot_env)
    values = _read_toml(path) if path else {}
    source = f"{path} and environment" if path else "environment, no TOML file"
    ours = list(_ours({**dot_env, **os.environ}))
    try:
        settings = _Sources(**{**values, **dict.fromkeys(_unknown(ours))})
    except ValidationError as error:
        # Neither of these two is kept as the cause: they have the refused value.
        raise explain(error, source, _nearest) from None
    except UnreadableVariable as error:
        variable = PREFIX + str(error).split('"')[1].upper()
        message = f"{variable}, or a variable that leads into it, can't be read: write tables as JSON, or use TOML"
        raise SettingsError(message) from None
    except RecursionError:
        message = f"a variable that begins with {PREFIX} is nested too deeply; write its table in a TOML file"
        raise SettingsError(message) from None
    if not (path or settings.senders or "redis_url" in settings.model_fields_set):
        if needed:
            raise SettingsError(_nothing())
        settings._missing = _nothing()  # noqa: SLF001  # our own
    settings._source = _source(path, ours)  # noqa: SLF001  # our own
    return settings


def _find(config: str | Path | None, dot_env: Mapping[str, str | None]) -> Path | None:
    named = config or os.environ.get(CONFIG_VARIABLE) or dot_env.get(CONFIG_VARIABLE)
    if named:
        return _absolute(Path(named))
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _absolute(path: Path) -> Path:
    with suppress(OSError):  # the working directory was deleted
        return path.absolute()
    return path


def _nothing() -> str:
    """Explains that there are no settings at all: with defaults, any Redis on this machine would be used."""
    where = f"no {DEFAULT_FILE} in {_absolute(Path())}, and {CONFIG_VARIABLE} is not set"
    if DEV_FILE.exists():
        return f"{where}; to use the stack of 'outbound-chat dev': export {CONFIG_VARIABLE}={DEV_FILE}"
    fix = f"name your file with --config or {CONFIG_VARIABLE}, write one (docs/settings.md)"
    return f"{where}; {fix}, or try things out with 'outbound-chat dev'"


def _source(path: Path | None, variables: list[str]) -> str:
    listed = some(sorted(variables), most=3)
    if path is None:
        return f"no file, environment variables only ({listed})"
    return f"{_absolute(path)}{f' and variables ({listed})' if variables else ''}"


def _ours(variables: Mapping[str, str | None]) -> Iterator[str]:
    """Returns the names of set variables that may be settings, including misspelt ones."""
    for name, value in variables.items():
        is_apart = name.upper() in {CONFIG_VARIABLE, *_OF_CLIENTS} or _is_of_kubernetes(name, value or "")
        if name.upper().startswith(PREFIX) and not is_apart:
            yield name


def _unknown(names: Iterable[str]) -> set[str]:
    """Returns those that are not settings. Passed on as values, they are refused together with other faults."""
    return {name for name in names if name[len(PREFIX) :].partition("__")[0].lower() not in Settings.model_fields}


def _is_of_kubernetes(name: str, value: str) -> bool:
    return bool(_OF_A_SERVICE.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value)))


def _nearest(variable: str) -> str | None:
    """Returns the variable that a misspelt one probably means: often a single `_` replaces the two after a table."""
    known = {name: name for name in Settings.model_fields}
    for table, field in Settings.model_fields.items():
        kind = next(iter(get_args(field.annotation)), field.annotation)  # that of an optional table
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known |= {f"{table}_{name}": f"{table}__{name}" for name in kind.model_fields}
    near = get_close_matches(variable.removeprefix(PREFIX).lower(), known, n=1)
    return f"{PREFIX}{known[near[0]].upper()}" if near and variable.startswith(PREFIX) else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with _reading(path):
            text = _bounded(path).decode("utf-8-sig")
        # As text files are read: each kind of line end is one.
        return _of_ours(path, tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n")))
    except SettingsError:
        raise
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    except ValueError:
        # What Python says of a number of too many digits, or of a path with NUL in it.
        raise SettingsError(f"{path} is not valid TOML: its name or a number in it can't be read") from None


def _of_ours(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values, unless they are another program's, such as those of pyproject.toml."""
    known = Settings.model_fields
    if values and not any(name in known or get_close_matches(name, known) for name in values):
        found = some([json.dumps(name) for name in values], most=3)
        raise SettingsError(f"{path} is not a file of outbound-chat: it has {found} but no setting; name the right one")
    return values


def _bounded(path: Path) -> bytes:
    """Returns the content of the file, unless it is too long or too deep for settings."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise SettingsError(f"{path} has more than {LARGEST_FILE:,} bytes, too many for settings; name the right file")
    if _DEEP_KEY.search(content):
        raise SettingsError(f"{path} has a key of more than {_DEEPEST_KEY} names; settings are nested three deep")
    return content


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns errors of reading a text file into errors of settings."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}; check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
