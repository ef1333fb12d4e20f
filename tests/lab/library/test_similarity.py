"""What is worked out once: features in memory, moments in the cache, ranks of several recipes."""

import threading

import numpy as np
import pytest

from simcore import memory, types
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction, features, similarity
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.recipe import Question
from simcore.sim import combine

MODELS = ["hog", "layout", "color"]


@pytest.fixture
def six(pairs_folder):
    """Six pairs with the features of `MODELS`."""
    collections.add("pairs", pairs_folder, name="six")
    extraction.extract("six", MODELS)
    return collections.open_("six")


def forget():
    """What a new process would not know either."""
    similarity.moments.cache_clear()
    memory.clear()


def test_moments_outlive_the_process(six, cache, monkeypatch):
    asked = recipes.parse(MODELS, "zsum")[-1:]
    first = search.search("six", Query(id="a"), asked)[0]
    assert len(list((cache / "moments").iterdir())) == 3
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(combine, "moments", lambda *_a, **_k: pytest.fail("looked at again"))
        again = search.search("six", Query(id="a"), asked)[0]
        # What was kept is also what the evaluation of all pairs adds by.
        assert recall.ranks("six", asked[0])[0] == first.mate_rank
    assert (again.ids, again.scores.tolist()) == (first.ids, first.scores.tolist())


@pytest.mark.parametrize("spoil", [b"", b"[1]", b"{}", b"[null, 2]", b"\xff"])
def test_moments_that_cannot_be_read_are_made_again(six, cache, spoil):
    asked = recipes.parse(MODELS, "zsum")[-1:]
    first = search.search("six", Query(id="a"), asked)[0]
    for file in (cache / "moments").iterdir():
        file.write_bytes(spoil)
    forget()
    again = search.search("six", Query(id="a"), asked)[0]
    assert again.scores.tolist() == first.scores.tolist()


def test_other_features_have_other_moments(six, cache):
    search.search("six", Query(id="a"), recipes.parse(MODELS, "zsum")[-1:])
    search.search("six", Query(id="a"), recipes.parse(MODELS, "zsum", metric="l1")[-1:])
    search.search("six", Query(id="a"), recipes.parse(MODELS, "zsum")[-1:], direction="rl")
    assert len(list((cache / "moments").iterdir())) == 9


def test_recipes_together_rank_as_they_do_alone(six):
    asked = [
        *recipes.parse(MODELS, "zsum"),
        *recipes.parse(MODELS, "sum", metric="l1")[-1:],
        *recipes.parse(["hog", "color"], "zsum", weights=[2, 0.5], post="center+csls")[-1:],
    ]
    together = recall.ranks_of_each(Question("six", (*asked, asked[0])))
    assert together[0] is together[-1]
    for recipe, ranks in zip(asked, together, strict=False):
        mine, theirs = (
            {b: features.for_side(six, side, b) for b in recipe.backbones}
            for side in six.sides("lr")
        )
        whole = np.concatenate(
            [v for _, v in combine.blocks(recipes.resolve(recipe), mine, theirs, rows=2)]
        )
        expected = [(row >= row[i]).sum() for i, row in enumerate(whole)]
        assert ranks.tolist() == expected


def test_two_visitors_hold_the_same_rows(six, monkeypatch):
    features._shelf.places.clear()
    read, begin = [], threading.Barrier(2)
    stored = features._stored
    monkeypatch.setattr(features, "_stored", lambda *a: (read.append(a[0]), stored(*a))[1])
    found = {}

    def visit(number, side):
        begin.wait()
        found[number] = features.for_side(six, side, "hog")

    for one, other in ((six.left, six.left), (six.right, six.right)):
        both = [threading.Thread(target=visit, args=a) for a in enumerate((one, other))]
        [thread.start() for thread in both]
        [thread.join() for thread in both]
        assert found[0] is found[1]
    assert read == ["hog"]  # both sides came with the first reading
    assert features.for_side(six, six.left, "hog").values.base is not None


def test_sides_are_cut_where_images_have_several_rows_or_none():
    index, values = np.array([0, 0, 2, 3, 5, 5]), np.arange(12, dtype=np.float32).reshape(6, 2)
    left, right = features._cut(types.Features("face", index, values, 6), 3)
    assert (left.index.tolist(), left.count) == ([0, 0, 2], 3)
    assert (right.index.tolist(), right.count) == ([0, 2, 2], 3)
    np.testing.assert_array_equal(np.concatenate([left.values, right.values]), values)


def test_what_was_not_asked_for_longest_goes_first(six, monkeypatch):
    shelf = features._Shelf(most=0)
    monkeypatch.setattr(features, "_shelf", shelf)
    for model in MODELS:
        first = features.for_side(six, six.left, model)
    assert {slot.backbone for _, slot, _ in shelf.places} == {MODELS[-1]}
    assert features.for_side(six, six.left, MODELS[-1]) is first
    shelf.most = 10**9
    for model in MODELS:
        features.for_side(six, six.right, model)
    assert len(shelf.places) == 6


def test_what_is_not_complete_is_told_anew(six, pairs_folder, draw):
    assert {row["backbone"]: row["done"] for row in features.counts(six)} == dict.fromkeys(
        MODELS, 12
    )
    for side in ("left", "right"):
        draw(99 + (side == "left")).save(pairs_folder / side / "g.png")
    collections.add("pairs", pairs_folder, name="seven")
    seven = collections.open_("seven")
    assert {row["done"] for row in features.counts(seven)} == {12}
    assert not features.is_ready(seven, "hog")
    extraction.extract("seven", ["hog"])
    assert features.is_ready(seven, "hog")
    assert {row["backbone"]: row["done"] for row in features.counts(seven)}["hog"] == 14
