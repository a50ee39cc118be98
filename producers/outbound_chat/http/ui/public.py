"""What anybody may ask for: the login, the files that pages load, and what does not exist."""

from fastapi import Request
from starlette.responses import Response

from outbound_chat.http.access.loopback import refuse_cross_site
from outbound_chat.http.access.sessions import begin, end, session_cookie
from outbound_chat.http.ui.rendering import FILES, HEADERS, VERSION, redirect, render
from outbound_chat.http.ui.view import EXPECTED_OF_PAGES, problem_of_page, problem_page, router
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import EXPECTED, Problem

TYPES = {"css": "text/css", "js": "text/javascript", "LICENSE": "text/plain"}
MOST_BYTES = 4_096
"""Of the form of the login."""


@router.api_route("/login", methods=["GET", "POST"])
async def login(request: Request) -> Response:
    """Shows the form, or begins a session."""
    to, problem = request.query_params.get("next", ""), None
    try:
        if request.method == "POST":
            refuse_cross_site(request)
            if not 0 < int(request.headers.get("content-length", 0)) <= MOST_BYTES:
                raise Problem(ProblemCode.BODY_TOO_LARGE, "An API key is shorter.")
            fields = await request.form(max_files=0)
            to = str(fields.get("next", ""))
            session = await begin(request, str(fields.get("key", "")).strip())
            return redirect(request, to, cookie=session_cookie(request, session))
    except EXPECTED_OF_PAGES as error:
        problem = problem_of_page(error)
    status = problem.status if problem else 200
    return render(request, "login.html", {"problem": problem, "next": to}, status=status)


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Ends the session."""
    try:
        refuse_cross_site(request)
        await end(request)
    except EXPECTED as error:
        return problem_page(request, error)
    return redirect(request, "login", "signed_out", cookie=session_cookie(request, ""))


@router.get("/static/{name}")
async def static(request: Request) -> Response:
    """Returns a file. Its URL names its content, so browsers keep it."""
    name = request.path_params["name"]
    if name not in FILES:
        return await unknown(request)
    kept = "public, max-age=31536000, immutable" if request.query_params.get("v") == VERSION else "no-cache"
    media_type = TYPES[name.rpartition(".")[2]]
    return Response(FILES[name], media_type=media_type, headers={**HEADERS, "Cache-Control": kept})


@router.get("/{rest:path}")
async def unknown(request: Request) -> Response:
    """Says that there is no such page."""
    return problem_page(request, Problem(ProblemCode.NOT_FOUND, "There is no such page."))
