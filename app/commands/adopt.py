"""`reelseek adopt`: a library goes over to another encoder."""

import time
from typing import Annotated

import typer

from app.commands.index import print_counts
from app.console import Fault, JsonOption, LibraryOption, WorkersOption, print_json, say, settings_for
from app.progress import FileProgress


def adopt(
    encoder: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A shipped encoder, or a checkpoint file.")],
    library: LibraryOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a library another encoder: its videos are indexed anew, and only then the result takes over."""
    from app.service import index_result
    from encoder.checkpoint import load_encoder
    from indexer.adoption import adopt as index_anew
    from indexer.library import Library

    settings, started, checkpoint = settings_for(library), time.monotonic(), load_encoder(encoder)
    with Library.open(settings.library, settings.catalog_url) as old:
        with FileProgress("Indexing anew") as progress:
            done = index_anew(
                old, settings.library, checkpoint, workers or settings.workers, progress.update_files, settings.stall_s
            )
        with done.library as new:
            warning = new.index.warning
    used = {"name": checkpoint.name, "fingerprint": checkpoint.fingerprint}
    result = {**index_result(done.report, time.monotonic() - started), "encoder": used, "missing": done.missing}
    print_json(result) if as_json else print_counts(result)
    if done.missing:
        say(f"{done.missing} files were not there and are no longer in the library; index them once they are back")
    say(f"the library now uses encoder {checkpoint.name} ({checkpoint.fingerprint}); a server has to be started anew")
    say("what it was before is kept, so that the earlier encoder can be adopted again; reelseek clean deletes it")
    if warning:
        raise Fault(warning)
