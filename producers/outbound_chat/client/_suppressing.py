"""The verbs for suppression lists, as both clients have them: numbers that a sender must not contact."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

from outbound_chat.client.steps.base import Steps
from outbound_chat.client.steps.jobs import Verbs
from outbound_chat.client.steps.lists import suppressed_page
from outbound_chat.client.steps.moved_senders import SenderList
from outbound_chat.client.steps.rejections import OnProgress, OnRejected
from outbound_chat.client.steps.suppression import (
    Chunk,
    NumberWriter,
    adding,
    not_text,
    removing,
)
from outbound_chat.model.operations import SuppressedNumber, SuppressedPage
from outbound_chat.store.scripts import FIRST_PAGE
from outbound_chat_config import Settings

T = TypeVar("T")
Numbers = Iterable[str] | AsyncIterable[str]


class Suppressing:
    """Part of `OutboundChat`."""

    _settings: Settings
    _verbs: Verbs

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def suppress(
        self,
        numbers: Iterable[str],
        *,
        sender: str,
        reason: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Puts numbers on the sender's suppression list, and says how many were not on it.

        Jobs for them end `failed`, code `suppressed`, when their turn comes, whatever batch they are of. Within a
        second after this returned no further call leaves. `numbers`: E.164, as many as you like, 500 a round trip, in
        flat memory. `reason`: at most 200 characters. Twice changes nothing: the first time and reason stay.

        All numbers that are right are stored. `on_rejected` gets each that is not, by its position, else they are
        raised at the end. `on_progress(stored, rejected)` is called after each chunk.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidJob: the reason is too long. Nothing was stored.
            InvalidNumbers: some numbers are none; the others were stored.
            MissingKey: the list is encrypted, and the settings lack its key. Also of the two verbs below.
        """
        return self._write(not_text(numbers), adding(self._list(sender), reason, on_rejected, on_progress))

    def unsuppress(
        self,
        numbers: Iterable[str],
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """Takes numbers off the sender's suppression list, and says how many were on it.

        Jobs that still wait are sent; those that the list has ended stay ended. The rest is as for `suppress`.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidNumbers: some numbers are none; the others were taken off.
        """
        return self._write(not_text(numbers), removing(self._list(sender), on_rejected, on_progress))

    def suppressed(self, numbers: Iterable[str] | None = None, *, sender: str) -> Iterator[SuppressedNumber]:
        """Which of the numbers are on the sender's suppression list; without numbers, all that are.

        Read as you go, 500 a round trip. While the list changes, reading all of it may give a number twice.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidNumbers: at the end: some of what was given were no numbers.
        """
        listed = self._list(sender)
        return self._all(listed) if numbers is None else self._those(listed, not_text(numbers))

    def suppressed_page(self, *, sender: str, cursor: str | None = None) -> SuppressedPage:
        """A page of the sender's suppression list, of about 500 numbers. `cursor`: of the page before.

        While the list changes, a number may come twice.

        Raises:
            SettingsError: the settings have no such sender.
            InvalidJob: the cursor is none.
        """
        return self._run(suppressed_page(self._verbs, sender, cursor))

    def rewrite_suppressed(self, *, sender: str, on_progress: Callable[[int], None] | None = None) -> int:
        """Writes the sender's suppression list anew, as the settings say now; how many entries it has.

        After encryption was switched on or off, its newest key changed, or the sender was given another budget: the
        numbers that it has there are copied. The list holds all the while, and times and reasons stay.
        `on_progress(entries)` is called after each 500 or so. Twice changes nothing.

        Raises:
            SettingsError: the settings have no such sender.
            MissingKey: the list is encrypted, and the settings lack a key of it.
        """
        return self._run(self._list(sender).rewrite(on_progress or _nobody))

    def _list(self, sender: str) -> SenderList:
        return SenderList(self._settings, self._verbs.seal, sender)

    def _write(self, numbers: Iterable[object], writer: NumberWriter) -> int:
        for number in numbers:
            if writer.add(number):
                self._run(writer.flush())
        return self._run(writer.close())

    def _all(self, listed: SenderList) -> Iterator[SuppressedNumber]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = self._run(listed.page(cursor or FIRST_PAGE))
            yield from page

    def _those(self, listed: SenderList, numbers: Iterable[object]) -> Iterator[SuppressedNumber]:
        chunk = Chunk()
        for number in numbers:
            if chunk.add(number):
                yield from self._run(listed.among(chunk.take()))
        yield from self._run(listed.among(chunk.take()))
        chunk.check()


class AsyncSuppressing:
    """Part of `AsyncOutboundChat`; `numbers` may be asynchronous iterables too."""

    _settings: Settings
    _verbs: Verbs

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    async def suppress(
        self,
        numbers: Numbers,
        *,
        sender: str,
        reason: str = "",
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """As `OutboundChat.suppress`."""
        return await self._write(numbers, adding(self._list(sender), reason, on_rejected, on_progress))

    async def unsuppress(
        self,
        numbers: Numbers,
        *,
        sender: str,
        on_rejected: OnRejected | None = None,
        on_progress: OnProgress | None = None,
    ) -> int:
        """As `OutboundChat.unsuppress`."""
        return await self._write(numbers, removing(self._list(sender), on_rejected, on_progress))

    def suppressed(self, numbers: Numbers | None = None, *, sender: str) -> AsyncIterator[SuppressedNumber]:
        """As `OutboundChat.suppressed`, for `async for`."""
        listed = self._list(sender)
        return self._all(listed) if numbers is None else self._those(listed, numbers)

    async def suppressed_page(self, *, sender: str, cursor: str | None = None) -> SuppressedPage:
        """As `OutboundChat.suppressed_page`."""
        return await self._run(suppressed_page(self._verbs, sender, cursor))

    async def rewrite_suppressed(self, *, sender: str, on_progress: Callable[[int], None] | None = None) -> int:
        """As `OutboundChat.rewrite_suppressed`."""
        return await self._run(self._list(sender).rewrite(on_progress or _nobody))

    def _list(self, sender: str) -> SenderList:
        return SenderList(self._settings, self._verbs.seal, sender)

    async def _write(self, numbers: Numbers, writer: NumberWriter) -> int:
        async for number in _each(numbers):
            if writer.add(number):
                await self._run(writer.flush())
        return await self._run(writer.close())

    async def _all(self, listed: SenderList) -> AsyncIterator[SuppressedNumber]:
        cursor = ""
        while cursor != FIRST_PAGE:
            cursor, page = await self._run(listed.page(cursor or FIRST_PAGE))
            for found in page:
                yield found

    async def _those(self, listed: SenderList, numbers: Numbers) -> AsyncIterator[SuppressedNumber]:
        chunk = Chunk()
        async for number in _each(numbers):
            if chunk.add(number):
                for found in await self._run(listed.among(chunk.take())):
                    yield found
        for found in await self._run(listed.among(chunk.take())):
            yield found
        chunk.check()


def _nobody(_entries: int) -> None:
    """Takes progress that nobody asked for."""


async def _each(numbers: Numbers) -> AsyncIterator[object]:
    if isinstance(numbers, AsyncIterable):
        async for number in numbers:
            yield number
    else:
        for number in not_text(numbers):
            yield number
