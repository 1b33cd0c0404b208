"""Where the server's log goes and how it looks: lines for people, or JSON for machines, on stderr.

At level info nothing is said of what people search for, and no path is named.
"""

import logging
import sys
from enum import StrEnum

from pythonjsonlogger.json import JsonFormatter


class LogFormat(StrEnum):
    """How a log looks."""

    TEXT = "text"  # problems only
    JSON = "json"  # an object a line, every request included


def set_up_logs(form: LogFormat) -> None:
    """Send the logs of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    if form is LogFormat.JSON:
        handler.setFormatter(
            JsonFormatter(
                ["levelname", "name", "message", "exc_info"], timestamp="time",
                rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            )
        )  # fmt: skip
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("app").setLevel(logging.INFO if form is LogFormat.JSON else logging.WARNING)
