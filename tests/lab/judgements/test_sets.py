"""Fine-tuning sets drawn from others, and an experiment's answers, as sets of judgements."""

import numpy as np
import pytest

from simcore.data.judgements import triplet_sets
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning
from simcore.lab.library import collections, extraction, provenance
from simcore.lab.people import experiments, export, participation
from simcore.learn import splits
from simcore.learn.finetune import judgement_examples
from tests.conftest import draw

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0] * 5, "color": [0.0, 1.0, 0.6] * 2}


def test_a_sample_is_a_set_of_its_own(bapps_tree):
    whole = sets.add("bapps", bapps_tree(VOTES), name="mine")
    found = sets.keep("mine", "Triplet_BAPPS_2AFC", "small", size=10, seed=3)
    told = sets.summary("small")
    assert (told["kind"], told["votes"], told["trials"]) == ("bapps", "human", 10)
    assert told["groups"] == {"cnn": 5, "color": 5}
    listed = sets.sample("mine", "triplets", size=10, seed=3)["rows"]
    ids = found.triplets.images.ids
    nearer = [[ids[i] for i in row] for row in triplet_sets.nearer_first(found.triplets)]
    assert nearer == listed
    votes = {
        whole.triplets.images.ids[r]: v
        for r, v in zip(whole.triplets.ref, whole.triplets.vote, strict=True)
    }
    assert found.triplets.vote.tolist() == [votes[ids[ref]] for ref in found.triplets.ref]
    assert sets.keep("mine", "triplets", "again", size=10, seed=3).digest == found.digest
    assert sets.keep("mine", "triplets", "other", size=10, seed=4).digest != found.digest


def test_a_sample_outlives_the_set_that_it_was_drawn_from():
    sets.open_("known")
    found = sets.keep("known", "quadruplets", "small", size=24)
    assert found.others.shape == (24, 1)
    assert found.votes == "known order"
    sets.remove("known")
    paths = sets.open_("small").triplets.images.paths
    assert all(path.is_file() for path in paths)
    shown = splits.trial_images(found.triplets)
    parts = splits.split_trials(shown, 0)
    told = judgement_examples.examples(found, parts, "train", fourth=True)
    assert told.negatives.shape[1] == 2


def test_what_cannot_be_sampled_is_one_sentence(bapps_tree):
    sets.add("bapps", bapps_tree(VOTES), name="mine")
    with pytest.raises(BadDataError, match="Triplet_ImageNet_HSJ is drawn"):
        sets.keep("mine", "Triplet_ImageNet_HSJ", "x")
    with pytest.raises(BadDataError, match="their pictures alone"):
        sets.keep("mine", "singles", "x")
    with pytest.raises(UnknownNameError, match="kind of sample"):
        sets.keep("mine", "pairs", "x")
    with pytest.raises(BadDataError, match="already"):
        sets.keep("mine", "triplets", "mine")
    assert sets.names() == ["mine"]


def test_table_a1_as_printed(bapps_tree):
    sets.add("bapps", bapps_tree(VOTES), name="mine")
    rows = {row["id"]: row for row in sets.printed()}
    assert len(rows) == 9
    assert {row["size"] for row in rows.values()} == {1000}
    assert rows["Quadruplet_BAPPS_2AFC"]["here"] == ["mine"]
    assert rows["Singleton_Birds-16"] == {
        "id": "Singleton_Birds-16",
        "source": "birds-16",
        "sample": "singles",
        "size": 1000,
        "here": [],
    }


def test_from_an_experiments_answers_to_a_learned_backbone(tmp_path, conv):
    """Collection with captions, experiment, answers, judgements, fine-tuning, honest judging."""
    for side, turn in (("left", 0), ("right", 8)):
        (tmp_path / "p" / side).mkdir(parents=True)
        for number in range(60):
            draw(number, 60, 70).rotate(turn).save(tmp_path / "p" / side / f"{number:02}.png")
    collections.add("pairs", tmp_path / "p", name="sixty", trim=10)
    extraction.extract("sixty", ["color"])
    plan = experiments.Plan(experiments.parse(["random"], 30), choices=2, catch=1)
    experiments.create("asked", "sixty", plan)
    with pytest.raises(BadDataError, match="no answer to 'asked' yet"):
        export.judgements("asked", "answers")
    code = participation.join("asked")
    while screen := participation.screen("asked", code):
        assert participation.answer("asked", code, screen.number, place=0, seconds=1.0)
    made = export.judgements("asked", "answers")
    assert export.existing_set("asked") == ["answers"]
    assert export.fresh("answers") == "answers-2"
    assert len(made.triplets) == 30
    assert set(made.triplets.votes_n) == {1}
    collection = collections.open_("sixty")
    keys = {key for side in collection.sides() for key in side.keys}
    assert set(made.triplets.images.keys) <= keys  # captions are cut off here as well
    assert made.triplets.images.trim == 10
    assert export.triplets("asked").count("\n") == 31
    chosen = finetuning.make_settings(conv, "triplet", epochs=1, batch_size=4)
    found = finetuning.tune("answers", conv, chosen, save="taught")
    assert found.saved == "learned:taught"
    part = provenance.unseen_part(made, "unseen:taught")
    assert len(part.triplets) == found.evaluation.trials.test
    assert np.isfinite(found.after).all()
