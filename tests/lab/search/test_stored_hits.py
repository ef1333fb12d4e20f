"""Searches that are answered from stored hits are those that a comparison would give."""

import numpy as np
import pytest

from benchmarks import synthetic_cache
from simcore import memory
from simcore.data.store.feature_store import FeatureStore
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features
from simcore.lab.library import extraction as lab_extraction
from simcore.lab.search import precompute, search, stored_hits
from simcore.lab.search.search import Query
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Question
from simcore.sim import metrics

PAIRS = 70
BACKBONES = ("color", "layout", "face")  # cosine, cosine, and Euclidean with gaps


def whole_rows(dim: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Rows with 16 entries of 1 or -1: of length 4, so that no product of two is rounded."""
    rows = np.zeros((count, dim), np.float32)
    for row in rows:
        row[random.choice(40, 16, replace=False)] = random.choice((-1.0, 1.0), 16)
    return rows


@pytest.fixture
def drawn() -> str:
    """Pairs whose similarities tie often; `face` has no, one or two rows per image."""
    name = synthetic_cache.collection(PAIRS, ())
    collection, random = collections.open_(name), np.random.default_rng(3)
    keys = collection.left.keys + collection.right.keys
    for backbone in BACKBONES:
        spec = registry.get(backbone)
        counts = random.choice(3, len(keys)) if backbone == "face" else [1] * len(keys)
        rows = [whole_rows(spec.dim, count, random) for count in counts]
        FeatureStore().append(extraction.feature_key(spec, "fp32"), keys, rows)
    return name


def documents(name, chosen, direction="lr", *, step=1, **options):
    """What searches for every image, or every few images, print."""
    queries, _ = collections.open_(name).sides(direction)
    question = Question(name, tuple(chosen), direction)
    return [
        [result.to_dict() for result in search.search(question, Query(id=id_), **options)]
        for id_ in queries.ids[::step]
    ]


@pytest.mark.parametrize("k", [1, 10, 50])
def test_stored_hits_are_those_of_a_comparison(drawn, monkeypatch, k):
    chosen = recipes.parse(BACKBONES, "zsum")
    compared = documents(drawn, chosen, step=4, k=k)
    assert any("No evidence" in row["note"] for rows in compared for row in rows)
    stored_hits.make(collections.open_(drawn), chosen)
    memory.clear()
    monkeypatch.setattr(metrics, "pairwise", lambda *_a, **_k: pytest.fail("a comparison"))
    monkeypatch.setattr(features, "for_side", lambda *_a, **_k: pytest.fail("features"))
    assert documents(drawn, chosen, step=4, k=k) == compared


def test_ties_are_in_the_order_of_the_gallery(drawn):
    """Against plain NumPy."""
    (recipe,) = recipes.parse(["color"])
    collection = collections.open_(drawn)
    stored_hits.make(collection, [recipe])
    left, right = (
        features.for_side(collection, side, "color").values for side in collection.sides()
    )
    cosines = left @ right.T / 16
    ties = 0
    for row, scores in enumerate(cosines):
        hits = stored_hits.find(collection, recipe, "lr", row, 20)
        expected = sorted(range(PAIRS), key=lambda column, own=scores: (-own[column], column))
        assert hits.columns[0].tolist() == expected[:20]
        assert hits.scores[0].tolist() == scores[expected[:20]].tolist()
        assert hits.mate_ranks[0] == (scores >= scores[row]).sum()
        ties += len(expected[:20]) - len(set(hits.scores[0].tolist()))
    assert ties > PAIRS


def test_other_questions_are_not_answered_from_them(drawn, monkeypatch):
    """Another metric, direction, number of hits or state of the features has another key."""
    monkeypatch.setattr(stored_hits, "LENGTH", 5)
    chosen, collection = recipes.parse(BACKBONES, "zsum"), collections.open_(drawn)
    compared = documents(drawn, chosen, step=9, k=6), documents(drawn, chosen, "rl", step=9, k=5)
    stored_hits.make(collection, chosen)
    memory.clear()
    assert (
        documents(drawn, chosen, step=9, k=6),
        documents(drawn, chosen, "rl", step=9, k=5),
    ) == compared
    assert stored_hits.are_stored(collection, chosen[0], "lr")
    assert not stored_hits.are_stored(collection, chosen[0], "rl")
    assert not any(
        stored_hits.are_stored(collection, recipe, "lr")
        for recipe in recipes.parse(BACKBONES, "sum", metric="l1")
    )
    monkeypatch.setattr(features, "identity", lambda *_a: "of newer features")
    assert not stored_hits.are_stored(collection, chosen[0], "lr")


def test_an_image_without_a_mate_is_not_its_own_hit(pairs_folder, monkeypatch):
    collections.add("images", pairs_folder / "left", name="singles")
    lab_extraction.extract("singles", ["color", "layout"])
    chosen = recipes.parse(collections.default_backbones("singles"), "zsum")
    compared = documents("singles", chosen)
    precompute.run("singles")
    memory.clear()
    monkeypatch.setattr(features, "for_side", lambda *_a, **_k: pytest.fail("features"))
    assert documents("singles", chosen) == compared


def test_a_stored_rank_is_that_of_the_evaluation(tiny):
    chosen = recipes.parse(collections.default_backbones(tiny), "zsum")
    precompute.run(tiny)
    by_query = documents(tiny, chosen)
    for number, ranks in enumerate(recall.ranks_of_each(Question(tiny, tuple(chosen)))):
        assert [rows[number]["mate"]["rank"] for rows in by_query] == ranks.tolist()
