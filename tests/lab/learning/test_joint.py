"""What is learned from pairs and judgements together: scores on unseen pictures, a backbone."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import simcore as sc
from simcore.__main__ import run
from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.judgements import agreement, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.learning import joint, learned_backbones
from simcore.lab.library import collections, provenance
from simcore.lab.search import search
from simcore.models import lineage
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import cache_below, extracted_pairs, make_bapps

MODELS = ["color", "layout"]
QUICK = joint.JointSettings(dims=8, epochs=24, folds=3)
VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4, 0.6] * 2, "color": [0.0, 1.0, 0.6, 0.5] * 3}


@pytest.fixture(scope="module")
def drawn_cache(tmp_path_factory):
    """A cache with sixteen drawn pairs, their features, and the triplets of `VOTES`."""
    root = tmp_path_factory.mktemp("drawn")
    folder = extracted_pairs(root, "drawn", 16, MODELS)
    with cache_below(root):
        sets.add("bapps", make_bapps(root / "dataset", VOTES), name="mine")
    return folder


@pytest.fixture
def data(drawn_cache, cache):
    """("drawn", "mine"): sixteen pairs and 24 triplets."""
    shutil.copytree(drawn_cache, cache, dirs_exist_ok=True)
    return "drawn", "mine"


@pytest.fixture(scope="module")
def learned(drawn_cache, tmp_path_factory):
    """A result, and the cache after that run."""
    root = tmp_path_factory.mktemp("learned")
    with cache_below(root) as folder:
        shutil.copytree(drawn_cache, folder)
        return joint.learn("drawn", "mine", MODELS, QUICK), folder


@pytest.fixture
def result(learned, data, cache):
    """The result of a run, whose files are in this test's own cache."""
    learned_result, folder = learned
    shutil.copytree(folder, cache, dirs_exist_ok=True)
    return learned_result


@pytest.fixture
def quick(monkeypatch):
    """Settings made from the options of the command line and of `sc.learn` train as `QUICK`."""
    make_settings = joint.make_settings

    def quick_settings(**options):
        return replace(make_settings(**options), dims=QUICK.dims, epochs=QUICK.epochs)

    monkeypatch.setattr(joint, "make_settings", quick_settings)


def test_the_learned_backbone_gives_the_reported_scores(data, result):
    info = joint.save_backbone(result, "both")
    pairs, judgements = data
    assert (info.collection, info.judgements, info.data) == (pairs, judgements, "drawn + mine")
    assert learned_backbones.joint_listing(*data) == [info]
    assert learned_backbones.listing()[0].to_dict()["score_name"] == "aR@1"
    recipe = recipes.parse([info.name])[0]
    ranks = [recall.ranks(pairs, recipe, d, subset="unseen:both") for d in ("lr", "rl")]
    assert info.recall["1"] == pytest.approx((np.minimum(*ranks) <= 1).mean())
    question = JudgementQuestion(judgements, (info.name,), ("cosine",), subset="unseen:both")
    table = agreement.table(question)
    assert len(question.open().trials) == len(info.test_trials)
    assert table.rows[0].overall.value == pytest.approx(info.agreement)
    changes = learned_backbones.trial_changes("both")
    assert len(changes.rows("all")) == len(info.test_trials)
    assert len(learned_backbones.pair_changes("both").rows("all")) == len(info.test_ids)
    assert learned_backbones.trial_table(judgements).rows[0][0] == info.name
    assert learned_backbones.pair_table(pairs).rows[0][0] == info.name


def test_it_works_in_explore_and_warns_of_what_it_was_trained_on(data, result):
    info = joint.save_backbone(result, "both")
    pairs, judgements = data
    question = Question(pairs, tuple(recipes.parse([info.name])))
    left = collections.open_(pairs).left
    stored = search.search(question, search.Query(id=left.ids[2]), k=5)[0]
    uploaded = search.search(question, search.Query(image=left.paths[2].read_bytes()), k=5)[0]
    assert uploaded.ids == stored.ids
    assert "unseen:both" in provenance.training_overlap_warning(pairs, [info.name], "all")
    assert "unseen:both" in provenance.trained_on_warning(sets.open_(judgements), [info.name])
    with pytest.raises(BadDataError, match="judge it again"):
        joint.learn(pairs, judgements, [info.name])


def test_scores_are_means_over_what_each_fold_tests(data, result):
    """Recomputed from the adapters, in plain NumPy."""
    hits, earned = [], []
    folds, triplets = result.inputs.folds, result.judgements.triplets
    for fitted in result.runs:
        rows = folds.test_pairs(fitted.fold)
        left, right = (
            fitted.adapters["both"](side[rows])
            for side in (result.inputs.pairs.left, result.inputs.pairs.right)
        )
        left, right = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
        cosines = left @ right.T
        for number in range(len(rows)):
            mate = cosines[number, number]
            ahead = min((cosines[number] >= mate).sum(), (cosines[:, number] >= mate).sum())
            hits.append(ahead == 1)
        mapped = fitted.adapters["both"](result.inputs.images)
        mapped /= np.linalg.norm(mapped, axis=1, keepdims=True)
        for row in folds.test_trials(fitted.fold):
            reference = mapped[triplets.ref[row]]
            right, left = (
                mapped[side[row]] @ reference for side in (triplets.right, triplets.left)
            )
            vote = triplets.vote[row]
            earned.append((triplets.group[row], vote if right > left else 1 - vote))
    score = result.score("both")
    assert score.recall.value == pytest.approx(np.mean(hits))
    groups = {name for name, _ in earned}
    means = [np.mean([value for name, value in earned if name == group]) for group in groups]
    assert score.agreement.value == pytest.approx(np.mean(means))
    assert score.agreement.low <= score.agreement.value <= score.agreement.high
    gain = result.gain("before", "both").recall.value
    assert gain == pytest.approx(score.recall.value - result.score("before").recall.value)


def test_the_command_its_json_and_the_python_call(data, quick, capsys):
    args = ["learn", "joint", *data, "--models", ",".join(MODELS), "--folds", "3"]
    assert run([*args, "--save", "both", "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    document = envelope["result"]
    assert document["saved"] == "learned:both"
    assert envelope["collection"]["name"] == "drawn"
    assert document["scores"].keys() == {"before", "start", "pairs", "judgements", "both"}
    assert lineage.read("both").result["scores"] == document["scores"]
    assert joint.scores_table(document).rows[4][0] == "learned from both"
    again = sc.learn("drawn", MODELS, judgements="mine")
    assert again.to_table().columns == joint.scores_table(document).columns
    assert run([*args, "--balance", "2"]) == 1
    assert "balance must be between 0 and 1" in capsys.readouterr().err


def test_a_stopped_run_is_listed_and_resumed(data, result):
    answers = iter([False] * 60)
    with pytest.raises(Stopped):
        joint.learn(
            *data, MODELS, QUICK, save="half", monitor=Monitor(stop=lambda: next(answers, True))
        )
    assert lineage.unfinished() == ["half"]
    resumed = joint.learn(*data, MODELS, QUICK, save="half")
    assert resumed.to_dict() | {"seconds": 0} == result.to_dict() | {"seconds": 0}


def test_quadruplets_and_unknown_data(data, quick):
    settings = joint.make_settings(term="quadruplet", folds=3)
    assert settings.second_margin == settings.margin / 2
    assert joint.learn(*data, MODELS, settings).settings.term == "quadruplet"
    with pytest.raises(UnknownNameError, match="set of judgements"):
        joint.learn("drawn", "nobody", MODELS)
    with pytest.raises(BadDataError, match="too few for 9 folds"):
        joint.learn(*data, MODELS, joint.make_settings(folds=9))
