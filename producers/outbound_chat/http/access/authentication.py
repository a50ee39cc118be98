"""Finds out who calls and what they may do. Every route except public ones gets its `ScopedClient` from `require`.

API keys come in the header `Authorization: Bearer oc_…` and nowhere else (https://www.rfc-editor.org/rfc/rfc6750):
addresses end up in logs and histories.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request

from outbound_chat.http.access.keyring import Keyring
from outbound_chat.http.access.loopback import refuse_foreign_pages
from outbound_chat.http.access.restrictions import Restrictions
from outbound_chat.http.access.scoped_client import ScopedClient
from outbound_chat.http.service import service_of
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.api_keys import ANY_TOKEN, SHORTEST_TOKEN, ApiKey, KeyState, RateLimit, Scope, digest_of, id_of
from outbound_chat.store.scripts import Spent

PUBLIC = ("/", "/healthz", "/readyz", "/docs")
"""The only paths without authentication. `/docs` includes everything below it."""
ANSWER_HEADERS = "outbound_chat.answer_headers"
"""Key of the scope for headers of any response to the request."""
KEY_ID = "outbound_chat.key_id"
"""Key of the scope for the id of the API key, once it is known to be valid."""

_REALM = 'Bearer realm="outbound-chat"'
_NO_DIGEST = "0" * 64
_ENDED = {
    KeyState.REVOKED: "The API key was revoked. Ask for a new one.",
    KeyState.EXPIRED: "The API key has expired. Ask for a new one.",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request: the owner of an API key, or anybody on this machine while there is no key."""

    scopes: frozenset[Scope]
    restrictions: Restrictions


COUNTERS = "metrics"
"""The operation that also works while Redis is unavailable, when it is needed most."""


def refuse_exposed_key(path: bytes, query: bytes) -> None:
    """Refuses a request with an API key in its URL, percent-encoded or not."""
    address = path + b"?" + query
    if len(address) < SHORTEST_TOKEN:
        return
    for _ in range(2):
        address = unquote_to_bytes(address)
        if ANY_TOKEN.search(address.decode("latin-1")):
            raise Problem(
                ProblemCode.KEY_EXPOSED,
                "The address contains an API key. Proxies and browsers log addresses, so it is exposed now: revoke it "
                "(outbound-chat keys revoke ID), and send the next one in the header Authorization: Bearer.",
            )


async def authenticate(request: Request) -> Principal:
    """Returns who sent the request, and counts the request if the key has a rate."""
    service = service_of(request)
    keyring = service.keyring
    token = _token_in(request)
    key_id = id_of(token) if token else None
    if token is None or key_id is None:
        if await keyring.requires_key(while_away=request.scope["route"].operation_id == COUNTERS):
            raise _unauthorized("Unknown API key.") if token else _missing_key()
        refuse_foreign_pages(request.headers)
        # A proxy on this machine may have its own use for the header Authorization.
        check = partial(_refuse_if_key_required, keyring)
        return Principal(frozenset(Scope), Restrictions(service.settings, check, _unlimited, service.audit_log))
    return await principal_of(request, key_id, digest_of(token))


async def principal_of(request: Request, key_id: str, digest: str | None = None) -> Principal:
    """Returns the owner of a key, and counts the request if the key has a rate. `digest`: None if it was checked."""
    service = service_of(request)
    keyring = service.keyring
    check = partial(_valid_key, keyring, key_id, digest)
    key = await check()
    request.scope[KEY_ID] = key_id
    _obey_rate(request, key.rate, await keyring.count(key))
    spend = partial(_spend, request, keyring, key)
    limits = key.tenant, None if key.senders is None else frozenset(key.senders)
    restrictions = Restrictions(service.settings, check, spend, service.audit_log, *limits, key.id, key.name)
    return Principal(frozenset(key.scopes), restrictions)


async def _unlimited(requests: int) -> int:
    return requests


async def _spend(request: Request, keyring: Keyring, key: ApiKey, requests: int) -> int:
    spent = await keyring.spend(key, requests) if key.rate else None
    if key.rate is None or spent is None:
        return requests
    _tell_rate(request, key.rate, spent)
    return spent.passed


def _token_in(request: Request) -> str | None:
    """Returns the bearer token of the header; empty for other credentials, None without the header."""
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise _unauthorized("The header Authorization was sent more than once. Send it once.", fault="invalid_request")
    if not given:
        return None
    scheme, _, token = given[0].partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


async def _valid_key(keyring: Keyring, key_id: str, digest: str | None) -> ApiKey:
    """Returns the key; raises if the digest is wrong, or if the key is revoked or expired."""
    stored = (await keyring.find(key_id)).stored
    # Compares even if there is no such key, so that the time taken reveals nothing.
    same = digest is None or hmac.compare_digest(stored.digest if stored else _NO_DIGEST, digest)
    if stored is None or not same:
        raise _unauthorized("Unknown API key.")
    if stored.key.state is not KeyState.ACTIVE:
        raise _unauthorized(_ENDED[stored.key.state])
    return stored.key


async def _refuse_if_key_required(keyring: Keyring) -> None:
    if await keyring.required_key_lately():
        raise _missing_key()


def _missing_key() -> Problem:
    detail = "Send an API key in the header Authorization: Bearer. `outbound-chat keys create` creates one."
    return _unauthorized(detail, fault=None)


def _unauthorized(detail: str, *, fault: str | None = "invalid_token") -> Problem:
    challenge = f'{_REALM}, error="{fault}"' if fault else _REALM
    return Problem(ProblemCode.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


def _obey_rate(request: Request, rate: RateLimit | None, spent: Spent | None) -> None:
    """Refuses requests beyond the rate, and adds headers with the remaining number.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    """
    if rate is None or spent is None:
        return
    _tell_rate(request, rate, spent)
    if spent.wait_ms:
        headers = {"Retry-After": str(max(1, _seconds(spent.wait_ms)))}
        raise Problem(ProblemCode.RATE_LIMITED, f"The API key may make {rate} requests. Retry later.", headers=headers)


def _tell_rate(request: Request, rate: RateLimit, spent: Spent) -> None:
    policy = f'"key";q={rate.requests};w={rate.per.total_seconds():.0f}'
    left = f'"key";r={spent.left};t={_seconds(spent.full_ms)}'
    request.scope[ANSWER_HEADERS] = ((b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode()))


def _seconds(ms: int) -> int:
    return -(-ms // 1000)


def require(scope: Scope) -> Callable[..., Awaitable[ScopedClient]]:
    """Makes a dependency that returns the client for the sender of the request, if they have the scope."""

    async def scoped(request: Request) -> ScopedClient:
        principal = await authenticate(request)
        if scope not in principal.scopes:
            headers = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}
            raise Problem(ProblemCode.FORBIDDEN, f'The API key does not have the scope "{scope}".', headers=headers)
        return ScopedClient(service_of(request).client, principal.restrictions)

    scoped.scope = scope  # type: ignore[attr-defined]  # by this `Endpoint` and a test know it
    return scoped


CanEnqueue = Annotated[ScopedClient, Depends(require(Scope.ENQUEUE))]
CanRead = Annotated[ScopedClient, Depends(require(Scope.READ))]
CanOperate = Annotated[ScopedClient, Depends(require(Scope.OPERATE))]
CanIngest = Annotated[ScopedClient, Depends(require(Scope.INGEST))]
