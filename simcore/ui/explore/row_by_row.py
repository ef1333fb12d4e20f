"""Explore's search, one row after the other: rows appear as they are ready, in several runs."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import streamlit as st

from simcore.lab.library import collections, features
from simcore.lab.search import search, stored_hits
from simcore.lab.search.search import Query, SearchResult
from simcore.recipe import Question, Recipe
from simcore.ui import field_filter, uploads, url_state
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.explore.search_results import Results

BUDGET = 0.4  # seconds of searching until the page is drawn again
RESULTS = f"_{PAGE}_results"  # session state: what was searched, and the results by title
SEARCHED = f"_{PAGE}_searched"  # session state: the backbones that this visitor searched before


def search_rows(
    view: ExploreView, upload: tuple[str, bytes] | None, recipes: Mapping[str, Recipe]
) -> Results:
    """The results in the order of the recipes, as many as are ready within the budget.

    The first run with other backbones searches nothing unless the hits are stored: reading features
    takes seconds, and the page should show at once what will come.
    """
    state = st.session_state
    digest = hashlib.sha256(upload[1]).hexdigest() if upload else ""
    collection = collections.open_(view.collection)
    where = field_filter.current(PAGE, view.collection)
    key = (
        where,
        collections.version(view.collection) if where else None,
        replace(view, order="chosen"),
        digest,
        tuple(recipes.values()),
        collection.digest,
        tuple(features.identity(collection, name) for name in _backbones(recipes)),
    )
    if state.get(RESULTS, (None,))[0] != key:
        state[RESULTS] = (key, {})
    results: dict[str, SearchResult] = state[RESULTS][1]
    backbones = (view.collection, _backbones(recipes))
    if state.get(SEARCHED) != backbones:
        state[SEARCHED] = backbones
        stored = (
            stored_hits.are_stored(collection, recipe, view.direction)
            for recipe in recipes.values()
        )
        if upload or where or not all(stored):
            return _in_order(recipes, results)
    query = Query(image=upload[1]) if upload else Query(id=view.query)
    end = time.monotonic() + BUDGET
    # A combination comes last, when the features of its backbones are in memory.
    for title in sorted(recipes, key=lambda title: recipes[title].combine != "none"):
        if title in results:
            continue
        question = Question(view.collection, (recipes[title],), view.direction)
        (results[title],) = search.search(
            question, query, k=view.k, where=where, monitor=uploads.monitor()
        )
        if time.monotonic() > end:
            break
    return _in_order(recipes, results)


def unready(
    view: ExploreView, upload: tuple[str, bytes] | None, recipes: Mapping[str, Recipe]
) -> list[str]:
    """Titles of the recipes that take so long to search that they need a job before."""
    query = Query(image=upload[1]) if upload else Query(id=view.query)
    return [
        title
        for title, recipe in recipes.items()
        if not search.is_quick(Question(view.collection, (recipe,), view.direction), query)
    ]


def _in_order(recipes: Iterable[str], results: Mapping[str, SearchResult]) -> Results:
    return [(title, results[title]) for title in recipes if title in results]


def _backbones(recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for recipe in recipes.values() for name in recipe.backbones))


def continue_if(incomplete: bool) -> None:
    """Run the page again while rows are missing; what is drawn stays until then."""
    if incomplete:
        url_state.repeat_warnings()
        st.rerun()
