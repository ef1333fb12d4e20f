"""What training on pairs changed: recall before and after, losses, lineage, nearest images."""

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from simcore.lab.learning import learned_backbones
from simcore.lab.learning.learned_backbones import Lineage, PairChanges
from simcore.recipe import Question
from simcore.types import JSON
from simcore.ui import actions, charts, gallery, kiosk, thumbnails, url_state, widgets
from simcore.ui.gallery import Pick, Row, Tile
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

CHANGES = {"found": "Found now", "lost": "No longer found", "all": "All"}
STAGES = {"before": "before", "pca": "start", "baseline": "best z-sum", "after": "after"}
PAIRS_PER_PAGE = 4


def show(question: Question) -> None:
    """Backbones that were trained on a collection, and details of one."""
    table = learned_backbones.pair_table(question.collection)
    st.header("Learned backbones", anchor=False)
    if not table.rows:
        hint = "" if kiosk.enabled() else " Start a run above."
        st.info(f"None yet from {escape_markdown(question.collection)}.{hint}")
        return
    st.dataframe(table.to_frame(), hide_index=True, placeholder="–", key="learn_table")
    names = [str(row[0]).removeprefix("learned:") for row in reversed(table.rows)]
    url_state.bind("learn", [Field("backbone", names, label="learned backbone")])
    name = st.selectbox("Learned backbone", names, key="learn_backbone")
    details(question, name)


def details(question: Question, name: str) -> None:
    """A learned backbone: recall before and after, losses, and test pairs that changed."""
    info = learned_backbones.read_lineage(name)
    show_header(
        info,
        "pages/evaluate.py",
        "Evaluate",
        {"collection": question.collection, "subset": f"unseen:{name}"},
        "learn",
    )
    if info.kind == "adaptation" and not kiosk.enabled():
        _show_download(info, name)
    _show_recall(info.result, name)
    show_losses(info, name)
    _show_changes(question, name)


def show_header(info: Lineage, page: str, label: str, params: dict[str, str], key: str) -> None:
    """Description, a link that scores the backbone on unseen data, removal, and lineage.

    Args:
        page, label, params: of the link; the models are added.
        key: prefix of the widgets' keys.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape_markdown(info.description), width="stretch")
        st.page_link(
            page,
            label=label,
            icon=":material/monitoring:",
            query_params=params | {"models": ",".join([info.name, *info.base])},
            help="On data that it was not trained on.",
        )
        if not kiosk.enabled():
            _offer_removal(info, key)
    with st.expander("Lineage"):
        hidden = {"result", "test_ids", "test_trials"}
        st.json({k: v for k, v in info.to_json().items() if k not in hidden})


def _offer_removal(info: Lineage, key: str) -> None:
    name = info.name.removeprefix("learned:")
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(f"Delete **{escape_markdown(info.name)}** and its features?")
        st.button(
            "Delete",
            key=f"{key}_remove_{name}",
            type="primary",
            on_click=actions.run_action,
            args=(learned_backbones.remove, name),
        )


def show_losses(info: Lineage, name: str) -> None:
    """Training and validation losses, folded up."""
    if info.result["loss"]:
        with st.expander("Losses"):
            charts.losses(info.result["loss"], info.result["check"], f"result_{name}")


def _show_download(info: Lineage, name: str) -> None:
    with st.expander("Use it elsewhere: one file and ten lines of NumPy"):
        st.download_button(
            "Download the file",
            lambda: learned_backbones.adapter_file(name),
            f"{name}.npz",
            icon=":material/download:",
            on_click="ignore",
            key=f"learn_file_{name}",
        )
        st.code(learned_backbones.NUMPY_SNIPPET, language="python")
        st.caption(
            f'`file = np.load("{name}.npz")`; x holds the features of '
            f"{escape_markdown(', '.join(info.base))} in this order, each of length 1."
        )


def _show_recall(result: JSON, name: str) -> None:
    """Fig. 3 of risser-maroux2021: mean and two deviations of the runs, before and after."""
    stages = {stage: label for stage, label in STAGES.items() if result.get(stage)}
    figure = go.Figure()
    for number, (stage, label) in enumerate(stages.items()):
        charts.spread(figure, label, result[stage], number)
    figure.update_xaxes(type="log")
    runs = len(result["after"]["runs_aR1"])
    title = f"Share of {result['pairs']['test']:,} test pairs with the mate among the first k"
    charts.show(
        figure,
        f"recall_{name}",
        x="k",
        y="asymmetric recall",
        title=title + (f", mean and two deviations of {runs} runs" if runs > 1 else ""),
    )


@st.fragment
def _show_changes(question: Question, name: str) -> None:
    """Fig. 4 of risser-maroux2021: the nearest images before and after, for test pairs."""
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        _draw_changes(question, name)


def _draw_changes(question: Question, name: str) -> None:
    st.header("Before and after", anchor=False)
    changes = learned_backbones.pair_changes(name)
    counts = {which: len(changes.rows(which)) for which in CHANGES}
    which = st.segmented_control(
        "Test pairs",
        list(CHANGES),
        key=f"learn_which_{name}",
        default="found",
        required=True,
        format_func=lambda key: f"{CHANGES[key]} ({counts[key]:,})",
        help="A pair is found if its mate comes first. The largest changes are shown first.",
    )
    rows = changes.rows(which)
    if not rows:
        st.info("No test pair.")
        return
    open_ = gallery.open_in_explore(question.collection)
    for row in gallery.paged(rows, f"learn_page_{name}_{which}", PAIRS_PER_PAGE):
        _show_pair(changes, row, open_)


def _show_pair(changes: PairChanges, row: int, open_: Callable[[Pick], None]) -> None:
    left, right = changes.pairs.left, changes.pairs.pairs().gallery

    def tile(side: str, index: int, rank: int = 0) -> Tile:
        images = left if side == "left" else right
        mate = bool(rank) and index == row
        text = f"{'true mate, ' if mate else ''}rank {rank}, " if rank else ""
        return Tile(
            id=images.ids[index],
            side=side,
            src=thumbnails.source(images.keys[index]),
            mate=mate,
            rank=str(rank) if rank else "",
            alt=f"{text}{side} image {images.ids[index]}",
        )

    lines = [
        Row(
            title=stage.capitalize(),
            chip=f"mate at {changes.ranks(stage)[row]:,}",
            tone="first" if changes.ranks(stage)[row] == 1 else "",
            tiles=[tile("right", i, n) for n, i in enumerate(changes.nearest(row, stage), 1)],
        )
        for stage in ("before", "after")
    ]
    gallery.comparison(
        tile("left", row),
        tile("right", row),
        lines,
        key=f"learn_pair_{changes.name}_{row}",
        on_pick=open_,
        action="Open it in Explore",
    )
