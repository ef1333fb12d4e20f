"""Duplicates: near-duplicates in a collection, and the pairs that remain without them."""

from collections import defaultdict
from collections.abc import Sequence

import streamlit as st

from simcore.errors import SimError
from simcore.lab.library import collections, duplicates, subsets
from simcore.lab.library.duplicates import NearDuplicate
from simcore.lab.library.subsets import DuplicateReport
from simcore.ui import commands, gallery, kiosk, sidebar, url_state, widgets
from simcore.ui.gallery import OPEN_IN_EXPLORE, Tile
from simcore.ui.url_state import Field, NumberField, Values

PAGE = "duplicates"
MAX_DISTANCE = 0.4
CHANGED = f"_{PAGE}_changed"  # session state: a verdict changed, so the counts above do as well
CLEAN_HELP = "Without pairs that have a near-duplicate under this backbone and these thresholds."


def _backbones(values: Values) -> list[str]:
    """Backbones with features, the default of the papers' protocol first."""
    ready = sidebar.extracted_backbones(values["collection"])
    try:
        first = duplicates.default_backbone(values["collection"])
    except SimError:
        return ready
    return [first, *(name for name in ready if name != first)]


FIELDS = [
    Field("by", _backbones, label="backbone with features in this collection", per="collection"),
    NumberField("within", default=0.10, high=MAX_DISTANCE),
    NumberField("across", default=0.15, high=MAX_DISTANCE),
]


def show() -> None:
    """Draw the page."""
    st.title("Duplicates")
    st.caption(
        "Near-duplicates can rank before the true mate; the papers leave such pairs out.",
        help="rosenfeld2018 evaluates on TLLd (no near-duplicates) and TLLobj (no faces either).",
    )
    with widgets.show_errors():
        collection = sidebar.collection_field()
        if collection is None:
            return
        values = url_state.bind(PAGE, [collection, *FIELDS])
        name, by = values["collection"], values["by"]
        if not _controls(collection.choices({}), values):
            return
        within, across = values["within"], values["across"]
        with st.spinner("Comparing all images"):
            report = subsets.find_duplicates(name, by=by, within=within, across=across)
        groups = _groups(report)
        _counts(name, report, groups)
        thresholds = ["--within", f"{within:g}", "--across", f"{across:g}"]
        commands.show(["evaluate", "duplicates", name, "--by", by, *thresholds])
        _tabs(name, report, groups)


def _controls(names: Sequence[str], values: Values) -> bool:
    """Draw the sidebar; whether the collection has features to compare."""
    backbones = _backbones(values)
    with st.sidebar:
        st.selectbox("Collection", names, key=f"{PAGE}_collection")
        if not backbones:
            st.info("No features yet. Extract a backbone on the page Collections.")
            return False
        st.selectbox("Backbone", backbones, key=FIELDS[0].key(PAGE, values))
        for option, label in (("within", "within a side"), ("across", "across the sides")):
            st.slider(
                f"Distance {label}",
                0.0,
                MAX_DISTANCE,
                step=0.01,
                key=f"{PAGE}_{option}",
                help="Cosine distance up to which two images are near-duplicates. The authors' "
                "notebook uses 0.10 and 0.15 for densenet121; other networks need other values.",
            )
    return True


def _groups(report: DuplicateReport) -> list[list[int]]:
    """Rows of pairs that near-duplicates connect, largest group first."""
    rows = defaultdict(list)
    for row, group in enumerate(report.groups.tolist()):
        rows[group].append(row)
    return sorted((r for r in rows.values() if len(r) > 1), key=len, reverse=True)


def _counts(name: str, report: DuplicateReport, groups: list[list[int]]) -> None:
    columns = st.columns(2 + len(report.kept))
    columns[0].metric(
        "Near-duplicates",
        f"{len(report.duplicates) - sum(report.refused):,}",
        help="Pairs of images; those marked “not a duplicate” are not counted.",
    )
    columns[1].metric(
        "Groups", f"{len(groups):,}", help="Groups of pairs that near-duplicates connect."
    )
    for column, (protocol, count) in zip(columns[2:], report.kept.items(), strict=True):
        column.metric(
            f"{protocol} keeps", f"{count:,}", help=subsets.SUBSETS.get(protocol, CLEAN_HELP)
        )
    st.caption(
        f"Of {len(collections.open_(name).left):,} pairs.",
        help="Only “clean” uses the backbone and the thresholds of the sidebar; the other subsets "
        "use those of the papers.",
    )


@st.fragment
def _tabs(name: str, report: DuplicateReport, groups: list[list[int]]) -> None:
    with widgets.show_errors():  # a fragment's errors do not reach the page
        if not report.duplicates:
            st.info("No near-duplicates within these distances.")
            return
        pairs_tab, groups_tab = st.tabs(
            ["Near-duplicates", "Groups"], on_change="rerun", key=f"{PAGE}_tabs"
        )
        if pairs_tab.open:
            with pairs_tab:
                _pairs_tab(name, report)
        if groups_tab.open:
            with groups_tab:
                _groups_tab(name, groups)
        if st.session_state.pop(CHANGED, False):
            st.rerun()
        widgets.credits(collections.open_(name).credits)


def _pairs_tab(name: str, report: DuplicateReport) -> None:
    collection = collections.open_(name)
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    pairs: list[tuple[Tile, Tile]] = []
    heads, actions = [], []
    verdicts = list(zip(report.duplicates, report.refused, strict=True))
    for pair, refused in gallery.paged(verdicts, f"{PAGE}_page"):
        alt_end = f", distance {pair.distance:.3f}{OPEN_IN_EXPLORE}"
        first, second = (
            gallery.pair_tile(sides[side].ids[row], side, sides[side].keys[row], alt_end)
            for side, row in ((pair.side, pair.row), (pair.other_side, pair.other))
        )
        pairs.append((first, second))
        verdict = "marked as not a duplicate; " if refused else ""
        heads.append(f"{verdict}distance {pair.distance:.3f}, {_sides_text(pair)}")
        actions.append(("A duplicate" if refused else "Not a duplicate", (name, pair, refused)))
    gallery.pair_grid(
        pairs,
        key=f"{PAGE}_grid",
        on_pick=gallery.open_in_explore(name),
        heads=heads,
        actions=() if kiosk.enabled() else actions,
        on_action=_set_verdict,
    )


def _set_verdict(name: str, pair: NearDuplicate, duplicate: bool) -> None:
    duplicates.set_verdict(name, pair, accepted=duplicate)
    st.session_state[CHANGED] = True


def _sides_text(pair: NearDuplicate) -> str:
    same = pair.side == pair.other_side
    return f"both {pair.side}" if same else f"{pair.side} and {pair.other_side}"


def _groups_tab(name: str, groups: list[list[int]]) -> None:
    if not groups:
        st.info("Near-duplicates connect no two pairs.")
        return
    collection = collections.open_(name)
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    number = st.selectbox(
        "Group",
        range(len(groups)),
        key=f"{PAGE}_group_{len(groups)}",
        format_func=lambda n: f"{n + 1} of {len(groups):,}: {len(groups[n]):,} pairs",
        help="A chain of near-duplicates can connect pairs that differ. One very large group means "
        "that the thresholds are too high for this backbone.",
    )
    pairs: list[tuple[Tile, Tile]] = []
    for row in gallery.paged(groups[number], f"{PAGE}_group_page_{number}"):
        left, right = (
            gallery.pair_tile(images.ids[row], side, images.keys[row], OPEN_IN_EXPLORE)
            for side, images in sides.items()
        )
        pairs.append((left, right))
    gallery.pair_grid(pairs, key=f"{PAGE}_group_grid", on_pick=gallery.open_in_explore(name))


show()
