"""Compare's view Why: one sentence on a rank, and a crop that can be dragged to change it."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from simcore.errors import BadDataError, SimError
from simcore.lab import html_document
from simcore.lab.search import why
from simcore.lab.search.pair import Picture
from simcore.lab.search.why import Crop, Why
from simcore.recipe import Question
from simcore.ui import components, job_progress, page_export, thumbnails, url_state
from simcore.ui.url_state import Field, Values
from simcore.ui.widgets import escape_markdown

PAGE = "compare"
CROP = f"{PAGE}_crop"  # session state: the crop as in the address, "" for the best one
PICTURES = "_compare_crop_of"  # session state: what the crop belongs to
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")


@dataclass(frozen=True)
class CropField(Field):
    """A crop as "TOP,LEFT,BOTTOM,RIGHT" in percent; "" for the one that helps most."""

    def initial(self, values: Values) -> str:
        """The best crop."""
        return ""

    def parse(self, text: str, values: Values) -> tuple[str, list[str]]:
        """The text, if it is a crop."""
        try:
            parse(text)
        except SimError as error:
            return "", [str(error)]
        return text, []

    def validate(self, value: Any, values: Values) -> str:
        """The text, or "" where it is no crop."""
        return self.parse(str(value), values)[0] if value else ""


def parse(text: str) -> Crop:
    """The crop of an address.

    Raises:
        BadDataError: no four whole percentages, or a crop that keeps too little.

    >>> parse("10,0,90,100")
    Crop(top=0.1, left=0.0, bottom=0.9, right=1.0)
    """
    parts = text.split(",")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise BadDataError(
            f"{text[:40]!r} is not a crop. Write four percentages as in 10,0,90,100."
        )
    top, left, bottom, right = (int(part[:4]) / 100 for part in parts)
    return Crop(top, left, bottom, right)


def show(question: Question, query: Picture, mate: Picture, backbone: str) -> None:
    """The sentence and the crop.

    Raises:
        BadDataError: the two are no query and mate of one collection, or there is no evidence.
    """
    state = st.session_state
    pictures = (question.collection, query.name, mate.name, backbone)
    if state.setdefault(PICTURES, pictures) != pictures:
        state[PICTURES], state[CROP] = pictures, ""
    values = url_state.bind(PAGE, [CropField("crop")])
    with job_progress.progress_bar("Occluding and cropping parts") as monitor:
        reason = why.explain(question, query, mate, backbone, monitor=monitor)
    text = sentence(reason)
    st.markdown(text)
    plain = text.replace("**", "").replace("\\", "")
    page_export.add("why", lambda: [html_document.paragraph(plain)])
    best = reason.crop.crop if reason.crop else Crop()
    crop = parse(values["crop"]) if values["crop"] else best
    left, right = st.columns(2)
    with left:
        _picture(query, crop, reason)
        if reason.misleading is not None:
            st.caption("Dashed: the part that misled it most, found by occlusion.")
    with right:
        st.image(
            str(thumbnails.path(mate.key, route="picture")),
            width=240,
            caption=f"The mate, {escape_markdown(mate.name)}",
            alt=f"The mate, {mate.side} {mate.name}",
        )
        if crop == Crop():
            st.markdown("Drag over the image to crop it.")
        else:
            result = why.crop_rank(question, query, mate, backbone, crop)
            st.markdown(
                f"With this crop: rank **{result.rank:,}** instead of {reason.rank:,}, of "
                f"{reason.gallery:,}.",
                help="The mate's rank under this backbone if the query is cropped. Drag over the "
                "image to try another crop; the network sees only what is inside.",
            )


def _picture(query: Picture, crop: Crop, reason: Why) -> None:
    """The query with its crop, and a dashed outline around the part that misled the backbone."""

    def cropped() -> None:
        value = st.session_state["compare_crop_frame"].get("cropped")
        if isinstance(value, list) and all(type(part) is int for part in value):
            text = ",".join(str(part) for part in value)
            st.session_state[CROP] = CropField("crop").validate(text, {})

    components.CROP.mount(
        data={
            "src": thumbnails.large(query.key),
            "alt": f"the query, {query.side} {query.name}",
            "crop": _edges(crop),
            "marked": None if reason.misleading is None else _edges(reason.misleading.part),
        },
        key="compare_crop_frame",
        on_cropped_change=cropped,
    )


def _edges(crop: Crop) -> list[float]:
    return [crop.top, crop.left, crop.bottom, crop.right]


def sentence(reason: Why) -> str:
    """One sentence: what matched, who was misled by what, and the rank without it."""
    backbone, best = escape_markdown(reason.backbone), escape_markdown(reason.best)
    evidence = _evidence(reason)
    if reason.rank == 1:
        return f"**{backbone}** ranks the mate first{f': it {evidence}' if evidence else ''}."
    if reason.best == reason.backbone:
        return f"**{backbone}** {f'{evidence}, but ' if evidence else ''}{_misled(reason)}."
    other = f"(rank {reason.best_rank:,}) {evidence}" if evidence else ""
    other = other or f"ranks the mate {reason.best_rank:,}"
    return f"{best} {other}; **{backbone}** {_misled(reason)}."


def _evidence(reason: Why) -> str:
    """What the best backbone recognized the mate by; "" if nothing stands out."""
    if reason.matched is not None:
        first, second = (place_name(*place) for place in reason.matched)
        where = f"the {first} in both" if first == second else f"the {first} with the {second}"
        return f"matched {where}"
    if reason.needed is None:
        return ""
    place = place_name(*reason.needed.center)
    return f"needs the {place}, without which the mate is at rank {reason.needed.rank:,}"


def _misled(reason: Why) -> str:
    """What misled the backbone, the change that helps more before the other."""
    changes: list[tuple[int, str, str]] = []
    if reason.misleading is not None:
        place = place_name(*reason.misleading.center)
        changes.append((reason.misleading.rank, f"the {place}", "with it occluded"))
    if reason.crop is not None:
        part = cut_name(reason.crop.crop)
        without = "without them" if part.startswith("the bands") else "without it"
        changes.append((reason.crop.rank, part, without))
    if not changes:
        return f"ranks it {reason.rank:,} of {reason.gallery:,}, and no crop or occluded part helps"
    changes.sort(key=lambda change: change[0])
    best, *worse = changes
    text = f"was misled by {best[1]}: {best[2]}, rank **{reason.rank:,} → {best[0]:,}**"
    text += f" of {reason.gallery:,}"
    return text + "".join(f"; by {part}: {how}, rank {rank:,}" for rank, part, how in worse)


def place_name(y: float, x: float) -> str:
    """A place in a picture in words.

    >>> place_name(0.1, 0.9), place_name(0.5, 0.5)
    ('top right', 'center')
    """
    row, column = ROWS[min(int(3 * y), 2)], COLUMNS[min(int(3 * x), 2)]
    if row == "middle":
        return column
    return row if column == "center" else f"{row} {column}"


def cut_name(crop: Crop) -> str:
    """What a crop removes, in words.

    >>> cut_name(Crop(top=0.2, bottom=0.8)), cut_name(Crop(left=0.1))
    ('the bands at top and bottom', 'the left edge')
    """
    sides = [
        name
        for name, is_cut in (
            ("top", crop.top > 0),
            ("left", crop.left > 0),
            ("bottom", crop.bottom < 1),
            ("right", crop.right < 1),
        )
        if is_cut
    ]
    if len(sides) == 1:
        return f"the {sides[0]} edge"
    if sides == ["top", "bottom"]:
        return "the bands at top and bottom"
    return "the bands at left and right" if sides == ["left", "right"] else "its border"
