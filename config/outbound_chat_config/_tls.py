"""Checks what a URL of Redis says about TLS, since a misspelt word there would be found only by the first command."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_WORDS = frozenset({*_FILES, "ssl_ca_path", "ssl_cert_reqs", "ssl_check_hostname", "ssl_password"})


def check_tls(url: SecretStr | None) -> SecretStr | None:
    """The same URL.

    Raises:
        ValueError: an option of TLS is misspelt, stands where there is no TLS, or names a file that can't be read.
    """
    parts = urlsplit(url.get_secret_value() if url else "")
    options = {name: value for name, value in parse_qsl(parts.query) if name.startswith("ssl_")}
    if not parts.scheme.startswith(("redis", "unix")):
        return url
    if unknown := sorted(options.keys() - _WORDS):
        raise ValueError(f"has the option {unknown[0]}, which is unknown; use one of {', '.join(sorted(_WORDS))}")
    if options and not parts.scheme.startswith("rediss"):
        raise ValueError(f"has the option {min(options)}, but no TLS; begin it with rediss://")
    for name in _FILES:
        if name in options:
            _check_file(name, options[name])
    return url


def _check_file(name: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"names a file in {name} that can't be read: {error.strerror}; correct the path") from error
