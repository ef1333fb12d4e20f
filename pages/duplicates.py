"""Duplicates: near-duplicates in a collection, and the pairs that remain without them."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections, duplicates, subsets
from simcore.lab.library.duplicates import NearDuplicate
from simcore.lab.library.subsets import DuplicateReport
from simcore.ui import commands, gallery, job_progress, kiosk, sidebar, url_state, widgets
from simcore.ui.gallery import OPEN_IN_EXPLORE, Tile
from simcore.ui.url_state import Field, NumberField, Values

PAGE = "duplicates"
MAX_DISTANCE = duplicates.MAX_DISTANCE
# One group of more than ten pairs and of 3 % of all is no set of copies, but a chain.
MIN_CHAIN, MAX_SHARE = 10, 0.03
CHANGED = f"_{PAGE}_changed"  # session state: a verdict changed, so the counts above do as well
CLEAN_HELP = "Without pairs that have a near-duplicate under this backbone and these thresholds."


def _backbones(values: Values) -> list[str]:
    """Backbones with features, the default of the papers' protocol first."""
    try:
        return duplicates.candidates(values["collection"])
    except BadDataError:  # nothing is extracted yet
        return []


class _Threshold(NumberField):
    """A distance, by default that of the backbone; each backbone has a slider of its own."""

    def initial(self, values: Values) -> float:
        """The distance up to which this backbone's near-duplicates go, to three digits."""
        if not values["by"]:
            return self.default
        opening = duplicates.opening_thresholds(values["collection"], values["by"])
        return opening.within if self.name == "within" else opening.across


FIELDS = [
    Field("by", _backbones, label="backbone with features in this collection", per="collection"),
    _Threshold("within", default=0.10, high=MAX_DISTANCE, per="by"),
    _Threshold("across", default=0.15, high=MAX_DISTANCE, per="by"),
]


def show() -> None:
    """Draw the page."""
    st.title("Duplicates")
    st.caption(
        "Near-duplicates can rank before the true mate; the papers leave such pairs out.",
        help="rosenfeld2018 evaluates on TLLd (no near-duplicates) and TLLobj (no faces either).",
    )
    with widgets.show_errors():
        collection = sidebar.collection_field(without_mates=True)
        if collection is None:
            return
        values = url_state.bind(PAGE, [collection, FIELDS[0]])
        name, by = values["collection"], values["by"]
        if by and not duplicates.is_threshold_quick(name, by):
            _pick(collection.choices({}), values)
            _offer_fit(name, by)
            return
        values = url_state.bind(PAGE, [collection, *FIELDS])
        if not _controls(collection.choices({}), values):
            return
        within, across = values["within"], values["across"]
        thresholds = ["--within", f"{within:g}", "--across", f"{across:g}"]
        args = ("evaluate", "duplicates", name, "--by", by, *thresholds)
        if not subsets.is_report_quick(name, by=by, within=within, across=across):
            images = f"{len(collections.open_(name).left):,} {_noun(name)}"
            reason = f"Near-duplicates among {images} are not computed yet."
            job_progress.offer(args, reason, key=f"{PAGE}_job")
            commands.show(args)
            return
        with widgets.placeholder("Comparing all images", 60, 300, 300):
            report = subsets.find_duplicates(name, by=by, within=within, across=across)
        groups = _groups(report)
        _warn(report, groups)
        _counts(name, report, groups)
        if report.note:
            st.caption(report.note)
        commands.show(args)
        _tabs(name, report, groups)


def _controls(names: Sequence[str], values: Values) -> bool:
    """Draw the sidebar; whether the collection has features to compare."""
    if not _pick(names, values):
        return False
    with st.sidebar:
        labels = ("Distance within a side", "Distance across the sides")
        for field, label in zip(FIELDS[1:], labels, strict=True):
            st.slider(
                label,
                0.0,
                MAX_DISTANCE,
                step=0.001,
                format="%.3f",
                key=field.key(PAGE, values),
                help="Cosine distance up to which two images are near-duplicates. It starts where "
                "unrelated images of this collection hardly get under this backbone; for "
                "densenet121 at the 0.10 and 0.15 of the authors' notebook.",
            )
    return True


def _pick(names: Sequence[str], values: Values) -> bool:
    """The choice of collection and backbone; whether there is a backbone."""
    backbones = _backbones(values)
    with st.sidebar:
        st.selectbox("Collection", names, key=f"{PAGE}_collection")
        if backbones:
            st.selectbox("Backbone", backbones, key=FIELDS[0].key(PAGE, values))
        else:
            st.info("No features yet. Extract a backbone on the page Collections.")
    return bool(backbones)


def _offer_fit(name: str, by: str) -> None:
    """The job that finds the distances that the sliders start at, and the near-duplicates."""
    args = ("evaluate", "duplicates", name, "--by", by, "--fit")
    images = f"{len(collections.open_(name).left):,} {_noun(name)}"
    reason = f"Near-duplicates among {images} are not computed yet."
    job_progress.offer(args, reason, key=f"{PAGE}_job")
    commands.show(args)


@dataclass(frozen=True)
class _Group:
    """Pairs that near-duplicates connect.

    Attributes:
        rows: of the pairs.
        distance: of the farthest two images that connect them.
    """

    rows: list[int]
    distance: float


def _groups(report: DuplicateReport) -> list[_Group]:
    """The groups of more than one pair, the most certain first: those of the least distance."""
    distance: dict[int, float] = {}
    for pair, refused in zip(report.duplicates, report.refused, strict=True):
        if not refused:
            group = int(report.groups[pair.row])
            distance[group] = max(distance.get(group, 0.0), pair.distance)
    groups = [_Group(members, distance[g]) for g, members in report.connected.items()]
    return sorted(groups, key=lambda group: (group.distance, -len(group.rows)))


def _warn(report: DuplicateReport, groups: Sequence[_Group]) -> None:
    """Say it first where the distances are so large that most of what follows is unrelated."""
    largest = max((len(group.rows) for group in groups), default=0)
    count = len(report.groups)
    if largest > max(MIN_CHAIN, MAX_SHARE * count):
        st.warning(
            f"One group connects {largest:,} of {count:,} {_noun(report.collection)}, so most of "
            "it is unrelated. Lower the distances in the sidebar.",
            icon=":material/warning:",
        )


def _noun(name: str) -> str:
    return "images" if collections.open_(name).right is None else "pairs"


def _counts(name: str, report: DuplicateReport, groups: list[_Group]) -> None:
    with st.grid("auto", min_column_width=150):
        st.metric(
            "Near-duplicates",
            f"{len(report.duplicates) - sum(report.refused):,}",
            help="Pairs of images; those marked “not a duplicate” are not counted.",
        )
        st.metric(
            "Groups", f"{len(groups):,}", help="Groups of pairs that near-duplicates connect."
        )
        for protocol, count in report.kept.items():
            help_ = subsets.SUBSETS.get(protocol, CLEAN_HELP)
            st.metric(f"Kept by {protocol}", f"{count:,}", help=help_)
    st.caption(
        f"Of {collections.summary(name).size}.",
        help="Only “clean” uses the backbone and the thresholds of the sidebar; the other subsets "
        "use those of the papers.",
    )


@st.fragment
def _tabs(name: str, report: DuplicateReport, groups: list[_Group]) -> None:
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
    sides = {"left": collection.left, "right": collection.sides()[1]}
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


def _groups_tab(name: str, groups: list[_Group]) -> None:
    if not groups:
        st.info("Near-duplicates connect no two pairs.")
        return
    collection = collections.open_(name)
    sides = {"left": collection.left}
    if collection.right is not None:
        sides["right"] = collection.right
    number = st.selectbox(
        "Group",
        range(len(groups)),
        key=f"{PAGE}_group_{len(groups)}",
        format_func=lambda n: (
            f"{n + 1} of {len(groups):,}: {len(groups[n].rows):,} {_noun(name)}, "
            f"distance up to {groups[n].distance:.3f}"
        ),
        help="The most certain first. A chain of near-duplicates can connect pairs that differ.",
    )
    rows = gallery.paged(groups[number].rows, f"{PAGE}_group_page_{number}")
    pairs = [
        [
            gallery.pair_tile(images.ids[row], side, images.keys[row], OPEN_IN_EXPLORE)
            for side, images in sides.items()
        ]
        for row in rows
    ]
    gallery.pair_grid(pairs, key=f"{PAGE}_group_grid", on_pick=gallery.open_in_explore(name))


show()
