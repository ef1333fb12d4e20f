"""The command line that gives the same numbers as a page."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.recipe import Question


@dataclass(frozen=True)
class Command:
    """One `simcore` command line; `args` is what follows `simcore`."""

    args: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line to paste into a shell."""
        return shlex.join(["simcore", *self.args])


def evaluate(question: Question, command: str, *more: str) -> Command:
    """`simcore evaluate COMMAND` on what a page shows."""
    return Command(("evaluate", command, *question.to_args(), *more))


def show(command: Command | Sequence[str]) -> None:
    """Show the command line that prints the same numbers."""
    if not isinstance(command, Command):
        command = Command(tuple(command))
    st.code(command.line, language="bash", wrap_lines=True)
