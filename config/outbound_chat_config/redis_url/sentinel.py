"""Reads URLs of Sentinel: `redis+sentinel://[user:password@]host[:port],host[:port]…/service[/db][?option=…]`.

Sentinels know which server is the primary of a service. User, password and database are those of the primary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from outbound_chat_config.redis_url.hosts import bracketed, parse_hosts
from outbound_chat_config.redis_url.tls import TLS_OPTIONS

SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
DEFAULT_PORT = 26379  # https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
_SPELLING = "redis+sentinel://host:26379,host:26379/service, or …/service/2 for database 2"
_NO_HOSTS = f"must list the sentinels as host or host:port, separated by commas: {_SPELLING}"


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """The sentinels to ask for the primary, and the credentials of both."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int
    login: Mapping[str, str] = field(repr=False)
    """`username` and `password` for the primary, if given."""
    sentinel_login: Mapping[str, str] = field(repr=False)
    """`username` and `password` for the sentinels, if given."""
    tls: Mapping[str, str] | None
    """Options of redis-py for both the sentinels and the primary; None: no TLS."""

    @property
    def broker(self) -> str:
        """Returns the sentinels in the form of kombu's transport, each as a whole URL."""
        user, password = (quote(self.login.get(part, ""), safe="") for part in ("username", "password"))
        login = f"{user}:{password}@" if self.login else ""
        return ";".join(f"sentinel://{login}{bracketed(host)}:{port}/{self.db}" for host, port in self.hosts)


def is_sentinel(url: str) -> bool:
    """Returns whether the URL is that of sentinels."""
    return url.startswith(SCHEMES)


def parse_sentinel_url(url: str) -> SentinelAddress:
    """Returns the parts of the URL.

    Raises:
        ValueError: it can't be read. The message continues a sentence, without any part of the URL.
    """
    parts = parse_hosts(url, DEFAULT_PORT)
    if not parts:
        raise ValueError(_NO_HOSTS)
    user, _, password = parts.login.partition(":")
    service, db = _service(parts.path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = {name: query[name] for name in TLS_OPTIONS if name in query}
    secure = parts.scheme == "rediss+sentinel"
    return SentinelAddress(
        hosts=parts.hosts,
        service=service,
        db=db,
        login=_given(username=unquote(user), password=unquote(password)),
        sentinel_login=_given(username=query.get("sentinel_username", ""), password=query.get("sentinel_password", "")),
        tls={"ssl_cert_reqs": "required", **tls} if secure else None,
    )


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _service(path: str) -> tuple[str, int]:
    service, _, db = path.strip("/").partition("/")
    if not service:
        raise ValueError(f"must name the service that the sentinels watch: {_SPELLING}")
    if not db:
        return unquote(service), 0
    if not (db.isascii() and db.isdigit()):
        raise ValueError(f"must end with the number of a database after the service: {_SPELLING}")
    return unquote(service), int(db)
