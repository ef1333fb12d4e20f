"""A backbone without evidence about some images, the same on every path: search, recall, subsets.

Six pairs; faces in the images a, b, c on the left and a, b, d on the right.
"""

import numpy as np
import pytest

import simcore
from simcore.cli import options
from simcore.data.store.feature_store import FeatureStore
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.lab.library import collections, features
from simcore.lab.papers import rosenfeld2018_tables
from simcore.lab.search import maps, search
from simcore.lab.search.search import Query
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import MISSING_RULES, Question

MODELS = ["layout", "color", "face"]
FACES = {"lr"[side] + name for side, names in enumerate(("abc", "abd")) for name in names}


@pytest.fixture
def faces(tiny):
    """The collection "tiny" with face descriptors of some images."""
    collection, random = collections.open_(tiny), np.random.default_rng(3)
    keys, rows = [], []
    for side, images in zip("lr", collection.sides(), strict=True):
        for name, key in zip(images.ids, images.keys, strict=True):
            count = 1 if side + name in FACES else 0
            keys.append(key)
            rows.append(random.normal(size=(count, 128)).astype(np.float32))
    key = extraction.feature_key(registry.get("face"), "fp32")
    FeatureStore.shared().append(key, keys, rows)
    return tiny


def matrices(name, post="none"):
    """The similarity matrices of `MODELS` in plain NumPy, NaN where a face is missing."""
    collection = collections.open_(name)
    sums = []
    for model in MODELS:
        left, right = (features.for_side(collection, s, model) for s in collection.sides())
        values = np.full((left.count, right.count), np.nan)
        for i, a in zip(left.index, left.values.astype(float), strict=True):
            for j, b in zip(right.index, right.values.astype(float), strict=True):
                if registry.get(model).metric == "cosine":
                    values[i, j] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                else:
                    values[i, j] = -np.linalg.norm(a - b)
        sums.append(values)
    return sums


def by_hand(name, combine, missing):
    """(6, 6) similarity of the combination; infinite distances are a large number."""
    total = np.zeros((6, 6))
    for values in matrices(name):
        mean, std = np.nanmean(values), np.nanstd(values)
        scaled = (values - mean) / std if combine == "zsum" else values
        fill = np.nanmean(scaled) if missing == "mean" else -1e6
        total += np.where(np.isnan(scaled), fill, scaled)
    return total


@pytest.mark.parametrize("combine", ["sum", "zsum"])
@pytest.mark.parametrize("missing", MISSING_RULES)
def test_search_recall_and_subsets_agree_with_plain_numpy(faces, combine, missing):
    question = Question(faces, tuple(recipes.parse(MODELS, combine, missing=missing)))
    combined = question.with_recipes(question.recipes[-1])
    total = by_hand(faces, combine, missing)
    ranks = 1 + (total > np.diag(total)[:, None]).sum(axis=1)
    assert recall.ranks_of_each(combined)[0].tolist() == ranks.tolist()
    hits = combinations.search(question).hits[combine]
    assert hits.hits_of(0b111).tolist() == (ranks == 1).tolist()
    for row, query in enumerate("abcdef"):
        (result,) = search.search(combined, Query(id=query), k=6)
        assert result.mate_rank == ranks[row]
        order = ["abcdef"[column] for column in np.argsort(-total[row], kind="stable")]
        assert list(result.ids) == order
        assert result.to_dict()["missing"] == missing
    (outcomes,) = recall.outcomes_of_each(combined)
    assert not np.isnan(outcomes.mates).any()


def test_the_rule_is_part_of_every_key(faces):
    """The same question under the other rule is computed again, in memory and on disk."""
    for combine in ("sum", "zsum"):
        ranks = {}
        for missing in ("mean", "worst", "mean"):
            recipe = recipes.parse(MODELS, combine, missing=missing)[-1]
            total = by_hand(faces, combine, missing)
            ranks = recall.ranks(faces, recipe)
            assert ranks.tolist() == (1 + (total > np.diag(total)[:, None]).sum(1)).tolist()
    settings = maps.projection_settings("pca")
    made = [
        maps.make(
            Question(faces, (recipes.parse(MODELS, "zsum", missing=missing)[-1],)), settings
        ).digest
        for missing in MISSING_RULES
    ]
    assert made[0] != made[1]


def test_the_python_api_has_the_rule_too(faces):
    for build, combine in ((simcore.zsum, "zsum"), (simcore.plain_sum, "sum")):
        recipe = build(*MODELS, missing="worst")
        total = by_hand(faces, combine, "worst")
        expected = 1 + (total > np.diag(total)[:, None]).sum(axis=1)
        assert simcore.ranks(faces, recipe).ranks.tolist() == expected.tolist()


def test_single_backbones_do_not_depend_on_the_rule(faces):
    singles = [recipes.parse(MODELS, missing=missing) for missing in MISSING_RULES]
    first, second = (recall.ranks_of_each(Question(faces, tuple(parsed))) for parsed in singles)
    assert all(a is b for a, b in zip(first, second, strict=True)), "computed once"
    assert [recipe.label for recipe in singles[0]] == [recipe.label for recipe in singles[1]]
    face = first[MODELS.index("face")]
    assert (face[2:] == 7).all(), "no face on one side: behind all six"


def test_curves_do_not_count_pairs_without_a_face(faces):
    question = Question(faces, tuple(recipes.parse(["face", "layout"])))
    face, layout = recall.curve(question).curves
    assert face.values[-1] == 2 / 6
    assert layout.values[-1] == 1
    report = recall.associative_recall(question, sizes=[1, 2, 6])
    assert report.recipes[0].rows[0].exact == pytest.approx(2 / 6)


def test_a_question_keeps_the_rule_on_its_command_line(faces):
    parsed = recipes.parse(MODELS, "sum", missing="worst")
    question = Question(faces, tuple(parsed))
    name, *args = question.to_args()
    values = {w.removeprefix("--"): v for w, v in zip(args[::2], args[1::2], strict=True)}
    assert values["missing"] == "worst"
    assert options.make_question(name, **values) == question
    assert question.to_query()["missing"] == "worst"


def test_facial_features_are_evaluated_on_pairs_with_faces_on_both_sides(faces):
    section = rosenfeld2018_tables.section_4_2_faces(Question(faces, tuple(recipes.parse(MODELS))))
    assert "Of the 2 pairs of faces, which have a face on both sides." in section.note
    values = matrices(faces)[MODELS.index("face")][:2, :2]
    hits = int((values.argmax(axis=1) == np.arange(2)).sum())
    ((name, score),) = section.table.rows
    assert name == "face"
    assert score.startswith(f"{50 * hits:.2f} % [")
    assert score.endswith(f"({hits} of 2)")


def test_what_backbones_find_does_not_need_the_search_of_all_subsets(faces):
    question = Question(faces, tuple(recipes.parse(MODELS)))
    report = exclusive.report(question)
    hits = {
        model: [
            row[i] > np.delete(row, i).max() for i, row in enumerate(np.nan_to_num(v, nan=-1e9))
        ]
        for model, v in zip(MODELS, matrices(faces), strict=True)
    }
    hits["face"] = [h and i < 2 for i, h in enumerate(hits["face"])]
    assert report.isolation == {model: sum(found) for model, found in hits.items()}
    assert report.oracle == sum(map(any, zip(*hits.values(), strict=True)))
