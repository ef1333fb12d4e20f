"""Who do you look like? A photo and the image of the collection that each machine finds nearest."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

import streamlit as st

from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.lab.search import search
from simcore.lab.search.search import Query, SearchResult
from simcore.recipe import Question, Recipe
from simcore.ui import sidebar, thumbnails, uploads, widgets
from simcore.ui.duel import join_address, score_bars

SECONDS = 1.2  # that each machine takes at least
MAX_MACHINES = 12
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SOURCES = {"camera": "Camera", "upload": "Upload"}
ROUND = "look_alike_round"  # session key: number of the person, so that the next one starts anew
SHOWN = "look_alike_shown"  # session key: the picture that all machines have answered


@dataclass(frozen=True)
class _Photo:
    """A picture of a visitor; it is in no file.

    Attributes:
        digest: of its bytes.
    """

    data: bytes
    digest: str


def show() -> None:
    """Draw the view."""
    score_bars.style()
    name = _collection()
    if not name:
        return
    ready = search.ready_backbones(name, uploaded=True)
    backbones = ready.names[:MAX_MACHINES]
    parsed = recipes.parse(backbones, "zsum")
    st.caption(
        f"According to {number_word(len(backbones))} machines, one by one; their sum comes last. "
        "Your picture stays in the memory of this server: it is in no file, goes nowhere else, "
        "and is not part of any answer.",
        help=ready.note or None,
    )
    left, right = st.columns([2, 3], gap="medium")
    with left:
        photo = _photo(collections.open_(name).left.trim)
    with right:
        if photo is None:
            st.info("The machines answer here as soon as there is a picture.")
        else:
            _reveal_all(name, photo, parsed)


def number_word(count: int) -> str:
    """A small number as a word.

    >>> number_word(9), number_word(12)
    ('nine', '12')
    """
    return WORDS[count] if count < len(WORDS) else str(count)


def _collection() -> str:
    names = collections.names()
    if not names:
        widgets.empty_state("There is no collection yet.", "pages/collections.py", "Add one")
        return ""
    if len(names) == 1:
        return names[0]
    return sidebar.select_collection(names, key="look_alike_collection")


def _photo(trim: int) -> _Photo | None:
    """The picture that this visitor took or chose."""
    number = st.session_state.setdefault(ROUND, 0)
    source = st.segmented_control(
        "Picture from",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        default="camera" if has_camera(st.context.url or "") else "upload",
        key="look_alike_source",
        required=True,
        label_visibility="collapsed",
    )
    if source == "camera":
        if not has_camera(st.context.url or ""):
            st.caption("Browsers give the camera to this computer and to https addresses only.")
        file = st.camera_input("Look into the camera", key=f"look_alike_camera_{number}")
    else:
        file = st.file_uploader(
            "A picture; a phone offers its camera, too",
            type=uploads.TYPES,
            key=f"look_alike_file_{number}",
            max_upload_size=uploads.MAX_MB,
        )
    if file is None:
        return None
    data = uploads.receive(widgets.escape_markdown(file.name), file.getvalue(), trim)
    if source == "upload":
        st.image(features.decode(data, trim=trim).pixels, width=260, alt="Your picture")
    return _Photo(data, hashlib.sha256(data).hexdigest())


def has_camera(url: str) -> bool:
    """Whether a browser gives its camera to a page.

    >>> has_camera("https://lab.example/duel"), has_camera("http://localhost:8501/duel")
    (True, True)
    >>> has_camera("http://192.168.1.5:8501/duel")
    False
    """
    parts = urlsplit(url)
    return parts.scheme == "https" or join_address.is_own(parts.hostname or "")


def _reveal_all(name: str, photo: _Photo, parsed: Sequence[Recipe]) -> None:
    """One machine after the other, then the sum; at once where it was shown before."""
    key = f"{name} {photo.digest}"
    box, results = st.empty(), list[SearchResult]()
    for recipe in parsed:
        start = time.monotonic()
        if st.session_state.get(SHOWN) != key:
            box.html(_cards(results, f"{_who(recipe)} looks at it ..."))
        question = Question(name, (recipe,), "rl")  # the left images: all of a folder
        results += search.search(question, Query(image=photo.data), k=1, monitor=uploads.monitor())
        if st.session_state.get(SHOWN) != key:
            time.sleep(max(0.0, SECONDS - (time.monotonic() - start)))
    st.session_state[SHOWN] = key
    box.html(_cards(results))
    st.button(
        "Next person",
        type="primary",
        icon=":material/person_add:",
        key="look_alike_next",
        on_click=_forget,
    )


def _who(recipe: Recipe) -> str:
    if recipe.combine == "none":
        return recipe.title
    return f"The sum of all {number_word(len(recipe.parts))}"


def _cards(results: Sequence[SearchResult], status: str = "") -> str:
    """The results so far, newest first.

    Args:
        status: what is being computed.
    """
    cards = "".join(_card(result) for result in reversed(results))
    line = f'<p role="status">{escape(status)}</p>' if status else ""
    return f'<div class="duel phone">{line}<ol class="faces" reversed>{cards}</ol></div>'


def _card(result: SearchResult) -> str:
    who = _who(result.recipe)
    kind = "" if result.recipe.combine == "none" else ' class="last"'
    if not result.ids:
        text = escape(f"{who}: {result.note}")
        return f"<li{kind}><figure><figcaption>{text}</figcaption></figure></li>"
    source = escape(thumbnails.large(result.keys[0]), quote=True)
    alt = escape(result.ids[0], quote=True)
    text = escape(f"{who}: {result.ids[0]}")
    return (
        f'<li{kind}><figure><img src="{source}" alt="{alt}">'
        f"<figcaption>{text}</figcaption></figure></li>"
    )


def _forget() -> None:
    st.session_state[ROUND] += 1
    st.session_state.pop(SHOWN, None)
