"""`reelseek serve`: the web page and the HTTP API."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from app.console import LibraryOption, Stopped, settings_for
from app.logs import LogFormat, set_up_logs


def serve(
    library: LibraryOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 7860,
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USER:PASSWORD",
            help="Ask visitors to log in; may be repeated. Other users of this machine can see it: see --auth-file.",
        ),
    ] = None,
    auth_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Accounts with hashed passwords, a line each, as printed by `account`."),
    ] = None,
    folders: Annotated[
        list[Path] | None,
        typer.Option("--folder", help="A folder that may be indexed from the page; may be repeated."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A name by which visitors call this server; may be repeated."),
    ] = None,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Let everybody in, even where others can reach the address.")
    ] = False,
    log: Annotated[LogFormat, typer.Option(help="Log problems as text, or every request as JSON.")] = LogFormat.TEXT,
) -> None:
    """Open the web page and the HTTP API."""
    from app.access import access_at

    try:
        access = access_at(host, auth or [], auth_file, names or [], unprotected)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    from app.ui.server import run

    set_up_logs(log)
    try:
        run(settings_for(library), host, port, access, folders or [])
    except Stopped:
        logging.getLogger("app.ui.server").info("the page is closed")
