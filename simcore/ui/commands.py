"""The command line that gives the same numbers as a page."""

import shlex
from dataclasses import dataclass

import streamlit as st

from simcore.types import Direction


@dataclass(frozen=True)
class Choice:
    """One way to look at a collection; the same words as on the command line."""

    collection: str
    subset: str
    models: tuple[str, ...]
    metric: str = "own"
    direction: Direction = "lr"
    post: str = "none"

    def changed(self) -> dict[str, str]:
        """The options that are not as the papers have them, by their name on the command line."""
        options = {
            "metric": (self.metric, "own"),
            "direction": (self.direction, "lr"),
            "post": (self.post, "none"),
        }
        return {name: now for name, (now, usual) in options.items() if now != usual}

    def by_hand(self, command: str, *more: str) -> str:
        """The command line that prints the same numbers."""
        words = ["simcore", "evaluate", command, self.collection, "--models", ",".join(self.models)]
        if self.subset != "all":
            words += ["--subset", self.subset]
        for name, now in self.changed().items():
            words += [f"--{name}", now]
        return shlex.join([*words, *more])

    def params(self) -> dict[str, str]:
        """The address of this choice."""
        return {
            "c": self.collection,
            "s": self.subset,
            "models": ",".join(self.models),
            "m": self.metric,
            "d": self.direction,
            "post": self.post,
        }


def show(line: str) -> None:
    """Show the command line that prints the same numbers."""
    st.code(line, language="bash", wrap_lines=True)
