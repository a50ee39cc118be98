"""What all methods of a client use: settings, encryption, names of keys, senders and budgets."""

from functools import cached_property
from typing import Any

from outbound_chat.client.steps.validation import Errors
from outbound_chat.contact_events import KnownSources
from outbound_chat.encryption import RequestCipher
from outbound_chat.model.errors import FieldError, InvalidJob, SettingsError
from outbound_chat.model.ids import split_id
from outbound_chat.model.times import utc_now
from outbound_chat.request import FieldCode
from outbound_chat.store import Keys, scripts
from outbound_chat_config import NotConfigured, Sender, Settings


class NoContext:
    """Replaces a `Context` if there are no settings: every use raises the reason.

    Many programs create their client when a module is imported, even where they don't use it, as in their tests.
    """

    def __init__(self, missing: str) -> None:
        self._missing = missing

    def __getattr__(self, name: str) -> Any:
        raise SettingsError(self._missing)


class Context:
    """The context of one client. A method is a function `verb(context, …) -> Steps[T]` in the module of its noun."""

    def __init__(self, settings: Settings) -> None:
        """Raises `SettingsError` if encryption is configured but not installed."""
        self.settings = settings
        self.cipher = RequestCipher(settings.encryption)
        self.listing = scripts.Listing(settings.results.listed_jobs, settings.results.find_by_number)
        """In which lists new jobs are found."""
        self.now = utc_now
        """The time for checks of `send_at` and `expires_at`. What is due is decided by the clock of Redis."""

    @cached_property
    def known_sources(self) -> KnownSources:
        """Where events about contacts may come from."""
        return KnownSources.of(self.settings)

    def keys(self, budget: str) -> Keys:
        """Returns the names of a budget's keys."""
        return Keys(self.settings.key_prefix, budget)

    def find_sender(self, name: object, errors: Errors) -> tuple[str, Sender | None]:
        """Returns the sender of that name; adds an unknown one to `errors`.

        The name may be an `InvalidJob`, which says why the sender is not known.
        """
        if isinstance(name, InvalidJob):
            errors += name.errors
            return "", None
        try:
            if name is None:
                known = ", ".join(sorted(self.settings.senders))
                errors.append(FieldError("sender", FieldCode.REQUIRED, f"is required; name one of: {known}"))
                return "", None
            return str(name), self.settings.sender(str(name))
        except SettingsError as error:
            errors.append(FieldError("sender", FieldCode.UNKNOWN_SENDER, str(error)))
            return str(name), None

    def budget(self, name: str | None) -> str:
        """Returns the budget with that name, or the only one.

        Raises:
            SettingsError: there is no such budget, or there are several and the name is missing.
        """
        known = ", ".join(sorted(self.settings.budgets))
        if name is None:
            if len(self.settings.budgets) > 1:
                raise SettingsError(f"there are several budgets; name one of: {known}")
            return next(iter(self.settings.budgets))
        if name not in self.settings.budgets:
            raise NotConfigured(f'budget "{name}" is not configured; known budgets: {known}')
        return name

    def channel(self, id_: str) -> str:
        """Returns the channel where the end of a job or batch is published; for an invalid id, an unused channel."""
        budget, local_id = split_id(id_) or ("", "")
        return self.keys(budget).done(local_id)


def context_of(settings: Settings) -> Context:
    """Returns the context of a client with these settings."""
    nothing: Any = NoContext(settings.missing)
    return nothing if settings.missing and not settings.senders else Context(settings)
