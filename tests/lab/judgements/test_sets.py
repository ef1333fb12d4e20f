"""Fine-tuning sets drawn from others, and an experiment's answers, as sets of judgements."""

import numpy as np
import pytest

from simcore.data.judgements import triplet_sets
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning
from simcore.lab.library import collections, extraction, provenance
from simcore.lab.people import experiments, export, participation
from simcore.training import splits
from simcore.training.finetune import judgement_examples
from tests.conftest import draw
from tests.data.judgements.conftest import known, known_cache

__all__ = ["known", "known_cache"]

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0] * 5, "color": [0.0, 1.0, 0.6] * 2}


def test_a_sample_is_a_set_of_its_own(bapps_tree):
    source = sets.add("bapps", bapps_tree(VOTES), name="mine")
    drawn = sets.save_sample("mine", "Triplet_BAPPS_2AFC", "small", size=10, seed=3)
    summary = sets.summary("small")
    assert (summary.kind, summary.votes, summary.trials) == ("bapps", "human", 10)
    assert summary.groups == {"cnn": 5, "color": 5}
    sample = sets.sample("mine", "triplets", size=10, seed=3)
    ids = drawn.triplets.images.ids
    nearer = [tuple(ids[i] for i in row) for row in triplet_sets.nearer_first(drawn.triplets)]
    assert nearer == list(sample.rows) == list(sample.to_table().rows)
    votes = {
        source.triplets.images.ids[r]: v
        for r, v in zip(source.triplets.ref, source.triplets.vote, strict=True)
    }
    assert drawn.triplets.vote.tolist() == [votes[ids[ref]] for ref in drawn.triplets.ref]
    assert sets.save_sample("mine", "triplets", "again", size=10, seed=3).digest == drawn.digest
    assert sets.save_sample("mine", "triplets", "other", size=10, seed=4).digest != drawn.digest


def test_a_sample_outlives_its_source(known):
    drawn = sets.save_sample("known", "quadruplets", "small", size=24)
    assert drawn.alternatives.shape == (24, 1)
    assert drawn.votes == "known order"
    sets.remove("known")
    paths = sets.open_("small").triplets.images.paths
    assert all(path.is_file() for path in paths)
    shown = splits.trial_images(drawn.triplets)
    parts = splits.split_trials(shown, 0)
    examples = judgement_examples.examples(drawn, parts, "train", fourth=True)
    assert examples.negatives.shape[1] == 2


def test_samples_that_cannot_be_drawn_give_one_sentence(bapps_tree):
    sets.add("bapps", bapps_tree(VOTES), name="mine")
    with pytest.raises(BadDataError, match="Triplet_ImageNet_HSJ is drawn"):
        sets.save_sample("mine", "Triplet_ImageNet_HSJ", "x")
    with pytest.raises(UnknownNameError, match="kind of sample"):
        sets.save_sample("mine", "pairs", "x")
    with pytest.raises(BadDataError, match="already"):
        sets.save_sample("mine", "triplets", "mine")
    assert sets.names() == ["mine"]


def test_table_a1_as_printed(bapps_tree):
    sets.add("bapps", bapps_tree(VOTES), name="mine")
    rows = {row.id: row for row in sets.printed()}
    assert len(rows) == 9
    assert {row.size for row in rows.values()} == {1000}
    assert rows["Quadruplet_BAPPS_2AFC"].sets == ("mine",)
    assert rows["Singleton_Birds-16"] == sets.PrintedSample(
        "Singleton_Birds-16", "birds-16", "singles", 1000, ()
    )


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
    with pytest.raises(BadDataError, match="Nobody has answered 'asked' yet"):
        export.judgements("asked", "answers")
    code = participation.join("asked")
    while screen := participation.screen("asked", code):
        assert participation.answer("asked", code, screen.number, place=0, seconds=1.0).new
    made = export.judgements("asked", "answers")
    assert export.existing_sets("asked") == ["answers"]
    assert export.unused_name("answers") == "answers-2"
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
