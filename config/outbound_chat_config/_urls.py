"""Addresses of servers: whether they can be taken apart at all, those of sentinels too."""

from urllib.parse import urlsplit

from pydantic import SecretStr

from outbound_chat_config._sentinel import is_sentinel, parse_sentinel_url


def check_address(url: SecretStr | None) -> SecretStr | None:
    """The URL, if every library will find host and port in it.

    Found out later, by the first connection, it would be said in words that repeat a part of the password.

    Raises:
        ValueError: it has no readable host or port, or names sentinels and not what they watch.
    """
    text = url.get_secret_value() if url else ""
    if is_sentinel(text):
        parse_sentinel_url(text)
    elif text.startswith("sentinel://"):
        raise ValueError("must name the service too: redis+sentinel://host:26379,host:26379/service")
    elif not _readable(text):
        raise ValueError(
            "can't be read as a URL: the port must be a number, and of a password percent-encode what is not a letter "
            "or digit, such as %2F for / and %40 for @"
        )
    return url


def _readable(url: str) -> bool:
    # Several servers in one URL are the business of the library that takes them.
    if ";" in url:
        return True
    try:
        parts = urlsplit(url)
        return parts.port is None or bool(parts.hostname)
    except ValueError:
        return False
