"""Who asks: found out once by the guard, and then known to whatever handles the request."""

import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import Scope

COOKIE = "reelseek"
_KEY = "reelseek.visitor"
_LONGEST = 64  # characters of a cookie that are looked at


@dataclass(frozen=True)
class Visitor:
    """One who asks."""

    address: str
    user: str | None = None  # where people log in
    browser: str | None = None  # what the cookie says

    @property
    def owner(self) -> str:
        """Whose the files are that it uploads: the user's, else the browser's, else the address's."""
        return f"user {self.user}" if self.user else f"browser {self.browser}" if self.browser else self.payer

    @property
    def payer(self) -> str:
        """Whose limits count: a browser could forget its cookie."""
        return f"user {self.user}" if self.user else f"address {self.address}"


def visitor_of(scope: Scope) -> Visitor:
    """Who makes a request that has passed the guard."""
    visitor: Visitor = scope[_KEY]
    return visitor


def introduce(scope: Scope, user: str | None) -> Visitor:
    """Note who makes a request."""
    visitor = Visitor(address_of(scope), user, _browser(Headers(scope=scope).get("cookie", "")))
    scope[_KEY] = visitor
    return visitor


def address_of(scope: Scope) -> str:
    """Where a request comes from."""
    return scope["client"][0] if scope.get("client") else "unknown"


def new_cookie() -> str:
    """A Set-Cookie header for a browser that has none; other sites do not make it be sent, nor can scripts read it."""
    return f"{COOKIE}={secrets.token_urlsafe(18)}; Path=/; HttpOnly; SameSite=Strict"


def _browser(header: str) -> str | None:
    try:
        cookie = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return cookie.value[:_LONGEST] if cookie and cookie.value else None
