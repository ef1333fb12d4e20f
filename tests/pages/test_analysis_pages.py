"""The analysis pages show the door's numbers, bear bad addresses, and open by themselves."""

import json
import os
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest

from simcore.lab import recipes
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.recipe import Question
from simcore.ui import widgets
from simcore.ui.evaluate import evaluation_views
from tests.conftest import ROOT

MODELS = ["hog", "layout", "color"]


def shown(at):
    """Everything on the page that a person can read."""
    return " ".join(str(e.value) for e in [*at.markdown, *at.caption, *at.metric, *at.title])


@pytest.mark.parametrize("page", ["combine", "exclusive", "evaluate", "duplicates"])
def test_without_a_collection_there_is_a_sentence(app, page):
    at = app(f"pages/{page}.py")
    assert not at.exception
    assert "no collection of pairs" in at.info[0].value


def at_address(app, page, **address):
    """The page as a link opens it; `app(page, ...)` would pass Explore, which writes its own."""
    at = app()
    at.switch_page(f"pages/{page}.py")
    at.query_params.clear()
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def words(at):
    return " ".join(e.value for e in [*at.warning, *at.error]).replace("\\", "")


@pytest.mark.parametrize("page", ["combine", "exclusive", "evaluate"])
def test_bad_addresses_are_named_and_the_page_goes_on(app, tiny, page):
    at = at_address(
        app,
        page,
        collection="tiney",
        models="hog,,zzz,<script>",
        subset="../..",
        metric="l9",
        direction="up",
        post="no",
    )
    assert not at.exception
    assert not at.error
    for word in ("tiney", "zzz", "../..", "l9", "up"):
        assert word in words(at), word
    assert at.query_params["collection"] == tiny
    assert at.query_params["models"] == "hog"


def test_bad_numbers_and_judges_in_a_link_are_harmless(app, tiny):
    for bad in ("nan", "-1", "9", "x", "inf", ""):
        at = at_address(app, "duplicates", collection=tiny, by="zzz", within=bad, across=bad)
        assert not at.exception
        assert at.query_params["within"] == "0.1"
        assert at.query_params["by"] in MODELS


def test_a_link_reproduces_an_analysis_and_the_next_page_keeps_it(app, tiny):
    link = {"collection": tiny, "models": "layout,hog", "subset": "all", "metric": "l2"}
    link |= {"direction": "rl", "post": "center"}
    at = at_address(app, "combine", **link)
    assert not words(at)
    assert at.query_params == link
    told = combinations.search(
        tiny, ["layout", "hog"], metric="l2", direction="rl", post="center"
    ).to_dict()
    best = max(row["hits"] for row in told["best_by_size"]["zsum"])
    assert at.metric[1].value == str(best)
    at.switch_page("pages/exclusive.py")
    at.query_params.clear()
    at.run()
    assert at.query_params["models"] == "layout,hog"
    assert at.query_params["direction"] == "rl"


def test_a_followed_link_moves_the_widgets(app, tiny):
    at = at_address(app, "evaluate", collection=tiny, models="hog", view="curve")
    assert at.selectbox(key="evaluate_view").value == "curve"
    at.query_params["view"] = "associative"
    at.run()
    assert at.selectbox(key="evaluate_view").value == "associative"
    at.selectbox(key="evaluate_metric").set_value("l1").run()
    assert at.query_params["metric"] == "l1"


def test_combine_shows_the_doors_numbers(app, tiny):
    at = app("pages/combine.py")
    assert not at.exception
    told = combinations.search(tiny, MODELS).to_dict()
    values = [metric.value for metric in at.metric]
    assert values[0] == str(max(r["hits"] for r in told["best_by_size"]["zsum"] if r["size"] == 1))
    assert values[1] == str(max(r["hits"] for r in told["best_by_size"]["zsum"]))
    assert values[2] == str(max(r["hits"] for r in told["best_by_size"]["sum"]))
    table = at.dataframe[0].value
    assert len(table) == told["evaluated"] == 7
    assert table["hits"].is_monotonic_decreasing
    assert "simcore evaluate subsets tiny" in at.code[0].value


def test_exclusive_shows_the_doors_numbers(app, tiny):
    at = app("pages/exclusive.py")
    assert not at.exception
    told = exclusive.exclusives(combinations.search(tiny, MODELS))
    assert at.metric[0].value == f"{told['oracle']} of 6"
    assert at.metric[1].value == str(told["exclusive_total"])
    at.multiselect(key="exclusive_found").set_value([]).run()
    assert not at.exception


@pytest.mark.parametrize(
    "what", ["recall", "curve", "minus", "associative", "post-processing", "compare"]
)
def test_every_evaluation_opens(app, tiny, what):
    at = app("pages/evaluate.py")
    at.selectbox(key="evaluate_view").set_value(what).run()
    assert not at.exception
    assert not at.error
    assert isinstance(at.dataframe[0].value, pd.DataFrame)
    assert len(at.dataframe[0].value)


def test_recall_on_the_page_is_recall(app, tiny):
    at = app("pages/evaluate.py")
    table = at.dataframe[0].value
    rows = recall.recall(tiny, recipes.parse(table["recipe"][:3], "none")).rows
    assert table["hits@1"][:3].tolist() == [row.hits(1) for row in rows]


def test_what_needs_more_data_says_so(app, tiny):
    at = app("pages/evaluate.py")
    at.selectbox(key="evaluate_view").set_value("votes").run()
    assert "no votes" in at.error[0].value.replace("\\", "")
    at.selectbox(key="evaluate_view").set_value("faces").run()
    assert "extract tiny --models face" in at.error[0].value.replace("\\", "")
    assert not at.exception


def test_duplicates_by_any_backbone(app, tiny):
    at = app("pages/duplicates.py")
    assert not at.exception
    assert at.selectbox(key="duplicates_by_tiny").value in MODELS
    at.slider(key="duplicates_within").set_value(0.0).run()
    at.slider(key="duplicates_across").set_value(0.0).run()
    assert not at.exception
    assert at.metric[0].value == "0"
    assert "No near-duplicates" in at.info[0].value


SHOWN = [
    ("recall", {"metric": "l2", "direction": "rl"}),
    ("curve", {"metric": "l1"}),
    ("minus", {}),
    ("associative", {"metric": "cosine"}),
    ("compare", {}),
]


@pytest.mark.parametrize(("what", "more"), SHOWN)
def test_the_command_line_shown_gives_these_numbers(app, tiny, what, more):
    at = at_address(app, "evaluate", collection=tiny, models="hog,color", view=what, **more)
    assert not at.exception
    words = shlex.split(at.code[0].value)
    done = subprocess.run(
        [sys.executable, "-m", *words, "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ,
    )
    told, table = json.loads(done.stdout), at.dataframe[0].value
    if what == "recall":
        assert table["hits@1"].tolist() == [row["hits"]["1"] for row in told["rows"]]
    elif what in {"curve", "minus"}:
        column = "recall" if what == "curve" else "difference"
        printed = [round(100 * row[column][4], 2) for row in told["rows"]]
        assert table["@5 %"].tolist() == printed
    elif what == "associative":
        last = [row for row in told["recipes"][-1]["rows"] if row["m"] == 5][-1]
        assert table[table["m"] == 5]["exact %"].tolist()[-1] == round(100 * last["exact"], 2)
    else:
        assert table["only A"].tolist() == [row["only_a"] for row in told["comparisons"]]


def test_the_command_line_is_told_every_option(app, tiny):
    """Numbers of the page and of the line beneath it, under options that are no default."""
    at = at_address(
        app,
        "exclusive",
        collection=tiny,
        models="hog,color",
        metric="l1",
        direction="rl",
        post="center",
    )
    words = shlex.split(at.code[0].value)
    assert words[-6:] == ["--metric", "l1", "--direction", "rl", "--post", "center"]
    done = subprocess.run(
        [sys.executable, "-m", *words, "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ,
    )
    found = combinations.search(tiny, ["hog", "color"], metric="l1", direction="rl", post="center")
    assert json.loads(done.stdout) == json.loads(json.dumps(exclusive.exclusives(found)))


def test_comparing_uses_the_chosen_metric_on_both_sides(app, tiny):
    at = at_address(
        app, "evaluate", collection=tiny, models="hog,color", view="compare", metric="l1"
    )
    found = combinations.search(tiny, ["hog", "color"], metric="l1")
    extra = recipes.parse(["hog", "color"], "zsum", metric="l1")[-1:]
    told = combinations.compare(found, extra, name=tiny)
    assert at.dataframe[0].value["only A"].tolist() == [row["only_a"] for row in told]


def test_exclusive_lists_what_the_filter_finds(app, tiny):
    at = at_address(
        app, "exclusive", collection=tiny, models="hog,color", found="hog", missed="none"
    )
    assert not at.exception
    found = combinations.search(tiny, ["hog", "color"])
    rows = exclusive.found_and_missed(tiny, found, by=["hog"])
    assert at.multiselect(key="exclusive_found").value == ["hog"]
    assert (f"**{len(rows)}** of 6" in shown(at)) == bool(rows)


def test_exclusive_puts_the_most_disputed_pair_first(app, tiny):
    at = at_address(
        app,
        "exclusive",
        collection=tiny,
        models="hog,color",
        found="none",
        missed="none",
        order="disagreement",
    )
    assert not at.exception
    found = exclusive.disagreements(tiny, recipes.parse(["hog", "color"]))
    heads = [one.told for one in found]
    assert [
        c.value for c in at.caption if c.value in {widgets.escape_markdown(h) for h in heads}
    ] == [widgets.escape_markdown(head) for head in heads]


def test_a_person_overrules_and_takes_it_back(app, tiny):
    at = at_address(app, "duplicates", collection=tiny, within="0.4", across="0.4")
    before = int(at.metric[0].value)
    assert before
    at.button(key="duplicates_grid_action_0").click().run()
    assert not at.exception
    assert int(at.metric[0].value) == before - 1
    at.button(key="duplicates_grid_action_0").click().run()
    assert int(at.metric[0].value) == before


def test_the_html_export_needs_no_network_and_escapes_names(tiny):
    asked = Question(tiny, tuple(recipes.parse(["hog", "color"])))
    found = evaluation_views.curve(asked, recipes.parse(asked.backbones, "zsum"), "zsum")
    page = evaluation_views.page(asked, "<b>Recall</b>", found).decode()
    outside = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert not outside
    assert "<b>Recall</b>" not in page
    assert "&lt;b&gt;Recall" in page
    assert "z-sum of 2" in page
    assert "The networks and the gallery differ" in page
