"""Reads settings from a TOML file, `.env` and the environment; later ones win."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from outbound_chat_config._errors import SettingsError, explain
from outbound_chat_config._settings import Settings

DEFAULT_FILE = Path("outbound-chat.toml")
ENV_FILE = Path(".env")
PREFIX = "OUTBOUND_CHAT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
LARGEST_FILE = 262_144
"""Bytes; a thousand senders take 250,000. Bounded, since the path may lead to any file."""

_DEEPEST_KEY = 30
# The time of `tomllib` grows by the square of a key's names: hours for a key that fills a file.
_NAME = rb"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
_DEEP_KEY = re.compile(rb"(?:%b\.[ \t]*){%d}" % (_NAME, _DEEPEST_KEY))

_OF_CLIENTS = frozenset({f"{PREFIX}URL", f"{PREFIX}KEY"})
"""For programs that call the HTTP service, such as those in examples/; not settings."""

# Kubernetes gives each container the address of every service, such as one named outbound-chat-redis. A ..._PORT could
# also be a misspelt setting of ours, such as HTTP_PORT, so there the value decides.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_A_SERVICE = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)", re.ASCII)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.+")


class _KnownInDotEnv(DotEnvSettingsSource):
    """Ignores variables of other programs in a `.env`; `_unknown` finds our own misspelt names."""

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


def load_settings(config: str | Path | None = None) -> Settings:
    """Loads settings from the environment (`OUTBOUND_CHAT_*`), `.env` and a TOML file; the first with a value wins.

    The file is `config`, else the one that `OUTBOUND_CHAT_CONFIG` names, else `outbound-chat.toml` in the working
    directory if it exists. In the name of a variable, `__` leads into a table, as in `OUTBOUND_CHAT_WORKER__THREADS`.
    Each call reads them again.

    Raises:
        SettingsError: the file can't be read, isn't TOML, or a value is refused; the text names each field and the fix.
    """
    with _reading(ENV_FILE):
        dot_env = dotenv_values(ENV_FILE)
    path = _find(config, dot_env)
    values = _read_toml(path) if path else {}
    source = f"{path} and environment" if path else "environment, no TOML file"
    try:
        return _Sources(**{**values, **dict.fromkeys(_unknown({**dot_env, **os.environ}))})
    except ValidationError as error:
        # Neither of these two is kept as the cause: they have the refused value.
        raise explain(error, source, _nearest) from None
    except UnreadableVariable as error:
        variable = PREFIX + str(error).split('"')[1].upper()
        message = f"{variable}, or a variable that leads into it, can't be read: give a table as JSON, or use TOML"
        raise SettingsError(message) from None
    except RecursionError:
        message = f"a variable that begins with {PREFIX} is nested too deeply to be read; give its table in TOML"
        raise SettingsError(message) from None


def _find(config: str | Path | None, dot_env: Mapping[str, str | None]) -> Path | None:
    named = config or os.environ.get(CONFIG_VARIABLE) or dot_env.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _unknown(variables: Mapping[str, str | None]) -> set[str]:
    """Names with our prefix that belong to no setting; passed on as values, they are refused with the rest."""
    return {
        name
        for name, value in variables.items()
        if name.upper().startswith(PREFIX)
        and name.upper() not in {CONFIG_VARIABLE, *_OF_CLIENTS}
        and name[len(PREFIX) :].partition("__")[0].lower() not in Settings.model_fields
        and not _is_of_kubernetes(name, value or "")
    }


def _is_of_kubernetes(name: str, value: str) -> bool:
    return bool(_OF_A_SERVICE.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value)))


def _nearest(variable: str) -> str | None:
    """The variable that a misspelt one probably means: often a single `_` replaces the two before a name in a table."""
    known = {name: name for name in Settings.model_fields}
    for table, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            known |= {f"{table}_{name}": f"{table}__{name}" for name in field.annotation.model_fields}
    near = get_close_matches(variable.removeprefix(PREFIX).lower(), known, n=1)
    return f"{PREFIX}{known[near[0]].upper()}" if near and variable.startswith(PREFIX) else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with _reading(path):
            text = _bounded(path).decode("utf-8-sig")
        # As text files are read: each kind of line end is one.
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except SettingsError:
        raise
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    except ValueError:
        # What Python says of a number of too many digits, or of a path with NUL in it.
        raise SettingsError(f"{path} is not valid TOML: its name, or a number in it, can't be read") from None


def _bounded(path: Path) -> bytes:
    """What the file holds, if settings can be that long and that deep."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise SettingsError(f"{path} has more than {LARGEST_FILE:,} bytes, as no settings have; name the right file")
    if _DEEP_KEY.search(content):
        raise SettingsError(f"{path} has a key of more than {_DEEPEST_KEY} names; settings are nested three deep")
    return content


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns errors of reading a text file into those of settings."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}; check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
