"""Lineages of learned backbones on disk, also those that older versions wrote."""

import json

import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.learning import learned_backbones
from simcore.models import lineage
from simcore.models.lineage import Lineage

ADAPTATION = {  # as written before fields and words were renamed
    "kind": "adaptation",
    "paradigm": "adaptation",
    "collection": "tll",
    "digest": "0f3c",
    "base": ["hog", "face"],
    "settings": {
        "protocol": "honest",
        "sigma": 15.0,
        "epochs": 150,
        "dims": 256,
        "width": 1024,
        "rate": 0.001,
        "patience": 20,
        "seed": 3,
    },
    "seed": 3,
    "dim": 1024,
    "about": "Adapted from hog + face on tll.",
    "paper": "risser-maroux2021",
    "test_ids": ["a.png", "b.png"],
    "aR": {"1": 0.25, "5": 0.5, "20": 0.75},
    "result": {
        "collection": "tll",
        "models": ["hog", "face"],
        "settings": {"protocol": "honest", "sigma": 15.0, "rate": 0.001},
        "pairs": {"train": 3, "validation": 1, "test": 2},
        "twins_by": "densenet121",
        "loss": [3.5, 3.25],
        "check": [3.75, 3.5],
        "rival": {"aR": {"1": {"mean": 0.125, "deviation": 0.0}}, "chosen": ["zsum(hog), none"]},
    },
    "file": "mine.npz",
    "sha256": "ab12",
    "bytes": 4711,
}
NETWORK = {
    "kind": "network",
    "paradigm": "triplet",
    "digest": "77aa",
    "base": ["mobilenetv2"],
    "settings": {
        "paradigm": "triplet",
        "rate": 0.0001,
        "epochs": 20,
        "batch": 64,
        "patience": 5,
        "seed": 0,
        "bf16": False,
        "recompute": False,
    },
    "seed": 0,
    "dim": 1280,
    "epoch": 7,
    "about": "mobilenetv2, fine-tuned with triplet on bapps.",
    "paper": "margaritescu2024",
    "judgements": "bapps",
    "test_trials": [4, 8, 9],
    "agreement": 0.6875,
    "result": {
        "base": "mobilenetv2",
        "settings": {"paradigm": "triplet", "rate": 0.0001, "batch": 64},
        "steps_an_epoch": 12,
        "judgements": "bapps",
        "before": {"agreement": {"value": 0.5, "low": 0.25, "high": 0.75}},
        "after": {"agreement": {"value": 0.6875, "low": 0.5, "high": 0.875}},
    },
    "file": "votes.pt",
    "sha256": "cd34",
    "bytes": 42,
}


@pytest.fixture
def stored(cache):
    """Both documents, as learned:mine and learned:votes."""
    lineage.folder().mkdir(parents=True)
    for name, document in (("mine", ADAPTATION), ("votes", NETWORK)):
        lineage.path(name, "json").write_text(json.dumps(document, indent=1))


def test_an_older_adaptation_is_read(stored):
    info = lineage.read("mine")
    assert info == lineage.read("learned:mine")
    assert (info.name, info.kind, info.data) == ("learned:mine", "adaptation", "tll")
    assert info.base == ("hog", "face")
    assert info.settings["protocol"] == "held-out"
    assert info.settings["learning_rate"] == 0.001
    assert "rate" not in info.settings
    assert (info.held_out_score, info.score_name) == (0.25, "aR@1")
    assert info.test_ids == ("a.png", "b.png")
    assert info.description == "Adapted from hog + face on tll."
    assert info.result["settings"]["protocol"] == "held-out"
    assert info.result["baseline"] == ADAPTATION["result"]["rival"]
    assert info.result["duplicates_by"] == "densenet121"
    assert info.result["loss"] == [3.5, 3.25]


def test_an_older_network_is_read(stored):
    info = lineage.read("votes")
    assert (info.kind, info.data, info.epoch) == ("network", "bapps", 7)
    assert info.settings["learning_rate"] == 0.0001
    assert info.settings["batch_size"] == 64
    assert (info.held_out_score, info.score_name) == (0.6875, "agreement")
    assert info.test_trials == (4, 8, 9)
    assert info.result["backbone"] == "mobilenetv2"
    assert info.result["steps_per_epoch"] == 12


def test_the_keys_on_disk_stay(stored):
    for name, document in (("mine", ADAPTATION), ("votes", NETWORK)):
        info = lineage.read(name)
        assert info.to_json().keys() == document.keys()
        assert lineage.parse(info.name, info.to_json()) == info


def test_tables_of_older_backbones(stored):
    assert learned_backbones.summary_table().rows == (
        ("learned:mine", "adaptation", "hog + face", "tll", "3", "25.0 aR@1"),
        ("learned:votes", "triplet", "mobilenetv2", "bapps", "0", "68.8 agreement"),
    )
    (pairs,) = learned_backbones.pair_table("tll").rows
    assert pairs == ("learned:mine", "adaptation", "hog + face", 25.0, 50.0, 75.0, 2, 3)
    (trials,) = learned_backbones.trial_table("bapps").rows
    assert trials == ("learned:votes", "triplet", "mobilenetv2", 50.0, 68.8, 3, 0)


def test_a_saved_file_is_registered(cache):
    info = lineage.parse("learned:new", ADAPTATION)
    file = lineage.path("new", "npz")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    saved = lineage.save(info, file, ["k2", "k1-t20"])
    assert isinstance(saved, Lineage)
    assert (saved.file, saved.bytes) == ("new.npz", 7)
    assert lineage.read("new") == saved
    assert lineage.names() == ["learned:new"]
    assert lineage.training_images("new") == {"k1", "k2"}
    with pytest.raises(BadDataError, match="already"):
        lineage.check_available("new")
    lineage.remove("new")
    assert lineage.names() == []
    with pytest.raises(UnknownNameError):
        lineage.read("new")


def test_an_incomplete_lineage_is_refused(stored):
    lineage.path("mine", "json").write_text(json.dumps({"kind": "adaptation"}))
    with pytest.raises(BadDataError, match="has no 'paradigm'"):
        lineage.read("mine")
