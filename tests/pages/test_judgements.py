"""The page Judgements: numbers of the lab, bad addresses, adding sets."""

import pytest

from simcore.lab import jobs
from simcore.lab.judgements import agreement, pair_similarities, sets, trial_disagreements
from simcore.lab.judgements.agreement import JudgementQuestion
from tests.pages.test_analysis_pages import at_address, shown, words

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4], "color": [0.0, 1.0, 0.6]}
MODELS = ["color", "layout", "pixel-l2"]


@pytest.fixture
def judged(bapps_tree):
    """Eight triplets called "mine" with the similarities of `MODELS`."""
    judgement_set = sets.add("bapps", bapps_tree(VOTES), name="mine")
    pair_similarities.prepare(judgement_set, MODELS)
    return judgement_set


def test_first_visit_offers_the_known_set(app):
    at = app("pages/judgements.py")
    assert not at.exception
    assert "known order" in shown(at)
    assert at.button(key="judgements_make").label == "Make it and score all backbones"
    assert at.code[0].value == "simcore evaluate triplets known"


def test_scores_are_those_of_the_lab(app, judged):
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
    question = JudgementQuestion("mine", ("color", "pixel-l2"), ("l2",), "zsum")
    best = agreement.table(question).best_first[0]
    table = at.dataframe[0].value
    similarities = table[~table["similarity"].str.startswith("people")]
    assert similarities["all %"].iloc[0].startswith(f"{100 * best.overall.value:.1f} ")
    assert len(similarities) == 3
    assert "people: ceiling" in table["similarity"].tolist()
    assert f"{100 * best.overall.value:.1f} %" in shown(at)
    line = at.code[0].value
    assert line == (
        "simcore evaluate triplets mine --models color,pixel-l2 --metrics l2 --combine zsum"
    )
    assert at.query_params["models"] == "color,pixel-l2"
    at.selectbox(key="judgements_group_mine").select("cnn").run()
    assert not at.exception
    assert "cnn (5 trials)" in shown(at).replace("\\", "")


def test_disagreements_can_be_sorted(app, judged):
    at = at_address(
        app,
        "judgements",
        judgements="mine",
        models="color,pixel-l2",
        view="disagreements",
        by="color",
    )
    assert not at.exception
    rows = trial_disagreements.largest_first(JudgementQuestion("mine", ("color",)), metric="cosine")
    opposite = sum((row.vote - 0.5) * (row.prediction - 0.5) < 0 for row in rows)
    assert f"**{opposite}** of 8 trials" in shown(at)
    assert at.query_params["by"] == "color"
    at.selectbox(key="judgements_by").select("all combined").run()
    at.selectbox(key="judgements_order").select("agreement").run()
    assert not at.exception
    assert at.query_params["order"] == "agreement"


def test_returning_to_the_page_shows_the_same_view(app, judged):
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


@pytest.mark.parametrize(
    ("view", "text"), [("layers", "alexnet"), ("combinations", "best z-sum"), ("set", "human")]
)
def test_the_other_views(app, judged, view, text):
    at = at_address(app, "judgements", judgements="mine", models=",".join(MODELS), view=view)
    assert not at.exception
    assert not at.error
    assert text in shown(at) + " ".join(info.value for info in at.info)
    if view == "combinations":
        assert "held out %" in at.dataframe[0].value


def test_bad_addresses_are_reported(app, judged):
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
    for word in ("../..", "colour", "l3", "o view", "o counting", "product"):
        assert word in words(at), word
    assert at.query_params["judgements"] == "mine"
    assert at.query_params["models"] == "color"


def test_missing_similarities_are_offered_and_wrong_names_reported(app, judged):
    at = at_address(app, "judgements", judgements="mine", models="color,ssim")
    assert at.button(key="judgements_run").label == "Score now"
    at.text_input(key="judgements_models_mine_typed").set_value("timmm:x").run()
    assert not at.exception
    assert "timmm" in words(at)


def test_other_trials_than_triplets_have_no_gallery(app, bapps_tree):
    root = bapps_tree({"cnn": [0.0, 1.0, 1 / 3, 1.0]}, kind="jnd")
    pair_similarities.prepare(sets.add("bapps-jnd", root, name="same"), ["pixel-l2"])
    at = at_address(app, "judgements", judgements="same", models="pixel-l2")
    assert not at.exception
    assert "(4 trials)" in shown(at).replace("\\", "")
    at = at_address(app, "judgements", judgements="same", models="pixel-l2", view="disagreements")
    assert not at.exception
    assert "same\\-or\\-different pairs" in at.error[0].value


def test_the_form_starts_a_job(app, monkeypatch):
    started = []
    monkeypatch.setattr(
        jobs,
        "start",
        lambda args: started.append(args) or jobs.Job("x", tuple(args), "running", None, "", 0.0),
    )
    at = app("pages/judgements.py")
    (submit,) = [b for b in at.button if b.label == "Add"]
    submit.click().run()
    assert "Path and name are needed" in words(at)
    at.radio(key="judgements_add_kind").set_value("birds-16")
    at.text_input(key="judgements_add_name").set_value("birds")
    at.text_input(key="judgements_add_path").set_value("/data/birds16.zip")
    at.text_input(key="judgements_add_images").set_value("/data/cub")
    at.number_input(key="judgements_add_size").set_value(1000)
    at.number_input(key="judgements_add_seed").set_value(7)
    at.number_input(key="judgements_add_min_catch").set_value(80)
    at.checkbox(key="judgements_add_keep").check()
    (submit,) = [b for b in at.button if b.label == "Add"]
    submit.click().run()
    assert started == [
        [
            "judgements",
            "add",
            "--name",
            "birds",
            "--images",
            "/data/cub",
            "--size",
            "1000",
            "--seed",
            "7",
            "--min-catch",
            "80",
            "--keep-alternatives",
            "--",
            "birds-16",
            "/data/birds16.zip",
        ]
    ]
    assert not at.exception
