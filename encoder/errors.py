"""The one error that is not ours."""


class WorldError(Exception):
    """Something outside the program is not as it must be; the text is one sentence for the user, saying what to do."""
