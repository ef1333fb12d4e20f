"""Duplicates: pictures that are in a collection twice, and the pairs that are left without them."""

import streamlit as st

from pages import choices, gallery, thumbs, widgets
from simcore.errors import SimError
from simcore.lab import collections, selection

A_PAGE = 12


def show() -> None:
    """Draw the page."""
    st.title("Duplicates")
    st.caption(
        "Near-copies make a mate hard to find for no good reason: a double may rank before it. "
        "rosenfeld2018 left such pairs out (TLLd, TLLobj)."
    )
    with widgets.sentences():
        names = choices.pairs_only()
        if not names:
            st.info("There is no collection of pairs yet.")
            return
        asked = st.query_params.get("c", names[0])
        with st.sidebar:
            start = names.index(asked) if asked in names else 0
            name = st.selectbox("Collection", names, index=start, key="twins_c")
            by = st.selectbox("Judged by", _judges(name), key=f"twins_by_{name}")
            within = st.slider("Distance within a side", 0.0, 0.4, 0.10, 0.01, key="twins_within",
                               help="Cosine distance; the authors' notebook has 0.10 for "
                               "densenet121. Another network has another scale.")  # fmt: skip
            across = st.slider(
                "Distance across the sides", 0.0, 0.4, 0.15, 0.01, key="twins_across"
            )
        st.query_params["c"] = name
        with st.spinner("Comparing everything with everything"):
            found = selection.find_duplicates(name, by=by, within=within, across=across)
        _told(name, found)
        st.code(
            f"simcore evaluate duplicates {name} --by {by} --within {within:g} --across {across:g}",
            language="bash",
        )
        _twins(name, found)


def _judges(name: str) -> list[str]:
    """Backbones to judge by, the one that the papers' protocol would take first."""
    ready = collections.extracted(name)
    try:
        first = selection.judge(name)
    except SimError:
        return ready
    return [first, *(other for other in ready if other != first)]


def _told(name: str, found: selection.Duplicates) -> None:
    total = len(collections.open_(name).left)
    columns = st.columns(1 + len(found.kept))
    columns[0].metric("Near-duplicates", f"{len(found.twins):,}")
    for column, (protocol, kept) in zip(columns[1:], found.kept.items(), strict=True):
        column.metric(f"Left by {protocol}", f"{kept:,}", help=f"of {total:,} pairs")
    st.caption(
        "clean: every pair with a near-copy is left out, by these thresholds. The named subsets "
        "use the papers' thresholds; those with -paper keep the quirks of the authors' notebook."
    )


def _twins(name: str, found: selection.Duplicates) -> None:
    collection = collections.open_(name)
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    if not found.twins:
        st.info("Nothing is that near.")
        return
    pages = -(-len(found.twins) // A_PAGE)
    page = st.pagination(pages, key="twins_page") if pages > 1 else 1
    first = (page - 1) * A_PAGE
    tiles: list[gallery.Tile] = []
    for number in range(first, min(first + A_PAGE, len(found.twins))):
        twin, refused = found.twins[number], found.refused[number]
        verdict = "not a copy" if refused else f"{twin.distance:.3f}"
        for side, row in ((twin.side, twin.row), (twin.other_side, twin.other)):
            image = sides[side].ids[row]
            tiles.append(
                gallery.Tile(
                    id=str(number),
                    side=side,
                    src=thumbs.source(sides[side].keys[row]),
                    caption=f"{verdict} · {side} {image}",
                    alt=f"{side} image {image}, distance {twin.distance:.3f} from its neighbour"
                    f"{', said to be no copy' if refused else ''}. Say the opposite.",
                )
            )

    def said(pick: gallery.Pick) -> None:
        number = int(pick["id"])
        widgets.attempt(_overrule, name, found.twins[number], found.refused[number])

    st.markdown("Two that only look alike? Click one of them: they no longer count as copies.")
    gallery.grid(tiles, key="twins_grid", on_pick=said)
    widgets.credits(collection.credits)


def _overrule(name: str, twin: selection.Twin, duplicate: bool) -> None:
    selection.overrule(name, twin, duplicate=duplicate)


show()
