"""Errors that a user can act on.

A message says in one plain sentence what is wrong, and in a second what to do. The function that
notices the error states the fact; the outermost caller adds context once.
"""

import difflib
import os
import re
from collections.abc import Iterable
from numbers import Integral

# A password between user and host, also one with an unescaped @, and settings and query
# parameters that hold a secret: password=word, 'password': 'word'.
_CREDENTIALS = re.compile(r"(\w://[^\s:/@\"']*):[^\s/\"'<>]*@")
_URL_PASSWORD = re.compile(r"\w://[^\s:/@]*:(\S+)@")  # in a variable: up to the last @
_SECRET_SETTING = re.compile(
    r"((?:password|passwd|pwd|passphrase|secret(?:_access_key)?|session_token|api_key)"
    r"(?:\s*=\s*|[\"']\s*:\s*))(\"[^\"]*\"|'[^']*'|[^\s&\"',;)}]+)",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_KEY", re.IGNORECASE)
_MIN_SECRET = 6  # a shorter value of a variable would also replace ordinary words


class SimError(Exception):
    """Any error a user can act on; pages and the command line show its text, not a traceback."""

    def __str__(self) -> str:  # KeyError would otherwise put its message in quotes
        return redact(str(self.args[0])) if self.args else self.__class__.__name__


class Stopped(SimError):
    """A long operation was stopped on request; what it had finished is saved."""


class ShapeError(SimError, ValueError):
    """Arrays or lists that belong together differ in length or shape."""


class BadDataError(SimError, ValueError):
    """A file, a table or an argument has a value that cannot be used."""


class DamagedFileError(BadDataError):
    """A file that simcore wrote is empty, cut short or holds something else."""


class BadImageError(SimError, ValueError):
    """A file cannot be read as an image."""


class MissingWeightsError(SimError, FileNotFoundError):
    """A weight file is not on this machine; the message names the file, its source and folder."""


class NotPermittedError(SimError):
    """Visitors of workshop mode may not do this."""


class UnknownNameError(SimError, KeyError):
    """No backbone, collection, metric, ... has this name."""


def redact(text: str) -> str:
    """The text without passwords: for everything that is printed, shown or logged.

    Hides passwords in addresses, settings such as `password=...`, and the values of environment
    variables whose names say that they are secret.

    >>> redact("postgresql://me:p@ss@host/x?sslmode=require&password=word")
    'postgresql://me:***@host/x?sslmode=require&password=***'
    """
    for secret in _environment_secrets():
        text = text.replace(secret, "***")
    text = _CREDENTIALS.sub(r"\1:***@", text)
    return _SECRET_SETTING.sub(r"\1***", text)


def _environment_secrets() -> list[str]:
    secrets = []
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            secrets.append(value)
        secrets += _URL_PASSWORD.findall(value)
    return [secret for secret in secrets if len(secret) >= _MIN_SECRET]


def check_whole_number(name: str, value: object, *, least: int = 1) -> None:
    """Refuse a fraction, which would be cut or compared as it is, and a number that is too small.

    Args:
        name: of the argument.
        value: an int or a NumPy integer.
        least: the smallest number that is allowed.

    Raises:
        BadDataError: the value is something else.

    >>> check_whole_number("k", 1.5)
    Traceback (most recent call last):
    simcore.errors.BadDataError: k must be a whole number, got 1.5.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise BadDataError(f"{name} must be a whole number, got {value!r}.")
    if int(value) < least:
        raise BadDataError(f"{name} must be at least {least}, got {value}.")


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
