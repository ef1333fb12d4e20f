"""The waterfall against plain NumPy: halves, choices on one, shares of the other."""

import itertools

import numpy as np
import pytest

import simcore as sc
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.evaluate import recall, waterfall
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.models.extract import extraction as models_extraction
from simcore.recipe import Part, Question, Recipe
from simcore.ui.evaluate import evaluation_views
from tests.conftest import MODELS, cache_below, extracted_pairs

PAIRS = 24
SEED = 3


@pytest.fixture(scope="module")
def twisted(tmp_path_factory):
    """24 pairs whose mates are turned by 8 degrees."""
    folder = tmp_path_factory.mktemp("twisted")
    return extracted_pairs(folder, "twisted", PAIRS, [*MODELS, "cues"])


@pytest.fixture(scope="module")
def computed(twisted):
    question = Question("twisted", tuple(Recipe((Part(name),)) for name in MODELS))
    with cache_below(twisted.parent):
        return waterfall.waterfall(question, seed=SEED)


@pytest.fixture
def result(computed, twisted, monkeypatch):
    """A waterfall; the test has the cache that it was computed on."""
    monkeypatch.setenv("SIMCORE_CACHE", str(twisted))
    return computed


def cosines(post):
    """Backbone -> (24, 24) similarity after post-processing, by the formulas."""
    collection = collections.open_("twisted")
    by_name = {}
    for name in MODELS:
        left, right = (
            features.for_side(collection, side, name).values.astype(np.float64)
            for side in (collection.left, collection.right)
        )
        if post.startswith("center"):
            mean = np.concatenate([left, right]).mean(0)
            left, right = left - mean, right - mean
        left, right = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
        by_name[name] = left @ right.T
    return by_name


def hits(total):
    """Which queries have their mate alone in front."""
    mates = np.diag(total)[:, None]
    return ((total >= mates).sum(1) == 1) & ~np.isnan(mates[:, 0])


def zsum(matrices, weights):
    return sum(
        weight * (matrix - matrix.mean()) / matrix.std()
        for matrix, weight in zip(matrices, weights, strict=True)
    )


def halves():
    order = np.random.default_rng(SEED).permutation(PAIRS)
    return np.sort(order[: PAIRS // 2]), np.sort(order[PAIRS // 2 :])


def test_choices_and_shares_are_those_of_the_formulas(result):
    subsets = {
        (post, members): hits(zsum([matrices[name] for name in members], [1] * len(members)))
        for post in ("none", "center")
        for matrices in [cosines(post)]
        for size in range(1, len(MODELS) + 1)
        for members in itertools.combinations(MODELS, size)
    }
    best_single, best, best_centered = (
        sum(max(hit[half].sum() for key, hit in subsets.items() if fits(*key)) for half in halves())
        for fits in (
            lambda post, members: post == "none" and len(members) == 1,
            lambda post, _: post == "none",
            lambda *_: True,
        )
    )
    single, summed, centered, csls, weighted, gated, reranked = result.steps
    assert [step.name for step in result.steps] == [
        "best backbone",
        "z-sum",
        "centering",
        "CSLS",
        "weights",
        "gating",
        "re-ranking",
    ]
    assert single.chosen == pytest.approx(best_single / PAIRS)
    assert summed.chosen == pytest.approx(best / PAIRS)
    assert centered.chosen == pytest.approx(best_centered / PAIRS)
    unseen, either = np.zeros(PAIRS, bool), np.zeros(PAIRS, bool)
    for recipe, other in zip(single.recipes, reversed(halves()), strict=True):
        there = subsets[("none", (recipe,))]
        unseen[other] = there[other]
        either[other] = (there | hits(cosines("none")[recipe].T))[other]
    assert single.value == pytest.approx(unseen.mean())
    assert single.either == pytest.approx(either.mean())
    assert csls.chosen >= centered.chosen >= summed.chosen >= single.chosen
    assert reranked.chosen >= gated.chosen
    assert weighted.either >= weighted.value
    assert result.pairs == PAIRS
    assert result.gallery == PAIRS
    for before, after in itertools.pairwise(result.steps):
        assert after.gain == pytest.approx(after.value - before.value)
        assert after.gain_ci95[0] <= after.gain <= after.gain_ci95[1]
    assert single.gain is None
    assert all(step.milliseconds > 0 for step in result.steps)


def test_the_last_recipe_has_the_printed_share_of_the_other_half(result, twisted):
    """Computed anew by `recall`, from the recipe as it would be stored."""
    for step in result.steps:
        ranks = recall.ranks("twisted", step.best)
        assert step.unseen == pytest.approx((ranks == 1)[halves()[1]].mean())
        assert step.best.label == step.recipes[0]
        assert f"{100 * step.unseen:.1f} %" in result.source(step)
    assert result.step() == result.steps[-1]
    assert result.step("weights").name == "weights"
    with pytest.raises(UnknownNameError, match="weights"):
        result.step("weigths")


def test_gates_are_left_out_with_a_sentence_where_there_are_no_cues(twisted, monkeypatch):
    monkeypatch.setenv("SIMCORE_CACHE", str(twisted))
    worst = tuple(Recipe((Part(name),), missing="worst") for name in MODELS)
    question = Question("twisted", tuple(Recipe((Part(name),)) for name in MODELS))
    result = waterfall.waterfall(question.with_recipes(*worst), seed=SEED)
    assert "gating" not in [step.name for step in result.steps]
    assert any("left out" in note for note in result.to_table().notes)
    with monkeypatch.context() as patch:
        patch.setattr(features, "is_ready", lambda *_args: False)
        result = waterfall.waterfall(question, seed=SEED + 1)
    assert "simcore extract twisted --models cues" in " ".join(result.to_table().notes)


def test_the_page_shows_the_steps(result, twisted):
    question = Question("twisted", tuple(Recipe((Part(name),)) for name in MODELS))
    view = evaluation_views.waterfall(question)
    computed = waterfall.waterfall(question)
    assert view.frame["recall"].tolist() == [step.value for step in computed.steps]
    assert list(view.figure.data[0].y) == view.frame["recall"].tolist()
    assert view.display["step"].tolist() == [step.name for step in computed.steps]
    from_python = sc.waterfall("twisted", MODELS).steps
    assert [step.recipes for step in from_python] == [step.recipes for step in computed.steps]
    assert [step.value for step in from_python] == [step.value for step in computed.steps]


def test_few_pairs_are_refused(tiny):
    question = Question(tiny, tuple(Recipe((Part(name),)) for name in MODELS))
    with pytest.raises(BadDataError, match="needs at least 8 pairs, got 6"):
        waterfall.waterfall(question)


def test_networks_of_contours_enter_by_a_step_of_their_own(twisted, monkeypatch):
    """Random features, and those of HED match each mate: nothing of them before their step."""
    monkeypatch.setenv("SIMCORE_CACHE", str(twisted))
    collection, random = collections.open_("twisted"), np.random.default_rng(0)
    names = ("texture", "edges", "vgg16-hed-grid")  # the last one is in the group "grid", too
    for name in names:
        spec = registry.get(name)
        values = random.normal(size=(2, PAIRS, spec.dim)).astype(np.float32)
        if name == names[-1]:
            values[1] = values[0]
        key = models_extraction.feature_key(spec, "fp32")
        for side, rows in zip((collection.left, collection.right), values, strict=True):
            FeatureStore.shared().append(key, list(side.keys), list(rows[:, None]))
    question = Question("twisted", tuple(Recipe((Part(name),)) for name in names))
    steps = waterfall.waterfall(question, seed=SEED).steps
    assert [step.name for step in steps[:4]] == ["best backbone", "z-sum", "HED", "centering"]
    assert not any(names[-1] in recipe for step in steps[:2] for recipe in step.recipes)
    assert steps[1].value < 0.5
    assert steps[2].value == 1
    assert steps[2].gain == pytest.approx(1 - steps[1].value)
