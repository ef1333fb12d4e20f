"""What is learned on a collection is a backbone like any other, with its lineage, used honestly."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab import printed_values, recipes
from simcore.lab.evaluate import recall
from simcore.lab.learning import adaptation, finetuning, learned_backbones
from simcore.lab.library import collections, extraction, provenance, subsets
from simcore.lab.papers import risser_maroux2021_tables
from simcore.lab.search import search
from simcore.models import lineage, registry
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import draw

MODELS = ["color", "layout", "hog"]
PAIRS = 24
PAPER = adaptation.Settings(epochs=8, dims=16, width=32)
FUSION = adaptation.Fusion(dims=12, epochs=25, folds=3)


@pytest.fixture
def pairs(tmp_path):
    """Twenty-four drawn pairs with features; two of them share a picture."""
    root = tmp_path / "drawn"
    for side, turn in (("left", 0), ("right", 6)):
        (root / side).mkdir(parents=True)
        for number in range(PAIRS):
            seed = 3 if number == 7 and side == "left" else number
            draw(seed, 80, 90).rotate(turn).save(root / side / f"{number:02}.png")
    collections.add("pairs", root, name="drawn")
    extraction.extract("drawn", MODELS)
    return "drawn"


@pytest.mark.parametrize("settings", [PAPER, FUSION], ids=["paper", "fusion"])
def test_the_learned_backbone_gives_the_reported_recall(pairs, settings):
    found = adaptation.adapt(pairs, MODELS, settings, runs=2)
    typed = adaptation.keep(found, "mine")
    assert typed == "learned:mine"
    assert typed in collections.extracted_backbones(pairs)
    recipe = recipes.parse([typed])[0]
    ranks = [
        recall.ranks(pairs, recipe, direction, subset="unseen:mine") for direction in ("lr", "rl")
    ]
    np.testing.assert_array_equal(np.minimum(*ranks), found.runs[0].after)
    told = learned_backbones.pair_changes("mine")
    np.testing.assert_array_equal(told.ranks["after"], ranks[0])
    assert len(told.rows("all")) == len(found.runs[0].split.test)
    assert told.nearest(0, "after", 1)[0] == int(told.after[0].argmax())


def test_its_pictures_features_are_those_of_the_store(pairs):
    """The way of an upload, through every network below, meets the way of the collection."""
    typed = adaptation.keep(adaptation.adapt(pairs, MODELS, PAPER, runs=1), "mine")
    collection = collections.open_(pairs)
    question = Question(pairs, tuple(recipes.parse([typed])))
    upload = search.Query(image=collection.left.paths[2].read_bytes())
    (hits,) = search.search(question, upload, k=5)
    (same,) = search.search(question, search.Query(id=collection.left.ids[2]), k=5)
    assert hits.ids == same.ids
    np.testing.assert_allclose(hits.scores, same.scores, atol=1e-4)


def test_lineage_and_a_warning_where_numbers_are_too_good(pairs):
    adaptation.keep(adaptation.adapt(pairs, MODELS, PAPER, runs=1), "mine")
    told = learned_backbones.lineage("mine")
    assert told["collection"] == pairs
    assert told["base"] == MODELS
    assert told["seed"] == 0
    assert told["paradigm"] == "adaptation"
    assert set(told["test_ids"]) < set(collections.open_(pairs).left.ids)
    assert "unseen:mine" in provenance.training_overlap_warning(
        pairs, ["hog", "learned:mine"], "all"
    )
    assert provenance.training_overlap_warning(pairs, ["hog", "learned:mine"], "unseen:mine") == ""
    assert provenance.training_overlap_warning(pairs, ["hog"], "all") == ""
    assert "unseen:mine" in subsets.choices(pairs)
    table = recall.recall(
        Question(pairs, tuple(recipes.parse(["learned:mine"])), subset="unseen:mine"), ks=[1]
    )
    assert table.pairs == len(told["test_ids"])


def test_a_name_is_taken_until_it_is_removed(pairs):
    found = adaptation.adapt(pairs, MODELS, PAPER, runs=1)
    adaptation.keep(found, "mine")
    with pytest.raises(BadDataError, match="already"):
        adaptation.keep(found, "mine")
    learned_backbones.remove("mine")
    assert learned_backbones.listing() == []
    assert "learned:mine" not in collections.extracted_backbones(pairs)
    with pytest.raises(UnknownNameError):
        registry.get("learned:mine")
    adaptation.keep(found, "mine")


def test_what_was_learned_here_is_not_learned_on_again_nor_used_unasked(pairs):
    adaptation.keep(adaptation.adapt(pairs, MODELS, PAPER, runs=1), "mine")
    assert "learned:mine" in collections.extracted_backbones(pairs)
    assert "learned:mine" not in collections.default_backbones(pairs)
    with pytest.raises(BadDataError, match="judge it again"):
        adaptation.adapt(pairs, [*MODELS, "learned:mine"], PAPER, runs=1)
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune(pairs, "learned:mine", finetuning.preset("x", "triplet"), save="again")


def test_a_file_taken_away_by_hand_harms_nobody_else(pairs):
    adaptation.keep(adaptation.adapt(pairs, MODELS, PAPER, runs=1), "mine")
    for file in lineage.path("mine", "npz").parent.iterdir():
        file.unlink()
    assert collections.extracted_backbones(pairs) == [n for n in registry.names() if n in MODELS]


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "x" * 65])
def test_names_that_cannot_be(name):
    with pytest.raises(BadDataError, match="is not a valid name"):
        lineage.check(name)


def test_the_same_picture_stays_on_one_side(pairs):
    """Pairs 3 and 7 show the same left picture: no split may take them apart."""
    for run in adaptation.adapt(pairs, ["color"], PAPER, runs=12).runs:
        parts = [set(p) for p in (run.split.train, run.split.validation, run.split.test)]
        assert any({3, 7} <= part for part in parts)


def test_the_rival_is_chosen_on_other_pairs_than_it_is_judged_on(pairs):
    found = adaptation.adapt(pairs, MODELS, FUSION, runs=2)
    told = adaptation.baseline(found)
    split = found.runs[0].split
    recipe, ranks = adaptation.best_zsum(found.collection, MODELS, split)
    assert recipe.label in told["chosen"][0]
    assert ranks.size == len(split.test)
    rows = np.concatenate([split.train, split.validation])
    part = adaptation._part(found.collection, np.sort(rows))
    best = (adaptation.asymmetric_ranks(part, recipe) == 1).mean()
    for name in MODELS:
        alone = adaptation.asymmetric_ranks(part, recipes.parse([name])[0])
        assert best >= (alone == 1).mean() - 0.15  # it has the most hits from the left
    assert told["aR"]["1"]["mean"] == pytest.approx(
        np.mean(
            [
                (adaptation.best_zsum(found.collection, MODELS, r.split)[1] == 1).mean()
                for r in found.runs
            ]
        )
    )


def test_a_row_of_the_annex_is_made_once_and_again_for_other_pairs(pairs, monkeypatch):
    monkeypatch.setattr(adaptation, "RUNS", 2)
    calls = []
    adapt = adaptation.adapt
    monkeypatch.setattr(
        adaptation, "adapt", lambda *a, **k: calls.append(k["subset"]) or adapt(*a, **k)
    )
    assert risser_maroux2021_tables.stored_rows(pairs, ["color"]) == []
    row = risser_maroux2021_tables.compute_row(pairs, "color")
    assert risser_maroux2021_tables.compute_row(pairs, "color") == row
    assert risser_maroux2021_tables.stored_rows(pairs, ["color", "hog"]) == [row]
    assert calls == ["all", "all"]  # sigma 1 and 15, once
    assert row.runs == 2
    # What is printed stands below the backbone that it is of, with its own gallery.
    frame = risser_maroux2021_tables.table([replace(row, backbone="resnet18-stages")]).to_frame()
    assert list(frame["numbers"]) == ["here", "printed"]
    assert frame["sigma 15"][1] == 0.1684
    assert frame["gallery"][0] == row.test < frame["gallery"][1]


def test_every_printed_row_has_its_backbone_here():
    found = [
        printed_values.annex_row(name) for name in registry.expand_groups(["@risser-maroux2021"])
    ]
    assert {row and row[0] for row in found} == {row[0] for row in printed_values.ANNEX.rows}


def test_the_document_is_json_and_complete(pairs):
    told = json.loads(json.dumps(adaptation.adapt(pairs, MODELS, PAPER, runs=3).to_dict()))
    assert told["pairs"] == {"train": 15, "validation": 3, "test": 6}
    for stage in ("before", "pca", "after"):
        assert len(told[stage]["runs_aR1"]) == 3
        assert told[stage]["aR"]["1"]["mean"] == pytest.approx(np.mean(told[stage]["runs_aR1"]))
        assert told[stage]["curve"][-1] == 1
    assert len(told["loss"]) == len(told["check"])


def test_fine_tuning_ends_as_a_backbone(pairs, conv):
    settings = finetuning.preset(conv, "triplet", epochs=2, batch=4, rate=1e-3)
    found = finetuning.tune(pairs, conv, settings, save="tuned")
    assert found.told.finished
    assert found.saved == "learned:tuned"
    ranks = [
        recall.ranks(pairs, recipes.parse(["learned:tuned"])[0], d, subset="unseen:tuned")
        for d in ("lr", "rl")
    ]
    np.testing.assert_array_equal(np.minimum(*ranks), found.after)
    told = learned_backbones.lineage("tuned")
    assert told["base"] == [conv]
    assert told["paradigm"] == "triplet"
    assert told["aR"]["1"] == pytest.approx((found.after == 1).mean())
    assert len(learned_backbones.read("tuned")["loss"]) == len(found.told.losses)
    assert lineage.unfinished() == []
    assert (
        asymmetric_recall.over_runs([found.after]).at(20)[0]
        == found.to_dict()["after"]["aR"]["20"]["mean"]
    )


def test_a_stopped_run_is_gone_on_with_under_its_name(pairs, conv):
    settings = finetuning.preset(conv, "rotation", epochs=2, batch=8)
    half = finetuning.tune(pairs, conv, settings, save="tuned", monitor=Monitor(stop=lambda: True))
    assert not half.told.finished
    assert half.saved == ""
    assert lineage.unfinished() == ["tuned"]
    with pytest.raises(BadDataError, match="another run"):
        finetuning.tune(pairs, conv, finetuning.preset(conv, "jigsaw", batch=8), save="tuned")
    assert finetuning.tune(pairs, conv, settings, save="tuned").told.finished
    assert lineage.unfinished() == []


def test_what_has_no_weights_cannot_be_fine_tuned(pairs):
    with pytest.raises(BadDataError, match="no weights to learn in hog"):
        finetuning.tune(pairs, "hog", finetuning.preset("hog", "triplet"), save="x")


def test_presets_are_table_b1():
    assert finetuning.preset("timm:resnet50", "simclr").batch == 64
    vit = finetuning.preset("timm:vit_base_patch16_224", "triplet", epochs=3)
    assert (vit.rate, vit.epochs, vit.batch) == (1e-6, 3, 32)


@pytest.mark.parametrize("settings", [PAPER, FUSION], ids=["paper", "fusion"])
def test_a_stopped_adaptation_is_gone_on_with_under_its_name(pairs, settings):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == 6

    with pytest.raises(Stopped, match="goes on from here"):
        adaptation.adapt(pairs, MODELS, settings, runs=2, save="mine", monitor=Monitor(stop=stop))
    assert lineage.unfinished() == ["mine"]
    with pytest.raises(BadDataError, match="another run"):
        adaptation.adapt(pairs, MODELS[:2], settings, runs=2, save="mine")
    found = adaptation.adapt(pairs, MODELS, settings, runs=2, save="mine")
    whole = adaptation.adapt(pairs, MODELS, settings, runs=2)
    for one, other in zip(found.runs, whole.runs, strict=True):
        np.testing.assert_array_equal(one.after, other.after)
    adaptation.keep(found, "mine")
    assert lineage.unfinished() == []


def test_an_unfinished_run_without_a_name_goes_on_and_can_be_forgotten(pairs):
    for settings in (FUSION, PAPER):
        with pytest.raises(Stopped):
            adaptation.adapt(
                pairs, MODELS, settings, runs=1, monitor=Monitor(stop=iter([False, True]).__next__)
            )
        (name,) = lineage.unfinished()
        assert name.startswith("unnamed-")
        learned_backbones.remove(name)
        assert lineage.unfinished() == []
    with pytest.raises(UnknownNameError):
        learned_backbones.remove(name)
