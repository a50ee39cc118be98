"""Signing in with an API key, once, and signing out."""

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from outbound_chat.http.access.loopback import refuse_cross_site
from outbound_chat.http.access.sessions import begin, end, session_cookie
from outbound_chat.http.ui.rendering import redirect, render
from outbound_chat.http.ui.view import problem_page, router
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import EXPECTED, Problem, problem_of

MOST_BYTES = 4_096
"""Of the form, which anybody may send."""


@router.get("/login")
async def login(request: Request) -> Response:
    """Shows the form."""
    return _form(request, request.query_params.get("next", ""))


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Begins a session."""
    to = ""
    try:
        refuse_cross_site(request)
        if not 0 < int(request.headers.get("content-length", 0)) <= MOST_BYTES:
            raise Problem(ProblemCode.BODY_TOO_LARGE, "An API key is shorter.")
        fields = await request.form(max_files=0)
        to = str(fields.get("next", ""))
        session = await begin(request, str(fields.get("key", "")).strip())
    except HTTPException:  # of Starlette's reader of forms
        return _form(request, to, error="This is not a form of this page.", status=400)
    except EXPECTED as error:
        problem = problem_of(error)
        return _form(request, to, error=problem.detail, status=problem.status)
    response = redirect(request, to)
    response.headers["Set-Cookie"] = session_cookie(request, session)
    return response


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    try:
        refuse_cross_site(request)
        await end(request)
    except EXPECTED as error:
        return problem_page(request, error)
    response = redirect(request, "login", "signed_out")
    response.headers["Set-Cookie"] = session_cookie(request, "")
    return response


def _form(request: Request, to: str, *, error: str = "", status: int = 200) -> Response:
    return render(request, "login.html", {"menu": [], "error": error, "next": to}, status=status)
