"""What learning changed: recall before and after, losses, lineage, and pictures (Fig. 3 and 4)."""

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from simcore.lab.learning import learned_backbones
from simcore.recipe import Question
from simcore.ui import charts, gallery, thumbnails, url_state, widgets
from simcore.ui.charts import losses
from simcore.ui.gallery import Pick, Row, Tile
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

CHANGED = {"found": "Found since", "lost": "Lost since", "all": "All, most moved first"}
STAGES = {"before": "before", "pca": "start", "rival": "best z-sum", "after": "after"}
A_PAGE = 4  # pairs of galleries at once


def show(asked: Question) -> None:
    rows = learned_backbones.pair_table(asked.collection)
    st.subheader("What was learned", anchor=False)
    if not rows:
        st.info(f"Nothing yet on {escape_markdown(asked.collection)}. Start a run above.")
    else:
        st.dataframe(rows, hide_index=True, placeholder="–", key="learn_table")
        names = [row["backbone"].removeprefix("learned:") for row in reversed(rows)]
        url_state.bind("learn", [Field("backbone", names, label="learned backbone")])
        name = st.selectbox("Look at", names, key="learn_backbone")
        _one(asked, name)


def _one(asked: Question, name: str) -> None:
    told = learned_backbones.lineage(name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape_markdown(told["about"]), width="stretch")
        st.page_link(
            "pages/evaluate.py",
            label="Evaluate",
            icon=":material/monitoring:",
            query_params={
                "collection": asked.collection,
                "subset": f"unseen:{name}",
                "models": ",".join([f"learned:{name}", *told["base"]]),
            },
        )
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(f"Forget **learned:{escape_markdown(name)}** and its features?")
            st.button(
                "Yes, forget it",
                key=f"learn_remove_{name}",
                type="primary",
                on_click=widgets.run_action,
                args=(learned_backbones.remove, name),
            )
    with st.expander("Lineage"):
        st.json({k: v for k, v in told.items() if k not in {"result", "test_ids"}})
    if told["kind"] == "adaptation":
        _elsewhere(told, name)
    _recall(told["result"], name)
    if told["result"]["loss"]:
        with st.expander("Loss"):
            losses(told["result"]["loss"], told["result"]["check"], f"kept_{name}")
    _galleries(asked, name)


def _elsewhere(told: dict, name: str) -> None:
    with st.expander("Use it elsewhere: one file and ten lines of NumPy"):
        st.download_button(
            "Download the file",
            lambda: learned_backbones.file(name),
            f"{name}.npz",
            icon=":material/download:",
            on_click="ignore",
            key=f"learn_file_{name}",
        )
        st.code(learned_backbones.TEN_LINES, language="python")
        st.caption(
            f'`file = np.load("{name}.npz")`; x holds, in this order and each of length 1, '
            f"the features of {escape_markdown(', '.join(told['base']))}."
        )


def _recall(told: dict, name: str) -> None:
    """Fig. 3: mean and two deviations of the runs, before and after."""
    stages = {k: v for k, v in STAGES.items() if told.get(k)}
    figure = go.Figure()
    for number, (stage, label) in enumerate(stages.items()):
        charts.spread(figure, label, told[stage], number)
    figure.update_xaxes(type="log")
    runs = len(told["after"]["runs_aR1"])
    pairs = told["pairs"]["test"]
    charts.show(
        figure,
        f"recall_{name}",
        x="k",
        y="asymmetric recall",
        title=f"Found in either direction among the first k of {pairs:,} test pairs"
        + (f", mean and two deviations of {runs} runs" if runs > 1 else ""),
    )


@st.fragment
def _galleries(asked: Question, name: str) -> None:
    """Fig. 4: the nearest pictures before and after, for test pairs."""
    st.subheader("Before and after", anchor=False)
    found = learned_backbones.pair_changes(name)
    counts = {which: len(found.rows(which)) for which in CHANGED}
    which = st.segmented_control(
        "Test pairs",
        list(CHANGED),
        key=f"learn_which_{name}",
        default="found",
        required=True,
        format_func=lambda key: f"{CHANGED[key]} ({counts[key]:,})",
    )
    rows = found.rows(which)
    if not rows:
        st.info("No test pair is like that.")
        return
    pages = -(-len(rows) // A_PAGE)
    page = st.pagination(pages, key=f"learn_page_{name}_{which}") if pages > 1 else 1
    open_ = gallery.open_in_explore(asked.collection)
    for row in rows[(page - 1) * A_PAGE : page * A_PAGE]:
        _pair(found, row, open_)


def _pair(found: learned_backbones.PairOutcome, row: int, open_: Callable[[Pick], None]) -> None:
    left, right = found.pairs.left, found.pairs.pairs().gallery

    def tile(side: str, at: int, rank: int = 0) -> Tile:
        images = left if side == "left" else right
        mate = bool(rank) and at == row
        words = f"{'true mate, ' if mate else ''}rank {rank}, " if rank else ""
        return Tile(
            id=images.ids[at],
            side=side,
            src=thumbnails.source(images.keys[at]),
            mate=mate,
            rank=str(rank) if rank else "",
            alt=f"{words}{side} image {images.ids[at]}",
        )

    lines = [
        Row(
            title=stage.capitalize(),
            chip=f"mate at {found.ranks[stage][row]:,}",
            tone="first" if found.ranks[stage][row] == 1 else "",
            tiles=[tile("right", at, n) for n, at in enumerate(found.nearest(row, stage), 1)],
        )
        for stage in ("before", "after")
    ]
    gallery.comparison(
        tile("left", row),
        tile("right", row),
        lines,
        key=f"learn_pair_{found.name}_{row}",
        on_pick=open_,
    )
