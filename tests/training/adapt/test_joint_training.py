"""Learning from pairs and judgements together: the loss, and what each source teaches the other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.sim.metrics import normalized
from simcore.training import picture_folds
from simcore.training.adapt import joint_training, judgement_loss
from simcore.training.adapt.fold_training import PairLoss, Parameters
from simcore.training.adapt.inputs import Inputs
from simcore.training.adapt.joint_training import (
    JointInputs,
    JointSettings,
    TrialLoss,
    WeightedLoss,
)
from simcore.training.adapt.judgement_loss import TrialRows
from simcore.training.picture_folds import Pictures
from simcore.types import Monitor
from tests.training.finetune.test_judgement_examples import make_set

PAIRS, TRIALS, WIDTH = 80, 300, 16
QUICK = JointSettings(dims=WIDTH, epochs=80, folds=3, scale_rate=0.05)


def combined(rows, scales, shares):
    """The learned map in plain NumPy: blocks of unit rows, scaled, normalized, weighted."""
    parts = []
    for block, scale, share in zip(rows, scales, shares, strict=True):
        scaled = block * np.exp(scale)
        parts.append(scaled / np.linalg.norm(scaled, axis=1, keepdims=True) * np.exp(share / 2))
    row = np.concatenate(parts, axis=1)
    return row / np.linalg.norm(row, axis=1, keepdims=True)


@pytest.mark.parametrize("fourth", [False, True], ids=["triplet", "quadruplet"])
def test_the_loss_in_plain_numpy(fourth):
    rng = np.random.default_rng(0)
    shares = rng.normal(size=2)
    parameters = Parameters([5, 4], shares, "cpu")
    scales = [rng.normal(size=n) * 0.3 for n in (5, 4)]
    with torch.no_grad():
        for own, value in zip(parameters.scales, scales, strict=True):
            own.copy_(torch.from_numpy(value))
    left, right, pictures = (
        [normalized(rng.normal(size=(n, d)).astype(np.float32)) for d in (5, 4)] for n in (6, 6, 9)
    )
    query, positive, negative, second = rng.permutation(9)[:8].reshape(4, 2)
    vote = np.array([0.9, 0.25])
    trials = TrialRows(
        query, positive, negative, second if fourth else None, judgement_loss.certainty(vote)
    )
    margins = 0.7, 0.35

    # Eq. 1: both directions of the softmax over pairs.
    cosines = 12.0 * combined(left, scales, shares) @ combined(right, scales, shares).T
    by_row = -np.log(np.diag(np.exp(cosines)) / np.exp(cosines).sum(1))
    by_column = -np.log(np.diag(np.exp(cosines)) / np.exp(cosines).sum(0))
    over_pairs = (by_row + by_column).mean() / 2
    # Eq. 3.7 and 3.9, weighted: votes of 0.9 weigh 0.8, of 0.25 weigh 0.5.
    rows = combined(pictures, scales, shares)

    def distance(a, b):
        return np.sqrt(((rows[a] - rows[b]) ** 2).sum(1))

    terms = np.maximum(distance(query, positive) - distance(query, negative) + 0.7, 0)
    if fourth:
        terms += np.maximum(distance(query, positive) - distance(positive, second) + 0.35, 0)
    over_trials = (0.8 * terms[0] + 0.5 * terms[1]) / 1.3

    pair_loss = PairLoss(left, right, "cpu")
    trial_loss = TrialLoss(pictures, trials, margins, "cpu")
    both = WeightedLoss([(0.7, pair_loss), (0.3, trial_loss)])
    with torch.no_grad():
        assert float(pair_loss(parameters)) == pytest.approx(over_pairs, rel=1e-5)
        assert float(trial_loss(parameters)) == pytest.approx(over_trials, rel=1e-5)
        expected = 0.7 * over_pairs + 0.3 * over_trials
        assert float(both(parameters)) == pytest.approx(expected, rel=1e-5)


def world(rng, *, shared):
    """Pairs and triplets over two backbones, whose first halves people look at.

    With `shared` both are about the same backbones. Otherwise the pictures of pairs differ in the
    first backbone only and those of judgements in the second, so neither teaches the other.
    """
    half = WIDTH // 2

    def block(signal, varies):
        noise = 3 * rng.normal(size=(len(signal), half))
        row = np.concatenate([signal + 0.3 * rng.normal(size=signal.shape), noise], axis=1)
        return row if varies else np.ones_like(row) + 1e-3 * rng.normal(size=row.shape)

    def rows(signals, varies):
        blocks = [block(*both) for both in zip(signals, varies, strict=True)]
        return np.concatenate([normalized(b.astype(np.float32)) for b in blocks], axis=1)

    in_pairs, in_trials = ((True, True), (True, True)) if shared else ((True, False), (False, True))
    seen = [rng.normal(size=(PAIRS, half)) for _ in range(2)]
    left, right = (rows(seen, in_pairs) for _ in range(2))
    query = [rng.normal(size=(TRIALS, half)) for _ in range(2)]
    near, far = ([x + spread * rng.normal(size=x.shape) for x in query] for spread in (0.3, 1.2))
    images = np.concatenate([rows(signals, in_trials) for signals in (query, near, far)])
    swap = rng.random(TRIALS) < 0.5
    number = np.arange(TRIALS)
    sides = (
        np.where(swap, number + 2 * TRIALS, number + TRIALS),
        np.where(swap, number + TRIALS, number + 2 * TRIALS),
    )
    trials = np.stack([number, *sides], axis=1)
    judged = make_set(trials, np.where(swap, 0.9, 0.1))
    pairs = len(images) + np.arange(2 * PAIRS).reshape(PAIRS, 2)
    pictures = Pictures(np.arange(len(images)), trials, pairs, np.arange(PAIRS))
    folds = picture_folds.deal(pictures, QUICK.folds, 0)
    return JointInputs(Inputs(left, right, ("a", "b"), (WIDTH, WIDTH)), images, judged, folds)


def recall_and_agreement(inputs, runs, source):
    """aR@1 and agreement of the tested pairs and trials, over all folds."""
    hits, credits = [], []
    for run in runs:
        adapter = run.start if source == "start" else run.adapters[source]
        pairs = inputs.pairs.take(inputs.folds.test_pairs(run.fold))
        hits += (asymmetric_recall.ranks_of(pairs.mapped_similarity(adapter)) <= 1).tolist()
        rows = normalized(adapter(inputs.images))
        trials = inputs.judgements.triplets.take(inputs.folds.test_trials(run.fold))
        left, right = (
            (rows[trials.ref] * rows[side]).sum(1).astype(np.float64)
            for side in (trials.left, trials.right)
        )
        credits += two_afc.credit(left, right, trials.vote).tolist()
    return np.mean(hits), np.mean(credits)


@pytest.fixture(scope="module")
def apart():
    inputs = world(np.random.default_rng(0), shared=False)
    return inputs, joint_training.train(inputs, QUICK)


def test_judgements_teach_what_pairs_cannot_and_the_reverse(apart):
    scores = {s: recall_and_agreement(*apart, s) for s in ("start", *joint_training.SOURCES)}
    recall, agreement = ({s: score[k] for s, score in scores.items()} for k in (0, 1))
    assert recall["pairs"] > recall["start"] + 0.1
    assert agreement["judgements"] > agreement["start"] + 0.05
    assert abs(agreement["pairs"] - agreement["start"]) < 0.03  # pairs say nothing about it
    assert recall["judgements"] < recall["start"] + 0.06  # nor the judgements about them
    assert recall["both"] > recall["judgements"] + 0.1
    assert agreement["both"] > agreement["pairs"] + 0.05


def test_what_both_are_about_transfers():
    inputs = world(np.random.default_rng(1), shared=True)
    runs = joint_training.train(inputs, QUICK)
    scores = {s: recall_and_agreement(inputs, runs, s) for s in ("start", *joint_training.SOURCES)}
    assert scores["pairs"][1] > scores["start"][1] + 0.03  # from pairs to judgements
    assert scores["judgements"][0] > scores["start"][0] + 0.1  # and back


def test_test_pictures_are_never_looked_at(apart):
    """Other features and votes of what a fold tests change nothing that is learned without it."""
    inputs, runs = apart
    pairs, trials = inputs.folds.test_pairs(0), inputs.folds.test_trials(0)
    left, images = inputs.pairs.left.copy(), inputs.images.copy()
    left[pairs] = left[pairs[::-1]]
    triplets = inputs.judgements.triplets
    shown = np.unique(np.r_[triplets.ref[trials], triplets.left[trials], triplets.right[trials]])
    images[shown] = images[shown[::-1]]
    vote = triplets.vote.copy()
    vote[trials] = 1 - vote[trials]
    changed = replace(
        inputs,
        pairs=replace(inputs.pairs, left=left),
        images=images,
        judgements=replace(inputs.judgements, trials=replace(triplets, vote=vote)),
    )
    again = joint_training.train(changed, QUICK)
    for source in joint_training.SOURCES:
        np.testing.assert_array_equal(
            again[0].adapters[source](inputs.images), runs[0].adapters[source](inputs.images)
        )
    other = (run.adapters["both"](inputs.images) for run in (again[1], runs[1]))
    assert (next(other) != next(other)).any()


def test_a_stopped_run_resumes_with_the_same_numbers(apart, tmp_path):
    inputs, runs = apart
    file = tmp_path / "run.ckpt"
    answers = iter([False] * 200)
    with pytest.raises(Stopped):
        joint_training.train(
            inputs, QUICK, checkpoint=file, monitor=Monitor(stop=lambda: next(answers, True))
        )
    assert file.exists()
    resumed = joint_training.train(inputs, QUICK, checkpoint=file)
    for before, after in zip(runs, resumed, strict=True):
        for source in joint_training.SOURCES:
            np.testing.assert_array_equal(
                before.adapters[source](inputs.images), after.adapters[source](inputs.images)
            )
    with pytest.raises(BadDataError, match="checkpoint of another run"):
        joint_training.train(inputs, replace(QUICK, balance=0.4), checkpoint=file)


def test_bad_settings_are_named():
    for field, value, message in (
        ("balance", 1.0, "balance must be between 0 and 1"),
        ("margin", 0.0, "margin must be greater than 0"),
        ("margin", float("nan"), "margin must be greater than 0"),
        ("folds", 2, "folds must be at least 3"),
    ):
        with pytest.raises(BadDataError, match=message):
            JointSettings(**{field: value})
    with pytest.raises(UnknownNameError, match="term"):
        JointSettings(term="pair")
