"""What can be done with the selected points of a map: save them as a subset, see neighbors."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from simcore.lab.library import collections, selections
from simcore.lab.search import search
from simcore.lab.search.maps import Map
from simcore.lab.search.search import Query
from simcore.recipe import Question
from simcore.types import Direction
from simcore.ui import actions, gallery, thumbnails
from simcore.ui.gallery import Row, Tile

N_NEIGHBORS = 10
SAVED = "_map_saved"  # session state: the subset that was saved by the last click


def save_form(question: Question, view: Map, rows: Sequence[int]) -> None:
    """A name and a button that makes the pairs of the selected points a subset."""
    state = st.session_state
    n_left = len(view.sides[0])
    ids = [view.ids[row % n_left] for row in rows]

    def save() -> None:
        name = question.collection
        state[SAVED] = selections.save(name, state["map_selection_name"].strip(), ids)

    if subset := state.pop(SAVED, ""):
        st.toast(f"Saved. The subset {subset} is among the pairs of every page.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Name of a subset",
            key="map_selection_name",
            max_chars=64,
            width=220,
            placeholder="round-things",
            help="Lowercase letters, digits, dots, dashes and underscores. A pair belongs to the "
            "subset if one of its images is selected.",
        )
        st.button(
            "Save as subset",
            key="map_selection_save",
            icon=":material/bookmark_add:",
            on_click=actions.run_action,
            args=(save,),
        )
        if question.subset.startswith(selections.PREFIX):
            st.button(
                f"Remove {question.subset}",
                key="map_selection_remove",
                icon=":material/delete:",
                on_click=actions.run_action,
                args=(selections.remove, question.collection, question.subset),
            )


def neighbors(question: Question, view: Map, row: int) -> None:
    """The nearest images of one point under the recipe of the map, on the other side."""
    collection = collections.open_(question.collection)
    on_left = row < len(view.sides[0])
    direction: Direction = "lr" if on_left or collection.right is None else "rl"
    asked = replace(question, recipes=(view.recipe,), direction=direction)
    (hits,) = search.search(asked, Query(id=view.ids[row]), k=N_NEIGHBORS)
    side = gallery.gallery_side(collection, direction)
    tiles = [
        Tile(
            id=name,
            side=side,
            src=thumbnails.source(key),
            rank=str(rank),
            score=gallery.format_score(float(score)),
            mate=name == hits.mate_id,
            alt=f"rank {rank}: {gallery.side_label(collection, side)} {name}"
            f"{gallery.OPEN_IN_EXPLORE}",
        )
        for rank, (name, key, score) in enumerate(
            zip(hits.ids, hits.keys, hits.scores, strict=True), 1
        )
    ]
    where = f"of {view.ids[row]} on the {side} side" if collection.right else f"of {view.ids[row]}"
    gallery.comparison(
        None,
        None,
        [Row(title=f"Neighbors {where}", sub=view.recipe.title, note=hits.note, tiles=tiles)],
        key="map_neighbors",
        on_pick=gallery.open_in_explore(
            question.collection, models=question.backbones, metric=question.metric
        ),
        action="Open it in Explore",
    )
