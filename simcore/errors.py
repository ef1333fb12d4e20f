"""Errors that a user can act on.

A message says in one plain sentence what is wrong, and in a second what to do. The function that
notices the error states the fact; the outermost caller adds context once.
"""

import difflib
from collections.abc import Iterable


class SimError(Exception):
    """Any error a user can act on; pages and the command line show its text, not a traceback."""

    def __str__(self) -> str:  # KeyError would otherwise put its message in quotes
        return str(self.args[0]) if self.args else self.__class__.__name__


class Stopped(SimError):
    """A long operation was stopped on request; what it had finished is saved."""


class ShapeError(SimError, ValueError):
    """Arrays or lists that belong together differ in length or shape."""


class BadDataError(SimError, ValueError):
    """A file, a table or an argument has a value that cannot be used."""


class BadImageError(SimError, ValueError):
    """A file cannot be read as an image."""


class MissingWeightsError(SimError, FileNotFoundError):
    """A weight file is not on this machine; the message names the file, its source and folder."""


class NotPermittedError(SimError):
    """Visitors of workshop mode may not do this."""


class UnknownNameError(SimError, KeyError):
    """No backbone, collection, metric, ... has this name."""


MAX_LISTED = 20  # names in one message


def unknown_name(kind: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """The error for a name that is none of `options`: suggests the closest one, or lists them.

    >>> str(unknown_name("backbone", "mean-colour", ["mean-color", "hog"]))
    "No backbone named 'mean-colour'. Did you mean mean-color?"
    >>> str(unknown_name("metric", "zzz", ["cosine", "l2"]))
    "No metric named 'zzz'. Choose from cosine, l2."
    """
    names = sorted(options)
    closest = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if closest:
        hint = f"Did you mean {closest[0]}?"
    elif names:
        more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
        hint = f"Choose from {', '.join(names[:MAX_LISTED])}{more}."
    else:
        hint = "There are none yet."
    return UnknownNameError(f"No {kind} named {name!r}. {hint}")
