"""Collections too large to compare everything while one waits: jobs, samples, neighborhoods.

The limits are lowered here, so that six pairs are many.
"""

import json

import numpy as np
import pytest

from simcore import memory
from simcore.__main__ import run
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import Stopped
from simcore.evaluate.combinations import complementarity as geometry
from simcore.evaluate.retrieval import near_duplicates
from simcore.evaluate.retrieval import recall as retrieval_recall
from simcore.lab import recipes, work_estimates
from simcore.lab.claims import claims_evaluation
from simcore.lab.claims.claims_evaluation import ClaimsQuestion
from simcore.lab.evaluate import exclusive, recall
from simcore.lab.invariance import invariance_evaluation
from simcore.lab.library import collections, duplicates, extraction, subsets
from simcore.lab.search import map_layout, maps, precompute, search
from simcore.lab.search.search import Query
from simcore.models import registry
from simcore.models.extract import extraction as extraction_run
from simcore.recipe import Question
from simcore.sim import metrics
from simcore.types import RAW, Monitor
from tests.conftest import MODELS, draw


def question(name: str) -> Question:
    return Question(name, tuple(recipes.parse(MODELS[:2], "zsum")))


@pytest.fixture
def images(tmp_path) -> str:
    """Thirty images without mates; the last two are copies of the first two."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        picture = draw(number % 28)
        picture.putpixel((number, 3), (number, 0, 0))
        picture.save(folder / f"{number:02}.png")
    collections.add("images", folder, name="many")
    extraction.extract("many", MODELS)
    return "many"


def test_a_stopped_evaluation_continues_where_it_was(tiny, monkeypatch):
    expected = [outcomes.ranks for outcomes in recall.outcomes_of_each(question(tiny))]
    monkeypatch.setattr("simcore.data.result_cache._code_digest", lambda: "another version")
    memory.clear()
    monkeypatch.setattr(metrics, "BLOCK", 12)  # two queries at a time
    monkeypatch.setattr(retrieval_recall, "KEEP_EVERY", 2)
    seen = []
    watch = Monitor(lambda progress: seen.append(progress.done), lambda: len(seen) == 2)
    with pytest.raises(Stopped):
        recall.outcomes_of_each(question(tiny), monitor=watch)
    assert seen == [2, 4]
    again = recall.outcomes_of_each(
        question(tiny), monitor=Monitor(lambda progress: seen.append(progress.done))
    )
    assert seen == [2, 4, 6], "four queries were not compared again"
    for outcomes, ranks in zip(again, expected, strict=True):
        np.testing.assert_array_equal(outcomes.ranks, ranks)


def test_blocks_are_bounded_and_change_no_rank(tiny, monkeypatch):
    singles = [outcomes.ranks for outcomes in recall.outcomes_of_each(question(tiny))]
    memory.clear()
    monkeypatch.setattr("simcore.data.result_cache._code_digest", lambda: "another version")
    monkeypatch.setattr(metrics, "BLOCK", 1)
    sizes = []
    matrix_rows = metrics.matrix_rows

    def compared(queries, gallery, metric):
        sizes.append(queries.count)
        return matrix_rows(queries, gallery, metric)

    monkeypatch.setattr(metrics, "matrix_rows", compared)
    for outcomes, ranks in zip(recall.outcomes_of_each(question(tiny)), singles, strict=True):
        np.testing.assert_array_equal(outcomes.ranks, ranks)
    assert set(sizes) == {1}


def test_whether_one_can_wait_for_an_evaluation(tiny, monkeypatch):
    assert recall.is_quick(question(tiny))
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)
    assert not recall.is_quick(question(tiny))
    assert (
        maps.make(
            Question(tiny, (maps.single_recipe(["hog"]),)), maps.projection_settings("pca")
        ).ranks()
        is None
    )
    recall.recall(question(tiny))
    memory.clear()
    assert recall.is_quick(question(tiny))


def test_a_large_map_is_laid_out_by_a_sample(images, monkeypatch, capsys):
    monkeypatch.setattr(map_layout, "MAX_LAID_OUT", 20)
    monkeypatch.setattr(map_layout, "SAMPLE", 12)
    monkeypatch.setattr(metrics, "BLOCK", 48)
    asked = Question(images, (maps.single_recipe(["color"]),))
    stages = []
    monitor = Monitor(lambda progress: stages.append((progress.stage, progress.share)))
    view = maps.make(asked, maps.projection_settings("umap"), monitor=monitor)
    assert view.sample == 12
    assert view.missing == 0
    assert (view.cluster >= 0).all()
    assert stages[-1] == ("placing", 1.0)
    drawn = np.sort(np.random.default_rng(0).permutation(30)[:12])
    others = np.setdiff1d(np.arange(30), drawn)
    # Each of the others is inside the box of the sampled images that it is most similar to.
    from simcore.lab.library import features

    collection = collections.open_(images)
    values = features.for_side(collection, collection.left, "color").values.astype(float)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    for image in others:
        nearest = drawn[np.argsort(-(unit[drawn] @ unit[image]))[:5]]
        low, high = view.xy[nearest].min(0), view.xy[nearest].max(0)
        assert ((low - 1e-4 <= view.xy[image]) & (view.xy[image] <= high + 1e-4)).all()
    assert run(["map", images, "--models", "color", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["sample"] == 12


def test_near_duplicates_of_images_without_mates(images, monkeypatch):
    exact = subsets.find_duplicates(images, by="color", within=0.001, across=0.5)
    pairs = [(each.side, each.row, each.other_side, each.other) for each in exact.duplicates]
    assert sorted(pairs) == [("left", 0, "left", 28), ("left", 1, "left", 29)]
    assert exact.kept == {"clean": 26}
    assert exact.note == ""
    assert sorted(exact.connected.values()) == [[0, 28], [1, 29]]
    memory.clear()
    monkeypatch.setattr(duplicates, "EXACT_IMAGES", 20)
    monkeypatch.setattr("simcore.data.result_cache._code_digest", lambda: "another version")
    joined = subsets.find_duplicates(images, by="color", within=0.001, across=0.5)
    assert {(each.row, each.other) for each in joined.duplicates} == {(0, 28), (1, 29)}
    assert joined.note.startswith("Approximate: 2 of the 2 near-duplicates of 30 images")
    assert joined.to_dict()["note"] == joined.note


def test_the_sweep_computes_what_duplicates_opens_with(tiny, images, monkeypatch):
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _collection: "color")
    for name in (images, tiny):
        precompute.run(name)
        memory.clear()
        opening = duplicates.opening_thresholds(name, "color")
        stored = collections.open_(name)
        assert not duplicates.seconds(stored, "color", opening.within, opening.across)


def test_pages_offer_a_job_for_what_takes_too_long(tiny, app, monkeypatch):
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)
    address = {"collection": tiny, "models": "hog,color"}
    for view, command in (
        ("recall", "simcore evaluate recall tiny"),
        ("minus", "simcore evaluate curve tiny"),
        ("post-processing", "simcore evaluate post-processing tiny"),
    ):
        page = app("pages/evaluate.py", **address, view=view)
        assert not page.exception
        assert [b.key for b in page.button if "job" in b.key] == ["evaluate_job"]
        assert not page.dataframe
        assert page.code[-1].value.startswith(command)
    page = app("pages/duplicates.py", collection=tiny, by="color")
    assert not page.exception
    assert "duplicates_job" in [b.key for b in page.button]
    assert "6 pairs" in page.markdown[-1].value
    started = []
    monkeypatch.setattr("simcore.ui.actions.start_job", started.append)
    page.button(key="duplicates_job").click().run()
    (args,) = started
    assert args[:5] == ("evaluate", "duplicates", tiny, "--by", "color")
    assert run([*args, "--json"]) == 0
    memory.clear()
    page.run()
    assert "duplicates_job" not in [b.key for b in page.button]
    assert page.metric


def test_a_query_without_evidence_among_images_without_mates(images):
    left = collections.open_(images).left
    registry.backbone("gaps", dim=4, preprocessing=RAW)(lambda device: None)
    try:
        key = extraction_run.feature_key(registry.get("gaps"), "fp32")
        rows = [np.ones((min(number, 1), 4), np.float32) for number in range(len(left))]
        FeatureStore.shared().append(key, list(left.keys), rows)
        asked = Question(images, tuple(recipes.parse(["gaps"])))
        (blind,) = search.search(asked, Query(id=left.ids[0]), k=3)
        (other,) = search.search(asked, Query(id=left.ids[1]), k=3)
    finally:
        registry.forget("gaps")
    assert blind.note == "No evidence: this recipe has nothing to compare in the query."
    assert other.note == "No evidence about 1 of 29 images; they are not ranked."


def never(*_args, **_kwargs):
    raise AssertionError("compared while a visitor waits")


@pytest.fixture
def unwaited(tiny, monkeypatch):
    """Six pairs that are too many to compare on a page; color judges near-duplicates."""
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _collection: "color")
    return tiny


def test_duplicates_offers_a_job_again_once_there_are_faces(unwaited):
    """The subsets of the papers are reported as well, and compare all images again."""
    asked = {"by": "color", "within": 0.1, "across": 0.1}
    assert not subsets.is_report_quick(unwaited, **asked)
    subsets.find_duplicates(unwaited, **asked)
    assert subsets.is_report_quick(unwaited, **asked)
    key = extraction_run.feature_key(registry.get("face"), "fp32")
    random = np.random.default_rng(0)
    for side in collections.open_(unwaited).sides():
        rows = [random.standard_normal((1, key.dim)).astype(np.float32) for _ in side.keys]
        FeatureStore.shared().append(key, list(side.keys), rows)
    memory.clear()
    assert not subsets.is_report_quick(unwaited, **asked)
    subsets.find_duplicates(unwaited, **asked)
    memory.clear()
    assert subsets.is_report_quick(unwaited, **asked)


def test_a_subset_without_near_duplicates_is_a_job(unwaited, app, monkeypatch):
    assert subsets.is_quick(unwaited, "all")
    assert not subsets.is_quick(unwaited, "tlld where a = 1")
    with monkeypatch.context() as patch:
        patch.setattr(near_duplicates, "find", never)
        for page, key in (("evaluate", "evaluate_job"), ("combine", "combine_job")):
            shown = app(f"pages/{page}.py", collection=unwaited, models="hog,color", subset="tlld")
            assert not shown.exception
            assert key in [button.key for button in shown.button]
        command = shown.code[-1].value
    assert command == f"simcore evaluate recall {unwaited} --models hog,color --subset tlld"
    assert run(command.split()[1:]) == 0
    memory.clear()
    assert subsets.is_quick(unwaited, "tlld")


def test_combine_exclusive_and_review_offer_jobs(unwaited, app, monkeypatch):
    from simcore.evaluate.combinations import subset_search

    asked = {"collection": unwaited, "models": "hog,color"}
    needed = {
        "combine": ["evaluate subsets", "evaluate exclusive"],
        "exclusive": ["evaluate exclusive"],
        "review": ["evaluate recall"],
    }
    for page, commands in needed.items():
        for command in commands:
            with monkeypatch.context() as patch:
                patch.setattr(subset_search, "search", never)
                patch.setattr(retrieval_recall, "outcomes_of_each", never)
                shown = app(f"pages/{page}.py", **asked)
            assert not shown.exception
            assert f"{page}_job" in [button.key for button in shown.button]
            line = shown.code[-1].value
            assert line.startswith(f"simcore {command} {unwaited} --models hog,color")
            assert run(line.split()[1:]) == 0
            memory.clear()
        shown = app(f"pages/{page}.py", **asked)
        assert not shown.exception
        assert f"{page}_job" not in [button.key for button in shown.button]
        monkeypatch.setattr("simcore.data.result_cache._code_digest", lambda page=page: page)
        memory.clear()


def test_compare_and_map_offer_jobs(unwaited, app, monkeypatch):
    from simcore.sim import projection

    asked = {"collection": unwaited, "models": "hog,color"}
    with monkeypatch.context() as patch:
        patch.setattr("simcore.lab.search.pair.similarity_distribution", never)
        patch.setattr(projection, "pca", never)
        compared = app("pages/compare.py", **asked)
        drawn = app("pages/map.py", **asked, view="map", method="pca")
    assert not drawn.exception
    assert "map_hog_pca" in [button.key for button in drawn.button]
    assert not compared.exception
    assert "compare_job" in [button.key for button in compared.button]
    line = compared.code[-1].value
    assert line.startswith(f"simcore pair {unwaited} left:")
    assert run(line.split()[1:]) == 0
    memory.clear()
    again = app("pages/compare.py", **asked)
    assert not again.exception
    assert "compare_job" not in [button.key for button in again.button]


def test_invariance_and_waterfall_compute_nothing_on_a_visit(unwaited, app, monkeypatch):
    asked = {"collection": unwaited, "models": "hog,color"}
    with monkeypatch.context() as patch:
        patch.setattr("simcore.evaluate.retrieval.invariance.floor", never)
        patch.setattr("simcore.lab.evaluate.waterfall.waterfall", never)
        shown = app("pages/invariance.py", **asked)
        steps = app("pages/evaluate.py", **asked, view="waterfall")
    assert not shown.exception
    assert "not computed yet" in shown.info[0].value
    assert "invariance_go" in [button.key for button in shown.button]
    assert not steps.exception
    assert "6 pairs" in steps.info[0].value
    assert steps.code[-1].value.startswith(f"simcore evaluate waterfall {unwaited}")
    single = Question(unwaited, tuple(recipes.parse(["hog"])))
    assert not invariance_evaluation.is_quick(single)
    invariance_evaluation.floor_of(single, single.recipes[0])
    assert invariance_evaluation.is_quick(single)


def test_opening_claims_compares_nothing(unwaited, monkeypatch):
    asked = ClaimsQuestion(unwaited, judgements=(), papers=("rosenfeld2018",))
    with monkeypatch.context() as patch:
        patch.setattr(near_duplicates, "find", never)
        report = claims_evaluation.stored(asked)
    shares = [each for each in report.verdicts if each.claim.statistic == "tlld_share"]
    assert shares
    assert all(each.is_untested for each in shares)


def test_groups_of_near_duplicates_are_stored(tiny, monkeypatch):
    monkeypatch.setattr(duplicates, "generic_backbone", lambda _collection: "color")
    collection = collections.open_(tiny)
    groups, _ = duplicates.pair_groups(collection)
    memory.clear()
    monkeypatch.setattr(near_duplicates, "find", never)
    np.testing.assert_array_equal(duplicates.pair_groups(collection)[0], groups)


def test_complementarity_compares_a_sample(tiny, monkeypatch):
    """Matrices of all images would not fit into memory."""
    sizes = []
    pairwise = metrics.pairwise

    def compared(queries, gallery, metric):
        sizes.append((queries.count, gallery.count))
        return pairwise(queries, gallery, metric)

    exclusive.report(question(tiny))  # ranks, which are not what is measured
    monkeypatch.setattr(geometry, "MAX_IMAGES", 4)
    monkeypatch.setattr(metrics, "pairwise", compared)
    result = exclusive.complementarity(question(tiny))
    assert sizes == [(4, 4)] * 2
    assert result.rsa[0][0] == 1


def test_duplicates_of_images_without_mates_on_the_page(images, app):
    page = app("pages/duplicates.py", collection=images, by="color", within="0.001")
    assert not page.exception
    assert not page.error
    assert "Of 30 images." in [each.value for each in page.caption]


def test_a_large_map_draws_a_sample_of_its_points(tiny, monkeypatch):
    from simcore.ui.map import map_canvas

    monkeypatch.setattr(map_canvas, "MAX_DRAWN", 8)
    view = maps.make(
        Question(tiny, (maps.single_recipe(["hog"]),)), maps.projection_settings("pca")
    )
    data = map_canvas.scene_data(map_canvas.Scene([view], "cluster"))
    (drawn,) = data["maps"]
    shown = [row for row in range(12) if drawn["x"][row] >= 0]
    assert len(shown) == 8
    assert {row % 6 for row in shown} == {row for row in shown if row < 6}, "both of a pair"
    assert [row for row in range(12) if data["keys"][row]] == shown
    assert "8 of 12 drawn" in drawn["sub"]
