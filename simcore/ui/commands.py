"""The command line that gives the same numbers as a page."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.recipe import Question
from simcore.ui import kiosk

WORD_JOINER = "\u2060"  # after a hyphen, where browsers would break a line


@dataclass(frozen=True)
class Command:
    """One `simcore` command line; `args` is what follows `simcore`.

    >>> Command(("search", "my pairs", "--id", "b")).line
    "simcore search 'my pairs' --id b"
    """

    args: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line to paste into a shell."""
        return shlex.join(["simcore", *self.args])


def evaluate(question: Question, command: str, *more: str) -> Command:
    """`simcore evaluate COMMAND` on what a page shows."""
    return Command(("evaluate", command, *question.to_args(), *more))


def inline(line: str) -> str:
    """A command line as inline Markdown whose options stay whole; for reading, not for copying."""
    return "`" + line.replace("--", f"--{WORD_JOINER}") + "`"


def show(*commands: Command | Sequence[str]) -> None:
    """Show command lines, one below the other; a sequence holds the arguments of one."""
    lines = [c.line if isinstance(c, Command) else Command(tuple(c)).line for c in commands]
    st.code(kiosk.hide_paths("\n".join(lines)), language="bash", wrap_lines=True)
