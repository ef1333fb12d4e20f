"""Duplicates: pictures that are in a collection twice, and the pairs that are left without them."""

import shlex
from collections import defaultdict
from collections.abc import Callable

import streamlit as st

from simcore.errors import SimError
from simcore.lab.library import collections, duplicates, subsets
from simcore.lab.library.duplicates import NearDuplicate
from simcore.lab.library.subsets import DuplicateReport
from simcore.ui import gallery, kiosk, sidebar, url_state, widgets
from simcore.ui.gallery import Pick

MOST = 0.4
CLEAN = "Every pair with a near-copy is left out, by the judge and the thresholds on the left."


def show() -> None:
    """Draw the page."""
    st.title("Duplicates")
    st.caption(
        "Near-copies make a mate hard to find for no good reason: a double may rank before it. "
        "rosenfeld2018 left such pairs out (TLLd, TLLobj)."
    )
    with widgets.show_errors():
        wanted = st.query_params.get("by", "")
        near = {
            k: url_state.number(k, usual, MOST) for k, usual in (("within", 0.10), ("across", 0.15))
        }
        if not (names := sidebar.named("twins")):
            return
        put = st.session_state
        with st.sidebar:
            name = st.selectbox("Collection", names, key="twins_c")
            judges = _judges(name)
            if not judges:
                st.info("No backbone has its features here yet; extract one first.")
                return
            put.setdefault(f"twins_by_{name}", wanted if wanted in judges else judges[0])
            by = st.selectbox("Judged by", judges, key=f"twins_by_{name}")
            for key, where in (("within", "within a side"), ("across", "across the sides")):
                put.setdefault(f"twins_{key}", near[key])
                near[key] = st.slider(
                    f"Distance {where}",
                    0.0,
                    MOST,
                    step=0.01,
                    key=f"twins_{key}",
                    help="Cosine distance. The authors' notebook has 0.10 and 0.15, for "
                    "densenet121; another network has another scale.",
                )
        url_state.write("twins", {"c": name, "by": by} | {k: f"{v:g}" for k, v in near.items()})
        with st.spinner("Comparing everything with everything"):
            found = subsets.find_duplicates(name, by=by, **near)
        groups = _groups(found)
        _told(name, found, groups)
        words = ["simcore", "evaluate", "duplicates", name, "--by", by]
        words += ["--within", f"{near['within']:g}", "--across", f"{near['across']:g}"]
        st.code(shlex.join(words), language="bash", wrap_lines=True)
        _pictures(name, found, groups)


def _judges(name: str) -> list[str]:
    """Backbones to judge by, the one that the papers' protocol would take first."""
    ready = collections.extracted_backbones(name)
    try:
        first = duplicates.default_backbone(name)
    except SimError:
        return ready
    return [first, *(other for other in ready if other != first)]


def _groups(found: DuplicateReport) -> list[list[int]]:
    """Rows of pairs that near-copies tie together, largest group first."""
    rows = defaultdict(list)
    for row, group in enumerate(found.groups.tolist()):
        rows[group].append(row)
    return sorted((r for r in rows.values() if len(r) > 1), key=len, reverse=True)


def _told(name: str, found: DuplicateReport, groups: list[list[int]]) -> None:
    total = len(collections.open_(name).left)
    columns = st.columns(2 + len(found.kept))
    counted = len(found.duplicates) - sum(found.refused)
    columns[0].metric(
        "Near-copies",
        f"{counted:,}",
        help="Two pictures, one near-copy; those that a person overruled are not counted.",
    )
    columns[1].metric("Groups", f"{len(groups):,}", help="Pairs tied together by near-copies.")
    for column, (protocol, kept) in zip(columns[2:], found.kept.items(), strict=True):
        column.metric(f"{protocol} keeps", f"{kept:,}", help=subsets.SUBSETS.get(protocol, CLEAN))
    st.caption(
        f"Of {total:,} pairs. Only clean follows the thresholds and the judge chosen here; the "
        "named protocols keep the paper's."
    )


@st.fragment
def _pictures(name: str, found: DuplicateReport, groups: list[list[int]]) -> None:
    with widgets.show_errors():  # a fragment's errors do not reach the page's own
        _seen(name, found, groups)


def _seen(name: str, found: DuplicateReport, groups: list[list[int]]) -> None:
    if not found.duplicates:
        st.info("Nothing is that near.")
        return
    twins, group = st.tabs(["Near-copies", "Groups"], on_change="rerun", key="twins_tabs")
    if twins.open:
        with twins:
            _twins(name, found)
    if group.open:
        with group:
            _group(name, groups)
    if st.session_state.pop("_twins_said", False):
        st.rerun()  # the counts above change as well
    if there := st.session_state.pop("_twins_open", None):
        st.switch_page("pages/explore.py", query_params=there)
    widgets.credits(collections.open_(name).credits)


def _twins(name: str, found: DuplicateReport) -> None:
    collection = collections.open_(name)
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    if not kiosk.enabled():
        st.caption("Two that only look alike? Say so, and they no longer count as copies.")
    both = list(zip(found.duplicates, found.refused, strict=True))
    shown, heads, deeds = [], [], []
    for twin, refused in gallery.paged(both, "twins_page"):
        say = f", distance {twin.distance:.3f}. Open it in Explore."
        one, other = (
            gallery.pair_tile(sides[side].ids[row], side, sides[side].keys[row], say)
            for side, row in ((twin.side, twin.row), (twin.other_side, twin.other))
        )
        shown.append((one, other))
        verdict = "no copy, as a person said; " if refused else ""
        heads.append(f"{verdict}distance {twin.distance:.3f}, {_where(twin.side, twin.other_side)}")
        deeds.append(("A copy after all" if refused else "Not a copy", (name, twin, refused)))
    gallery.pair_grid(
        shown,
        key="twins_grid",
        on_pick=_opener(name),
        heads=heads,
        deeds=() if kiosk.enabled() else deeds,
        on_deed=_overrule,
    )


def _overrule(name: str, twin: NearDuplicate, duplicate: bool) -> None:
    duplicates.set_verdict(name, twin, accepted=duplicate)
    st.session_state["_twins_said"] = True


def _where(side: str, other: str) -> str:
    return f"both {side}" if side == other else f"{side} and {other}"


def _group(name: str, groups: list[list[int]]) -> None:
    if not groups:
        st.info("No two pairs are tied together.")
        return
    collection = collections.open_(name)
    right = collection.pairs().gallery
    st.caption(
        "A chain of near-copies ties pairs together even where its ends differ: one very large "
        "group means that the thresholds are too wide for this backbone."
    )
    number = st.selectbox(
        "Group",
        range(len(groups)),
        key=f"twins_group_{len(groups)}",
        format_func=lambda n: f"{n + 1} of {len(groups):,}: {len(groups[n]):,} pairs",
    )
    shown = [
        tile
        for row in gallery.paged(groups[number], f"twins_group_page_{number}")
        for side, images in (("left", collection.left), ("right", right))
        for tile in [
            gallery.pair_tile(images.ids[row], side, images.keys[row], ". Open it in Explore.")
        ]
    ]
    together = list(zip(shown[::2], shown[1::2], strict=True))
    gallery.pair_grid(together, key="twins_tied", on_pick=_opener(name))


def _opener(name: str) -> Callable[[Pick], None]:
    def open_(pick: Pick) -> None:
        st.session_state["_twins_open"] = {
            "c": name,
            "q": pick["id"],
            "d": gallery.SIDES[pick["side"]],
        }

    return open_


show()
