"""The command line, put together. Results go to stdout, progress and messages to stderr.

Exit status: 0 done, 1 the world was at fault (one sentence on stderr), 2 the command line was wrong. Heavy modules are
imported inside the commands, so that `--help` and decoder processes start at once.
"""

import os
import signal
import sys

import typer

from app.commands.account import account
from app.commands.adopt import adopt
from app.commands.clean import clean
from app.commands.coverage import coverage
from app.commands.duplicates import duplicates
from app.commands.evaluate import evaluate
from app.commands.index import index
from app.commands.manifest import manifest
from app.commands.recognise import recognise
from app.commands.remove import remove
from app.commands.sample import sample
from app.commands.search import search
from app.commands.serve import serve
from app.commands.status import status
from app.commands.train import train
from app.commands.verify import verify
from app.console import Stopped, say
from encoder.errors import WorldError, in_words

app = typer.Typer(
    help="Find where a moving scene happens in a video collection, from an example clip.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    *(index, search, serve, account, evaluate, manifest, recognise, train, adopt, clean),
    *(status, verify, remove, duplicates, coverage, sample),
):
    app.command()(command)


def main() -> None:
    """Run the command line and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except Stopped:
        say("stopped; what was done so far is kept, and the same command goes on from there")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has gone: nothing is left to say
        sys.exit(1)
    except WorldError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        say(in_words(error))
        sys.exit(1)


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":  # torchrun -m app.cli train ...
    main()
