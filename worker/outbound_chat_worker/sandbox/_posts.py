"""Posts contact events to a URL, as an API destination of EventBridge does: one a request, again until it is accepted.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import asyncio
import http.client
import urllib.error
import urllib.request

from outbound_chat_worker.sandbox._engine import Engine
from outbound_chat_worker.sandbox._options import EventOptions

_AT_ONCE = 8
_LOOK_SECONDS, _AGAIN_SECONDS, _TIMEOUT_SECONDS = 0.05, 0.5, 5.0
_FINAL = {str(status) for status in range(400, 500)} - {"401", "407", "409", "429"} | {""}
"""Results after which no other try would help; an event that was accepted has none."""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def post_events(engine: Engine) -> None:
    """Posts events until it is cancelled."""
    while True:
        ledger = engine.ledger
        ledger.settle()
        options, posts = ledger.options.events, ledger.events.posts
        if not posts or not options or not options.url or ledger.options.events_shut:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        due = [posts.popleft() for _ in range(min(_AT_ONCE, len(posts)))]
        results = await asyncio.gather(*(asyncio.to_thread(_post, options, event) for event in due))
        ledger.others.update(f"event url {result}".strip() for result in results)
        again = [event for event, result in zip(due, results, strict=True) if result not in _FINAL]
        posts.extend(again)
        await asyncio.sleep(_AGAIN_SECONDS if again else 0)


def _post(options: EventOptions, event: str) -> str:
    """Posts an event. Returns the status or name of an error; nothing if it was accepted."""
    name, _, value = (options.header or "User-Agent: Amazon/EventBridge/ApiDestinations").partition(":")
    headers = {"Content-Type": "application/json; charset=utf-8", name.strip(): value.strip()}
    request = urllib.request.Request(str(options.url), event.encode(), headers)  # noqa: S310  # the user's own
    try:
        _OPENER.open(request, timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
    return ""
