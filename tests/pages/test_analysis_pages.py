"""The analysis pages show the numbers of `simcore.lab`, survive bad links, and open alone."""

import json
import re
import shlex
from dataclasses import replace

import pandas as pd
import pytest

from simcore.__main__ import run
from simcore.lab import recipes, stored_recipes
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.recipe import Part, Question, Recipe
from simcore.ui import widgets
from simcore.ui.evaluate import evaluation_views

MODELS = ["hog", "layout", "color"]


def ask(name, models=("hog", "color"), combine="none", direction="lr", **options):
    """The question of a page about some backbones."""
    return Question(name, tuple(recipes.parse(models, combine, **options)), direction)


def printed(at, capsys):
    """The JSON of the command line that a page shows."""
    program, *args = shlex.split(at.code[0].value)
    assert program == "simcore"
    capsys.readouterr()
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["result"]


def shown(at):
    """Everything on the page that a person can read."""
    return " ".join(str(e.value) for e in [*at.markdown, *at.caption, *at.metric, *at.title])


@pytest.mark.parametrize("page", ["combine", "exclusive", "evaluate", "duplicates"])
def test_without_a_collection_there_is_a_sentence(app, page):
    at = app(f"pages/{page}.py")
    assert not at.exception
    kind = "" if page == "duplicates" else " of pairs"  # images without mates have duplicates, too
    assert f"no collection{kind} yet" in at.info[0].value


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
        by = at.query_params["by"]
        assert by in MODELS
        assert float(at.query_params["within"]) == at.slider(key=f"duplicates_within_{by}").value


def test_evaluate_takes_a_second_stage_and_stored_recipes(app, tiny):
    stored_recipes.save(Recipe((Part("hog"), Part("color", weight=0.5)), "zsum", "csls"), "mine")
    link = {"collection": tiny, "models": "hog,layout", "view": "recall"}
    at = at_address(app, "evaluate", combine="rerank", **link)
    assert not at.exception
    assert not words(at)
    assert "--combine rerank" in " ".join(code.value for code in at.code)
    at = at_address(app, "evaluate", combine="mine", **link)
    assert not at.exception
    assert not words(at)
    assert f"evaluate recall {tiny} --recipe mine" in " ".join(code.value for code in at.code)


def test_a_link_reproduces_an_analysis_and_the_next_page_keeps_it(app, tiny):
    link = {"collection": tiny, "models": "layout,hog", "subset": "all", "metric": "l2"}
    link |= {"direction": "rl", "post": "center", "missing": "worst"}
    at = at_address(app, "combine", **link)
    assert not words(at)
    assert at.query_params == link
    question = ask(
        tiny, ["layout", "hog"], direction="rl", metric="l2", post="center", missing="worst"
    )
    report = combinations.report(combinations.search(question))
    assert at.metric[1].value == str(max(best.hits for best in report.best_by_size["zsum"]))
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


def test_combine_shows_the_numbers_of_the_report(app, tiny):
    at = app("pages/combine.py")
    assert not at.exception
    report = combinations.report(combinations.search(ask(tiny, MODELS)))
    values = [metric.value for metric in at.metric]
    assert values[0] == str(report.best_by_size["zsum"][0].hits)
    assert values[1] == str(max(best.hits for best in report.best_by_size["zsum"]))
    assert values[2] == str(max(best.hits for best in report.best_by_size["sum"]))
    table = at.dataframe[0].value
    assert len(table) == report.evaluated == 7
    assert table["hits"].is_monotonic_decreasing
    assert "simcore evaluate subsets tiny" in at.code[0].value


def test_exclusive_shows_the_numbers_of_the_report(app, tiny):
    at = app("pages/exclusive.py")
    assert not at.exception
    report = exclusive.report(ask(tiny, MODELS))
    assert at.metric[0].value == str(report.oracle)
    assert at.metric[1].value == str(report.exclusive_total)
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
    rows = recall.recall(ask(tiny, table["recipe"][:3])).rows
    assert table["hits@1"][:3].tolist() == [row.hits(1) for row in rows]


def test_what_needs_more_data_says_so(app, tiny):
    at = app("pages/evaluate.py")
    at.selectbox(key="evaluate_view").set_value("votes").run()
    assert "no votes" in at.error[0].value.replace("\\", "")
    at.selectbox(key="evaluate_view").set_value("waterfall").run()
    assert "needs at least 8 pairs, got 6" in at.error[0].value
    at.selectbox(key="evaluate_view").set_value("faces").run()
    assert "No features of face" in at.error[0].value
    assert any(button.label.startswith("Extract") for button in at.button)
    assert not at.exception


def test_duplicates_by_any_backbone(app, tiny):
    at = app("pages/duplicates.py")
    assert not at.exception
    by = at.selectbox(key="duplicates_by_tiny").value
    assert by in MODELS
    at.slider(key=f"duplicates_within_{by}").set_value(0.0).run()
    at.slider(key=f"duplicates_across_{by}").set_value(0.0).run()
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
def test_the_command_line_of_the_page_prints_its_numbers(app, tiny, capsys, what, more):
    at = at_address(app, "evaluate", collection=tiny, models="hog,color", view=what, **more)
    assert not at.exception
    document, table = printed(at, capsys), at.dataframe[0].value
    if what == "recall":
        assert table["hits@1"].tolist() == [row["hits"]["1"] for row in document["rows"]]
    elif what in {"curve", "minus"}:
        column = "recall" if what == "curve" else "difference"
        percent = [round(100 * row[column][4], 2) for row in document["rows"]]
        assert table["@5 %"].tolist() == percent
    elif what == "associative":
        last = [row for row in document["recipes"][-1]["rows"] if row["m"] == 5][-1]
        assert table[table["m"] == 5]["exact %"].tolist()[-1] == round(100 * last["exact"], 2)
    else:
        assert table["only A"].tolist() == [row["only_a"] for row in document["comparisons"]]


def test_the_command_line_has_every_option(app, tiny, capsys):
    """Numbers of the page and of the command line below it, under options that are no default."""
    at = at_address(
        app,
        "exclusive",
        collection=tiny,
        models="hog,color",
        metric="l1",
        direction="rl",
        post="center",
        missing="worst",
    )
    args = shlex.split(at.code[0].value)
    assert args[-8:-2] == ["--metric", "l1", "--direction", "rl", "--post", "center"]
    assert args[-2:] == ["--missing", "worst"]
    question = ask(tiny, direction="rl", metric="l1", post="center", missing="worst")
    report = exclusive.report(question)
    assert printed(at, capsys) == json.loads(json.dumps(report.to_dict()))


def test_comparing_uses_the_chosen_metric_on_both_sides(app, tiny):
    at = at_address(
        app, "evaluate", collection=tiny, models="hog,color", view="compare", metric="l1"
    )
    rows = combinations.compare(ask(tiny, combine="zsum", metric="l1")).comparisons
    assert at.dataframe[0].value["only A"].tolist() == [row.only_a for row in rows]


def test_exclusive_shows_the_pairs_that_pass_the_filter(app, tiny):
    at = at_address(
        app, "exclusive", collection=tiny, models="hog,color", found="hog", missed="none"
    )
    assert not at.exception
    rows = exclusive.found_and_missed(ask(tiny), found=["hog"])
    assert at.multiselect(key="exclusive_found").value == ["hog"]
    assert (f"**{len(rows)}** of 6" in shown(at)) == bool(rows)


def test_exclusive_shows_the_largest_disagreement_first(app, tiny):
    link = {"found": "none", "missed": "none", "order": "disagreement"}
    at = at_address(app, "exclusive", collection=tiny, models="hog,color", **link)
    assert not at.exception
    pairs = exclusive.disagreements(ask(tiny)).pairs
    expected = [widgets.escape_markdown(pair.summary) for pair in pairs]
    assert [c.value for c in at.caption if c.value in set(expected)] == expected


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
    question = ask(tiny, combine="zsum")
    page = evaluation_views.page(question, "<b>Recall</b>", evaluation_views.curve(question))
    html = page.decode()
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", html)
    assert "<b>Recall</b>" not in html
    assert "&lt;b&gt;Recall" in html
    assert "z-sum of 2" in html
    assert "As printed in rosenfeld2018, Table 1" in html


def test_memory_notices_other_pairs_of_a_subset(tiny, monkeypatch):
    """Ranks are cached by the pairs themselves, not by the name of the subset."""
    opened = recall.subsets.open_subset
    before = recall.recall(ask(tiny))

    def smaller(name, subset="all", **kwargs):
        whole = opened(name, subset, **kwargs)
        return replace(whole, left=whole.left.take([0, 1]), right=whole.right.take([0, 1]))

    monkeypatch.setattr(recall.subsets, "open_subset", smaller)
    after = recall.recall(ask(tiny))
    assert (before.pairs, after.pairs) == (6, 2)
    assert [len(row.recall[1].per_item) for row in after.rows] == [2, 2]
