"""Settings of the HTTP service."""

from datetime import timedelta

from pydantic import Field

from outbound_chat_config._model import Model
from outbound_chat_config._values import Duration


class HttpSettings(Model):
    """How `outbound-chat http` listens, and which requests it accepts."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on."""
    port: int = Field(default=8080, ge=1, le=65_535)
    ui: bool = True
    """Whether the service has pages for people, below `/ui`."""
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    """Longest JSON body, uncompressed. CSV and NDJSON bodies of batches are streamed and have no limit."""
    max_header_bytes: int = Field(default=32_768, ge=1_024, le=1_000_000)
    """Longest request line and headers together."""
    body_timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0), le=timedelta(hours=1))
    """Cancel a request after this much silence in the middle of it."""
    grace: Duration = Field(default=timedelta(seconds=10), ge=timedelta(seconds=1), le=timedelta(minutes=10))
    """How long requests may continue after the service was asked to stop. Long polls are answered immediately."""
