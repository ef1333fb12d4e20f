"""Explore's address: what is written is read back, and nothing in it is trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simcore.ui.explore import explore_view
from simcore.ui.explore.explore_view import ExploreView

NAMES = ["emoji", "tll"]


def test_an_address_says_all_of_a_view():
    view = ExploreView(
        "tll", "a b&c=ü", "rl", "l1", 7, ("hog", "timm:x"), ("sum", "weighted"), (2.0, 0.5)
    )
    assert explore_view.parse(view.params(), NAMES) == (view, [])


def test_no_combination_is_not_the_default_combination():
    view = ExploreView("tll", mixes=())
    assert view.params()["mix"] == "none"
    assert explore_view.parse(view.params(), NAMES)[0].mixes == ()
    assert explore_view.parse({}, NAMES)[0].mixes == ("zsum",)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"c": "emojy"}, "Did you mean emoji?"),
        ({"d": "up"}, "No direction named 'up'"),
        ({"m": "cosin"}, "Did you mean cosine?"),
        ({"k": "0"}, "expected 1 to 50"),
        ({"k": "51"}, "expected 1 to 50"),
        ({"k": "-3"}, "expected 1 to 50"),
        ({"k": "1e9"}, "expected 1 to 50"),
        ({"k": "²"}, "expected 1 to 50"),
        ({"mix": "zsum,product"}, "No combination named 'product'"),
        ({"models": "hog", "w": "1,2"}, "expected 1 numbers"),
        ({"models": "hog", "w": "nan"}, "expected 1 numbers"),
        ({"models": "hog", "w": "-1"}, "expected 1 numbers"),
        ({"models": ",".join(f"m{i}" for i in range(99))}, "names 99 backbones"),
    ],
)
def test_a_bad_value_gets_one_sentence_and_the_rest_stays(params, words):
    view, said = explore_view.parse({"q": "kept"} | params, NAMES)
    assert len(said) == 1
    assert words in said[0]
    assert view.query == "kept"
    assert 1 <= view.k <= explore_view.MOST_K


@given(
    some.dictionaries(
        some.sampled_from(["c", "q", "d", "m", "k", "models", "mix", "w"]), some.text()
    )
)
def test_any_address_gives_a_view_that_can_be_shown(params):
    view, _ = explore_view.parse(params, NAMES)
    assert view.collection in NAMES
    assert view.direction in {"lr", "rl"}
    assert view.metric in explore_view.METRIC_CHOICES
    assert 1 <= view.k <= explore_view.MOST_K
    assert set(view.mixes) <= set(explore_view.MIXES)
    assert not view.weights or len(view.weights) == len(view.models)
    assert explore_view.parse(view.params(), NAMES) == (view, [])
