"""`reelseek account`: a line for the file of accounts."""

import sys
from typing import Annotated

import typer

from app.console import Fault


def account(name: Annotated[str, typer.Argument(help="Of the user; without a colon.")]) -> None:
    """Print a line for `serve --auth-file`: a name with the hash of a password, asked for or read from stdin."""
    from app.accounts import hashed

    if ":" in name or not name:
        raise typer.BadParameter(f"{name!r} can't be a name: it needs a letter and no colon")
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise Fault("no password came in; type one, or pipe it in")
    typer.echo(f"{name}:{hashed(password)}")
