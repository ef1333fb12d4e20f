"""Fine-tuning on judgements: disjoint parts, agreement before and after, who may judge."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.judgements import agreement, pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.learning import finetuning, learned_backbones, training_data
from simcore.lab.library import collections, extraction, provenance, subsets
from simcore.models import lineage, state_dicts
from simcore.training.finetune.paradigms import PARADIGMS
from simcore.types import Monitor
from tests.conftest import draw
from tests.data.judgements.conftest import (
    bird_images,  # noqa: F401  a fixture
    psiz_folder,  # noqa: F401  a fixture
    ranked,  # noqa: F401  a fixture
)

ROOT = Path(__file__).parents[3]
VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4, 0.6, 0.5] * 4, "color": [0.0, 1.0, 0.6, 0.2] * 4}


@pytest.fixture
def judged(bapps_tree):
    """Forty-four triplets in two groups, four of them ties."""
    return sets.add("bapps", bapps_tree(VOTES), name="mine")


def make_settings(backbone, paradigm="triplet", **changes):
    defaults = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
    return finetuning.make_settings(backbone, paradigm, **(defaults | changes))


_TRAINED = []  # (cache with learned:tuned, result): trained by the first test that needs it


@pytest.fixture
def tuned(judged, conv, cache, tmp_path_factory):
    """The result of fine-tuning "tiny-conv" on "mine"; the backbone is learned:tuned."""
    if not _TRAINED:
        result = finetuning.tune("mine", conv, make_settings(conv), save="tuned")
        copy = tmp_path_factory.mktemp("tuned") / "cache"
        shutil.copytree(cache, copy)
        _TRAINED.append((copy, result))
    copy, result = _TRAINED[0]
    shutil.copytree(copy, cache, dirs_exist_ok=True)
    return result


def test_the_report_is_what_the_page_of_judgements_shows(judged, conv, tuned):
    document = json.loads(json.dumps(tuned.to_dict()))
    assert document["judgements"] == "mine"
    trials = document["trials"]
    assert trials["across"] == 0
    assert trials["train"] + trials["validation"] + trials["test"] == 44
    assert 0 <= trials["undecided"] <= 4
    part = provenance.unseen_part(judged, "unseen:tuned")
    assert len(part.trials) == trials["test"]
    question = JudgementQuestion(
        "mine", (conv, "learned:tuned"), ("cosine",), subset="unseen:tuned"
    )
    table = agreement.table(question)
    for stage, row in zip(("before", "after"), table.rows, strict=True):
        value = document[stage]["agreement"]["value"]
        assert value == pytest.approx(row.overall.value, abs=1e-9)
        assert document[stage]["groups"].keys() == row.groups.keys()
    before, after = (document[stage]["agreement"]["value"] for stage in ("before", "after"))
    difference = document["difference"]
    assert difference["value"] == pytest.approx(after - before)
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert [row[0] for row in tuned.to_table().rows] == [conv, "learned:tuned"]


def test_lineage_of_a_run_on_judgements(judged, conv, tuned):
    (info,) = learned_backbones.listing()
    assert info == learned_backbones.read_lineage("tuned")
    assert (info.judgements, info.data, info.digest) == ("mine", "mine", judged.digest)
    assert (info.base, info.paradigm, info.seed) == ((conv,), "triplet", 0)
    assert len(info.test_trials) == tuned.evaluation.trials.test
    value = tuned.to_dict()["after"]["agreement"]["value"]
    assert info.held_out_score == info.agreement == value
    assert learned_backbones.trial_table("mine").rows[0][0] == "learned:tuned"
    assert learned_backbones.pair_table("mine").rows == ()  # that table is of collections


def test_no_test_image_was_used_for_training(judged, tuned):
    test = judged.triplets.take(tuned.data.split.test)
    rows = np.unique(np.concatenate([test.ref, test.left, test.right]))
    keys = {judged.triplets.images.keys[row] for row in rows}
    assert not lineage.training_images("tuned") & keys
    assert lineage.training_images("tuned")


def test_every_set_with_training_images_warns(judged, conv, tuned, bapps_tree):
    again = sets.add("bapps", sets.summary("mine").source, name="again")
    for judgements in (judged, again):
        warning = provenance.trained_on_warning(judgements, [conv, "learned:tuned"])
        assert "unseen:tuned" in warning
        assert provenance.subsets(judgements).keys() == {"all", "unseen:tuned"}
        part = provenance.unseen_part(judgements, "unseen:tuned")
        assert provenance.trained_on_warning(part, ["learned:tuned"]) == ""
    assert provenance.trained_on_warning(judged, [conv]) == ""
    with pytest.raises(UnknownNameError, match="subset"):
        provenance.unseen_part(judged, "some")
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune("again", "learned:tuned", make_settings(conv), save="more")


def test_a_collection_of_the_training_images_warns_too(judged, conv, tuned, tmp_path):
    """It was trained on judgements, not on these pairs, but on their images."""
    images = judged.triplets.images
    root = tmp_path / "paired"
    for side, rows in (("left", judged.triplets.ref), ("right", judged.triplets.left)):
        (root / side).mkdir(parents=True)
        for row in range(44):
            target = root / side / f"{row:02}.png"
            target.write_bytes(images.paths[rows[row]].read_bytes())
    collections.add("pairs", root, name="paired")
    assert "unseen:tuned" in subsets.choices("paired")
    assert "unseen:tuned" in provenance.training_overlap_warning("paired", ["learned:tuned"], "all")
    unseen = subsets.open_subset("paired", "unseen:tuned")
    assert len(unseen.left) == tuned.evaluation.trials.test
    extraction.extract("paired", [conv, "learned:tuned"])
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune("paired", "learned:tuned", make_settings(conv), save="more")


@pytest.mark.slow
def test_a_learned_backbone_can_be_trained_on_other_data(conv, tuned):
    """The training images of both count; the preset is that of the network at the bottom."""
    assert "learned:tuned" in finetuning.trainable()
    assert finetuning.preset_source("learned:tuned") == finetuning.preset_source(conv)
    settings = make_settings("learned:tuned", epochs=1, batch_size=64)
    result = finetuning.tune("known", "learned:tuned", settings, save="vit-like")
    assert finetuning.preset_source("learned:vit-like") == finetuning.preset_source(conv)
    assert lineage.read("vit-like").base == ("learned:tuned",)
    assert lineage.training_images("vit-like") > lineage.training_images("tuned")
    part = provenance.unseen_part(sets.open_("known"), "unseen:vit-like")
    assert len(part.triplets) == result.evaluation.trials.test
    question = JudgementQuestion(
        "known", ("learned:vit-like",), ("cosine",), subset="unseen:vit-like"
    )
    (row,) = agreement.table(question).rows
    assert row.overall.value == pytest.approx(result.to_dict()["after"]["agreement"]["value"])


@pytest.mark.parametrize("paradigm", [p for p in PARADIGMS if p != "triplet"])
def test_every_paradigm_learns_from_judgements(judged, conv, paradigm):
    settings = make_settings(conv, paradigm, epochs=1, batch_size=16)
    result = finetuning.tune("mine", conv, settings, save="tuned")
    assert result.training.finished
    assert np.isfinite(result.training.losses).all()
    assert pair_similarities.ready(judged, "learned:tuned")
    assert pair_similarities.ready(judged, conv)


@pytest.mark.parametrize("kind", ["birds-16", "hsj"])
def test_ranking_trials_can_be_learned_from(psiz_folder, bird_images, ranked, conv, kind):  # noqa: F811
    """Images connect nearly all of 300 trials: some are left out, none leaks."""
    root = psiz_folder([(100, ranked(300))])
    judgements = sets.add(kind, root, name="ranks", images=bird_images, keep_alternatives=True)
    assert set(judgements.triplets.group) == {"8rank2 similar", "8rank2 dissimilar"}
    settings = make_settings(conv, "quadruplet", epochs=1, batch_size=16)
    trials = finetuning.tune("ranks", conv, settings, save="tuned").evaluation.trials
    assert trials.across > 0
    assert trials.train + trials.validation + trials.test + trials.across == 600
    part = provenance.unseen_part(judgements, "unseen:tuned")
    assert len(part.triplets) == trials.test


KILLED = """
import os, signal, sys
from simcore.lab.learning import finetuning
from simcore.types import Monitor
from tests.lab.conftest import register
from tests.lab.learning.test_finetuning import make_settings

def kill(progress):
    if progress.stage == "quadruplet" and progress.done == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

backbone = register()
settings = make_settings(backbone, "quadruplet", epochs=3, patience=9)
finetuning.tune("mine", backbone, settings, save="killed", monitor=Monitor(kill))
"""


def test_a_killed_run_resumes_from_its_last_checkpoint_bit_for_bit(judged, conv):
    settings = make_settings(conv, "quadruplet", epochs=3, patience=9)
    expected = finetuning.tune("mine", conv, settings, save="whole")
    epoch = expected.training.steps_per_epoch
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(epoch + 2)],
        cwd=ROOT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == -signal.SIGKILL
    assert lineage.unfinished() == ["killed"]
    steps = []
    resumed = finetuning.tune(
        "mine",
        conv,
        settings,
        save="killed",
        monitor=Monitor(lambda p: steps.append(p.done) if p.stage == "quadruplet" else None),
    )
    assert steps[0] == epoch + 1  # the epoch before was saved
    assert resumed.training.losses == expected.training.losses
    assert resumed.training.validation_losses == expected.training.validation_losses
    np.testing.assert_array_equal(resumed.after, expected.after)
    weights, others = (state_dicts.read(lineage.path(name, "pt")) for name in ("whole", "killed"))
    assert weights.keys() == others.keys()
    for key in weights:
        assert weights[key].equal(others[key])


def test_the_checkpoint_of_another_set_is_refused(judged, conv, bapps_tree):
    settings, stopped = make_settings(conv), Monitor(stop=lambda: True)
    finetuning.tune("mine", conv, settings, save="half", monitor=stopped)
    votes = {"cnn": [0.8, 0.2, 1.0, 0.0, 0.4, 0.6, 0.5] * 4, "color": VOTES["color"]}
    root = Path(sets.summary("mine").source)
    root.rename(root.with_name("first"))
    sets.remove("mine")
    sets.add("bapps", bapps_tree(votes), name="mine")
    with pytest.raises(BadDataError, match="another run"):
        finetuning.tune("mine", conv, settings, save="half")


def test_names_of_training_data(judged, tmp_path):
    assert training_data.resolve("mine") == ("judgements", "mine")
    assert training_data.resolve("known") == ("judgements", "known")
    with pytest.raises(UnknownNameError, match="collection or judgement set"):
        training_data.resolve("nobody")
    sets.collection("mine")  # its own images, without mates, under the same name
    assert collections.names() == ["mine"]
    assert training_data.resolve("mine") == ("judgements", "mine")
    collections.remove("mine")
    for side in ("left", "right"):
        (tmp_path / "p" / side).mkdir(parents=True)
        draw(1, 60, 60).save(tmp_path / "p" / side / "a.png")
    collections.add("pairs", tmp_path / "p", name="mine")
    with pytest.raises(BadDataError, match="Write pairs:mine or judgements:mine"):
        training_data.resolve("mine")
    assert training_data.resolve("pairs:mine") == ("pairs", "mine")
    assert training_data.resolve("judgements:mine") == ("judgements", "mine")


def test_data_that_cannot_be_learned_from_are_refused(bapps_tree, conv):
    sets.add("bapps-jnd", bapps_tree({"cnn": [0.2, 1.0]}, kind="jnd"), name="jnd")
    with pytest.raises(BadDataError, match="can test a network but not train it"):
        finetuning.tune("jnd", conv, make_settings(conv), save="x")
    with pytest.raises(BadDataError, match="Subsets are of a collection"):
        finetuning.tune("known", conv, make_settings(conv), save="x", subset="tlld")


def test_every_network_with_weights_can_be_trained(conv, monkeypatch):
    from simcore.models import registry, weights

    names = finetuning.trainable()
    assert conv in names
    assert not {"hog", "color", "face", "haar"} & set(names)
    monkeypatch.setattr(weights, "status", lambda _: (True, ""))
    names = finetuning.trainable()
    assert {"mobilenetv2", "mobilenetv2-grid", *registry.names("modern")} <= set(names)
    assert not {"hog", "face", "haar"} & set(names)


@pytest.mark.parametrize(
    ("backbone", "row", "printed"),
    [
        ("ViT-B-16_BASE", "vit-b-16", True),
        ("CLIP_ResNet-50_BASE", "clip-resnet50", True),
        ("CLIP_ResNet-50x4", "clip-resnet50", False),
        ("deits16", "dino-vit-b-16", False),  # DINO in spite of its name
        ("timm:deit_base_patch16_224.fb_in1k", "vit-b-16", False),
        ("dinov3-base", "dino-vit-b-16", False),
        ("clip-large", "clip-vit-b-16", False),
        ("siglip2-base", "clip-vit-b-16", False),
        ("eva02-base", "clip-vit-b-16", False),
        ("dreamsim-open-clip", "clip-vit-b-16", False),
        ("barlow", "resnet50", False),
        ("mobilenetv2", "efficientnetv2-m", False),
    ],
)
def test_presets_are_those_of_the_architecture(backbone, row, printed):
    """Whatever letters the name has; weights are not needed."""
    source = finetuning.preset_source(backbone)
    assert (source.network, source.is_printed) == (row, printed)
    assert ("our choice" in source.note) == (not printed)
    rate = 1e-5 if "vit" in row and "clip" in row else 1e-6 if "vit" in row else 1e-4
    assert finetuning.make_settings(backbone, "triplet").learning_rate == rate


def test_the_papers_protocol_states_the_overlap(judged, conv):
    settings = make_settings(conv, protocol="paper", epochs=1)
    result = finetuning.tune("mine", conv, settings, save="thesis")
    trials = result.evaluation.trials
    assert (trials.train, trials.validation, trials.test, trials.shared) == (44, 0, 44, 44)
    assert result.training.epoch == 1
    document = result.to_dict()
    assert document["trials"]["split"] == "all"
    assert "44 of 44 test trials show an image of training" in document["guarantee"]
    assert any("every trial is both" in note for note in result.to_table().notes)
    with pytest.raises(BadDataError, match="needs validation trials"):
        finetuning.tune("mine", conv, make_settings(conv), save="x", split="all")
    with pytest.raises(UnknownNameError, match="split"):
        finetuning.tune("mine", conv, make_settings(conv), save="x", split="birds")


def test_a_split_by_references_in_a_run(judged, conv):
    result = finetuning.tune(
        "mine", conv, make_settings(conv, epochs=1), save="dense", split="references"
    )
    trials = result.evaluation.trials
    assert trials.split == "references"
    assert trials.across == 0  # every reference is in one trial only
    triplets = judged.triplets
    trained = lineage.training_images("dense")
    references = {triplets.images.keys[triplets.ref[row]] for row in result.data.split.test}
    assert trained
    assert not trained & references
    assert "No reference of a test trial" in result.to_dict()["guarantee"]


def test_a_singleton_set_is_kept_and_learned_from_by_name(judged, conv):
    kept = sets.save_sample("mine", "Singleton_BAPPS_2AFC", "mine-singles", size=30, seed=1)
    assert (kept.name, kept.judgements, kept.images) == ("mine-singles", "mine", 30)
    assert sets.singleton_sets() == [kept]
    assert collections.summary("mine-singles").paired is False
    drawn = {image for (image,) in sets.sample("mine", "singles", size=30, seed=1).rows}
    assert set(collections.open_("mine-singles").left.ids) == drawn
    result = finetuning.tune("mine-singles", conv, make_settings(conv, "moco"), save="alone")
    document = json.loads(json.dumps(result.to_dict()))
    counts = document["trials"]
    assert counts["train"] + counts["validation"] == 30
    assert counts["learned_from"] == "images"
    # Tested on the trials that show none of the thirty images, which `unseen:` finds as well.
    part = provenance.unseen_part(judged, "unseen:alone")
    assert counts["test"] == len(part.triplets) > 2
    ids = judged.triplets.images.ids
    for row in result.evaluation.trials.test_trials:
        triplets = judged.triplets
        shown = {ids[side[row]] for side in (triplets.ref, triplets.left, triplets.right)}
        assert not shown & drawn
    info = lineage.read("alone")
    assert (info.collection, info.judgements, info.data) == ("mine-singles", "mine", "mine-singles")
    assert info.score_name == "agreement"
    assert info.held_out_score == document["after"]["agreement"]["value"]
    for name in ("mine", "mine-singles"):
        assert learned_backbones.trial_table(name).rows[0][0] == "learned:alone"
    assert len(learned_backbones.trial_changes("alone").rows("all")) == counts["test"]
    assert result.to_table().title.startswith(f"mine-singles: {counts['train']} training images")


def test_single_images_without_trials_and_what_they_cannot_teach(judged, conv, tmp_path):
    for number in range(8):
        draw(number, 40, 40).save(tmp_path / f"{number}.png")
    collections.add("images", tmp_path, name="alone")
    result = finetuning.tune("alone", conv, make_settings(conv, "simclr"), save="views")
    assert result.evaluation.trials.after is None
    assert "No judgements to test on" in result.to_table().notes[0]
    assert result.to_table().title.startswith("alone: ")
    assert learned_backbones.summary_table().rows[0][-1] == "not tested"
    assert np.isnan(lineage.read("views").held_out_score)
    with pytest.raises(BadDataError, match="triplet learns from triplets"):
        finetuning.tune("alone", conv, make_settings(conv), save="other")
    with pytest.raises(BadDataError, match="Subsets are of pairs"):
        finetuning.tune("alone", conv, make_settings(conv, "moco"), save="other", subset="faces")
    sets.save_sample("mine", "singles", "few", size=3)
    with pytest.raises(BadDataError, match="has 3 images"):
        finetuning.tune("few", conv, make_settings(conv, "moco"), save="other")
    with pytest.raises(BadDataError, match="named 'mine'"):
        sets.save_sample("mine", "singles", "mine")


def test_protocol_paper_says_how_many_trials_show_a_single_image(judged, conv):
    sets.save_sample("mine", "singles", "half", size=66)
    settings = make_settings(conv, "moco", protocol="paper", epochs=1)
    result = finetuning.tune("half", conv, settings, save="paper")
    counts = result.evaluation.trials.trials
    drawn = set(collections.open_("half").left.ids)
    triplets = judged.triplets
    columns = (triplets.ref, triplets.left, triplets.right)
    shown = [{triplets.images.ids[side[row]] for side in columns} for row in range(44)]
    assert (counts.train, counts.test) == (66, 44)
    assert counts.shared == sum(bool(images & drawn) for images in shown)
    assert f"{counts.shared} of 44 test trials" in counts.guarantee
