"""The one error that is not ours, and the system's errors in words."""


class WorldError(Exception):
    """Something outside the program is not as it must be; the text is one sentence for the user, saying what to do."""


def in_words(error: OSError, where: object = None) -> str:
    """The system's error as a sentence that names the file, or `where` if the error names none."""
    name = error.filename or where
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{name} is a file or lies in one; give a folder"
    what = error.strerror or str(error)
    return f"{name}: {what}" if name else what
