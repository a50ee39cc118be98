"""Sessions of the pages: an API key is exchanged once for a cookie, and the session ends with its key.

Only pages read the cookie. It is one random number, of which Redis has the hash. It has no Path, so browsers send it to
the pages alone, below whatever prefix a proxy serves them.
"""

from fastapi import Request

from outbound_chat.http.access.authentication import Principal, authenticate, principal_of
from outbound_chat.http.access.keyring import SESSION_SECONDS
from outbound_chat.http.access.loopback import is_here
from outbound_chat.http.service import service_of
from outbound_chat.model.api_keys import digest_of, id_of

COOKIE = "oc_session"


async def begin(request: Request, token: str) -> str:
    """Begins a session with an API key, which counts as a request of it. Returns the value for `session_cookie`.

    Raises:
        Problem: the key is not valid, or has reached its rate.
    """
    own = (await principal_of(request, id_of(token) or "", digest_of(token))).restrictions
    session = await service_of(request).keyring.begin_session(own.key_id)
    await own.audit_log.add(own.key_id, own.key_name, "sign_in")
    return session


async def end(request: Request) -> None:
    """Ends the session of the request, if there is one."""
    service, session = service_of(request), request.cookies.get(COOKIE, "")
    if key_id := await service.keyring.key_of_session(session):
        await service.keyring.end_session(session)
        stored = (await service.keyring.find(key_id)).stored
        await service.audit_log.add(key_id, stored.key.name if stored else "", "sign_out")


async def authenticate_page(request: Request) -> Principal:
    """Returns who sent the request for a page: by its session, or else as `authenticate` does."""
    key_id = await service_of(request).keyring.key_of_session(request.cookies.get(COOKIE, ""))
    return await principal_of(request, key_id) if key_id else await authenticate(request)


def session_cookie(request: Request, session: str) -> str:
    """Returns the header Set-Cookie of a session; of an empty one: removes the cookie."""
    secure = "" if is_here(request.headers.get("host", "")) else "; Secure"
    return f"{COOKIE}={session}; HttpOnly; SameSite=Strict; Max-Age={SESSION_SECONDS if session else 0}{secure}"
