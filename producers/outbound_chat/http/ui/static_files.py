"""The files that pages load. Their URLs name their content, so browsers keep them."""

from importlib.resources import files

from fastapi import Request
from starlette.responses import Response

from outbound_chat.http.ui.rendering import HEADERS, redirect, static_file
from outbound_chat.http.ui.view import problem_page, router
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem

FILES = frozenset(one.name for one in files("outbound_chat.http.ui").joinpath("static").iterdir())


@router.get("/static/{name}")
async def static(request: Request) -> Response:
    """Returns a file."""
    name = request.path_params["name"]
    if name not in FILES:
        return problem_page(request, Problem(ProblemCode.NOT_FOUND, "There is nothing at this path."))
    content, media_type, version = static_file(name)
    same = request.query_params.get("v") == version
    kept = "public, max-age=31536000, immutable" if same else "no-cache"
    return Response(content, media_type=media_type, headers={**HEADERS, "Cache-Control": kept})


@router.get("/{rest:path}")
async def unknown(request: Request) -> Response:
    """Says that there is no such page."""
    if not request.path_params["rest"]:
        return redirect(request, "")
    return problem_page(request, Problem(ProblemCode.NOT_FOUND, "There is no such page."))
