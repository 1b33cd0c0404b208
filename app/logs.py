"""Where the server's log goes and how it looks: lines for people, or JSON for machines, on stderr.

At level info nothing is said of what people search for, and no path is named.
"""

import logging
import sys
from enum import StrEnum

from pythonjsonlogger.json import JsonFormatter


class LogFormat(StrEnum):
    """How a log looks."""

    TEXT = "text"  # where the server is, and problems
    JSON = "json"  # an object a line, every request included


def set_up_logs(form: LogFormat) -> None:
    """Send the logs of this process to stderr; once."""
    handler = logging.StreamHandler(sys.stderr)
    if form is LogFormat.JSON:
        handler.setFormatter(
            JsonFormatter(
                ["levelname", "name", "message"], timestamp="time",
                rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            )
        )  # fmt: skip
    logging.getLogger().addHandler(handler)
    logging.getLogger("app").setLevel(logging.INFO if form is LogFormat.JSON else logging.WARNING)
    logging.getLogger("app.ui.server").setLevel(logging.INFO)
