"""Claims on random features: recomputed in plain NumPy, stored, resumed, stopped; exact quotes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from simcore import memory
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.lab.claims import choices, claims_evaluation, pair_statistics, universe_pairs
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.claim import UndecidableError
from simcore.lab.claims.claims_evaluation import CLAIMS, ClaimsQuestion
from simcore.lab.claims.combination_statistics import STATISTICS as COMBINATIONS
from simcore.lab.claims.uncomputed import UncomputedPairs as Uncomputed
from simcore.lab.claims.universe_pairs import PairData
from simcore.lab.evaluate import best_subsets, combinations, recall
from simcore.lab.library import collections, duplicates, subsets
from simcore.lab.recipes import parse
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import cache_below, draw_pairs

PAIRS = 24
MODELS = ("hog", "layout", "color", "texture", "face")
PAPERS = Path(__file__).resolve().parents[4] / "shared" / "papers"


@pytest.fixture(scope="module")
def noisy_cache(tmp_path_factory):
    """A cache with pairs and random features: mates alike, a third of the left without a face."""
    root = tmp_path_factory.mktemp("noisy")
    draw_pairs(root / "noisy", PAIRS)
    with cache_below(root) as folder:
        collections.add("pairs", root / "noisy", name="noisy")
        add_random_features()
    return folder


@pytest.fixture
def noisy(noisy_cache, cache):
    """The pairs in this test's own cache."""
    shutil.copytree(noisy_cache, cache, dirs_exist_ok=True)
    return "noisy"


def add_random_features():
    collection = collections.open_("noisy")
    random = np.random.default_rng(0)
    for strength, name in zip((0.9, 0.7, 0.5, 0.4, 0.6), MODELS, strict=True):
        dim = registry.get(name).dim
        left = random.normal(size=(PAIRS, dim))
        right = strength * left + 3 * random.normal(size=(PAIRS, dim)) / np.sqrt(dim / 8)
        key = extraction.feature_key(registry.get(name), "fp32")
        for side, values in ((collection.left, left), (collection.right, right)):
            rows = [row[None].astype(np.float32) for row in values]
            if name == "face" and side is collection.left:
                rows = [row[: int(n % 3 > 0)] for n, row in enumerate(rows)]
            FeatureStore.shared().append(key, list(side.keys), rows)


def similarities(name):
    """(Q, G) of each backbone in plain NumPy; NaN without a face."""
    from simcore.lab.library import features

    collection, matrices = collections.open_(name), []
    for model in MODELS:
        left, right = (features.for_side(collection, s, model) for s in collection.sides())
        if model == "face":
            squares = ((left.values[:, None].astype(float) - right.values[None]) ** 2).sum(axis=2)
            matrix = np.full((PAIRS, PAIRS), np.nan)
            matrix[left.index] = -np.sqrt(squares)
        else:
            a, b = (s.values / np.linalg.norm(s.values, axis=1)[:, None] for s in (left, right))
            matrix = a.astype(float) @ b.T.astype(float)
        matrices.append(matrix)
    return matrices


def plain_hits(matrices, combine, missing, scale):
    """(2^M, Q) bool: hits of every subset, by the definition, one after the other."""
    table = np.zeros((1 << len(matrices), PAIRS), bool)
    for mask in range(1, len(table)):
        members = [matrices[k] for k in range(len(matrices)) if mask >> k & 1]
        total, known = np.zeros((PAIRS, PAIRS)), np.zeros((PAIRS, PAIRS), int)
        for values in members:
            center, spread = np.nanmean(values), np.nanstd(values)
            if scale == "rows" and combine == "zsum":
                count = np.maximum((~np.isnan(values)).sum(axis=1, keepdims=True), 1)
                center = np.nansum(values, axis=1, keepdims=True) / count
                spread = np.sqrt(np.nansum((values - center) ** 2, axis=1, keepdims=True) / count)
                spread = np.where(spread > 0, spread, 1)
            term = (values - center) / spread if combine == "zsum" else values
            neutral = 0.0 if combine == "zsum" else np.nanmean(values)
            fill = neutral if missing == "mean" else -1e6
            total += np.where(np.isnan(term), fill, term)
            known += ~np.isnan(term)
        for query in range(PAIRS):
            if known[query, query]:
                rivals = [j for j in range(PAIRS) if j != query and known[query, j]]
                table[mask, query] = all(total[query, j] < total[query, query] for j in rivals)
    return table


@pytest.mark.parametrize("missing", ["mean", "worst"])
@pytest.mark.parametrize(("combine", "scale"), [("zsum", "matrix"), ("zsum", "rows"), ("sum", "")])
def test_hits_of_all_combinations_against_numpy(noisy, missing, combine, scale):
    values = (("missing", missing), ("scale", scale or "matrix"))
    table = PairData(noisy, MODELS, Universe(values)).combinations(combine)
    expected = plain_hits(similarities(noisy), combine, missing, scale)
    assert (table.astype(bool) == expected).all()


def test_the_main_universe_has_the_numbers_of_evaluate_subsets(noisy):
    search = combinations.search(Question(noisy, tuple(parse(list(MODELS)))))
    data = PairData(noisy, MODELS, Universe(()))
    for combine in ("zsum", "sum"):
        hits = search.hits[combine]
        assert (hits.counts == data.combinations(combine).sum(axis=1)).all()


def test_ties_for_against_and_at_random():
    ranks = universe_pairs.MateRanks(np.array([0, 0, 2, 1]), np.array([0, 2, 1, 1]), 5)
    assert ranks.hits(1, "against").tolist() == [1, 0, 0, 0]
    assert ranks.hits(1, "for").tolist() == [1, 1, 0, 0]
    assert ranks.hits(1, "half").tolist() == [1, pytest.approx(1 / 3), 0, 0]
    assert ranks.hits(2, "half").tolist() == [1, pytest.approx(2 / 3), 0, 0.5]
    # Of two images the other one ties with the mate in half of the draws: 1 - 2/4 / 2.
    assert ranks.associative(2, "half")[1] == pytest.approx(0.75)


def test_a_claim_that_chooses_against_numpy(noisy):
    """The best z-sum of two or more minus the best single backbone, both chosen held out."""
    data = PairData(noisy, MODELS, Universe(()))
    estimate = COMBINATIONS["best_minus_single"](data)
    table = plain_hits(similarities(noisy), "zsum", "mean", "matrix").astype(float)
    sizes = np.array([bin(mask).count("1") for mask in range(len(table))])
    weights = data.weights(30)
    result = estimate.statistic(weights)[:, 0]
    for draw, weight in zip(result, weights, strict=True):
        total = 0.0
        for split in data.splits:
            for half in (split, ~split):
                scores = (table * weight * half).sum(axis=1)
                best = [
                    max(np.flatnonzero(allowed), key=lambda mask: (scores[mask], -mask))
                    for allowed in (sizes > 1, sizes == 1)
                ]
                test = (table * weight * ~half).sum(axis=1)
                total += test[best[0]] - test[best[1]]
        assert draw == pytest.approx(total / (len(data.splits) * weight.sum()), abs=1e-6)


def test_cosine_against_l2_by_numpy(noisy):
    from simcore.lab.library import features

    collection, rows = collections.open_(noisy), []
    for model in MODELS[:4]:
        left, right = (features.for_side(collection, s, model) for s in collection.sides())
        by = {"cosine": similarities(noisy)[MODELS.index(model)]}
        difference = left.values[:, None].astype(float) - right.values[None]
        by["l2"], by["l1"] = -np.sqrt((difference**2).sum(2)), -np.abs(difference).sum(2)
        hits = {
            metric: np.array([(m[q] >= m[q, q]).sum() == 1 for q in range(PAIRS)], float)
            for metric, m in by.items()
        }
        rows += [hits["cosine"] - hits["l2"], hits["cosine"] - hits["l1"]]
    data = PairData(noisy, MODELS, Universe(()))
    estimate = pair_statistics.hits_cosine_best(data)
    result = estimate.statistic(np.ones((1, PAIRS), np.float32))[0]
    assert sorted(result) == pytest.approx(sorted(row.mean() for row in rows))


def test_run_stop_resume(noisy, monkeypatch):
    monkeypatch.setattr(claims_evaluation, "MAIN_DRAWS", 60)
    monkeypatch.setattr(claims_evaluation, "CELL_DRAWS", 20)
    question = ClaimsQuestion(noisy, MODELS, judgements=(), papers=("rosenfeld2019",))
    steps = []
    with pytest.raises(Stopped, match="Start again to resume"):
        claims_evaluation.run(question, monitor=Monitor(steps.append, lambda: len(steps) > 40))
    halfway = claims_evaluation.stored(question)
    assert 0 < halfway.computed[0] < halfway.computed[1]
    report = claims_evaluation.run(question)
    for before in halfway.verdicts:
        after = next(v for v in report.verdicts if v.claim.id == before.claim.id)
        if before.main is not None and before.main.evidence is not None:
            assert before.main == after.main
    # Everything is read from the cache now: nothing is computed again.
    memory.clear()
    monkeypatch.setattr(claims_evaluation.resampling, "resample", None)
    assert claims_evaluation.run(question).to_dict() == report.to_dict()


def test_what_another_run_stores_meanwhile_is_kept(noisy, monkeypatch):
    """Two tabs test the same claims; the first is stopped after the second has finished."""
    monkeypatch.setattr(claims_evaluation, "MAIN_DRAWS", 20)
    monkeypatch.setattr(claims_evaluation, "CELL_DRAWS", 20)
    question = ClaimsQuestion(noisy, MODELS, judgements=(), papers=("margaritescu2024",))
    reports, steps = [], []

    def run_beside(progress):
        steps.append(progress)
        if len(steps) == 6:
            reports.append(claims_evaluation.run(question))

    with pytest.raises(Stopped):
        claims_evaluation.run(question, monitor=Monitor(run_beside, lambda: len(reports) > 0))
    assert reports[0].computed[0] > 6
    assert claims_evaluation.stored(question).computed == reports[0].computed


@pytest.mark.parametrize("subset", ["tlld", "tlld-paper"])
def test_what_selects_pairs_without_near_duplicates_can_be_stopped(noisy, monkeypatch, subset):
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _: "color")
    reports = []

    def is_comparing():
        return any(report.stage == "near-duplicates" for report in reports)

    monitor = Monitor(reports.append, is_comparing)
    question = Question(noisy, tuple(parse(["hog"])), subset=subset)
    for compute in (
        lambda: subsets.open_subset(noisy, subset, monitor=monitor),
        lambda: recall.recall(question, monitor=monitor),
        lambda: best_subsets.report(question, monitor=monitor),
        lambda: subsets.find_duplicates(noisy, within=0.01, across=0.01, monitor=monitor),
        lambda: claims_evaluation.run(ClaimsQuestion(noisy, MODELS, ()), monitor=monitor),
    ):
        reports.clear()
        with pytest.raises(Stopped):
            compute()
        assert is_comparing()


def test_other_features_are_other_results(noisy, monkeypatch):
    monkeypatch.setattr(claims_evaluation, "MAIN_DRAWS", 20)
    monkeypatch.setattr(claims_evaluation, "CELL_DRAWS", 20)
    question = ClaimsQuestion(noisy, MODELS, judgements=(), papers=("margaritescu2024",))
    claims_evaluation.run(question)
    assert claims_evaluation.stored(question).computed[0] > 0
    fewer = ClaimsQuestion(noisy, MODELS[:2], judgements=(), papers=("margaritescu2024",))
    assert claims_evaluation.stored(fewer).computed[0] == 0


def test_what_is_missing_is_named(noisy):
    report = claims_evaluation.stored(ClaimsQuestion(noisy, MODELS, judgements=()))
    reasons = {verdict.claim.id: verdict.reason for verdict in report.verdicts}
    assert reasons["votes"] == "needs a backbone of kind networks" or "votes" in reasons["votes"]
    assert reasons["whitening-helps"] == "needs features of ret_w, ret"
    assert "--judgements" in reasons["distortions-no-gain"]
    assert reasons["relu-doubles"] == "needs a backbone of kind networks"
    assert "answers of people" in reasons["people-agree"]
    assert reasons["combining-helps"] == "not tested yet"
    (network,) = report.next_steps
    assert network.args[:4] == ("extract", "noisy", "--models", "mobilenetv2")
    assert {"relu-doubles", "cosine-advantage"} < set(network.claims)
    assert network.sentence.startswith("`simcore extract noisy --models mobilenetv2")


@pytest.mark.parametrize("models", [MODELS, ("hog", "color"), ("face",)], ids="-".join)
def test_what_is_missing_is_known_without_computing(noisy, models):
    def obstacle(data, claim):
        try:
            statistics_of_pairs[claim.statistic](data, **claim.parameters)
        except (UndecidableError, BadDataError) as error:
            return str(error)
        return ""

    statistics_of_pairs = claims_evaluation.PAIR_STATISTICS
    computed, uncomputed = (kind(noisy, models, Universe(())) for kind in (PairData, Uncomputed))
    claims = [claim for claim in CLAIMS if claim.statistic in statistics_of_pairs]
    expected = {claim.id: obstacle(computed, claim) for claim in claims}
    assert {claim.id: obstacle(uncomputed, claim) for claim in claims} == expected
    assert "" in expected.values()
    assert any(expected.values())


def test_looking_at_claims_computes_no_similarity(noisy, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a similarity was computed")

    monkeypatch.setattr(universe_pairs.similarity, "sides", refuse)
    report = claims_evaluation.stored(ClaimsQuestion(noisy, MODELS, judgements=()))
    assert report.testable > 10


def add_random_features_of(name):
    key = extraction.feature_key(registry.get(name), "fp32")
    for side in collections.open_("noisy").sides():
        rows = np.random.default_rng(0).normal(size=(PAIRS, 1, key.dim)).astype(np.float32)
        FeatureStore.shared().append(key, list(side.keys), list(rows))


def test_a_backbone_that_takes_no_crops_does_not_stop_the_others(noisy):
    """There is no `faces:cues`."""
    add_random_features_of("cues")
    report = claims_evaluation.stored(ClaimsQuestion(noisy, judgements=()))
    assert report.testable > 10
    with pytest.raises(BadDataError, match="takes whole images"):
        registry.get("faces:cues")
    add_random_features_of("mobilenetv2")
    report = claims_evaluation.stored(ClaimsQuestion(noisy, judgements=()))
    steps = {step.args[0]: step for step in report.next_steps}
    assert steps["extract"].args[:4] == ("extract", "noisy", "--models", "faces:mobilenetv2")


def test_training_and_face_crops_are_offered_where_there_is_a_network(noisy):
    """Claims that need weights which nobody can download unasked are not counted."""
    add_random_features_of("mobilenetv2")
    report = claims_evaluation.stored(ClaimsQuestion(noisy, judgements=()))
    steps = {step.args[0]: step for step in report.next_steps}
    assert steps["claims"].args == ("claims", "noisy", "--judgements", "none", "--train")
    trained = {c.id for c in CLAIMS if c.data == "training" and c.statistic}
    assert set(steps["claims"].claims) == trained
    assert steps["extract"].args[:4] == ("extract", "noisy", "--models", "faces:mobilenetv2")
    assert steps["extract"].claims == ("generic-faces-poor",)


def test_unknown_paper(noisy):
    with pytest.raises(UnknownNameError, match="rosenfeld2018"):
        claims_evaluation.stored(ClaimsQuestion(noisy, papers=("rosenfeld2008",)))


def test_universes_are_all_combinations_and_the_main_one_is_first():
    options = {name: tuple(labels) for name, labels in choices.CHOICES.items()}
    rows = choices.universes(("missing", "scale", "combine"), options)
    assert rows[0].values == (("missing", "mean"), ("scale", "matrix"), ("combine", "zsum"))
    assert len(rows) == len(set(rows)) == 2 * (2 + 1)  # a plain sum has no scale


def test_claims_are_complete():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS) >= 40
    known = claims_evaluation.PAIR_STATISTICS | claims_evaluation.judgement_statistics.STATISTICS
    known |= claims_evaluation.training_statistics.STATISTICS
    for claim in CLAIMS:
        assert claim.statistic in known if claim.statistic else claim.needs
        assert set(claim.choices) <= set(choices.CHOICES)


def test_sentences_are_quoted_exactly():
    if not PAPERS.is_dir():
        pytest.skip(f"no papers at {PAPERS}")

    def words(text):
        return re.sub(r"\s+", " ", text.replace("*", ""))

    for claim in CLAIMS:
        (paper,) = PAPERS.glob(f"{claim.paper}*.txt")
        assert words(claim.sentence) in words(paper.read_text("utf-8")), claim.id


def test_a_collection_without_faces_or_networks_is_no_error(noisy):
    """Claims that need them say so; the others are tested."""
    report = claims_evaluation.stored(ClaimsQuestion(noisy, ("hog", "color"), judgements=()))
    assert all(v.reason.removeprefix("needs ").strip() for v in report.verdicts if v.reason)
    assert all(verdict.expected for verdict in report.verdicts if verdict.claim.statistic)
