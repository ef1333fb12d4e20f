"""What a page offers where the command line names a command: a button instead of terminal text.

Errors of the library end with what to do, as a command in backticks. A page shows the sentences
before it, and a button that does the same.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.ui import actions, kiosk

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z`])")
_COMMAND = re.compile(r"`simcore ([^`]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z]")  # an option of the command line, outside a command
WANTED_MODELS = "models.fetch"  # session state: the backbones that the page Models offers first


@dataclass(frozen=True)
class Remedy:
    """What a button does about an error.

    Attributes:
        page: it opens; "" if it starts a job.
        job: arguments of the command that it runs in the background; empty if it opens a page.
    """

    label: str
    icon: str
    page: str = ""
    job: tuple[str, ...] = ()


MODELS_PAGE = Remedy("Get it on Models", ":material/download:", "pages/models.py")
COLLECTIONS_PAGE = Remedy("Open Collections", ":material/photo_library:", "pages/collections.py")
# First words of a command -> the button. The longest match counts.
_PAGES = {
    ("extract",): Remedy("Extract features", ":material/play_arrow:", "pages/collections.py"),
    ("index",): COLLECTIONS_PAGE,
    ("collections",): COLLECTIONS_PAGE,
    ("features",): COLLECTIONS_PAGE,
    ("demo",): Remedy("Open Explore", ":material/image_search:", "pages/explore.py"),
    ("models",): MODELS_PAGE,
    ("leaderboard",): Remedy("Open Leaderboard", ":material/leaderboard:", "pages/leaderboard.py"),
    ("evaluate",): Remedy("Open Combine", ":material/join_full:", "pages/combine.py"),
    ("evaluate", "triplets"): Remedy(
        "Open Judgements", ":material/how_to_vote:", "pages/judgements.py"
    ),
    ("judgements",): Remedy("Open Judgements", ":material/how_to_vote:", "pages/judgements.py"),
    ("reproduce",): Remedy("Open Reproduce", ":material/article:", "pages/reproduce.py"),
    ("learn",): Remedy("Open Learn", ":material/school:", "pages/learn.py"),
    ("duel",): Remedy("Open Duel", ":material/swords:", "pages/duel.py"),
    ("experiments",): Remedy("Open Experiments", ":material/groups:", "pages/experiments.py"),
}


def of_command(command: str) -> Remedy | None:
    """The button for a command line, without `simcore`; None where pages have nothing like it.

    >>> of_command("extract cats --models hog").job
    ('extract', 'cats', '--models', 'hog', '--fetch')
    >>> of_command("learn remove x").page
    'pages/learn.py'
    """
    try:
        args = shlex.split(command)
    except ValueError:  # a quotation mark in a name
        args = command.split()
    if args[:1] == ["extract"] and "--models" in args[2:-1]:
        return Remedy("Extract now", ":material/play_arrow:", job=(*args, "--fetch"))
    matches = [words for words in _PAGES if tuple(args[: len(words)]) == words]
    return _PAGES[max(matches, key=len)] if matches else None


def split(message: str) -> tuple[str, list[Remedy]]:
    """The sentences of a message without commands, and the buttons that replace them.

    >>> text, remedies = split("No features of hog. Run `simcore extract x --models hog` first.")
    >>> text, [remedy.label for remedy in remedies]
    ('No features of hog.', ['Extract now'])
    """
    sentences = _SENTENCE.split(message)
    commands = _COMMAND.findall(message)
    plain = [s for s in sentences if not _COMMAND.search(s) and not _OPTION.search(s)]
    remedies = [remedy for command in commands if (remedy := of_command(command))]
    if "--votes" in message:  # votes belong to a collection from the moment that it is added
        remedies.append(COLLECTIONS_PAGE)
    # A message of one sentence, with its command in it, is all that there is to say.
    return " ".join(plain) or message.replace("`", ""), list(dict.fromkeys(remedies))


def show(remedies: Sequence[Remedy], *, key: str, models: Sequence[str] = ()) -> None:
    """Draw the buttons; in workshop mode none, since visitors change nothing.

    Args:
        key: start of their widget keys.
        models: backbones that the page Models then offers to download.
    """
    if kiosk.enabled():
        return
    for remedy in remedies:
        widget = f"{key}_{remedy.page or ' '.join(remedy.job)}"
        if remedy.job:
            st.button(
                remedy.label,
                icon=remedy.icon,
                key=widget,
                on_click=actions.start_job,
                args=(remedy.job,),
            )
        elif st.button(remedy.label, icon=remedy.icon, key=widget):
            if models and remedy.page == "pages/models.py":
                st.session_state[WANTED_MODELS] = list(models)
            st.switch_page(remedy.page)
