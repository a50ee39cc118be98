"""Checks whether the URLs of servers can be parsed and their options are known."""

from urllib.parse import urlsplit

from pydantic import SecretStr

from outbound_chat_config.redis_url.cluster import is_cluster, parse_cluster_url
from outbound_chat_config.redis_url.options import check_options
from outbound_chat_config.redis_url.sentinel import is_sentinel, parse_sentinel_url

_OF_REDIS = ("redis://", "rediss://", "redis+", "rediss+", "unix://")


def check_address(url: SecretStr | None) -> SecretStr | None:
    """Returns the URL if every library can read its host, port and options.

    An error at the first connection would come later, and would contain a part of the password.

    Raises:
        ValueError: the host, port or an option is invalid, or the service of sentinels is missing.
    """
    text = url.get_secret_value() if url else ""
    if is_sentinel(text):
        check_options(text)
        parse_sentinel_url(text)
    elif is_cluster(text):
        check_options(text)
        parse_cluster_url(text)
    elif text.startswith("sentinel://"):
        raise ValueError("must also name the service: redis+sentinel://host:26379,host:26379/service")
    elif not _readable(text):
        raise ValueError(
            "can't be read as a URL: the port must be a number; in a password, percent-encode what is not a letter or "
            "digit, such as %2F for / and %40 for @"
        )
    elif text.startswith(_OF_REDIS) and ";" not in text:
        check_options(text)
    return url


def _readable(url: str) -> bool:
    if ";" in url:
        return True
    try:
        parts = urlsplit(url)
        return parts.port is None or bool(parts.hostname)
    except ValueError:
        return False
