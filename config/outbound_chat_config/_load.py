"""Reads settings from a TOML file, `.env` and the environment; later ones win."""

import os
import tomllib
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from outbound_chat_config._errors import SettingsError, explain
from outbound_chat_config._settings import Settings

DEFAULT_FILE = Path("outbound-chat.toml")
ENV_FILE = Path(".env")
PREFIX = "OUTBOUND_CHAT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"


class _OwnDotEnv(DotEnvSettingsSource):
    """Passes over what a `.env` holds for other programs; our own misspelt names stay and are refused."""

    def __call__(self) -> dict[str, Any]:
        known = self.settings_cls.model_fields
        return {
            name: value
            for name, value in super().__call__().items()
            if name in known or (name.upper().startswith(PREFIX) and name.upper() != CONFIG_VARIABLE)
        }


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
        # The TOML file comes in as init values, which is why they stand last here.
        return env_settings, _OwnDotEnv(settings_cls), init_settings


def load_settings(config: str | Path | None = None) -> Settings:
    """Settings from the environment (`OUTBOUND_CHAT_*`), then `.env`, then a TOML file; the first with a value wins.

    The file is `config`, else what `OUTBOUND_CHAT_CONFIG` names, else `outbound-chat.toml` in the working directory if
    it is there. Reads anew at each call.

    Raises:
        SettingsError: the file can't be read, isn't TOML, or a value is refused; the text names each field and the fix.
    """
    path = _find(config)
    values = _read(path) if path else {}
    source = f"{path} and environment" if path else "environment, no TOML file"
    try:
        return _Sources(**values)
    except ValidationError as error:
        raise explain(error, source) from error
    except UnreadableVariable as error:
        variable = PREFIX + str(error).split('"')[1].upper()
        raise SettingsError(f"{variable} can't be read: give a table as JSON, or use the TOML file") from error


def _find(config: str | Path | None) -> Path | None:
    named = config or os.environ.get(CONFIG_VARIABLE) or dotenv_values(ENV_FILE).get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}; check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
