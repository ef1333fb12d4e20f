"""Fine-tuning on judgements: honest parts, agreement before and after, and who may judge it."""

import json
import os
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
from simcore.learn.finetune.paradigms import PARADIGMS
from simcore.models import lineage, state_dicts
from simcore.types import Monitor
from tests.conftest import draw
from tests.data.judgements.conftest import (
    bird_images,  # noqa: F401  a fixture
    psiz_folder,  # noqa: F401  a fixture
    ranked,  # noqa: F401  a fixture
)

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4, 0.6, 0.5] * 4, "color": [0.0, 1.0, 0.6, 0.2] * 4}


@pytest.fixture
def judged(bapps_tree):
    """Forty-four triplets in two groups, four of them ties."""
    return sets.add("bapps", bapps_tree(VOTES), name="mine")


def settings(base, paradigm="triplet", **other):
    return finetuning.preset(base, paradigm, **{"epochs": 2, "batch": 4, "rate": 1e-3, **other})


@pytest.fixture
def report(judged, conv):
    return finetuning.tune("mine", conv, settings(conv), save="tuned")


def test_what_is_reported_is_what_the_page_of_judgements_says(judged, conv, report):
    told = json.loads(json.dumps(report.to_dict()))
    assert told["judgements"] == "mine"
    trials = told["trials"]
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
        assert told[stage]["agreement"]["value"] == pytest.approx(row.overall.value, abs=1e-9)
        assert told[stage]["groups"].keys() == row.groups.keys()
    before, after = (told[stage]["agreement"]["value"] for stage in ("before", "after"))
    assert told["difference"]["value"] == pytest.approx(after - before)
    assert told["difference"]["low"] <= told["difference"]["value"] <= told["difference"]["high"]


def test_lineage_of_a_run_on_judgements(judged, conv, report):
    told = learned_backbones.lineage("tuned")
    assert (told["judgements"], told["digest"]) == ("mine", judged.digest)
    assert (told["base"], told["paradigm"], told["seed"]) == ([conv], "triplet", 0)
    assert len(told["test_trials"]) == report.source.parts["test"]
    (row,) = learned_backbones.listing()
    assert row["data"] == "mine"
    assert row["worth"] == told["agreement"] == report.to_dict()["after"]["agreement"]["value"]
    assert learned_backbones.pair_table("mine") == []  # that table is of collections


def test_no_test_picture_was_ever_shown(judged, report):
    test = judged.triplets.take(report.source.split.test)
    rows = np.unique(np.concatenate([test.ref, test.left, test.right]))
    keys = {judged.triplets.images.keys[row] for row in rows}
    assert not lineage.training_images("tuned") & keys
    assert lineage.training_images("tuned")


def test_judging_it_by_what_it_saw_warns_in_any_set_that_shows_it(judged, conv, report, bapps_tree):
    again = sets.add("bapps", sets.summary("mine").source, name="again")
    for one in (judged, again):
        assert "unseen:tuned" in provenance.trained_on_warning(one, [conv, "learned:tuned"])
        assert provenance.subsets(one).keys() == {"all", "unseen:tuned"}
        assert (
            provenance.trained_on_warning(
                provenance.unseen_part(one, "unseen:tuned"), ["learned:tuned"]
            )
            == ""
        )
    assert provenance.trained_on_warning(judged, [conv]) == ""
    with pytest.raises(UnknownNameError, match="subset"):
        provenance.unseen_part(judged, "some")
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune("again", "learned:tuned", settings(conv), save="more")


def test_the_pictures_as_a_collection_know_it_too(judged, conv, report):
    """It was not learned from these pairs, but from their pictures."""
    images = judged.triplets.images
    root = Path(sets.summary("mine").source).parent / "paired"
    for side, rows in (("left", judged.triplets.ref), ("right", judged.triplets.left)):
        (root / side).mkdir(parents=True)
        for row in range(44):
            target = root / side / f"{row:02}.png"
            target.write_bytes(images.paths[rows[row]].read_bytes())
    collections.add("pairs", root, name="paired")
    assert "unseen:tuned" in subsets.choices("paired")
    assert "unseen:tuned" in provenance.training_overlap_warning("paired", ["learned:tuned"], "all")
    assert len(subsets.open_subset("paired", "unseen:tuned").left) == report.source.parts["test"]
    extraction.extract("paired", [conv, "learned:tuned"])
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune("paired", "learned:tuned", settings(conv), save="more")


def test_what_was_learned_is_learned_further_from_other_data(conv, report):
    """Both shown sets count; the preset is that of the network at the bottom."""
    assert "learned:tuned" in finetuning.trainable()
    assert finetuning.preset_of("learned:tuned") == finetuning.preset_of(conv)
    chosen = settings("learned:tuned", epochs=1, batch=64)
    found = finetuning.tune("known", "learned:tuned", chosen, save="vit-like")
    assert finetuning.preset_of("learned:vit-like") == finetuning.preset_of(conv)
    assert lineage.lineage("vit-like")["base"] == ["learned:tuned"]
    assert lineage.training_images("vit-like") > lineage.training_images("tuned")
    part = provenance.unseen_part(sets.open_("known"), "unseen:vit-like")
    assert len(part.triplets) == found.source.parts["test"]
    question = JudgementQuestion(
        "known", ("learned:vit-like",), ("cosine",), subset="unseen:vit-like"
    )
    (row,) = agreement.table(question).rows
    assert row.overall.value == pytest.approx(found.to_dict()["after"]["agreement"]["value"])


@pytest.mark.parametrize("paradigm", [p for p in PARADIGMS if p != "triplet"])
def test_every_paradigm_learns_from_judgements(judged, conv, paradigm):
    found = finetuning.tune("mine", conv, settings(conv, paradigm, epochs=1), save="tuned")
    assert found.told.finished
    assert np.isfinite(found.told.losses).all()
    assert pair_similarities.ready(judged, "learned:tuned")
    assert pair_similarities.ready(judged, conv)


@pytest.mark.parametrize("kind", ["birds-16", "hsj"])
def test_ranking_trials_teach_too(psiz_folder, bird_images, ranked, conv, kind):  # noqa: F811
    """Nearly all of 300 trials hang together over 60 pictures: some are left out, none leaks."""
    root = psiz_folder([(100, ranked(300))])
    found = sets.add(kind, root, name="ranks", images=bird_images, keep_alternatives=True)
    assert set(found.triplets.group) == {"8rank2 similar", "8rank2 dissimilar"}
    report = finetuning.tune("ranks", conv, settings(conv, "quadruplet", epochs=1), save="tuned")
    parts = report.to_dict()["trials"]
    assert parts["across"] > 0
    assert parts["train"] + parts["validation"] + parts["test"] + parts["across"] == 600
    assert len(provenance.unseen_part(found, "unseen:tuned").triplets) == parts["test"]


KILLED = """
import os, signal, sys
from simcore.lab.learning import finetuning
from simcore.types import Monitor
from tests.lab.conftest import register
from tests.lab.learning.test_finetuning import settings

def killed(progress):
    if progress.stage == "quadruplet" and progress.done == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

base = register()
finetuning.tune("mine", base, settings(base, "quadruplet", epochs=3, patience=9), save="killed",
                monitor=Monitor(killed))
"""


def test_a_killed_run_goes_on_from_its_last_checkpoint_bit_for_bit(judged, conv):
    chosen = settings(conv, "quadruplet", epochs=3, patience=9)
    whole = finetuning.tune("mine", conv, chosen, save="whole")
    stop = whole.told.steps + 2
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(stop)],
        cwd=root,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    assert lineage.unfinished() == ["killed"]
    again = []
    rest = finetuning.tune(
        "mine",
        conv,
        chosen,
        save="killed",
        monitor=Monitor(lambda p: again.append((p.stage, p.done))),
    )
    first = next(n for stage, n in again if stage == "quadruplet")
    assert first == whole.told.steps + 1  # the epoch before was written down
    assert rest.told.losses == whole.told.losses
    assert rest.told.checks == whole.told.checks
    np.testing.assert_array_equal(rest.after, whole.after)
    one, other = (state_dicts.read(lineage.path(name, "pt")) for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    for key in one:
        assert one[key].equal(other[key])


def test_another_sets_checkpoint_is_refused(judged, conv, bapps_tree):
    finetuning.tune("mine", conv, settings(conv), save="half", monitor=Monitor(stop=lambda: True))
    other = {"cnn": [0.8, 0.2, 1.0, 0.0, 0.4, 0.6, 0.5] * 4, "color": VOTES["color"]}
    root = Path(sets.summary("mine").source)
    root.rename(root.with_name("first"))
    sets.remove("mine")
    sets.add("bapps", bapps_tree(other), name="mine")
    with pytest.raises(BadDataError, match="another run"):
        finetuning.tune("mine", conv, settings(conv), save="half")


def test_one_way_to_say_what_is_learned_from(judged, tmp_path):
    assert training_data.resolve("mine") == ("judgements", "mine")
    assert training_data.resolve("known") == ("judgements", "known")
    with pytest.raises(UnknownNameError, match="collection or set of judgements"):
        training_data.resolve("nobody")
    sets.collection("mine")  # its own pictures, without mates, under the same name
    assert collections.names() == ["mine"]
    assert training_data.resolve("mine") == ("judgements", "mine")
    collections.remove("mine")
    for side in ("left", "right"):
        (tmp_path / "p" / side).mkdir(parents=True)
        draw(1, 60, 60).save(tmp_path / "p" / side / "a.png")
    collections.add("pairs", tmp_path / "p", name="mine")
    with pytest.raises(BadDataError, match="say pairs:mine or judgements:mine"):
        training_data.resolve("mine")
    assert training_data.resolve("pairs:mine") == ("pairs", "mine")
    assert training_data.resolve("judgements:mine") == ("judgements", "mine")


def test_what_cannot_be_learned_from_is_one_sentence(bapps_tree, conv):
    sets.add("bapps-jnd", bapps_tree({"cnn": [0.2, 1.0]}, kind="jnd"), name="jnd")
    with pytest.raises(BadDataError, match="can judge a network, not teach it"):
        finetuning.tune("jnd", conv, settings(conv), save="x")
    with pytest.raises(BadDataError, match="subsets are of a collection"):
        finetuning.tune("known", conv, settings(conv), save="x", subset="tlld")


def test_every_network_that_is_here_can_be_trained(conv, monkeypatch):
    from simcore.models import registry, weights

    names = finetuning.trainable()
    assert conv in names
    assert not {"hog", "color", "face", "haar"} & set(names)
    monkeypatch.setattr(weights, "status", lambda _: (True, ""))
    everything = finetuning.trainable()
    assert {"mobilenetv2", "mobilenetv2-grid", *registry.names("modern")} <= set(everything)
    assert not {"hog", "face", "haar"} & set(everything)
