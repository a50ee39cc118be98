"""The base class of all settings."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from outbound_chat_config._digits import is_number


class Model(BaseModel):
    """Accepts known names only, is immutable, and never shows an invalid value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _written_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # An environment variable is text, which pydantic would read as Python does: `1_0` would be 10.
        kind = cls.model_fields[info.field_name or ""].annotation
        kinds = {kind, *get_args(kind)}
        if isinstance(value, str) and kinds & {int, float} and not is_number(value, whole=float not in kinds):
            raise ValueError("must be a number" if float in kinds else "must be an integer")
        return value
