"""What stands before every route: names, log-in, a refusal of other sites, headers that keep the page to itself."""

import asyncio
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import Access
from app.accounts import Accounts
from app.limits import Limits
from app.ui.visitor import address_of, introduce, new_cookie

OPEN = ("/health", "/health/ready")  # say nothing about the library, and monitors have no password
_READING = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "content-security-policy": "; ".join(
        [
            "default-src 'self' data: blob:",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio's scripts are inline
            "style-src 'self' 'unsafe-inline'",
            "frame-ancestors 'self'",
            "form-action 'self'",
            "base-uri 'self'",
        ]
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware around the page, the media and both APIs alike."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        """Guard an app.

        Args:
            app: what is guarded.
            access: who is let in.
            limits: counts wrong passwords.
        """
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal, user = None, None
        if scope["path"] not in OPEN:
            refusal = self._misdirected(scope) or self._foreign(scope)
            if refusal is None and self._access.accounts is not None:
                user, refusal = await self._log_in(scope, self._access.accounts)
        visitor = introduce(scope, user)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if visitor.browser is None and headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", new_cookie())
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    def _misdirected(self, scope: Scope) -> Response | None:
        """Refuse a host name that is not ours: a page elsewhere may have had its own name point here."""
        name = _host_name(Headers(scope=scope).get("host", ""))
        if name is not None and (_is_address(name) or name == "localhost" or name in self._access.names):
            return None
        return refused(scope, 421, "This server has another name; if this one is right, start it with --name as well.")

    def _foreign(self, scope: Scope) -> Response | None:
        """Refuse what a page of another site sends, and its scripts' questions."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return refused(scope, 403, "Other sites may not act here.")
        acting = scope.get("method") not in _READING
        if acting and headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            return refused(scope, 403, "Other sites may not act here.")
        return None

    async def _log_in(self, scope: Scope, accounts: Accounts) -> tuple[str | None, Response | None]:
        """The user, or what to answer where the name or the password is wrong."""
        address, given = address_of(scope), Headers(scope=scope).get("authorization")
        seen, user = accounts.remembered(given) if given is not None else (True, None)
        if user is not None:
            return user, None
        wait_s = self._limits.guessing(address)
        if wait_s is not None:
            return None, refused(scope, 429, "Too many wrong passwords; wait a minute.", wait_s)
        if given is not None and not seen:
            user = await asyncio.to_thread(accounts.user, given)
            if user is not None:
                return user, None
            self._limits.guess(address)
        refusal = refused(scope, 401, "Please log in.")
        refusal.headers["www-authenticate"] = 'Basic realm="reelseek", charset="UTF-8"'
        return None, refusal


def refused(scope: Scope, status: int, sentence: str, wait_s: int | None = None) -> Response:
    """A sentence, in the form that whoever asked can show."""
    headers = {"retry-after": str(wait_s)} if wait_s is not None else {}
    path: str = scope["path"]
    if path.startswith(("/api/", "/gradio_api/")) and path != "/gradio_api/upload":  # Gradio shows this one's body
        return JSONResponse({"detail": sentence}, status, headers)
    return PlainTextResponse(sentence, status, headers)


def _host_name(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
