"""Results become JSON and tables by one serialiser."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from simcore.recipe import Part, Recipe
from simcore.results import RecallRow, RecallTable, Result, Table, TableResult, to_dict
from simcore.types import Score


@dataclass(frozen=True)
class Inner(Result):
    """A result with a document of its own."""

    value: float

    def to_dict(self):
        return {"percent": 100 * self.value}


@dataclass(frozen=True)
class Outer(Result):
    """A result with results inside."""

    rows: tuple[Inner, ...]
    best: dict[str, Inner]
    array: np.ndarray


def test_a_result_contains_the_documents_of_its_parts():
    outer = Outer((Inner(0.5),), {"hog": Inner(1.0)}, np.array([1.0, np.nan]))
    assert outer.to_dict() == {
        "rows": [{"percent": 50}],
        "best": {"hog": {"percent": 100}},
        "array": [1.0, None],
    }
    json.dumps(outer.to_dict(), allow_nan=False)


def test_sets_are_sorted_and_scores_lose_their_items():
    score = Score("recall@1", 0.5, 0.1, 0.9, np.array([0, 1]))
    assert to_dict({"names": {"b", "a"}, "score": score}) == {
        "names": ["a", "b"],
        "score": {"value": 0.5, "low": 0.1, "high": 0.9},
    }


def test_a_table_result_is_a_frame_and_html():
    score = Score("recall@1", 0.5, 0.1, 0.9, np.array([0, 1]))
    row = RecallRow(Recipe((Part("hog"),)), {1: score})
    table = RecallTable("a<b", 2, "own", "lr", (row,))
    assert table.to_frame()["hits@1"].tolist() == [1]
    assert "a&lt;b: 2 pairs" in table._repr_html_()
    assert table.to_dict()["rows"][0]["ci95"] == {"1": [0.1, 0.9]}
    with pytest.raises(TypeError, match="abstract"):
        TableResult()


def test_a_table_escapes_and_leaves_none_empty():
    table = Table(("<b>", "n"), (("x", None), ("y", 1234)), "title", ("note",))
    html = table._repr_html_()
    assert "<td></td>" in html
    assert "1,234" in html
    assert "&lt;b&gt;" in html
    assert table.to_csv() == "<b>,n\nx,\ny,1234\n"
