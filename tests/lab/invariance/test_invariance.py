"""Invariance against plain NumPy: features of pictures that were changed and saved by this test."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from simcore import memory
from simcore.errors import BadDataError, SimError, Stopped, UnknownNameError
from simcore.lab.invariance import changed_features, invariance_evaluation
from simcore.lab.invariance.invariance_evaluation import InvarianceQuestion
from simcore.lab.library import collections, extraction, features
from simcore.lab.recipes import parse
from simcore.models import registry, weights
from simcore.models.extract.extraction_run import ExtractionRun
from simcore.models.transforms import Setting
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import cache_below, draw_pairs

PAIRS = 12
MODELS = ("hog", "color")
REAL_PAIRS = 120


def letterboxed(pixels):
    """Black bars that make up 30 % of the new height."""
    bar = round(len(pixels) * 0.3 / 0.7 / 2)
    return np.pad(pixels, ((bar, bar), (0, 0), (0, 0)))


CHANGES = {"flip": lambda x: x[:, ::-1], "invert": lambda x: 255 - x, "letterbox": letterboxed}


@pytest.fixture(scope="module")
def drawn_cache(tmp_path_factory):
    """A cache with twelve pairs and their features."""
    root = tmp_path_factory.mktemp("invariance")
    draw_pairs(root / "drawn", PAIRS)
    with cache_below(root) as folder:
        collections.add("pairs", root / "drawn", name="drawn")
        extraction.extract("drawn", MODELS)
    return folder


@pytest.fixture
def drawn(drawn_cache, cache):
    """The pairs in this test's own cache."""
    shutil.copytree(drawn_cache, cache, dirs_exist_ok=True)
    return "drawn"


def ask(name, *, models=MODELS, combine="none", post="none", **more):
    recipes = parse(list(models), combine, post=post)
    return InvarianceQuestion(Question(name, tuple(recipes)), tuple(CHANGES), **more)


def plain_features(tmp_path, name, change, model):
    """Features of the left pictures, changed and saved as a collection of their own."""
    folder = tmp_path / change
    if not folder.is_dir():
        folder.mkdir()
        for path in collections.open_(name).left.paths:
            pixels = np.asarray(Image.open(path).convert("RGB"))
            Image.fromarray(np.ascontiguousarray(CHANGES[change](pixels))).save(folder / path.name)
        collections.add("images", folder, name=change)
    extraction.extract(change, [model])
    collection = collections.open_(change)
    return features.for_side(collection, collection.left, model).values.astype(float)


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def plain_row(name, tmp_path, change, model):
    """Every number of a row, by its definition."""
    collection = collections.open_(name)
    left, right = (
        unit(features.for_side(collection, side, model).values.astype(float))
        for side in collection.sides()
    )
    after = unit(plain_features(tmp_path, name, change, model))
    matrix, same, count = left @ right.T, (left * after).sum(axis=1), len(left)
    unrelated = matrix[~np.eye(count, dtype=bool)]
    floor = [np.mean(unrelated < value) for value in same]
    mates = [np.mean(unrelated < value) for value in np.diag(matrix)]
    ranks = [(m >= np.diag(m)[:, None]).sum(axis=1) for m in (matrix, after @ right.T)]
    hits = [(r == 1).astype(float) for r in ranks]
    gains, random = hits[1] - hits[0], np.random.default_rng(5)
    draws = [np.mean(gains[random.integers(0, count, count)]) for _ in range(4000)]
    ci95 = np.quantile(draws, [0.025, 0.975])
    if np.ptp(gains) == 0 and (ranks[0] != ranks[1]).any():
        # Another pair may gain or lose; as many that do not exclude more of them than this.
        ci95 = gains[0] + (1 - 0.025 ** (1 / count)) * (np.array([-1, 1]) - gains[0])
    return {
        "similarity": np.median(same),
        "floor": np.quantile(floor, [0.25, 0.5, 0.75]),
        "mates": np.median(mates),
        "before": hits[0].mean(),
        "recall": hits[1].mean(),
        "ci95": ci95,
        "rank": np.median(ranks[1]),
    }


def assert_rows_are_numpys(table, tmp_path):
    assert len(table.rows) == 6 == table.expected
    # A share of these pairs; bins of the distribution are a 100,000th of its range.
    one_pair = 1.5 / (table.pairs * (table.pairs - 1))
    for row in table.rows:
        expected = plain_row(table.collection, tmp_path, row.transform, row.backbones[0])
        assert row.similarity == pytest.approx(expected["similarity"], abs=1e-5)
        assert row.floor == pytest.approx(expected["floor"], abs=one_pair)
        assert row.mates == pytest.approx(expected["mates"], abs=one_pair)
        assert row.before == expected["before"]
        assert row.recall.value == expected["recall"]
        assert row.change == pytest.approx(expected["recall"] - expected["before"])
        assert row.ci95 == pytest.approx(expected["ci95"], abs=1.5 / table.pairs)
        assert row.rank == expected["rank"]


def test_two_backbones_and_three_changes_against_numpy(drawn, tmp_path):
    assert_rows_are_numpys(invariance_evaluation.run(ask(drawn)), tmp_path)


@pytest.mark.slow
@pytest.mark.weights
def test_real_pairs_against_numpy(real_pairs, tmp_path):
    """A network and a hand-made descriptor on photographs and drawings."""
    try:
        for file in registry.get("mobilenetv2").weights:
            weights.fetch(file)
    except SimError as error:
        pytest.skip(f"the weight file cannot be fetched here: {error}")
    with (real_pairs / "train.csv").open() as file:
        chosen = list(csv.DictReader(file))[:REAL_PAIRS]
    for side in ("left", "right"):
        (tmp_path / "real" / side).mkdir(parents=True)
        for number, line in enumerate(chosen):
            path = real_pairs / "train" / side / f"{line[side]}.jpg"
            # Saved without loss, so that Pillow and simcore decode the same pixels.
            Image.open(path).convert("RGB").save(tmp_path / "real" / side / f"{number:03}.png")
    collections.add("pairs", tmp_path / "real", name="real")
    models = ("hog", "mobilenetv2")
    extraction.extract("real", models)
    table = invariance_evaluation.run(ask("real", models=models))
    assert table.pairs == REAL_PAIRS
    assert_rows_are_numpys(table, tmp_path)
    assert {row.change for row in table.rows} != {0}


def test_combination_and_post_processing(drawn, tmp_path):
    """z-sum of centered features; moments and center are those of the unchanged collection."""
    inquiry = ask(drawn, combine="zsum", post="center")
    invariance_evaluation.run(inquiry)
    collection, same, matrix = collections.open_(drawn), 0, 0
    for model in MODELS:
        left, right = (
            features.for_side(collection, side, model).values.astype(float)
            for side in collection.sides()
        )
        center = np.concatenate([left, right]).mean(axis=0)
        after = unit(plain_features(tmp_path, drawn, "flip", model) - center)
        left, right = unit(left - center), unit(right - center)
        values = left @ right.T
        matrix = matrix + (values - values.mean()) / values.std()
        same = same + ((left * after).sum(axis=1) - values.mean()) / values.std()
    unrelated = matrix[~np.eye(PAIRS, dtype=bool)]
    expected = [np.mean(unrelated < value) for value in same]
    recipe = inquiry.question.recipes[-1]
    outcome = invariance_evaluation.picture_outcomes(inquiry.question, recipe, Setting("flip", 1))
    assert outcome.floor == pytest.approx(expected, abs=1.5 / 132)


def test_csls_changes_ranks_and_not_the_similarity(drawn):
    plain, csls = (
        invariance_evaluation.run(ask(drawn, post=post)).rows for post in ("none", "csls")
    )
    assert [row.similarity for row in plain] == [row.similarity for row in csls]


def test_everything_is_stored_and_a_stopped_run_resumes(drawn, monkeypatch):
    inquiry = ask(drawn)
    calls = []
    stop = Monitor(calls.append, lambda: any(p.stage.startswith("invert") for p in calls))
    with pytest.raises(Stopped, match="Start again to resume"):
        invariance_evaluation.run(inquiry, monitor=stop)
    done = invariance_evaluation.stored(inquiry)
    assert {row.transform for row in done.rows} == {"flip"}
    whole = invariance_evaluation.run(inquiry)
    memory.clear()
    monkeypatch.setattr(ExtractionRun, "_embed", lambda *_: 1 / 0)
    again = invariance_evaluation.run(inquiry)
    assert again.to_dict() == whole.to_dict() == invariance_evaluation.stored(inquiry).to_dict()


def test_a_changed_picture_alone_has_the_same_features(drawn):
    """Features depend on the picture and the change only, not on the batch."""
    collection, setting = collections.open_(drawn), Setting("noise", 0.1, 3)
    changed_features.extract(collection.left, MODELS, setting)
    stored = changed_features.read(collection.left, "hog", setting)
    image = features.decode_as(collection.left.path(5).read_bytes(), collection.left.keys[5])
    alone = changed_features.embed(image, "hog", setting)
    assert np.array_equal(alone.values[0], stored.values[5])
    with pytest.raises(BadDataError, match="simcore evaluate invariance"):
        changed_features.read(collection.left, "hog", Setting("noise", 0.1, 4))


def test_features_of_the_collection_are_untouched(drawn):
    before = collections.feature_counts(drawn)
    invariance_evaluation.run(ask(drawn))
    assert collections.feature_counts(drawn) == before


def test_names_are_checked(drawn):
    question = ask(drawn).question
    with pytest.raises(UnknownNameError, match="transform"):
        invariance_evaluation.run(InvarianceQuestion(question, ("rotat",)))
    with pytest.raises(UnknownNameError, match="levels"):
        invariance_evaluation.run(InvarianceQuestion(question, levels="some"))
    assert len(InvarianceQuestion(question, levels="all").settings) == 4 + 14 * 5
    # The line drawing has no strength either.
    assert len(InvarianceQuestion(question, ("@all",), levels="all").settings) == 5 + 14 * 5
