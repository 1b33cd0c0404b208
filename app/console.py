"""What commands share: options, settings, and how they speak: results on stdout, messages on stderr."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.settings import Settings
from app.text import shown
from encoder.errors import WorldError

LibraryOption = Annotated[
    Path | None,
    typer.Option("--library", metavar="DIR", help="Library folder [REELSEEK_LIBRARY, else in the user's data folder]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
EncoderOption = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME|FILE", help="A shipped encoder, or a checkpoint file."),
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Files decoded at once [one a processor].")]


class Stopped(BaseException):
    """The user or the system asked us to stop."""


class Fault(WorldError):
    """A sentence to end a command with."""


def settings_for(library: Path | None) -> Settings:
    """The settings of the environment, with the library that a command names."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"REELSEEK_{str(first['loc'][0]).upper()}: {first['msg']}") from error
    return settings.model_copy(update={"library": library}) if library is not None else settings


def say(message: str) -> None:
    """Tell people something that is no result."""
    typer.echo(shown(message), err=True)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(document, indent=2))
