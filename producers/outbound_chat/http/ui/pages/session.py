"""Signing in with an API key, once, and signing out."""

from fastapi import Request
from starlette.responses import Response

from outbound_chat.http.ui.rendering import redirect, render
from outbound_chat.http.ui.view import router


@router.get("/login")
async def login(request: Request) -> Response:
    """Shows the form."""
    return render(request, "login.html", {"menu": [], "error": "", "next": request.query_params.get("next", "")})


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Begins a session."""
    return redirect(request, "")
