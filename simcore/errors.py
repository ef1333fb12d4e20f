"""What can go wrong, in words a person can act on.

One sentence in three parts: what was found; what was expected; what to do. The inner function
states the fact, the outermost adds the context once.
"""

import difflib
from collections.abc import Iterable


class SimError(Exception):
    """Anything a user can act on; pages and the command line show its text, never a traceback."""

    def __str__(self) -> str:  # KeyError would otherwise quote its message
        return str(self.args[0]) if self.args else self.__class__.__name__


class Stopped(SimError):
    """Somebody asked a long run to end."""


class ShapeError(SimError, ValueError):
    """Two arrays or lists that belong together do not fit together."""


class BadDataError(SimError, ValueError):
    """A file, table or value that cannot be what it should be."""


class BadImageError(SimError, ValueError):
    """A file that cannot be used as an image."""


class MissingWeightsError(SimError, FileNotFoundError):
    """Weights that are not on this machine; says which file, from where, and where to put it."""


class UnknownNameError(SimError, KeyError):
    """A name nobody registered."""


MOST_NAMED = 20  # a sentence, not a catalogue


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """An error that names the nearest known spelling.

    >>> str(unknown("backbone", "mean-colour", ["mean-color", "hog"]))
    "no backbone named 'mean-colour'; did you mean mean-color?"
    >>> str(unknown("metric", "zzz", ["cosine", "l2"]))
    "no metric named 'zzz'; known are cosine, l2"
    """
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    some = ", ".join(options[:MOST_NAMED]) or "none yet"
    more = f" and {len(options) - MOST_NAMED} more" if len(options) > MOST_NAMED else ""
    hint = f"did you mean {near[0]}?" if near else f"known are {some}{more}"
    return UnknownNameError(f"no {kind} named {name!r}; {hint}")
