"""The questions of an experiment with how often each answer was given (rosenfeld2018, Fig. 4)."""

from dataclasses import dataclass

import streamlit as st

from simcore.lab.people import tasks
from simcore.lab.people.analysis import ExperimentAnalysis, QuestionResult
from simcore.ui import gallery, thumbnails
from simcore.ui.gallery import Tile
from simcore.ui.widgets import escape_markdown

PER_PAGE = 4  # questions on a page


@dataclass(frozen=True)
class ShownImage:
    """One image of a question, and what was answered about it."""

    id: str
    key: str
    caption: str
    mate: bool = False


@st.fragment
def show(result: ExperimentAnalysis) -> None:
    """Draw the questions, a few on each page."""
    st.header("Questions", anchor=False)
    with_mate = [row for row in result.asked if row.mate >= 0]
    order = st.segmented_control(
        "Order",
        [
            "Highest agreement",
            "Lowest agreement",
            *(["Most against the mate"] if with_mate else []),
        ],
        default="Highest agreement",
        key="findings_order",
        label_visibility="collapsed",
        required=True,
    )
    rows = list(result.asked)
    if order == "Lowest agreement":
        rows.reverse()
    elif order == "Most against the mate":
        rows = sorted(with_mate, key=_against_mate, reverse=True)
    for row in gallery.paged(rows, f"findings_page_{order}", PER_PAGE):
        query, *others = images(result.task, row)
        tiles = [_tile(query, is_query=result.task != tasks.ODD_ONE_OUT.name)]
        tiles += [_tile(image) for image in others]
        st.caption(f"Question {row.number}, {escape_markdown(row.condition)}")
        gallery.grid(tiles, key=f"findings_question_{row.number}")


def images(task: str, row: QuestionResult) -> list[ShownImage]:
    """The query, where there is one, and the images that were chosen most often first."""
    total = sum(row.counts)
    query = ShownImage(row.query, row.query_key, "query")
    if task == tasks.SAME_DIFFERENT.name:
        same = row.counts[tasks.SAME]
        image, key = row.options[0]
        return [query, ShownImage(image, key, f"same for {same} of {total}")]
    order = sorted(range(len(row.options)), key=lambda option: -row.counts[option])
    shown = [
        ShownImage(image, key, _caption(row, n, total), mate=n == row.mate)
        for n, (image, key) in ((n, row.options[n]) for n in order)
    ]
    return shown if task == tasks.ODD_ONE_OUT.name else [query, *shown]


def _caption(row: QuestionResult, option: int, total: int) -> str:
    if row.second_counts:
        return f"1st {row.counts[option]}, 2nd {row.second_counts[option]} of {total}"
    return f"{row.counts[option]} of {total}"


def _tile(image: ShownImage, *, is_query: bool = False) -> Tile:
    said = "Query" if is_query else "Choice"
    return Tile(
        id=image.id,
        side="left" if is_query else "right",
        src=thumbnails.source(image.key),
        current=is_query,
        mate=image.mate,
        caption=image.caption,
        alt=f"{said} {image.id}, {image.caption}" if not is_query else f"Query {image.id}",
    )


def _against_mate(row: QuestionResult) -> float:
    """How many more chose the most frequent option than the mate, as a share."""
    return (max(row.counts) - row.counts[row.mate]) / sum(row.counts)
