"""All settings, with a small class for each part of the program that uses them."""

from datetime import timedelta
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator

from outbound_chat_config._contact_events import ContactEventSettings
from outbound_chat_config._describe import some
from outbound_chat_config._durability import DurabilitySettings
from outbound_chat_config._encryption import EncryptionSettings
from outbound_chat_config._errors import NotConfigured, explain
from outbound_chat_config._http import HttpSettings
from outbound_chat_config._model import Model
from outbound_chat_config._opt_outs import OptOutSettings
from outbound_chat_config._senders import Budget, Sender
from outbound_chat_config._values import Duration, Name, is_name
from outbound_chat_config._webhooks import WebhookSettings, check_callback_url
from outbound_chat_config._worker import ResultSettings, RetrySettings, WorkerSettings
from outbound_chat_config.redis_url.address import check_address
from outbound_chat_config.redis_url.cluster import SCHEMES as CLUSTER_SCHEMES, is_cluster
from outbound_chat_config.redis_url.sentinel import (
    SCHEMES as SENTINEL_SCHEMES,
    SentinelAddress,
    is_sentinel,
    parse_sentinel_url,
)

# AWS refuses a signature more than 5 minutes off; a minute is left for the clock of Redis, which may be off too.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
MOST_SKEW = timedelta(minutes=4)

_URL_SCHEMES = ("redis://", "rediss://", "unix://", *CLUSTER_SCHEMES, *SENTINEL_SCHEMES)


class Settings(Model):
    """All settings of outbound-chat, from plain values; `load_settings` reads files and environment."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """URL of the store: `redis://`, `rediss://` (TLS), `unix://`, `redis+cluster://` or `redis+sentinel://`."""
    redis_timeout: Duration = Field(
        default=timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(seconds=60)
    )
    """Timeout of a whole call to Redis, including retries, by clients, the command line and the HTTP service."""
    broker_url: SecretStr | None = None
    """URL of Celery's broker. Default: the server of the store."""
    key_prefix: Name = "oc"
    """First part of every key in Redis."""
    log_format: Literal["text", "json"] = "text"
    """Format of the log of workers and the HTTP service on standard error: `text`, or `json` (one object per line)."""
    budgets: dict[Name, Budget] = Field(default_factory=lambda: {"main": Budget()})
    senders: dict[Name, Sender] = Field(default_factory=dict)
    worker: WorkerSettings = WorkerSettings()
    retry: RetrySettings = RetrySettings()
    results: ResultSettings = ResultSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    durability: DurabilitySettings = DurabilitySettings()
    opt_outs: OptOutSettings = OptOutSettings()
    webhooks: WebhookSettings = WebhookSettings()
    contact_events: ContactEventSettings | None = None
    """None: there is no such table, so contacts are not recorded unless events come by HTTP or the command line."""
    http: HttpSettings = HttpSettings()
    _source: str = PrivateAttr(default="values given in code")
    _missing: str = PrivateAttr(default="")

    @property
    def source(self) -> str:
        """Where the values came from, for people: a file, variables, or both."""
        return self._source

    @property
    def missing(self) -> str:
        """Why there are no settings; empty if there are any."""
        return self._missing

    @field_validator("redis_url")
    @classmethod
    def _store_scheme(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(_URL_SCHEMES):
            raise ValueError(f"must start with one of {', '.join(_URL_SCHEMES)}")
        return value

    _addresses = field_validator("redis_url", "broker_url")(check_address)

    @model_validator(mode="after")
    def _senders_have_budgets(self) -> Self:
        regions: dict[str, tuple[str, str]] = {}
        for name, sender in self.senders.items():
            if sender.budget not in self.budgets:
                known = ", ".join(sorted(self.budgets)) or "none is defined"
                raise ValueError(
                    f'senders.{name}.budget is "{sender.budget}", which is not defined; '
                    f"add [budgets.{sender.budget}] or use one of: {known}"
                )
            first, region = regions.setdefault(sender.budget, (name, sender.region))
            if region != sender.region:
                raise ValueError(
                    f"senders.{name} ({sender.region}) and senders.{first} ({region}) share the budget "
                    f'"{sender.budget}", but AWS counts calls by Region; give each Region a budget of its own'
                )
        return self

    @model_validator(mode="after")
    def _shared_limits_agree(self) -> Self:
        for limit, shared in (("number_rate", "source"), ("max_open_chats", "instance_id")):
            known: dict[tuple[str, str], tuple[str, float | None]] = {}
            for name, sender in self.senders.items():
                value = getattr(sender, limit)
                first, other = known.setdefault((sender.budget, getattr(sender, shared)), (name, value))
                if value != other:
                    raise ValueError(
                        f"senders.{first} and senders.{name} have the same {shared} but different {limit} "
                        f"({_shown(other)} and {_shown(value)}), and they share it; make them agree"
                    )
        return self

    @model_validator(mode="after")
    def _callbacks_may_be_told(self) -> Self:
        for name, sender in self.senders.items():
            if sender.callback_url:
                try:
                    url = sender.callback_url.get_secret_value()
                    check_callback_url(url, allow_private=self.webhooks.allow_private)
                except ValueError as error:
                    raise ValueError(f"senders.{name}.callback_url {error}") from None
        return self

    @model_validator(mode="after")
    def _numbers_are_found_by_keyed_hash(self) -> Self:
        if self.results.find_by_number and (not self.encryption.keys or self.encryption.write_plain):
            fix = "set write_plain to false" if self.encryption.keys else "make keys and a number_key with new-key"
            raise ValueError(f"results.find_by_number needs [encryption], whose number_key hashes the numbers; {fix}")
        return self

    @field_validator("broker_url")
    @classmethod
    def _broker_is_no_cluster(cls, value: SecretStr | None) -> SecretStr | None:
        if value and is_cluster(value.get_secret_value()):
            raise ValueError("names a Redis Cluster, for which Celery has no transport; name a server by itself")
        return value

    @model_validator(mode="after")
    def _cluster_needs_a_broker(self) -> Self:
        if is_cluster(self.redis_url.get_secret_value()) and not self.broker_url:
            raise ValueError("broker_url is required with a Redis Cluster store: Celery has no transport for clusters")
        return self

    @classmethod
    def from_values(cls, **values: Any) -> Self:
        """Creates settings from plain values, without reading files or the environment.

        Raises:
            SettingsError: a value is invalid; the message names each field and the fix.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise explain(error, "values given in code") from error

    @property
    def broker(self) -> str:
        """URL of Celery's broker, in the form that Celery expects."""
        url = self._broker_url
        if address := self.broker_sentinel:
            return address.broker
        if url.startswith("rediss://") and "ssl_cert_reqs" not in url:
            # By default Celery's transport would accept any certificate.
            url += ("&" if "?" in url else "?") + "ssl_cert_reqs=required"
        return _celerys_spelling(url)

    @property
    def broker_sentinel(self) -> SentinelAddress | None:
        """The sentinels of Celery's broker; None if there are none."""
        return parse_sentinel_url(self._broker_url) if is_sentinel(self._broker_url) else None

    @property
    def _broker_url(self) -> str:
        return (self.broker_url or self.redis_url).get_secret_value()

    def sender(self, name: str) -> Sender:
        """Returns the sender with that name.

        Raises:
            SettingsError: there is no sender with that name; the message lists all senders.
        """
        if found := self.senders.get(name):
            return found
        known = some(sorted(self.senders), most=20) or "none is configured"
        # An invalid name may be a phone number, or contain codes that a terminal would obey.
        which = f'sender "{name}"' if is_name(name) else "a sender of this name"
        raise NotConfigured(f"{which} is not configured; known senders: {known}")


def _shown(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"


def _celerys_spelling(url: str) -> str:
    """Returns a URL of redis-py in the form of Celery's transport, which has database and credentials in other places.

    The transport would refuse the query of redis-py, or ignore it and send the messages to database 0.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"unix", "redis", "rediss"}:
        return url
    query = dict(parse_qsl(parts.query))
    db, path = query.pop("db", ""), parts.path
    user, password = query.pop("username", ""), query.pop("password", "")
    host = parts.netloc
    if (user or password) and "@" not in host:
        host = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    scheme = "redis+socket" if parts.scheme == "unix" else parts.scheme
    if db and parts.scheme == "unix":
        query["virtual_host"] = db
    elif db:
        path = f"/{db}"
    return f"{scheme}://{host}{path}" + (f"?{urlencode(query)}" if query else "")
