"""A backbone learned from a collection is like any other, with a lineage that limits its use."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from simcore import memory
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab import printed_annex, recipes
from simcore.lab.evaluate import recall
from simcore.lab.learning import ablation, adaptation, finetuning, learned_backbones
from simcore.lab.learning.adaptation import AdaptationSettings, FusionSettings
from simcore.lab.library import collections, extraction, features, provenance, subsets
from simcore.lab.papers import reproduce, risser_maroux2021_tables
from simcore.lab.search import search
from simcore.models import lineage, registry
from simcore.models.extract import extraction as models_extraction
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import draw

MODELS = ["color", "layout", "hog"]
PAIRS = 24
PAPER = AdaptationSettings(epochs=8, dims=16, width=32)
FUSION = FusionSettings(dims=12, epochs=25, folds=3)
BOTH = pytest.mark.parametrize("settings", [PAPER, FUSION], ids=["paper", "fusion"])


@pytest.fixture(scope="module")
def pairs_cache(tmp_path_factory):
    """A cache with twenty-four drawn pairs and their features; two left images are equal."""
    folder = tmp_path_factory.mktemp("pairs")
    root = folder / "drawn"
    for side, angle in (("left", 0), ("right", 6)):
        (root / side).mkdir(parents=True)
        for number in range(PAIRS):
            seed = 3 if number == 7 and side == "left" else number
            draw(seed, 80, 90).rotate(angle).save(root / side / f"{number:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder / "cache"))
        collections.add("pairs", root, name="drawn")
        extraction.extract("drawn", MODELS)
    return folder / "cache"


@pytest.fixture
def pairs(pairs_cache, cache):
    shutil.copytree(pairs_cache, cache, dirs_exist_ok=True)
    return "drawn"


@pytest.fixture(scope="module")
def results(pairs_cache):
    """{settings: two runs}, trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(pairs_cache))
        return {
            settings: adaptation.adapt("drawn", MODELS, settings, runs=2)
            for settings in (PAPER, FUSION)
        }


@pytest.fixture
def mine(pairs, results):
    """The lineage of `learned:mine`."""
    return adaptation.save_backbone(results[PAPER], "mine")


@BOTH
def test_the_learned_backbone_gives_the_reported_recall(pairs, results, settings):
    result = results[settings]
    name = adaptation.save_backbone(result, "mine").name
    assert name == "learned:mine"
    assert name in collections.extracted_backbones(pairs)
    recipe = recipes.parse([name])[0]
    ranks = [
        recall.ranks(pairs, recipe, direction, subset="unseen:mine") for direction in ("lr", "rl")
    ]
    np.testing.assert_array_equal(np.minimum(*ranks), result.runs[0].after)
    changes = learned_backbones.pair_changes("mine")
    np.testing.assert_array_equal(changes.ranks("after"), ranks[0])
    assert len(changes.rows("all")) == len(result.runs[0].split.test)
    first = search.Query(id=changes.pairs.left.ids[0])
    question = Question(pairs, (recipe,), subset="unseen:mine")
    nearest = search.search(question, first, k=learned_backbones.N_NEAREST)[0].ids
    gallery = changes.pairs.pairs().gallery
    assert [gallery.ids[column] for column in changes.nearest(0, "after")] == list(nearest)


def test_an_upload_has_the_features_of_the_store(pairs, mine):
    """An upload goes through every network below; the collection's features are stored."""
    collection = collections.open_(pairs)
    question = Question(pairs, tuple(recipes.parse([mine.name])))
    content = collection.left.paths[2].read_bytes()
    uploaded = search.search(question, search.Query(image=content), k=5)[0]
    stored = search.search(question, search.Query(id=collection.left.ids[2]), k=5)[0]
    assert uploaded.ids == stored.ids
    np.testing.assert_allclose(uploaded.scores, stored.scores, atol=1e-4)


def test_lineage_and_a_warning_about_training_pairs(pairs, mine):
    assert learned_backbones.read_lineage("mine") == mine
    assert mine.collection == mine.data == pairs
    assert mine.base == tuple(MODELS)
    assert mine.seed == 0
    assert mine.paradigm == "adaptation"
    assert (mine.held_out_score, mine.score_name) == (mine.recall["1"], "aR@1")
    assert set(mine.test_ids) < set(collections.open_(pairs).left.ids)
    warning = provenance.training_overlap_warning(pairs, ["hog", "learned:mine"], "all")
    assert "unseen:mine" in warning
    assert provenance.training_overlap_warning(pairs, ["learned:mine"], "unseen:mine") == ""
    assert provenance.training_overlap_warning(pairs, ["hog"], "all") == ""
    assert "unseen:mine" in subsets.choices(pairs)
    learned = tuple(recipes.parse(["learned:mine"]))
    table = recall.recall(Question(pairs, learned, subset="unseen:mine"), ks=[1])
    assert table.pairs == len(mine.test_ids)


def test_a_name_is_in_use_until_it_is_removed(pairs, results, mine):
    with pytest.raises(BadDataError, match="already"):
        adaptation.save_backbone(results[PAPER], "mine")
    learned_backbones.remove("mine")
    assert learned_backbones.listing() == []
    assert "learned:mine" not in collections.extracted_backbones(pairs)
    with pytest.raises(UnknownNameError):
        registry.get("learned:mine")
    adaptation.save_backbone(results[PAPER], "mine")


def test_a_learned_backbone_is_not_trained_again_here_and_no_default(pairs, mine):
    assert "learned:mine" in collections.extracted_backbones(pairs)
    assert "learned:mine" not in collections.default_backbones(pairs)
    with pytest.raises(BadDataError, match="judge it again"):
        adaptation.adapt(pairs, [*MODELS, "learned:mine"], PAPER, runs=1)
    settings = finetuning.make_settings("mobilenetv2", "triplet")
    with pytest.raises(BadDataError, match="judge it again"):
        finetuning.tune(pairs, "learned:mine", settings, save="again")


def test_deleted_files_do_not_disturb_other_backbones(pairs, mine):
    for file in lineage.folder().iterdir():
        file.unlink()
    assert collections.extracted_backbones(pairs) == [n for n in registry.names() if n in MODELS]


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "x" * 65])
def test_bad_names_are_refused(name):
    with pytest.raises(BadDataError, match="is not a valid name"):
        lineage.check_available(name)


def test_equal_images_stay_in_one_part(pairs):
    """Pairs 3 and 7 have the same left image."""
    quick = AdaptationSettings(epochs=1, dims=16, width=32)
    for run in adaptation.adapt(pairs, ["color"], quick, runs=12).runs:
        parts = [set(p) for p in (run.split.train, run.split.validation, run.split.test)]
        assert any({3, 7} <= part for part in parts)


def test_the_baseline_is_selected_without_the_test_pairs(pairs, results):
    result = results[FUSION].with_baseline()
    baseline = result.to_dict()["baseline"]
    selected = [adaptation.best_zsum(result.collection, MODELS, r.split) for r in result.runs]
    recipe, ranks = selected[0]
    split = result.runs[0].split
    assert recipe.label in baseline["chosen"][0]
    assert ranks.size == len(split.test)
    rows = np.concatenate([split.train, split.validation])
    part = adaptation.select_pairs(result.collection, np.sort(rows))
    best = (adaptation.asymmetric_ranks(part, recipe) == 1).mean()
    for name in MODELS:
        alone = adaptation.asymmetric_ranks(part, recipes.parse([name])[0])
        assert best >= (alone == 1).mean() - 0.15  # it has the most hits from the left
    mean = np.mean([(ranks == 1).mean() for _, ranks in selected])
    assert baseline["aR"]["1"]["mean"] == pytest.approx(mean)


def test_parts_of_a_collection_have_digests_of_their_own(pairs):
    """Results are cached by the digest."""
    collection = collections.open_(pairs)
    parts = [adaptation.select_pairs(collection, np.array(rows)) for rows in ([0, 1], [0, 2])]
    assert len({part.digest for part in (collection, *parts)}) == 3


def test_a_row_of_the_annex_is_computed_once_for_the_same_pairs(pairs, monkeypatch):
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
    # The printed row of a backbone follows, with its own gallery.
    table = risser_maroux2021_tables.table([replace(row, backbone="resnet18-stages")])
    here, printed = (dict(zip(table.columns, line, strict=True)) for line in table.rows)
    assert (here["numbers"], printed["numbers"]) == ("here", "printed")
    assert printed["sigma 15"] == 0.1684
    assert (printed["sigma 15 ±"], printed["images, M"]) == (0.0044, 1.28)
    assert here["learning type"] == printed["learning type"] == "supervised"
    recalls = row.stages["sigma 15"]["runs_aR1"]
    spread = (sum((r - sum(recalls) / 2) ** 2 for r in recalls)) ** 0.5  # of two runs
    assert here["sigma 15 ±"] == pytest.approx(spread, abs=1e-4)
    assert table.notes == (printed_annex.DEVIATIONS_REMARK,)
    assert here["gallery"] == row.test < printed["gallery"]


def test_the_remark_on_deviations_is_what_the_printed_rows_give():
    """Standard deviation of a share of 1,050 of 4,199 pairs, drawn without replacement."""
    columns = printed_annex.ANNEX.columns
    pairs = printed_annex.GALLERY
    noise, printed = [], []
    for row in printed_annex.ANNEX.rows:
        cells = dict(zip(columns, row, strict=True))
        for stage in ("sigma 1", "sigma 15"):
            share = cells[stage]
            noise.append((share * (1 - share) / pairs) ** 0.5)
            printed.append(cells[f"{stage} ±"])
            assert printed[-1] < noise[-1] * (1 - pairs / 4199) ** 0.5
    remark = printed_annex.DEVIATIONS_REMARK
    for values in (printed, noise):
        assert f"({min(values):.3f} to {max(values):.3f})" in remark


def test_every_printed_row_has_its_backbone():
    rows = [printed_annex.row(name) for name in registry.expand_groups(["@risser-maroux2021"])]
    assert {row and row[0] for row in rows} == {row[0] for row in printed_annex.ANNEX.rows}


def test_the_document_is_json_and_complete(results):
    document = json.loads(json.dumps(results[PAPER].to_dict()))
    assert document["pairs"] == {"train": 15, "validation": 3, "test": 6}
    for stage in ("before", "pca", "after"):
        assert len(document[stage]["runs_aR1"]) == 2
        mean = np.mean(document[stage]["runs_aR1"])
        assert document[stage]["aR"]["1"]["mean"] == pytest.approx(mean)
        assert document[stage]["curve"][-1] == 1
    assert len(document["loss"]) == len(document["check"])
    table = results[PAPER].to_table()
    assert [row[0] for row in table.rows] == ["features side by side", "after PCA", "learned"]


def test_fine_tuning_makes_a_backbone(pairs, conv):
    settings = finetuning.make_settings(conv, "triplet", epochs=2, batch_size=4, learning_rate=1e-3)
    result = finetuning.tune(pairs, conv, settings, save="tuned")
    assert result.training.finished
    assert result.saved == "learned:tuned"
    ranks = [
        recall.ranks(pairs, recipes.parse(["learned:tuned"])[0], d, subset="unseen:tuned")
        for d in ("lr", "rl")
    ]
    np.testing.assert_array_equal(np.minimum(*ranks), result.after)
    info = learned_backbones.read_lineage("tuned")
    assert info.base == (conv,)
    assert info.paradigm == "triplet"
    assert info.recall["1"] == pytest.approx((result.after == 1).mean())
    curve = learned_backbones.read_curve("tuned")
    assert list(curve.losses) == result.training.losses
    assert lineage.unfinished() == []
    mean = asymmetric_recall.over_runs([result.after]).at(20)[0]
    assert mean == result.to_dict()["after"]["aR"]["20"]["mean"]
    table = learned_backbones.pair_table(pairs)
    assert table.to_frame()["test pairs"].tolist() == [len(result.after)]


def test_a_stopped_fine_tuning_is_resumed_by_its_name(pairs, conv):
    settings = finetuning.make_settings(conv, "rotation", epochs=2, batch_size=8)
    half = finetuning.tune(pairs, conv, settings, save="tuned", monitor=Monitor(stop=lambda: True))
    assert not half.training.finished
    assert half.saved == ""
    assert lineage.unfinished() == ["tuned"]
    other = finetuning.make_settings(conv, "jigsaw", batch_size=8)
    with pytest.raises(BadDataError, match="another run"):
        finetuning.tune(pairs, conv, other, save="tuned")
    assert finetuning.tune(pairs, conv, settings, save="tuned").training.finished
    assert lineage.unfinished() == []


def test_a_backbone_without_weights_cannot_be_fine_tuned(pairs):
    with pytest.raises(BadDataError, match="hog has no trainable weights"):
        finetuning.tune(pairs, "hog", finetuning.make_settings("hog", "triplet"), save="x")


def test_presets_are_table_b1():
    assert finetuning.make_settings("timm:resnet50", "simclr").batch_size == 64
    vit = finetuning.make_settings("timm:vit_base_patch16_224", "triplet", epochs=3)
    assert (vit.learning_rate, vit.epochs, vit.batch_size) == (1e-6, 3, 32)


@BOTH
def test_a_stopped_adaptation_is_resumed_by_its_name(pairs, results, settings):
    calls = []

    def stop():
        calls.append(1)
        return len(calls) == 6

    with pytest.raises(Stopped, match="again to resume"):
        adaptation.adapt(pairs, MODELS, settings, runs=2, save="mine", monitor=Monitor(stop=stop))
    assert lineage.unfinished() == ["mine"]
    with pytest.raises(BadDataError, match="another run"):
        adaptation.adapt(pairs, MODELS[:2], settings, runs=2, save="mine")
    result = adaptation.adapt(pairs, MODELS, settings, runs=2, save="mine")
    for run, expected in zip(result.runs, results[settings].runs, strict=True):
        np.testing.assert_array_equal(run.after, expected.after)
    adaptation.save_backbone(result, "mine")
    assert lineage.unfinished() == []


def test_an_unfinished_run_without_a_name_can_be_deleted(pairs):
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


def test_the_papers_protocol_splits_at_random_and_counts_near_duplicates(pairs):
    """Pairs 3 and 7 have the same left image: held-out keeps them together, the paper does not."""
    settings = AdaptationSettings("paper", epochs=1, dims=8, width=8)
    result = adaptation.adapt(pairs, ["color"], settings, runs=6)
    sides = [{row in run.split.test for row in (3, 7)} for run in result.runs]
    apart = sum(len(side) == 2 for side in sides)
    assert 0 < apart < 6
    assert result.duplicates_across == pytest.approx(apart / 6)
    assert "split at random" in result.to_table().notes[0]
    held_out = adaptation.adapt(pairs, ["color"], replace(settings, protocol="held-out"), runs=6)
    assert all(len({row in run.split.test for row in (3, 7)}) == 1 for run in held_out.runs)
    assert held_out.duplicates_across == 0
    assert not held_out.to_table().notes


def test_a_report_marks_backbones_trained_on_its_pictures(pairs, mine):
    models = ["color", "learned:mine"]
    report = reproduce.run("rosenfeld2018", pairs, models)
    warnings = [fact.value for fact in report.header.facts if fact.name == "warning"]
    assert len(warnings) == 1
    assert "learned:mine was trained on some of these pairs" in warnings[0]
    labels = {row[0] for section in report.sections if section.table for row in section.table.rows}
    assert "learned:mine (trained on these pictures)" in labels
    assert "color" in labels
    assert "learned:mine" not in labels
    unseen = reproduce.plan("rosenfeld2018", pairs, models, subset="unseen:mine")
    assert unseen.trained == ()
    assert not any(fact.name == "warning" for fact in unseen.report.header.facts)


def test_the_ablation_compares_versions_on_the_same_splits(pairs):
    settings = AdaptationSettings(epochs=2, dims=8, width=8)
    result = ablation.compare_versions(pairs, ["color"], settings, runs=2)
    labels = [row.label for row in result.rows]
    assert labels[:4] == ["whole function", "without adaptation", "without ReLU", "without PCA"]
    whole = adaptation.adapt(pairs, ["color"], settings, runs=2)
    without = adaptation.adapt(pairs, ["color"], replace(settings, relu=False), runs=2)
    hits = np.array([[np.mean(run.after <= 1) for run in r.runs] for r in (whole, without)])
    rows = {row.label: row for row in result.rows}
    assert rows["whole function"].recall == pytest.approx(hits[0].mean())
    assert (rows["whole function"].gain, rows["whole function"].gain_deviation) == (0, 0)
    gains, row = hits[1] - hits[0], rows["without ReLU"]
    expected = hits[1].mean(), hits[1].std(), gains.mean(), gains.std()
    assert (row.recall, row.deviation, row.gain, row.gain_deviation) == pytest.approx(expected)
    assert len(result.to_table().rows) == 7
    with pytest.raises(BadDataError, match="Fusion has no width"):
        adaptation.make_settings("fusion", width=8)


def test_a_stopped_ablation_continues_and_is_stored(pairs, monkeypatch):
    settings = AdaptationSettings(epochs=2, dims=8, width=8)
    arguments = {"runs": 2, "subset": "all"}
    assert ablation.stored_versions(pairs, ["color"], settings, **arguments) is None
    whole = ablation.compare_versions(pairs, ["color"], settings, **arguments)
    assert ablation.stored_versions(pairs, ["color"], settings, **arguments) == whole
    assert ablation.stored_versions(pairs, ["color"], settings, runs=3) is None
    other = replace(settings, epochs=3)
    answers = iter([False] * 12)
    with pytest.raises(Stopped):
        ablation.compare_versions(
            pairs,
            ["color"],
            other,
            **arguments,
            monitor=Monitor(stop=lambda: next(answers, True)),
        )
    part = ablation.stored_versions(pairs, ["color"], other, **arguments)
    assert 2 <= len(part.rows) < 7
    resumed = ablation.compare_versions(pairs, ["color"], other, **arguments)
    assert resumed.rows[: len(part.rows)] == part.rows
    monkeypatch.setattr(adaptation, "adapt", None)  # everything is read
    assert ablation.compare_versions(pairs, ["color"], other, **arguments) == resumed


def test_results_of_training_are_stored_for_the_features_that_were_read(pairs):
    """Another table of the same backbone gives other numbers, so none are found for it."""
    settings = AdaptationSettings(epochs=1, dims=8, width=8)
    collection = collections.open_(pairs)
    single, half = (
        models_extraction.feature_key(registry.get("color"), precision)
        for precision in ("fp32", "bf16")
    )
    rows = [features.for_side(collection, side, "color").values for side in collection.sides()]
    FeatureStore.shared().drop(single)
    for side, values in zip(collection.sides(), rows, strict=True):
        keys = list(dict.fromkeys(side.keys))
        FeatureStore.shared().append(half, keys, [values[[side.keys.index(k)]] for k in keys])
    memory.clear()
    assert features.collection_key(collection, "color") == half
    result = ablation.compare_versions(pairs, ["color"], settings, runs=1)
    assert ablation.stored_versions(pairs, ["color"], settings, runs=1) == result
    extraction.extract(pairs, ["color"])
    memory.clear()
    assert features.collection_key(collection, "color") == single
    assert ablation.stored_versions(pairs, ["color"], settings, runs=1) is None


def test_an_ablation_has_no_version_twice():
    labels = list(ablation.versions(AdaptationSettings(sigma=1, relu=False)))
    assert "without ReLU" not in labels
    assert "temperature 15" in labels
