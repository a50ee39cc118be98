"""Posts contact events to a URL, as an API destination of EventBridge does: one a request, again until it is accepted.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import asyncio
import heapq
import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from outbound_chat_worker.sandbox._clock import Clock
from outbound_chat_worker.sandbox._engine import Engine
from outbound_chat_worker.sandbox._options import EventOptions

if TYPE_CHECKING:
    from outbound_chat_worker.sandbox._events import Post

_AT_ONCE = 8
_LOOK_SECONDS = 0.05
_TIMEOUT_SECONDS = 5.0
_MOST_TRIES = 185
_LONGEST_WAIT_SECONDS = 30.0
_TRIED_AGAIN = {401, 407, 409, 429}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def post_events(engine: Engine, clock: Clock) -> None:
    """Posts events until it is cancelled."""
    while True:
        engine.ledger.settle()
        events = engine.ledger.events
        options = events.options.events
        due: list[Post] = []
        while not events.is_shut and len(due) < _AT_ONCE and events.posts and events.posts[0].due <= clock.monotonic():
            due.append(heapq.heappop(events.posts))
        if not due or not options:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        done = await asyncio.gather(*(asyncio.to_thread(_is_done, options, post.event) for post in due))
        for post, is_done in zip(due, done, strict=True):
            if not is_done and post.tries < _MOST_TRIES:
                wait = min(_LONGEST_WAIT_SECONDS, 0.5 * 2.0**post.tries)
                heapq.heappush(events.posts, post._replace(due=clock.monotonic() + wait, tries=post.tries + 1))


def _is_done(options: EventOptions, event: str) -> bool:
    """Posts an event, and returns whether it was accepted, or refused in a way that no other try would change."""
    name, _, value = (options.header or "User-Agent: Amazon/EventBridge/ApiDestinations").partition(":")
    headers = {"Content-Type": "application/json; charset=utf-8", name.strip(): value.strip()}
    request = urllib.request.Request(str(options.url), event.encode(), headers)  # noqa: S310  # the user's own
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return 400 <= error.code < 500 and error.code not in _TRIED_AGAIN  # noqa: PLR2004  # the range of HTTP errors
    except (OSError, http.client.HTTPException, ValueError):
        return False
