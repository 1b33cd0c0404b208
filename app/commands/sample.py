"""`reelseek sample`: a small collection to try things on."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.progress import StepProgress


def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to fill; a broken-off run is gone on with.")],
) -> None:
    """Render a small labelled video collection to try things on, with manifest.csv; nothing is downloaded."""
    from training.collection import write_collection

    with StepProgress("Rendering") as progress:
        manifest = write_collection(folder, progress=partial(progress.count, "videos"))
    typer.echo(str(manifest))
