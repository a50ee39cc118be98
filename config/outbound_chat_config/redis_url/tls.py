"""Checks the TLS options of a Redis URL: values, files, and combinations."""

import ssl
from collections.abc import Mapping
from pathlib import Path

TLS_OPTIONS = (
    *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password"),
    *("ssl_cert_reqs", "ssl_check_hostname"),
)
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_REQUIREMENTS = ("none", "optional", "required")
_YES = ("1", "true", "yes")


def check_tls(options: Mapping[str, str]) -> None:
    """Checks that a connection can be secured with these options.

    Raises:
        ValueError: it can't. The message continues a sentence.
    """
    if options.get("ssl_cert_reqs", "none") not in _REQUIREMENTS:
        raise ValueError(f"has the option ssl_cert_reqs, which must be one of {', '.join(_REQUIREMENTS)}")
    if options.get("ssl_check_hostname", "true").lower() not in _YES:
        raise ValueError(
            "has the option ssl_check_hostname, which must be true, or any certificate of this authority could pass "
            "for the server; name the host as its certificate does"
        )
    for name in _FILES:
        if name in options:
            _check_readable(name, Path(options[name]))
    if "ssl_ca_path" in options and not Path(options["ssl_ca_path"]).is_dir():
        raise ValueError("has the option ssl_ca_path, which is not a folder; correct the path")
    _check_authorities(options)
    _check_own(options)


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"names a file in {name} that can't be read: {error.strerror}; correct the path") from error


def _check_authorities(options: Mapping[str, str]) -> None:
    if "ssl_ca_certs" in options:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(options["ssl_ca_certs"])
        except ssl.SSLError as error:
            raise ValueError("names a file in ssl_ca_certs that has no certificate in PEM form") from error


def _check_own(options: Mapping[str, str]) -> None:
    """Checks the certificate that the client presents, and its key."""
    file = options.get("ssl_certfile")
    if not file:
        if needless := next((name for name in ("ssl_keyfile", "ssl_password") if name in options), ""):
            raise ValueError(f"has the option {needless} without ssl_certfile, the certificate that it belongs to")
        return
    key = options.get("ssl_keyfile")
    try:
        # Without any password OpenSSL would ask for one at the terminal.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(file, key, password=options.get("ssl_password", ""))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(
                "names a key in ssl_keyfile that does not belong to the certificate in ssl_certfile"
            ) from error
        where = "ssl_certfile and ssl_keyfile" if key else "ssl_certfile, where ssl_keyfile is not given,"
        raise ValueError(
            f"must name in {where} a certificate and its key in PEM form, with ssl_password if the key is encrypted"
        ) from error
