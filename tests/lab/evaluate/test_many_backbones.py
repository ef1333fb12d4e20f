"""More than 16 backbones, and collections so small that nothing is held out."""

import json

import numpy as np
import pytest

from simcore import memory
from simcore.__main__ import run
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, Stopped
from simcore.lab import recipes
from simcore.lab.evaluate import best_subsets, combinations, exclusive, learned_sums, recall
from simcore.lab.library import collections, extraction
from simcore.models import registry
from simcore.models.extract import extraction as extraction_run
from simcore.recipe import Question
from simcore.types import RAW, Monitor, Progress
from tests.conftest import MODELS, draw

MANY = [f"drawn-{number:02}" for number in range(17)]


@pytest.fixture
def many(tiny):
    """The collection "tiny" with features of 17 backbones: noise around a vector of each pair."""
    collection, random = collections.open_(tiny), np.random.default_rng(0)
    pairs = random.normal(size=(6, 8))
    for name in MANY:
        registry.backbone(name, dim=8, preprocessing=RAW)(lambda device: None)
        key = extraction_run.feature_key(registry.get(name), "fp32")
        for images in collection.sides():
            rows = (pairs + random.normal(size=(6, 8)) * 1.5).astype(np.float32)
            FeatureStore.shared().append(key, list(images.keys), list(rows[:, None]))
    memory.clear()
    yield tiny
    for name in MANY:
        registry.forget(name)


def test_facts_about_single_backbones_take_any_number(many):
    question = Question(many, tuple(recipes.parse(MANY)))
    report = exclusive.report(question)
    assert list(report.isolation) == MANY
    assert len(combinations.compare(question).comparisons) == 17 * 16 / 2
    assert exclusive.complementarity(question).models == tuple(MANY)
    found = exclusive.found_and_missed(question, found=MANY[:1])
    assert len(found) == report.isolation[MANY[0]]
    few = Question(many, tuple(recipes.parse(MANY[:4])))
    hits = combinations.search(few).hits["zsum"]
    for bit, (name, hit) in enumerate(combinations.single_hits(few).items()):
        np.testing.assert_array_equal(hit, hits.hits_of(1 << bit), name)


def test_combinations_of_many_are_labelled_as_a_beam_search(many, capsys):
    question = Question(many, tuple(recipes.parse(MANY)))
    report = best_subsets.report(question)
    assert report.method == "beam search"
    assert [subset.size for subset in report.best_by_size["zsum"]] == list(range(1, 18))
    assert report.best.hits >= report.best_single.hits
    assert report.evaluated < 2**17 - 1
    assert report.held_out == {}
    assert run(["evaluate", "subsets", many, "--models", ",".join(MANY), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert document["method"] == "beam search"
    assert run(["evaluate", "subsets", many, "--models", ",".join(MANY)]) == 0
    out, err = (" ".join(text.split()) for text in capsys.readouterr())
    assert "The best combination of each size, by beam search" in out
    text = out + err
    assert "Beam search, not exhaustive" in text
    assert "no held-out score" in text
    assert "cross-validated" not in text
    with pytest.raises(BadDataError, match="at most 16 backbones, got 17"):
        combinations.search(question)


@pytest.fixture
def one_pair(tmp_path):
    """A collection of a single pair."""
    for side, seed in (("left", 0), ("right", 1)):
        (tmp_path / "one" / side).mkdir(parents=True)
        draw(seed).save(tmp_path / "one" / side / "a.png")
    collections.add("pairs", tmp_path / "one", name="one")
    extraction.extract("one", MODELS)
    return "one"


def test_a_single_pair_has_no_held_out_score(one_pair, capsys):
    question = Question(one_pair, tuple(recipes.parse(MODELS)))
    report = best_subsets.report(question)
    assert report.held_out == {}
    assert "no held-out score of a single pair" in " ".join(report.to_table().notes)
    learned = learned_sums.learned_weights(question)
    assert (learned.held_out, learned.best_subset_held_out) == (None, None)
    for command in ("subsets", "weights"):
        assert run(["evaluate", command, one_pair]) == 0
        assert "ross-validated:" not in "".join(capsys.readouterr())


def test_folds_of_few_pairs_are_never_empty(tiny):
    question = Question(tiny, tuple(recipes.parse(MODELS)))
    score = combinations.search(question).held_out("zsum", parts=50)
    assert len(score.folds) == 6


def test_a_table_names_the_metric_of_each_recipe(tiny):
    hog, color = (
        recipes.parse([name], metric=m)[0] for name, m in (("hog", "l2"), ("color", "own"))
    )
    one = recall.recall(Question(tiny, (hog,))).to_dict()
    assert (one["metric"], one["rows"][0]["metric"]) == ("l2", "l2")
    both = recall.recall(Question(tiny, (hog, color))).to_dict()
    assert (both["metric"], [row["metric"] for row in both["rows"]]) == ("mixed", ["l2", "own"])
    with pytest.raises(BadDataError, match="need one metric"):
        combinations.search(Question(tiny, (hog, color)))
    hits = combinations.single_hits(Question(tiny, (hog, color)))
    expected = recall.ranks(tiny, hog) == 1
    np.testing.assert_array_equal(hits["hog"], expected)


def test_complementarity_reports_each_pair_of_backbones_and_stops(many):
    question = Question(many, tuple(recipes.parse(MANY)))
    pairs = 17 * 18 // 2
    reports: list[Progress] = []
    with pytest.raises(Stopped):
        exclusive.complementarity(
            question, monitor=Monitor(reports.append, lambda: len(reports) > pairs)
        )
    reports.clear()
    result = exclusive.complementarity(question, monitor=Monitor(reports.append))
    shares = [report.share for report in reports]
    assert shares == sorted(shares)  # never back
    assert shares[-1] > 0.99
    for stage in ("RSA", "CKA"):
        assert [r.done for r in reports if r.stage == stage] == list(range(pairs))
    reports.clear()
    assert exclusive.complementarity(question, monitor=Monitor(reports.append)) == result
    assert not {"RSA", "CKA"} & {report.stage for report in reports}  # stored
