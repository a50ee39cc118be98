"""Settings of outbound-chat: budgets, senders, and how workers behave.

This package only reads, checks and holds values. It talks to neither Redis nor AWS, and imports nothing from the other
packages. The main idea: a *sender* is a named identity that sends; a *budget* is the allowance of one AWS account and
Region, which many senders can share.
"""

from outbound_chat_config._contact_events import ContactEventSettings
from outbound_chat_config._describe import describe
from outbound_chat_config._digits import is_number, whole_number
from outbound_chat_config._durability import Durability, DurabilitySettings
from outbound_chat_config._encryption import EncryptionSettings
from outbound_chat_config._errors import NotConfigured, SettingsError
from outbound_chat_config._http import HttpSettings
from outbound_chat_config._load import CONFIG_VARIABLE, load_settings
from outbound_chat_config._open_chats import DEFAULT_CHAT_DURATION, OpenChats, chat_duration
from outbound_chat_config._opt_outs import OptOutSettings
from outbound_chat_config._public_address import is_public
from outbound_chat_config._quiet_hours import QuietHours, find_zone
from outbound_chat_config._senders import (
    LATEST_SECONDS,
    LEAST_CHAT_MINUTES,
    MOST_CHAT_MINUTES,
    Budget,
    Channel,
    Sender,
)
from outbound_chat_config._settings import MOST_SKEW, Settings
from outbound_chat_config._values import check_name
from outbound_chat_config._webhooks import (
    SECRET_PREFIX,
    WebhookSettings,
    callback_host,
    check_callback_url,
    secret_bytes,
)
from outbound_chat_config._worker import ResultSettings, RetrySettings, WorkerSettings
from outbound_chat_config.redis_url.cluster import is_cluster, parse_cluster_url
from outbound_chat_config.redis_url.sentinel import SentinelAddress, is_sentinel, parse_sentinel_url

__all__ = [
    "CONFIG_VARIABLE",
    "DEFAULT_CHAT_DURATION",
    "LATEST_SECONDS",
    "LEAST_CHAT_MINUTES",
    "MOST_CHAT_MINUTES",
    "MOST_SKEW",
    "SECRET_PREFIX",
    "Budget",
    "Channel",
    "ContactEventSettings",
    "Durability",
    "DurabilitySettings",
    "EncryptionSettings",
    "HttpSettings",
    "NotConfigured",
    "OpenChats",
    "OptOutSettings",
    "QuietHours",
    "ResultSettings",
    "RetrySettings",
    "Sender",
    "SentinelAddress",
    "Settings",
    "SettingsError",
    "WebhookSettings",
    "WorkerSettings",
    "callback_host",
    "chat_duration",
    "check_callback_url",
    "check_name",
    "describe",
    "find_zone",
    "is_cluster",
    "is_number",
    "is_public",
    "is_sentinel",
    "load_settings",
    "parse_cluster_url",
    "parse_sentinel_url",
    "secret_bytes",
    "whole_number",
]
