"""Work that a visitor waits for: counted in pairs, backbones and metrics, in one place."""

import numpy as np
import pytest

from simcore.lab import jobs, permissions, recipes, work_estimates
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, duplicates, features, similarity
from simcore.lab.people import review
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.recipe import Part, Question
from tests.conftest import MODELS

EIGHT = [
    *("mobilenetv2", "efficientnet-lite0", "resnet50", "densenet121"),
    *("vgg16", "hog", "layout", "color"),
]


def zsum(names, metric="own"):
    return recipes.parse(names, "zsum", metric=metric)


def test_the_same_pairs_are_little_or_much_work():
    """6,016 pairs: one backbone is answered at once; eight, or another metric, are a job."""
    assert work_estimates.is_short(work_estimates.ranks(recipes.parse(["mobilenetv2"]), 6_016))
    assert not work_estimates.is_short(work_estimates.ranks(zsum(EIGHT), 6_016))
    assert not work_estimates.is_short(
        work_estimates.ranks(recipes.parse(["mobilenetv2"], metric="l2"), 6_016)
    )
    assert work_estimates.is_short(work_estimates.ranks(zsum(EIGHT), 1_000))
    assert not work_estimates.is_short(work_estimates.ranks(zsum(EIGHT, "l1"), 1_500))


def test_estimates_are_near_what_was_measured():
    """CPU seconds from benchmarks/RESULTS.md; a factor of two makes no difference."""
    measured = {
        work_estimates.comparison("resnet50", "cosine", 6_016, 6_016): 1.64,
        work_estimates.ranks(recipes.parse(["resnet50"]), 6_016): 1.92,
        work_estimates.ranks(recipes.parse(["resnet50"], metric="l2"), 2_000): 1.16,
        work_estimates.ranks(recipes.parse(["resnet50"], metric="l1"), 2_000): 1.40,
    }
    for estimate, seconds in measured.items():
        assert seconds / 2 < estimate < 2 * seconds


@pytest.mark.parametrize(("count", "is_short"), [(8, True), (11, True), (16, False)])
def test_subsets_double_with_each_backbone(count, is_short):
    narrow = [Part("edges")] * count  # so that comparing them costs next to nothing
    assert work_estimates.is_short(work_estimates.subset_search(narrow, 4_000)) is is_short


def test_what_recipes_share_is_counted_once():
    one, both = zsum(["hog", "color"]), zsum(["hog", "color"]) * 2
    shared = work_estimates.ranks(both, 5_000) - work_estimates.ranks(one, 5_000)
    assert 0 < shared < 0.2 * work_estimates.ranks(one, 5_000)


def test_csls_rank_fusion_and_scales_of_distances_cost_more():
    plain = work_estimates.ranks(recipes.parse(["hog"]), 5_000)
    assert work_estimates.ranks(recipes.parse(["hog"], post="csls"), 5_000) > 2 * plain
    two = ["hog", "color"]
    assert work_estimates.ranks(recipes.parse(two, "rrf"), 5_000) > 2 * work_estimates.ranks(
        recipes.parse(two, "sum"), 5_000
    )
    assert work_estimates.moments([("hog", "l2")], 5_000) > work_estimates.moments(
        [("hog", "cosine")], 5_000
    )


def test_visitors_who_can_start_no_job_wait_longer(monkeypatch):
    assert not work_estimates.is_short(10)
    monkeypatch.setattr(jobs.start, permissions.REFUSED, True, raising=False)
    assert work_estimates.is_short(10)
    assert not work_estimates.is_short(100)


def test_what_is_stored_is_no_work(tiny, monkeypatch):
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)
    question = Question(tiny, tuple(zsum(["hog", "color"])))
    collection = collections.open_(tiny)
    query = Query(id=collection.left.ids[0])
    assert not recall.is_quick(question)
    assert not combinations.is_quick(question)
    assert not review.is_quick(question)
    assert not search.is_quick(question, query)
    search.search(question, query)  # as the job of Explore does
    assert search.is_quick(question, query)
    recall.ranks_of_each(question)
    combinations.search(question)
    assert recall.seconds(question) == 0
    assert recall.is_quick(question)
    assert combinations.is_quick(question)
    assert review.is_quick(question)


def test_explore_offers_a_job_for_the_scale_of_a_sum(tiny, app, monkeypatch):
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)
    address = {"collection": tiny, "models": "hog,color", "combine": "zsum", "metric": "l2"}
    page = app("pages/explore.py", **address)
    assert not page.exception
    assert [b.key for b in page.button if "job" in b.key] == ["explore_job"]
    started = []
    monkeypatch.setattr("simcore.ui.actions.start_job", started.append)
    page.button(key="explore_job").click().run()
    (args,) = started
    assert args[:2] == ["search", tiny]
    question = Question(tiny, tuple(zsum(["hog", "color"], "l2")))
    search.search(question, Query(id=collections.open_(tiny).left.ids[0]))
    page.run()
    assert not [b for b in page.button if "job" in b.key]


def test_moments_of_distances_through_products(monkeypatch):
    """Against all distances in float64, also where the features are far from the origin."""
    from simcore.sim import combine
    from simcore.types import Features

    random = np.random.default_rng(3)
    values = (100 + random.normal(size=(2, 150, 24))).astype(np.float32)
    left, right = (Features("x", np.arange(150), side, 150) for side in values)
    difference = values[0].astype(float)[:, None] - values[1].astype(float)[None]
    distances = -np.sqrt((difference**2).sum(axis=2))
    monkeypatch.setattr(combine, "MANY_DISTANCES", 1)
    moments = combine.moments(left, right, "l2", block=32)
    assert moments.mean == pytest.approx(distances.mean(), rel=1e-6)
    assert moments.std == pytest.approx(distances.std(), rel=1e-5)


def test_the_search_for_moments_stops(tiny):
    from simcore.errors import Stopped
    from simcore.types import Monitor

    resolved = [recipes.resolve(recipe) for recipe in zsum(["hog", "color"], "l2")]
    collection = collections.open_(tiny)
    with pytest.raises(Stopped):
        similarity.read_moments(collection, resolved, "lr", monitor=Monitor(stop=lambda: True))
    assert similarity.absent_moments(collection, resolved, "lr") == [
        ("color", "l2"),
        ("hog", "l2"),
    ]


def test_networks_of_libraries_are_not_looked_up_in_vain(tiny, monkeypatch):
    """Looking up torchvision:densenet121 imports torchvision, which takes three seconds."""
    from simcore.models import registry

    get = registry.get

    def asked(name):
        assert not name.startswith("torchvision:"), "looked up"
        return get(name)

    monkeypatch.setattr(registry, "get", asked)
    collection = collections.open_(tiny)
    assert not features.is_ready(collection, "torchvision:densenet121")
    assert duplicates.default_backbone_if_ready(collection) == ""
    assert duplicates.candidates(tiny)[0] in MODELS
