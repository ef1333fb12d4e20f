"""The analysis pages show the door's numbers, bear bad addresses, and open by themselves."""

import pandas as pd
import pytest

from simcore.lab import combine, evaluate, recipes

MODELS = ["hog", "layout", "color"]


def shown(at):
    """Everything on the page that a person can read."""
    return " ".join(str(e.value) for e in [*at.markdown, *at.caption, *at.metric, *at.title])


@pytest.mark.parametrize("page", ["combinations", "exclusive", "evaluate", "duplicates"])
def test_without_a_collection_there_is_a_sentence(app, page):
    at = app(f"pages/{page}.py")
    assert not at.exception
    assert "no collection of pairs" in at.info[0].value


@pytest.mark.parametrize("page", ["combinations", "exclusive", "evaluate"])
@pytest.mark.parametrize(
    "address",
    [
        {"c": "nothing", "models": "hog,,zzz", "s": "half", "m": "l9", "lift": "up"},
        {"c": "tiny", "models": "<script>", "s": "../..", "what": "everything"},
    ],
)
def test_bad_addresses_are_harmless(app, tiny, page, address):
    at = app(f"pages/{page}.py", **address)
    assert not at.exception
    assert not at.error


def test_combine_shows_the_doors_numbers(app, tiny):
    at = app("pages/combinations.py")
    assert not at.exception
    told = combine.search(tiny, MODELS).json()
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
    told = combine.exclusives(combine.search(tiny, MODELS))
    assert at.metric[0].value == f"{told['oracle']} of 6"
    assert at.metric[1].value == str(told["exclusive_total"])
    at.multiselect(key="exclusive_by").set_value([]).run()
    assert not at.exception


@pytest.mark.parametrize("what", ["recall", "curve", "minus", "associative", "compare"])
def test_every_evaluation_opens(app, tiny, what):
    at = app("pages/evaluate.py")
    at.selectbox(key="evaluate_what").set_value(what).run()
    assert not at.exception
    assert not at.error
    assert isinstance(at.dataframe[0].value, pd.DataFrame)
    assert len(at.dataframe[0].value)


def test_recall_on_the_page_is_recall(app, tiny):
    at = app("pages/evaluate.py")
    table = at.dataframe[0].value
    rows = evaluate.recall(tiny, recipes.parse(table["recipe"][:3], "none")).rows
    assert table["hits@1"][:3].tolist() == [row.hits(1) for row in rows]


def test_what_needs_more_data_says_so(app, tiny):
    at = app("pages/evaluate.py")
    at.selectbox(key="evaluate_what").set_value("votes").run()
    assert "no votes" in at.error[0].value.replace("\\", "")
    at.selectbox(key="evaluate_what").set_value("faces").run()
    assert "extract tiny --models face" in at.error[0].value.replace("\\", "")
    assert not at.exception


def test_duplicates_by_any_backbone(app, tiny):
    at = app("pages/duplicates.py")
    assert not at.exception
    assert at.selectbox(key="twins_by_tiny").value in MODELS
    at.slider(key="twins_within").set_value(0.0).run()
    at.slider(key="twins_across").set_value(0.0).run()
    assert not at.exception
    assert at.metric[0].value == "0"
    assert "Nothing is that near" in at.info[0].value
