"""Compare: any two pictures, how alike each backbone finds them, and why."""

import shlex

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.errors import BadDataError, SimError
from simcore.lab import html_document
from simcore.lab.library import collections, models
from simcore.lab.search import pair
from simcore.lab.search.pair import Picture, Row
from simcore.recipe import Question
from simcore.types import Monitor, Progress
from simcore.ui import charts, job_progress, page_export, sidebar, widgets
from simcore.ui.compare import region_view
from simcore.ui.compare.picture_picker import pick

CELLS = {5: "5 x 5", 7: "7 x 7", 10: "10 x 10"}


def show() -> None:
    """Draw the page."""
    st.title("Compare")
    st.caption(
        "Any two pictures: how alike each backbone finds them, against all other pairs of the "
        "collection, and which places of one answer to which of the other."
    )
    with widgets.show_errors():
        wanted = {name: st.query_params.get(name, "") for name in ("a", "b")}
        asked = sidebar.select_question("compare", options=("m",), lone=True)
        if asked is None:
            return
        collection = collections.open_(asked.collection)
        first, second = pick(asked, collection, wanted)
        if first is None or second is None:
            st.info("Give both pictures.")
            return
        with st.spinner("Comparing", show_time=False):
            rows = pair.table(asked.collection, first, second, asked.backbones, asked.metric)
        _lead(asked, rows)
        _reasons(asked, first, second)
        _numbers(asked, rows, first, second)
        widgets.credits(collection.credits)


def _lead(asked: Question, rows: list[Row]) -> None:
    known = [row for row in rows if row.above is not None]
    blind = [row.backbone for row in rows if row.above is None]
    said = ""
    if known:
        best = max(known, key=lambda row: row.above or 0)
        said = (
            f"**{widgets.escape_markdown(best.backbone)}** finds them most alike: more than "
            f"**{_percent(best.above)}** of all pairs of {widgets.escape_markdown(asked.collection)}. "
        )
    if blind:
        said += f"No evidence under {widgets.escape_markdown(', '.join(blind))}."
    st.markdown(said)
    page_export.add("lead", lambda: [html_document.words(said.replace("**", "").replace("\\", ""))])


def _numbers(asked: Question, rows: list[Row], first: Picture, second: Picture) -> None:
    """How alike, as a place among all pairs: the similarities themselves have other scales."""
    known = [row for row in rows if row.above is not None]
    if not known:
        return
    st.subheader("How alike", anchor=False)
    ordered = sorted(known, key=lambda row: row.above or 0)
    names = [row.backbone for row in ordered]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=[100 * (row.above or 0) for row in ordered],
        orientation="h",
        marker_color=html_document.COLORS[0],
        name="of all pairs",
        customdata=[row.similarity for row in ordered],
        hovertemplate="%{y}: similarity %{customdata:.3f}, more alike than %{x:.2f} % of all pairs"
        "<extra></extra>",
    )
    if any(row.mates is not None for row in ordered):
        figure.add_scatter(
            y=names,
            x=[None if row.mates is None else 100 * row.mates for row in ordered],
            mode="markers",
            name="of the true pairs",
            marker={
                "color": html_document.COLORS[1],
                "size": 11,
                "symbol": "diamond",
                "line": {"color": "white", "width": 1},
            },
            hovertemplate="%{y}: more alike than %{x:.1f} % of the true pairs<extra></extra>",
        )
    figure.update_xaxes(range=[0, 101], ticksuffix=" %")
    charts.show(
        figure,
        "compare_bars",
        title="More alike than this share of the pairs",
        height=70 + 26 * len(names),
    )
    frame = pd.DataFrame(
        {
            "backbone": row.backbone,
            "metric": row.metric,
            "similarity": row.similarity,
            "more alike than % of all pairs": None if row.above is None else 100 * row.above,
            "more alike than % of the true pairs": None if row.mates is None else 100 * row.mates,
        }
        for row in rows
    )
    cells = frame.round(4).astype(object).where(frame.notna(), None).to_numpy().tolist()
    page_export.add("numbers", lambda: [html_document.table(list(frame), cells)])
    with st.expander("The numbers"):
        st.dataframe(frame.round(4), hide_index=True, placeholder="–", key="compare_table")
        if first.side and second.side:
            words = [
                "simcore",
                "alike",
                asked.collection,
                f"{first.side}:{first.name}",
                f"{second.side}:{second.name}",
                "--models",
                ",".join(asked.backbones),
            ]
            if asked.metric != "own":
                words += ["--metric", asked.metric]
            st.code(shlex.join(words), language="bash", wrap_lines=True)


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.2f} %".replace("100.00 %", "99.99 %")


@st.fragment
def _reasons(asked: Question, first: Picture, second: Picture) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = asked.backbones.index(models.default_network(asked.backbones))
        backbone = st.selectbox("Backbone", asked.backbones, key="compare_backbone", index=usual)
        what = st.segmented_control(
            "Show",
            ["Places that answer", "Finer places", "Hide parts"],
            key="compare_what",
            default="Places that answer",
            required=True,
        )
    with widgets.show_errors():
        if what == "Hide parts":
            _hidden(asked, first, second, backbone)
            return
        try:
            with st.spinner("Looking", show_time=False):
                found = pair.correspondences(first, second, backbone, fine=what == "Finer places")
        except BadDataError as error:  # no network: true of half of the backbones, and no mistake
            st.info(widgets.escape_markdown(str(error)))
            return
        region_view.correspondences(first, second, found, key="compare_match")
        st.caption("The dashed frame is what the network sees; nothing outside it counts.")


def _hidden(asked: Question, first: Picture, second: Picture, backbone: str) -> None:
    cells = st.segmented_control(
        "Parts",
        list(CELLS),
        format_func=CELLS.__getitem__,
        default=7,
        key="compare_cells",
        required=True,
    )
    bar = st.progress(0.0, text="Hiding one part after another")

    def tell(now: Progress) -> None:
        bar.progress(job_progress.share(now), text=job_progress.words(now))

    try:
        found = pair.occlusion(
            asked.collection,
            first,
            second,
            backbone,
            metric=asked.metric,
            cells=int(cells or 7),
            monitor=Monitor(tell),
        )
    except SimError:
        bar.empty()
        raise
    bar.empty()
    said = f"With nothing hidden the similarity under {widgets.escape_markdown(backbone)} is "
    said += f"**{found.similarity:.3f}**"
    if found.ranks is not None:
        least, most = int(found.ranks.min()), int(found.ranks.max())
        said += f", and the second picture is at rank **{found.rank:,}** of {found.gallery:,} as "
        said += "seen from the first. "
        said += (
            "No single part changes that"
            if least == most == found.rank
            else f"Hiding one part moves it to between {least:,} and {most:,}"
        )
    st.markdown(said + ".")
    shape = pair.shapes(first, second)
    region_view.occlusion(first, second, found, shape, key="compare_masked")


show()
