"""The one exception that is meant for the person at the screen."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave is wrong.

    The message is one complete sentence for that person: which file, line, column or key, what was
    found, and what is allowed. The command line prints it and exits with status 2; a page shows it
    beside the control that caused it. Nothing else in the project is raised for bad input.
    """


class UnknownFormat(InputError):
    """A table of no known format; the sentence says what it lacks, or by which columns it could be read."""


class Cancelled(Exception):
    """The user asked a long computation to stop; whatever was found so far travels with the raiser."""
