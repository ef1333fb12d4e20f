"""The page Judgements shows the door's numbers, bears bad addresses, and begins by itself."""

import pytest

from simcore.lab import jobs
from simcore.lab.judgements import agreement, pair_similarities, sets
from tests.pages.test_analysis_pages import at_address, shown, words

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4], "color": [0.0, 1.0, 0.6]}
MODELS = ["color", "layout", "pixel-l2"]


@pytest.fixture
def judged(bapps_tree):
    """Eight triplets called "mine" with the similarities of `MODELS`."""
    found = sets.add("bapps", bapps_tree(VOTES), name="mine")
    pair_similarities.prepare(found, MODELS)
    return found


def test_without_judgements_there_is_a_way_to_some(app):
    at = app("pages/judgements.py")
    assert not at.exception
    assert "nobody was asked" in shown(at)
    assert at.button(key="judgements_make").label == "Make it and score all backbones"
    assert at.code[0].value == "simcore evaluate triplets known"


def test_scores_are_the_doors(app, judged):
    at = at_address(
        app,
        "judgements",
        judgements="mine",
        models="color,pixel-l2",
        metrics="l2",
        combine="zsum",
    )
    assert not at.exception
    assert not words(at)
    told = agreement.table(judged, ["color", "pixel-l2"], metrics=["l2"], combine="zsum")
    table = at.dataframe[0].value
    best = max(told.rows, key=lambda row: row.whole.value)
    own = table[~table["similarity"].str.startswith("people")]
    assert own["all %"].iloc[0].startswith(f"{100 * best.whole.value:.1f} ")
    assert len(own) == 3
    assert "people: ceiling" in table["similarity"].tolist()
    assert f"{100 * best.whole.value:.1f} %" in shown(at)
    line = at.code[0].value
    assert line == (
        "simcore evaluate triplets mine --models color,pixel-l2 --metrics l2 --combine zsum"
    )
    assert at.query_params["models"] == "color,pixel-l2"
    at.selectbox(key="judgements_group_mine").select("cnn").run()
    assert not at.exception
    assert "cnn (5 trials)" in shown(at).replace("\\", "")


def test_the_gallery_begins_with_the_furthest_apart(app, judged):
    at = at_address(
        app,
        "judgements",
        judgements="mine",
        models="color,pixel-l2",
        view="disagreements",
        by="color",
    )
    assert not at.exception
    rows = agreement.disagreements(judged, ["color"], metric="cosine")
    wrong = sum((r["vote"] - 0.5) * (r["said"] - 0.5) < 0 for r in rows)
    assert f"**{wrong}** of 8 triplets" in shown(at)
    assert at.query_params["by"] == "color"
    at.selectbox(key="judgements_by").select("all combined").run()
    at.selectbox(key="judgements_order").select("agreement").run()
    assert not at.exception
    assert at.query_params["order"] == "agreement"


def test_whoever_comes_back_finds_the_same_view(app, judged):
    at = at_address(
        app, "judgements", judgements="mine", models="layout", metrics="l1", view="disagreements"
    )
    at.switch_page("pages/models.py")
    at.query_params.clear()
    at.run()
    at.switch_page("pages/judgements.py")
    at.query_params.clear()
    at.run()
    assert not at.exception
    assert at.query_params["models"] == "layout"
    assert at.query_params["view"] == "disagreements"


@pytest.mark.parametrize("what", ["layers", "combinations", "set"])
def test_the_other_views(app, judged, what):
    at = at_address(app, "judgements", judgements="mine", models=",".join(MODELS), view=what)
    assert not at.exception
    assert not at.error
    said = shown(at) + " ".join(i.value for i in at.info)
    assert {"layers": "alexnet", "combinations": "held out", "set": "human"}[what] in said


def test_bad_addresses_are_named_and_the_page_goes_on(app, judged):
    at = at_address(
        app,
        "judgements",
        judgements="../..",
        models="colour,color",
        metrics="l3,l2",
        view="x",
        counting="all",
        combine="product",
    )
    assert not at.exception
    assert not at.error
    for word in ("../..", "colour", "l3", "o view", "o way of counting", "product"):
        assert word in words(at), word
    assert at.query_params["judgements"] == "mine"
    assert at.query_params["models"] == "color"


def test_what_is_missing_is_offered_and_wrong_names_are_told(app, judged):
    at = at_address(app, "judgements", judgements="mine", models="color,ssim")
    assert at.button(key="judgements_run").label == "Score now"
    at.multiselect(key="judgements_models_mine").set_value(["color", "timmm:x"]).run()
    assert not at.exception
    assert "timmm" in words(at)


def test_other_shapes_have_scores_and_a_sentence_instead_of_a_gallery(app, bapps_tree):
    root = bapps_tree({"cnn": [0.0, 1.0, 1 / 3, 1.0]}, kind="jnd")
    pair_similarities.prepare(sets.add("bapps-jnd", root, name="same"), ["pixel-l2"])
    at = at_address(app, "judgements", judgements="same", models="pixel-l2")
    assert not at.exception
    assert "(4 trials)" in shown(at).replace("\\", "")
    at = at_address(app, "judgements", judgements="same", models="pixel-l2", view="disagreements")
    assert not at.exception
    assert "same\\-or\\-different pairs" in at.error[0].value


def test_the_form_starts_the_command_and_refuses_half_of_it(app, monkeypatch):
    asked = []
    monkeypatch.setattr(
        jobs,
        "start",
        lambda args: asked.append(args) or jobs.Job("x", tuple(args), "running", None, "", 0.0),
    )
    at = app("pages/judgements.py")
    (submit,) = [b for b in at.button if b.label == "Add"]
    submit.click().run()
    assert "found no path or no name" in words(at)
    at.radio(key="judging_kind").set_value("birds-16")
    at.text_input(key="judging_name").set_value("birds")
    at.text_input(key="judging_path").set_value("/data/birds16.zip")
    at.text_input(key="judging_images").set_value("/data/cub")
    at.number_input(key="judging_size").set_value(1000)
    (submit,) = [b for b in at.button if b.label == "Add"]
    submit.click().run()
    assert asked == [
        [
            "judgements",
            "add",
            "--name",
            "birds",
            "--images",
            "/data/cub",
            "--size",
            "1000",
            "--",
            "birds-16",
            "/data/birds16.zip",
        ]
    ]
    assert not at.exception
