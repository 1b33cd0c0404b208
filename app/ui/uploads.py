"""Each visitor's uploads are its own: nobody else fetches them, or names them in a search."""

import json
import os
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ui.guard import refused
from app.ui.visitor import visitor_of

_PREFIX = "/gradio_api"
_UPLOAD, _FILES = f"{_PREFIX}/upload", (f"{_PREFIX}/file=", f"{_PREFIX}/file/")
_FETCHES = (f"{_PREFIX}/proxy=",)  # of Gradio: the server would ask another one
_NOT_YOURS = "This file is not here, or was uploaded by somebody else."
_PRUNED_AT = 1000  # uploads


class Uploads:
    """ASGI middleware around Gradio, which hands out any upload to whoever knows its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._owners: dict[str, set[str]] = {}  # real path -> visitors; the same bytes have one path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note what is uploaded, and refuse what names the upload of another visitor or another server's address."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        owner = visitor_of(scope).owner
        asked = next((path.removeprefix(start) for start in _FILES if path.startswith(start)), None)
        if path == _UPLOAD:
            await self._app(_uncompressed(scope), receive, self._noting(owner, send))
        elif path.startswith(_FETCHES) or (asked is not None and not self._may_use(owner, asked)):
            await refused(scope, 403, _NOT_YOURS)(scope, receive, send)
        elif scope["method"] == "POST":
            await self._checked(scope, receive, send, owner)
        else:
            await self._app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive, send: Send, owner: str) -> None:
        """Pass a body on if it names no file that is another's."""
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        if any(not self._may_use(owner, named) for named in _named_files(body)):
            await refused(scope, 403, _NOT_YOURS)(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    def _may_use(self, owner: str, path: str) -> bool:
        if "://" in path or "\0" in path:  # Gradio would fetch it from there
            return False
        owners = self._owners.get(os.path.realpath(path))
        return owners is None or owner in owners

    def _noting(self, owner: str, send: Send) -> Send:
        """Read the paths that Gradio answers an upload with."""
        parts: list[bytes] = []

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._note(owner, b"".join(parts))
            await send(message)

        return send_noting

    def _note(self, owner: str, answer: bytes) -> None:
        try:
            paths = json.loads(answer)
        except ValueError:
            return  # it was refused
        if len(self._owners) > _PRUNED_AT:
            self._owners = {path: owners for path, owners in self._owners.items() if os.path.exists(path)}  # noqa: PTH110
        for path in paths if isinstance(paths, list) else []:
            self._owners.setdefault(os.path.realpath(path), set()).add(owner)


def _named_files(body: bytes) -> Iterator[str]:
    """The paths of files in the JSON that a page sends."""
    try:
        waiting: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return  # Gradio refuses it
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                yield value["path"]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _uncompressed(scope: Scope) -> Scope:
    scope = {**scope, "headers": list(scope["headers"])}
    headers = MutableHeaders(scope=scope)
    headers["accept-encoding"] = "identity"
    return scope
