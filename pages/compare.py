"""Compare: any two images, their similarity under each backbone, and the reasons for it."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.errors import BadDataError
from simcore.lab import html_document
from simcore.lab.library import collections, models
from simcore.lab.search import pair
from simcore.lab.search.pair import Picture, Row
from simcore.recipe import Question
from simcore.types import Collection
from simcore.ui import (
    charts,
    commands,
    job_progress,
    page_export,
    sidebar,
    uploads,
    url_state,
    widgets,
)
from simcore.ui.compare import picture_picker, region_view, why_view
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

GRIDS = {5: "5 x 5", 7: "7 x 7", 10: "10 x 10"}
VIEWS = {
    "regions": "Regions",
    "finer": "Finer regions",
    "occlusion": "Occlusion",
    "why": "Why",
}


def show() -> None:
    """Draw the page."""
    st.title("Compare")
    st.caption("Two images: how similar each backbone finds them, and which regions correspond.")
    with widgets.show_errors():
        question = sidebar.select_question(
            "compare", options=("metric",), without_mates=True, fields=picture_picker.FIELDS
        )
        if question is None:
            return
        collection = collections.open_(question.collection)
        first, second = picture_picker.draw(question, collection)
        if first is None or second is None:
            st.info("Upload the missing image.")
            return
        if not pair.is_quick(question):
            _offer_job(question, collection)
            return
        with widgets.placeholder("Comparing", 40, 420, 260):
            rows = pair.table(question, first, second, monitor=uploads.monitor()).rows
        _summary(question, rows)
        _regions(question, first, second)
        _numbers(question, rows, first, second)
        widgets.credits(collection.credits)


def _offer_job(question: Question, collection: Collection) -> None:
    """The job that stores the similarities of all pairs, which every comparison refers to."""
    side = "left" if collection.right is None else "right"
    args = ["pair", question.collection, f"left:{collection.left.ids[0]}"]
    args += [f"{side}:{collection.sides()[1].ids[-1]}", "--models", ",".join(question.backbones)]
    if question.metric != "own":
        args += ["--metric", question.metric]
    reason = f"How similar {len(collection.left):,} images are to each other is not computed yet."
    job_progress.offer(args, reason, key="compare_job")
    commands.show(args)


def _summary(question: Question, rows: Sequence[Row]) -> None:
    scored = [row for row in rows if row.above is not None]
    without = [row.backbone for row in rows if row.above is None]
    text = ""
    if scored:
        best = max(scored, key=lambda row: row.above or 0)
        text = (
            f"**{escape_markdown(best.backbone)}** finds them most similar: more than "
            f"**{_percent(best.above)}** of all pairs of {escape_markdown(question.collection)}. "
        )
    if without:
        text += f"No evidence under {escape_markdown(', '.join(without))}."
    st.markdown(text)
    plain = text.replace("**", "").replace("\\", "")
    page_export.add("summary", lambda: [html_document.paragraph(plain)])


def _numbers(question: Question, rows: Sequence[Row], first: Picture, second: Picture) -> None:
    """Similarities as shares of all pairs, since those of two backbones have different scales."""
    if all(row.above is None for row in rows):
        return
    st.header("Similarity", anchor=False)
    _share_chart(sorted((r for r in rows if r.above is not None), key=lambda row: row.above or 0))
    frame = pd.DataFrame(
        {
            "backbone": row.backbone,
            "metric": row.metric,
            "similarity": row.similarity,
            "% of all pairs": None if row.above is None else 100 * row.above,
            "% of true pairs": None if row.mates is None else 100 * row.mates,
        }
        for row in rows
    )
    cells = frame.round(4).astype(object).where(frame.notna(), None).to_numpy().tolist()
    page_export.add("numbers", lambda: [html_document.table(list(frame), cells)])
    with st.expander("Table"):
        st.dataframe(
            frame.round(4),
            hide_index=True,
            placeholder="–",
            key="compare_table",
            column_config={
                frame.columns[0]: widgets.name_column(frame.iloc[:, 0]),
                "% of all pairs": st.column_config.NumberColumn(
                    help="Share of all pairs, mates or not, that are less similar."
                ),
                "% of true pairs": st.column_config.NumberColumn(
                    help="Share of the known pairs that are less similar."
                ),
            },
        )
        if first.side and second.side:
            args = ["pair", question.collection]
            args += [f"{picture.side}:{picture.name}" for picture in (first, second)]
            args += ["--models", ",".join(question.backbones)]
            if question.metric != "own":
                args += ["--metric", question.metric]
            commands.show(args)


def _share_chart(rows: Sequence[Row]) -> None:
    """The share of pairs that are less similar, one bar per backbone."""
    names = [row.backbone for row in rows]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=[100 * (row.above or 0) for row in rows],
        orientation="h",
        marker_color=html_document.COLORS[0],
        name="of all pairs",
        customdata=[row.similarity for row in rows],
        hovertemplate="%{y}: similarity %{customdata:.3f}, higher than %{x:.2f} % of all pairs"
        "<extra></extra>",
    )
    if any(row.mates is not None for row in rows):
        figure.add_scatter(
            y=names,
            x=[None if row.mates is None else 100 * row.mates for row in rows],
            mode="markers",
            name="of the true pairs",
            marker={
                "color": html_document.COLORS[1],
                "size": 11,
                "symbol": "diamond",
                "line": {"color": "white", "width": 1},
            },
            hovertemplate="%{y}: higher than %{x:.1f} % of the true pairs<extra></extra>",
        )
    figure.update_xaxes(range=[0, 101], ticksuffix=" %")
    title = "More similar than this share of the pairs"
    charts.show(figure, "compare_bars", title=title, height=70 + 26 * len(names))


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.2f}\N{NO-BREAK SPACE}%".replace("100.00", "99.99")


@st.fragment
def _regions(question: Question, first: Picture, second: Picture) -> None:
    default = models.default_network(question.backbones)
    backbones = Field("backbone", question.backbones, default=default)
    url_state.bind("compare", [backbones, Field("view", list(VIEWS))])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        backbone = st.selectbox("Backbone", question.backbones, key="compare_backbone")
        view = st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            key="compare_view",
            required=True,
            help="Regions compares feature maps and shows what corresponds; finer regions uses a "
            "larger input. Occlusion covers one part of the first image at a time. Why explains "
            "the rank of a mate and crops the query.",
        )
    with widgets.show_errors():
        if view == "occlusion":
            _occlusion(question, first, second, backbone)
            return
        if view == "why":
            why_view.show(question, first, second, backbone)
            return
        try:
            with st.spinner("Computing feature maps", show_time=False):
                match = pair.correspondences(first, second, backbone, fine=view == "finer")
        except BadDataError as error:  # not a mistake: half of the backbones are no networks
            st.info(escape_markdown(str(error)))
            return
        region_view.correspondences(first, second, match, key="compare_match")
        st.caption("The dashed frame is the input of the network; the rest has no effect.")


def _occlusion(question: Question, first: Picture, second: Picture, backbone: str) -> None:
    cells = st.segmented_control(
        "Grid",
        list(GRIDS),
        format_func=GRIDS.__getitem__,
        default=7,
        key="compare_cells",
        required=True,
    )
    with job_progress.progress_bar("Occluding one part after the other") as monitor:
        result = pair.occlusion(
            question.collection,
            first,
            second,
            backbone,
            metric=question.metric,
            cells=int(cells or 7),
            monitor=monitor,
        )
    text = f"Without occlusion: similarity **{result.similarity:.3f}**"
    if result.ranks is not None:
        low, high = int(result.ranks.min()), int(result.ranks.max())
        text += f", rank **{result.rank:,}** of {result.gallery:,}. "
        text += (
            "No single part changes the rank"
            if low == high == result.rank
            else f"With one part occluded: rank {low:,} to {high:,}"
        )
    st.markdown(text + ".", help="The rank of the second image for the first as the query.")
    shapes = pair.shapes(first, second)
    region_view.occlusion(first, second, result, shapes, key="compare_occlusion")


show()
