"""After an extraction the pages read results: no matrix is computed for what they open with."""

import pytest

from simcore import memory
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.lab.library import collections, features, subsets
from simcore.lab.people import review
from simcore.lab.search import pair, precompute, search
from simcore.lab.search.search import Query
from simcore.recipe import Question
from simcore.sim import metrics
from simcore.types import Monitor
from tests.conftest import MODELS


def question(name: str, models=MODELS) -> Question:
    return Question(name, tuple(recipes.parse(models, "zsum")))


def opened(name: str):
    """What Explore, Evaluate, Combine, Exclusive, Review and Duplicates compute when they open."""
    backbones = tuple(collections.default_backbones(name))
    asked = question(name, backbones)
    fewer = question(name, backbones[:-1])
    searches = [combinations.search(each).hits["zsum"].counts.tolist() for each in (asked, fewer)]
    first = Query(id=collections.open_(name).left.ids[0])
    return (
        [result.to_dict() for result in search.search(asked, first, k=50)],
        [recall.curve(each).curves for each in (asked, fewer)],
        searches,
        exclusive.report(asked),
        review.queue(name, asked.recipes[-1]),
    )


def test_pages_open_without_a_matrix(tiny, monkeypatch):
    expected = opened(tiny)
    memory.clear()
    steps = precompute.run(tiny)
    assert steps >= 2 + len(MODELS)
    memory.clear()
    monkeypatch.setattr(metrics, "pairwise", lambda *_a, **_k: pytest.fail("a matrix"))
    monkeypatch.setattr(features, "for_side", lambda *_a, **_k: pytest.fail("features"))
    assert opened(tiny) == expected
    for backbone in MODELS:
        pair.similarity_shares(collections.open_(tiny), backbone)


def test_subsets_of_stored_subsets_are_those_of_a_search(tiny):
    backbones = tuple(collections.default_backbones(tiny))
    combinations.search(question(tiny, backbones))
    collection = subsets.open_subset(tiny)
    for fewer in (backbones[:-1], backbones[::-1][:2]):
        read = combinations.search(question(tiny, fewer))
        searched = combinations.search_in(collection, fewer, "lr", None, "none")
        for kind, hits in searched.hits.items():
            assert (read.hits[kind].packed == hits.packed).all()


def test_a_stopped_run_continues(tiny):
    reports = []
    assert precompute.run(tiny, monitor=Monitor(stop=lambda: True)) == 0
    steps = precompute.run(tiny, monitor=Monitor(reports.append))
    assert [(p.stage, p.done, p.total) for p in reports][-1] == ("results", steps, steps)
