"""Judgements through the door: made ready, scored against the engine, their images explored."""

import numpy as np
import pytest

from simcore.data.judgements import judgement_catalog
from simcore.errors import BadDataError, MissingWeightsError, SimError, UnknownNameError
from simcore.evaluate.judgements import human_ceiling, jnd, triplet_combinations, triplets, two_afc
from simcore.lab.judgements import agreement, pair_similarities, perceptual, sets
from simcore.lab.library import collections, features, models
from simcore.types import Monitor

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4], "color": [0.0, 1.0, 0.6]}


@pytest.fixture
def judged(bapps_tree):
    """Eight triplets in the official layout, scored by three similarities."""
    found = sets.add("bapps", bapps_tree(VOTES), name="mine")
    pair_similarities.prepare(found, ["color", "layout", "pixel-l2"])
    return found


def test_the_known_set_is_made_once_and_says_that_nobody_was_asked():
    found = sets.open_("known")
    again = sets.add("known", name="again")
    assert found.digest == again.digest
    assert found.digest != sets.add("known", name="other", seed=1).digest
    assert found.votes == "known order"
    assert "nobody was asked" in found.notes[0]
    assert {g.partition("/")[0] for g in found.triplets.group} == {"traditional", "resampling"}
    assert set(found.triplets.vote) == {0, 1}
    assert 0.4 < found.triplets.vote.mean() < 0.6  # neither side is the better guess
    assert sets.open_("known").digest == found.digest
    ready = pair_similarities.prepare(found, ["pixel-l2", "color"])
    table = agreement.table(found, ready.names)
    assert table.people == {}
    scores = {row.label: row.whole.value for row in table.rows if row.metric in ("own", "l2")}
    assert scores["pixel-l2"] > 0.9
    assert scores["color"] > 0.8


def test_scores_are_the_engines(judged):
    table = agreement.table(judged, ["color", "pixel-l2"], metrics=["cosine", "l1"])
    assert [(r.label, r.metric) for r in table.rows] == [
        ("color", "cosine"),
        ("color", "l1"),
        ("pixel-l2", "own"),
    ]
    some = judged.triplets
    made = features.for_images(some.images, "color")
    left, right = (
        triplets.pair_similarity(made, some.ref, side, "l1") for side in (some.left, some.right)
    )
    earned = two_afc.credit(left, right, some.vote)
    assert table.rows[1].whole.value == pytest.approx(two_afc.over_groups(earned, some.group).value)
    assert table.rows[1].groups["cnn"].value == pytest.approx(earned[:5].mean())
    # The fixture spoils the side that fewer people chose, so pixels reach the ceiling exactly.
    assert table.rows[2].whole.value == table.people["ceiling"]["all"].value
    assert table.people["ceiling"]["color"].value == human_ceiling.ceiling(some.vote[5:]).value
    assert table.people["person"]["all"].value < table.people["crowd"]["all"].value
    told = table.to_dict()
    assert told["groups"] == {"cnn": 5, "color": 3}
    assert told["rows"][2]["all"]["value"] == told["people"]["ceiling"]["all"]["value"]


def test_a_constant_earns_exactly_half(judged, monkeypatch):
    monkeypatch.setattr(pair_similarities, "values", lambda *_: np.full((2, 8), 0.3))
    (row,) = agreement.table(judged, ["pixel-l2"]).rows
    assert (row.whole.value, row.groups["cnn"].value, row.groups["color"].value) == (0.5, 0.5, 0.5)


def test_the_majority_counts_wholes(judged):
    table = agreement.table(judged, ["pixel-l2"], counting="majority")
    assert table.rows[0].whole.value == 1
    assert table.people["ceiling"]["all"].value == 1
    assert set(table.people) == {"ceiling"}


def test_combinations_are_those_of_the_engine(judged):
    table = agreement.table(judged, ["color", "pixel-l2"], metrics=["l2"], combine="zsum")
    parts = [
        tuple(pair_similarities.values(judged, "color", "l2")),
        tuple(pair_similarities.values(judged, "pixel-l2")),
    ]
    left, right = triplet_combinations.combined(parts, [1, 1])
    earned = two_afc.credit(left, right, judged.triplets.vote)
    row = table.rows[-1]
    assert row.label == "zsum(color + pixel-l2)"
    assert row.whole.value == pytest.approx(
        two_afc.over_groups(earned, judged.triplets.group).value
    )


def test_what_is_there_is_not_made_again_and_a_stop_keeps_the_rest_whole(bapps_tree, monkeypatch):
    found = sets.add("bapps", bapps_tree(VOTES), name="mine")
    stages = []
    pair_similarities.prepare(
        found, ["color", "ssim"], monitor=Monitor(lambda p: stages.append(p.stage))
    )
    assert {"color", "ssim"} <= set(stages)
    stages.clear()
    ready = pair_similarities.prepare(
        found, ["color", "ssim"], monitor=Monitor(lambda p: stages.append(p.stage))
    )
    assert stages == []
    assert ready.names == ("color", "ssim")
    assert pair_similarities.available(found) == ["color", "ssim"]
    stopped = pair_similarities.prepare(found, ["ms-ssim"], monitor=Monitor(stop=lambda: True))
    assert stopped.names == ()
    assert not pair_similarities.ready(found, "ms-ssim")
    with pytest.raises(BadDataError, match="simcore evaluate triplets mine --models ms-ssim"):
        pair_similarities.values(found, "ms-ssim")


def test_what_cannot_be_had_is_told_and_the_rest_goes_on(judged):
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
    ("asked", "words"),
    [
        ({"metrics": ["l3"]}, "No metric named 'l3'"),
        ({"metrics": []}, "found no metric"),
        ({"combine": "product"}, "No combination named"),
        ({"counting": "votes"}, "No counting named"),
    ],
)
def test_wrong_questions_are_one_sentence(judged, asked, words):
    with pytest.raises(SimError, match=words):
        agreement.table(judged, ["color"], **asked)
    with pytest.raises(BadDataError, match="found no similarity"):
        agreement.table(judged, [])


def test_furthest_apart_comes_first(judged):
    rows = agreement.disagreements(judged, ["color"], metric="l2")
    assert sorted(row["trial"] for row in rows) == list(range(8))
    apart = [row["apart"] for row in rows]
    assert apart == sorted(apart, reverse=True)
    first = rows[0]
    some = judged.triplets
    assert first["ref"]["id"] == some.images.ids[some.ref[first["trial"]]]
    assert first["vote"] == pytest.approx(some.vote[first["trial"]])
    assert {r["group"] for r in agreement.disagreements(judged, ["color"], group="cnn")} == {"cnn"}
    assert len(agreement.disagreements(judged, ["color", "pixel-l2"])) == 8
    with pytest.raises(UnknownNameError, match="No group named 'cn'"):
        agreement.disagreements(judged, ["color"], group="cn")


def test_jnd_is_an_average_precision_over_groups(bapps_tree):
    root = bapps_tree({"cnn": [0.0, 1.0, 1 / 3, 1.0], "traditional": [1.0, 0.0]}, kind="jnd")
    found = sets.add("bapps-jnd", root, name="same")
    pair_similarities.prepare(found, ["pixel-l2"])
    table = agreement.table(found, ["pixel-l2"])
    values = pair_similarities.values(found, "pixel-l2")[0]
    group = np.array(found.trials.group)
    each = [
        jnd.average_precision(values[group == g], found.trials.same[group == g]).value
        for g in ("traditional", "cnn")
    ]
    assert table.rows[0].whole.value == pytest.approx(np.mean(each))
    assert table.rows[0].whole.low <= table.rows[0].whole.value <= table.rows[0].whole.high
    assert table.people["ceiling"]["all"].value >= table.rows[0].whole.value
    with pytest.raises(BadDataError, match="no set of triplets"):
        agreement.table(found, ["pixel-l2"], combine="zsum")
    with pytest.raises(BadDataError, match="same-or-different"):
        agreement.disagreements(found, ["pixel-l2"])


def test_odd_ones_out(tmp_path, draw):
    folder = tmp_path / "things"
    folder.mkdir()
    for k in range(6):
        draw(k % 3, 24, 24).save(folder / f"{k}.png")  # k and k + 3 are the same picture
    (tmp_path / "trials.txt").write_text("0 3 1\n1 4 2\n5 2 0\n0 1 3\n")
    found = sets.add("things", tmp_path / "trials.txt", name="odd", images=folder)
    pair_similarities.prepare(found, ["color"])
    (row,) = agreement.table(found, ["color"], metrics=["cosine"]).rows
    assert row.whole.per_item.tolist() == [1, 1, 1, 0]


def test_lpips_by_layers_and_in_combinations(bapps_tree, random_lpips):
    found = sets.add("bapps", bapps_tree(VOTES), name="mine")
    ready = pair_similarities.prepare(found, ["lpips-squeeze", "lpips-squeeze/layer2", "pixel-l2"])
    assert ready.names == ("lpips-squeeze", "lpips-squeeze/layer2", "pixel-l2")
    rows = perceptual.layers_json(perceptual.layer_table(found, ["squeeze"]))
    assert [row["group"] for row in rows] == ["cnn", "color"]
    for row in rows:
        assert len(row["layers"]) == 5  # the last five of seven
        assert row["score"]["value"] == max(row["layers"])
        assert row["delta"] == pytest.approx(row["calibrated"]["value"] - row["score"]["value"])
    best = perceptual.combinations_json(perceptual.combinations(found, ready.names))
    names = {*best["contributing"], *best["dropped"]}
    assert {"lpips-squeeze", "lpips-squeeze/uncalibrated", "pixel-l2"} <= names
    assert [row["group"] for row in best["rows"]] == ["cnn", "color", "all"]
    for row in best["rows"]:
        assert row["several_score"]["value"] >= row["single_score"]["value"]
    with pytest.raises(UnknownNameError, match="No LPIPS net named 'alexx'"):
        perceptual.check_nets(["alexx"])
    with pytest.raises(BadDataError, match="found no net"):
        perceptual.check_nets([])


def test_the_images_become_a_collection_that_goes_with_the_set(judged):
    shown = sets.collection("mine")
    assert shown.name == "mine"
    assert shown.left.keys == judged.triplets.images.keys
    assert collections.open_("mine").right is None
    assert features.is_ready(shown, "color")  # the store knows them by content
    assert sets.collection("mine").digest == shown.digest
    sets.remove("mine")
    assert collections.names() == []
    assert sets.names() == []


def test_a_collection_of_that_name_is_left_alone(judged, pairs_folder):
    collections.add("pairs", pairs_folder, name="mine")
    assert sets.collection("mine").name == "mine-images"
    sets.remove("mine")
    assert collections.names() == ["mine"]
    with pytest.raises(UnknownNameError, match="No set of judgements named 'mine'"):
        sets.collection("mine")


def test_the_door_lists_what_the_memory_holds(judged):
    (told,) = sets.listing()
    assert told["trials"] == 8
    assert told["skipped"] == []
    assert sets.open_("mine") is sets.open_("mine")
    assert judgement_catalog.names() == ["mine"]
    with pytest.raises(UnknownNameError):
        sets.open_("nine")
