"""Scores of similarities on judgements, checked against the evaluation functions."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from simcore.data.judgements import judgement_catalog, known_order
from simcore.errors import BadDataError, MissingWeightsError, SimError, UnknownNameError
from simcore.evaluate.judgements import human_ceiling, jnd, triplet_combinations, triplets, two_afc
from simcore.lab.judgements import (
    agreement,
    pair_similarities,
    perceptual,
    sets,
    trial_disagreements,
)
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.library import collections, features, models
from simcore.models import registry
from simcore.types import Monitor
from tests.conftest import cache_below, make_bapps
from tests.data.judgements.conftest import known, known_cache
from tests.lab.conftest import register

__all__ = ["known", "known_cache"]

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4], "color": [0.0, 1.0, 0.6]}


@pytest.fixture(scope="module")
def judged_cache(tmp_path_factory):
    """A cache with eight triplets in the official layout, and three similarities."""
    root = tmp_path_factory.mktemp("judged")
    with cache_below(root) as folder:
        judgement_set = sets.add("bapps", make_bapps(root / "dataset", VOTES), name="mine")
        pair_similarities.prepare(judgement_set, ["color", "layout", "pixel-l2"])
    return folder


@pytest.fixture
def judged(judged_cache, cache):
    """The judgement set of `judged_cache`, in this test's own cache."""
    shutil.copytree(judged_cache, cache, dirs_exist_ok=True)
    return sets.open_("mine")


def ask(*models, name="mine", metrics=("cosine", "l2", "l1"), **options):
    """The table of a question."""
    return agreement.table(JudgementQuestion(name, models, tuple(metrics), **options))


def test_the_known_set_is_reproducible(monkeypatch):
    # Two photographs are enough here.
    monkeypatch.setattr(known_order, "PHOTOS", dict(list(known_order.PHOTOS.items())[:2]))
    first = sets.open_("known")  # made here
    assert sets.add("known", name="again").digest == first.digest
    assert sets.add("known", name="other", seed=1).digest != first.digest
    assert sets.open_("known") is first


def test_the_known_set_has_an_order_instead_of_votes(known):
    assert known.votes == "known order"
    assert "not human votes" in known.notes[0]
    assert {g.partition("/")[0] for g in known.triplets.group} == {"traditional", "resampling"}
    assert set(known.triplets.vote) == {0, 1}
    assert 0.4 < known.triplets.vote.mean() < 0.6  # neither side is the better guess
    ready = pair_similarities.prepare(known, ["pixel-l2", "color"])
    table = ask(*ready.names, name="known")
    assert table.people == {}
    scores = {row.label: row.overall.value for row in table.rows if row.metric in ("own", "l2")}
    assert scores["pixel-l2"] > 0.9
    assert scores["color"] > 0.8


def test_scores_equal_those_of_the_evaluation(judged):
    table = ask("color", "pixel-l2", metrics=["cosine", "l1"])
    assert [(r.label, r.metric) for r in table.rows] == [
        ("color", "cosine"),
        ("color", "l1"),
        ("pixel-l2", "own"),
    ]
    asked = judged.triplets
    rows = features.for_images(asked.images, "color")
    left, right = (
        triplets.pair_similarity(rows, asked.ref, side, "l1") for side in (asked.left, asked.right)
    )
    credit = two_afc.credit(left, right, asked.vote)
    overall = two_afc.over_groups(credit, asked.group)
    assert table.rows[1].overall.value == pytest.approx(overall.value)
    assert table.rows[1].groups["cnn"].value == pytest.approx(credit[:5].mean())
    # The fixture spoils the side that fewer people chose, so pixels reach the ceiling exactly.
    assert table.rows[2].overall.value == table.people["ceiling"]["all"].value
    assert table.people["ceiling"]["color"].value == human_ceiling.ceiling(asked.vote[5:]).value
    assert table.people["person"]["all"].value < table.people["crowd"]["all"].value
    document = table.to_dict()
    assert document["groups"] == {"cnn": 5, "color": 3}
    assert document["rows"][2]["all"]["value"] == document["people"]["ceiling"]["all"]["value"]


def test_the_table_lists_people_first_and_then_the_best(judged):
    table = ask("color", "pixel-l2", metrics=["cosine"])
    rows = table.to_table()
    assert rows.columns == ("similarity", "metric", "all %", "cnn %", "color %")
    assert [row[0] for row in rows.rows][:3] == list(agreement.PEOPLE.values())
    assert [row[0] for row in rows.rows][3:] == [row.label for row in table.best_first]
    value = 100 * table.best_first[0].overall.value
    assert rows.rows[3][2].startswith(f"{value:.2f}  [")
    assert table.to_table(groups=(), decimals=1).rows[3][2].startswith(f"{value:.1f}  [")
    groups = table.to_group_table(1)
    assert groups.columns == (
        "group, %",
        f"{table.best_first[0].label} {table.best_first[0].metric}",
    )
    assert [row[0] for row in groups.rows] == ["cnn", "color"]
    numbers = table.to_long_table()
    assert len(numbers.rows) == 5 * 3
    assert numbers.rows[0][2:5] == ("all", 8, table.people["ceiling"]["all"].value)


def test_a_constant_earns_exactly_half(bapps_tree):
    root = bapps_tree(VOTES)
    for left in root.rglob("p0/*.png"):
        (left.parents[1] / "p1" / left.name).write_bytes(left.read_bytes())
    pair_similarities.prepare(sets.add("bapps", root, name="mine"), ["pixel-l2", "color"])
    for row in ask("pixel-l2", "color", metrics=["l2"]).rows:
        scores = (row.overall, row.groups["cnn"], row.groups["color"])
        assert [score.value for score in scores] == [0.5, 0.5, 0.5]


def test_majority_counts_right_or_wrong(judged):
    table = ask("pixel-l2", counting="majority")
    assert table.rows[0].overall.value == 1
    assert table.people["ceiling"]["all"].value == 1
    assert set(table.people) == {"ceiling"}


def test_combinations_equal_those_of_the_evaluation(judged):
    table = ask("color", "pixel-l2", metrics=["l2"], combine="zsum")
    sides = [
        tuple(pair_similarities.values(judged, "color", "l2")),
        tuple(pair_similarities.values(judged, "pixel-l2")),
    ]
    left, right = triplet_combinations.combined(sides, [1, 1])
    credit = two_afc.credit(left, right, judged.triplets.vote)
    row = table.rows[-1]
    assert row.label == "zsum(color + pixel-l2)"
    assert row.overall.value == pytest.approx(
        two_afc.over_groups(credit, judged.triplets.group).value
    )


def test_stored_similarities_are_not_computed_again(bapps_tree):
    judged = sets.add("bapps", bapps_tree(VOTES), name="mine")
    stages = []
    monitor = Monitor(lambda progress: stages.append(progress.stage))
    pair_similarities.prepare(judged, ["color", "ssim"], monitor=monitor)
    assert {"color", "ssim"} <= set(stages)
    stages.clear()
    ready = pair_similarities.prepare(judged, ["color", "ssim"], monitor=monitor)
    assert stages == []
    assert ready.names == ("color", "ssim")
    assert pair_similarities.available(judged) == ["color", "ssim"]
    stopped = pair_similarities.prepare(judged, ["ms-ssim"], monitor=Monitor(stop=lambda: True))
    assert stopped.names == ()
    assert not pair_similarities.ready(judged, "ms-ssim")
    with pytest.raises(BadDataError, match="simcore evaluate triplets mine --models ms-ssim"):
        pair_similarities.values(judged, "ms-ssim")


def test_features_of_a_backbone_that_is_not_registered_are_not_offered(judged):
    """Those of a torch module of another process are in the store, too."""
    name = register()
    judged = sets.open_("mine")
    pair_similarities.prepare(judged, [name])
    assert name in pair_similarities.available(judged)
    registry.forget(name)
    assert pair_similarities.available(judged) == ["layout", "color", "pixel-l2"]


def test_unavailable_similarities_are_reported(judged):
    ready = pair_similarities.prepare(judged, ["lpips-alex", "pixel-l2"])
    assert ready.names == ("pixel-l2",)
    assert "alexnet" in ready.unavailable["lpips-alex"]
    with pytest.raises(BadDataError, match="alexnet"):
        pair_similarities.prepare(judged, ["lpips-alex"])
    with pytest.raises(SimError):
        models.fetch(["lpips-vgg"])
    assert models.fetch(["ssim", "color"]) == ["color", "ssim"]
    with pytest.raises(UnknownNameError, match="layer9"):
        pair_similarities.expand(["lpips-alex/layer9"])
    with pytest.raises(UnknownNameError):
        pair_similarities.expand(["ssim/layer1"])
    with pytest.raises(UnknownNameError, match="Did you mean hog"):
        pair_similarities.expand(["hogg"])
    assert issubclass(MissingWeightsError, SimError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["l3"]}, "metric named 'l3'"),
        ({"metrics": []}, "at least one metric"),
        ({"combine": "product"}, "combination named"),
        ({"counting": "votes"}, "counting named"),
    ],
)
def test_wrong_questions_give_one_sentence(judged, options, words):
    with pytest.raises(SimError, match=words):
        ask("color", **options)
    with pytest.raises(BadDataError, match="at least one similarity"):
        ask()


def test_largest_disagreement_comes_first(judged):
    question = JudgementQuestion("mine", ("color",))
    rows = trial_disagreements.largest_first(question, metric="l2")
    assert sorted(row.trial for row in rows) == list(range(8))
    distances = [row.disagreement for row in rows]
    assert distances == sorted(distances, reverse=True)
    first = rows[0]
    asked = judged.triplets
    assert first.ref == asked.images.ids[asked.ref[first.trial]]
    assert first.vote == pytest.approx(asked.vote[first.trial])
    assert first.disagreement == pytest.approx(abs(first.vote - first.prediction))
    assert [row.opposite for row in rows] == [
        (row.vote > 0.5) != (row.prediction > 0.5) for row in rows
    ]  # no ties here
    assert first.to_dict()["left"] == asked.images.ids[asked.left[first.trial]]
    assert {row.group for row in trial_disagreements.largest_first(question, group="cnn")} == {
        "cnn"
    }
    assert len(trial_disagreements.largest_first(question.with_models(["color", "pixel-l2"]))) == 8
    with pytest.raises(UnknownNameError, match="group named 'cn'"):
        trial_disagreements.largest_first(question, group="cn")


def test_jnd_is_an_average_precision_over_groups(bapps_tree):
    root = bapps_tree({"cnn": [0.0, 1.0, 1 / 3, 1.0], "traditional": [1.0, 0.0]}, kind="jnd")
    judged = sets.add("bapps-jnd", root, name="same")
    pair_similarities.prepare(judged, ["pixel-l2"])
    table = ask("pixel-l2", name="same")
    values = pair_similarities.values(judged, "pixel-l2")[0]
    group = np.array(judged.trials.group)
    each = [
        jnd.average_precision(values[group == g], judged.trials.same[group == g]).value
        for g in ("traditional", "cnn")
    ]
    overall = table.rows[0].overall
    assert overall.value == pytest.approx(np.mean(each))
    assert overall.low <= overall.value <= overall.high
    assert table.people["ceiling"]["all"].value >= overall.value
    with pytest.raises(BadDataError, match="not a set of triplets"):
        ask("pixel-l2", name="same", combine="zsum")
    with pytest.raises(BadDataError, match="same-or-different"):
        trial_disagreements.largest_first(JudgementQuestion("same", ("pixel-l2",)))


def test_odd_ones_out(tmp_path, draw):
    folder = tmp_path / "things"
    folder.mkdir()
    for k in range(6):
        draw(k % 3, 24, 24).save(folder / f"{k}.png")  # k and k + 3 are the same picture
    (tmp_path / "trials.txt").write_text("0 3 1\n1 4 2\n5 2 0\n0 1 3\n")
    judged = sets.add("things", tmp_path / "trials.txt", name="odd", images=folder)
    pair_similarities.prepare(judged, ["color"])
    (row,) = ask("color", name="odd", metrics=["cosine"]).rows
    assert row.overall.per_item.tolist() == [1, 1, 1, 0]


def test_lpips_by_layers_and_in_combinations(bapps_tree, random_lpips):
    judged = sets.add("bapps", bapps_tree(VOTES), name="mine")
    names = ["lpips-squeeze", "lpips-squeeze/layer2", "pixel-l2"]
    ready = pair_similarities.prepare(judged, names)
    assert ready.names == ("lpips-squeeze", "lpips-squeeze/layer2", "pixel-l2")
    question = JudgementQuestion("mine", ready.names, combine="zsum")
    layers = perceptual.layer_table(question, ["squeeze"])
    assert [row["group"] for row in layers.to_dict()["rows"]] == ["cnn", "color"]
    for row in layers.to_dict()["rows"]:
        assert len(row["layers"]) == 5  # the last five of seven
        assert row["score"]["value"] == max(row["layers"])
        assert row["delta"] == pytest.approx(row["calibrated"]["value"] - row["score"]["value"])
    assert len(layers.to_table().columns) + 5 == len(layers.to_table(each_layer=True).columns)
    best = perceptual.combinations(replace(question, combine="sum"))
    assert {"lpips-squeeze", "lpips-squeeze/uncalibrated", "pixel-l2"} <= {
        *best.kept,
        *best.dropped,
    }
    assert [row["group"] for row in best.to_dict()["rows"]] == ["cnn", "color", "all"]
    for row in best.to_dict()["rows"]:
        assert row["several_score"]["value"] >= row["single_score"]["value"]
    assert len(set(best.to_table().columns)) == len(best.to_table().columns)
    with pytest.raises(UnknownNameError, match="LPIPS net named 'alexx'"):
        perceptual.check_nets(["alexx"])
    with pytest.raises(BadDataError, match="at least one net"):
        perceptual.check_nets([])


def test_images_become_a_collection_that_is_removed_with_the_set(judged):
    collection = sets.collection("mine")
    assert collection.name == "mine"
    assert collection.left.keys == judged.triplets.images.keys
    assert collections.open_("mine").right is None
    assert features.is_ready(collection, "color")  # the store finds them by content
    assert sets.collection("mine").digest == collection.digest
    sets.remove("mine")
    assert collections.names() == []
    assert sets.names() == []


def test_a_collection_of_the_same_name_is_left_alone(judged, pairs_folder):
    collections.add("pairs", pairs_folder, name="mine")
    assert sets.collection("mine").name == "mine-images"
    sets.remove("mine")
    assert collections.names() == ["mine"]
    with pytest.raises(UnknownNameError, match="set of judgements named 'mine'"):
        sets.collection("mine")


def test_listing(judged):
    (summary,) = sets.listing()
    assert summary.trials == 8
    assert summary.skipped == ()
    assert sets.open_("mine") is sets.open_("mine")
    assert judgement_catalog.names() == ["mine"]
    with pytest.raises(UnknownNameError):
        sets.open_("nine")


def test_question_as_command_line_and_address():
    question = JudgementQuestion("mine", ("hog", "color"), combine="zsum", subset="unseen:x")
    args = ["mine", "--models", "hog,color", "--subset", "unseen:x", "--combine", "zsum"]
    assert question.to_args() == args
    assert question.to_query() == {
        "judgements": "mine",
        "models": "hog,color",
        "metrics": "cosine,l2,l1",
        "combine": "zsum",
        "counting": "share",
        "subset": "unseen:x",
    }
