"""The page Leaderboard: before and after a run, rows, links."""

import pytest

from simcore.lab.leaderboard import costs, evaluation
from simcore.lab.leaderboard.evaluation import LeaderboardQuestion

PAGE = "pages/leaderboard.py"


@pytest.fixture
def evaluated(tiny, monkeypatch):
    monkeypatch.setattr(costs, "measure", lambda *_: None)
    evaluation.run(LeaderboardQuestion((tiny,)))
    return tiny


def test_before_the_first_run_there_is_a_button(tiny, app):
    at = app(PAGE, collection=tiny)
    assert not at.exception
    assert at.button[0].label == "Evaluate what is missing"
    assert f"simcore leaderboard {tiny}" in at.code[0].value


def test_rows_are_ordered_by_the_column_of_the_link(evaluated, app):
    at = app(PAGE, collection=evaluated, by="tiny:aR@1", rows="all", processing="none")
    assert not at.exception
    assert not at.warning
    rows = at.dataframe[0].value
    assert len(rows) == 6  # three descriptors, cosine and l1
    assert list(rows["tiny:aR@1"]) == sorted(rows["tiny:aR@1"], reverse=True)
    assert not any(button.label.startswith("Evaluate") for button in at.button)
    assert "--by tiny:aR@1" in at.code[0].value


def test_rows_are_filtered_by_words(evaluated, app):
    address = {"collection": evaluated, "rows": "all", "processing": "none"}
    at = app(PAGE, **address, words="HOG l1")
    assert not at.exception
    rows = at.dataframe[0].value
    assert [(row.backbone, row.metric) for row in rows.itertuples()] == [("hog", "l1")]
    at.text_input[0].set_value("no-such").run()
    assert "No row contains" in at.info[0].value
    assert at.query_params["words"] == "no-such"


def test_missing_backbones_are_rows_with_a_reason(evaluated, app):
    at = app(PAGE, collection=evaluated, backbones="all")
    assert not at.exception
    rows = at.dataframe[0].value
    assert rows[rows["backbone"] == "vgg16"]["why missing"].str.contains("weight").all()
    assert "no score" in " ".join(caption.value for caption in at.caption)


def test_a_clicked_row_has_links(evaluated, app):
    at = app(PAGE, collection=evaluated)
    key = next(frame.key for frame in at.dataframe)
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
