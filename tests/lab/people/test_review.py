"""What annotators say of failures: kept, taken back, counted."""

import csv
import io

import numpy as np
import pytest

from simcore.data.answers import review_store
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction
from simcore.lab.people import review
from simcore.lab.search import search
from simcore.recipe import Question

COLOR = 1


@pytest.fixture
def three(tiny):
    """hog, color and their z-sum."""
    return recipes.parse(["hog", "color"], "zsum")


@pytest.fixture
def hard(hard_folder):
    """Six pairs that nothing can find but by luck."""
    collections.add("pairs", hard_folder, name="hard")
    extraction.extract("hard", ["hog", "color"])
    return "hard"


def tags(name, query):
    keys, _ = review.pair(name, query)
    return {who: one.tags for who, one in review.current_reviews(name).get(keys, {}).items()}


def test_the_queue_holds_the_failures_and_the_surest_first(hard):
    three = recipes.parse(["hog", "color"], "zsum")
    recipe = three[COLOR]
    cases = review.queue(hard, recipe)
    assert {case.query for case in cases} == set(recall.failed_queries(hard, recipe))
    assert cases, "color fails here, or the test says nothing"
    margins = [case.margin for case in cases]
    assert margins == sorted(margins, reverse=True)
    for case in cases:
        (hits,) = search.search(Question(hard, (recipe,)), search.Query(id=case.query), k=6)
        assert case.rank == hits.mate_rank
        best = next(s for i, s in zip(hits.ids, hits.scores, strict=True) if i != hits.mate_id)
        assert case.margin == pytest.approx(best - hits.mate_score, abs=1e-6)


@pytest.mark.usefixtures("database")
def test_tags_go_on_and_off_and_undo_takes_back_ones_own_last(tiny):
    review.add_review(tiny, "a", "Ana", "tag", "shape")
    review.add_review(tiny, "a", "Ben", "tag", "color")
    review.add_review(tiny, "b", "Ana", "tag", "own word")
    review.add_review(tiny, "a", "Ana", "untag", "shape")
    assert tags(tiny, "a") == {"Ana": set(), "Ben": {"color"}}
    assert review.own_tags(review.current_reviews(tiny)) == ["own word"]
    assert review.undo(tiny, "Ana") == "a"  # the untag, not what Ben said meanwhile
    assert tags(tiny, "a") == {"Ana": {"shape"}, "Ben": {"color"}}
    assert review.undo(tiny, "Ana") == "b"
    assert review.undo(tiny, "Ana") == "a"
    assert review.undo(tiny, "Ana") is None
    assert tags(tiny, "a") == {"Ben": {"color"}}
    assert tags(tiny, "b") == {}


@pytest.mark.usefixtures("database")
def test_a_tag_stored_under_its_old_name_is_read_under_the_new_one(tiny):
    for annotator, kind in (("Ana", "tag"), ("Ben", "tag"), ("Ben", "untag")):
        review.add_review(tiny, "a", annotator, kind, "colour")
    assert tags(tiny, "a") == {"Ana": {"color"}, "Ben": set()}
    review.add_review(tiny, "a", "Ana", "untag", "color")
    assert tags(tiny, "a") == {"Ana": set(), "Ben": set()}
    assert {row[4] for row in review.export(tiny).rows} == {"color"}
    assert review.own_tags(review.current_reviews(tiny)) == []


@pytest.mark.usefixtures("database")
def test_notes_other_mates_and_copies(tiny):
    review.add_review(tiny, "a", "Ana", "note", "first\nline")
    review.add_review(tiny, "a", "Ana", "note", "second")
    review.add_review(tiny, "a", "Ana", "accept", "c")
    review.add_review(tiny, "a", "Ana", "copy", "d")
    review.add_review(tiny, "a", "Ana", "accept", "b")
    review.add_review(tiny, "a", "Ana", "refuse", "b")
    ids, keys = (getattr(collections.open_(tiny).right, field) for field in ("ids", "keys"))
    key = dict(zip(ids, keys, strict=True))
    one = review.current_reviews(tiny)[review.pair(tiny, "a")[0]]["Ana"]
    assert (one.note, one.accepted, one.copies) == ("second", {key["c"]}, {key["d"]})
    for _ in range(5):
        review.undo(tiny, "Ana")
    assert review.current_reviews(tiny)[review.pair(tiny, "a")[0]]["Ana"].note == "first\nline"


@pytest.mark.parametrize(
    ("said", "error", "says"),
    [
        (("zz", "Ana", "tag", "x"), UnknownNameError, "No image in 'tiny' named 'zz'"),
        (("a", "Ana", "accept", "zz"), UnknownNameError, "right image"),
        (("a", "Ana", "accept", "a"), BadDataError, "the mate itself"),
        (("a", "", "tag", "x"), BadDataError, "annotator's name"),
        (("a", " ", "tag", "x"), BadDataError, "annotator's name"),
        (("a", "Ana", "tag", " "), BadDataError, "tag must have 1 to 40 characters, not 0"),
        (("a", "Ana", "tag", "x" * 41), BadDataError, "1 to 40 characters, not 41"),
        (("a", "Ana", "note", "x" * 2001), BadDataError, "1 to 2000 characters, not 2001"),
        (("a", "Ana", "shout", "x"), BadDataError, "Use one of tag"),
    ],
)
def test_what_cannot_be_said_is_a_sentence_and_is_not_kept(tiny, said, error, says):
    with pytest.raises(error, match=says):
        review.add_review(tiny, *said)
    assert review.current_reviews(tiny) == {}


def test_bad_pairs_are_left_out_where_half_say_so(tiny, three):
    review.add_review(tiny, "a", "Ana", "tag", "bad pair")
    review.add_review(tiny, "b", "Ana", "tag", "bad pair")
    for who in ("Ben", "Cleo"):
        review.add_review(tiny, "b", who, "seen")  # two of three do not call it bad
    review.add_review(tiny, "c", "Ana", "tag", "duplicate")
    review.add_review(tiny, "c", "Ben", "seen")
    told = review.summary(tiny, three).to_dict()
    assert (told["reviewed"], told["left_out"]) == (3, 2)
    smaller = collections.open_(tiny).pairs().take([1, 3, 4, 5])
    assert [row["without_bad_pairs"]["pairs"] for row in told["recall"]] == [len(smaller)] * 3
    for recipe, row in zip(three, told["recall"], strict=True):
        assert row["as_it_is"]["recall"]["1"] == pytest.approx(
            float((recall.ranks(tiny, recipe) == 1).mean())
        )


@pytest.mark.usefixtures("database")
def test_every_evaluation_can_leave_bad_pairs_out(tiny, three):
    def pairs():
        return recall.recall(Question(tiny, tuple(three), subset="reviewed"), ks=(1,)).pairs

    assert pairs() == 6
    review.add_review(tiny, "a", "Ana", "tag", "bad pair")
    assert pairs() == 5
    review.add_review(tiny, "b", "Ana", "tag", "duplicate")
    assert pairs() == 4
    review.undo(tiny, "Ana")
    assert pairs() == 5
    review.undo(tiny, "Ana")
    assert pairs() == 6


def test_recall_without_bad_pairs_is_that_of_the_smaller_collection(tiny, three, pairs_folder):
    review.add_review(tiny, "a", "Ana", "tag", "bad pair")
    told = review.summary(tiny, three).to_dict()
    for side in ("left", "right"):
        (pairs_folder / side / "a.png").unlink()
    collections.add("pairs", pairs_folder, name="less")
    for recipe, row in zip(three, told["recall"], strict=True):
        ranks = recall.ranks("less", recipe)
        for k in (1, 5):
            assert row["without_bad_pairs"]["recall"][str(k)] == pytest.approx((ranks <= k).mean())


def test_an_accepted_mate_is_a_hit_where_it_comes_first(hard):
    three = recipes.parse(["hog", "color"], "zsum")
    recipe = three[COLOR]
    case = review.queue(hard, recipe)[0]
    (hits,) = search.search(Question(hard, (recipe,)), search.Query(id=case.query), k=6)
    other = next(image for image in hits.ids if image != hits.mate_id)
    before = review.summary(hard, three).to_dict()["recall"][COLOR]
    review.add_review(hard, case.query, "Ana", "accept", other)
    review.add_review(hard, case.query, "Ben", "copy", other)
    after = review.summary(hard, three).to_dict()["recall"][COLOR]
    assert before["others_accepted"] == before["as_it_is"] == after["as_it_is"]
    assert after["others_accepted"]["recall"]["1"] == pytest.approx(
        before["as_it_is"]["recall"]["1"] + 1 / 6
    )


def test_facets_say_which_backbone_serves_them(tiny, three):
    for query in "abc":
        review.add_review(tiny, query, "Ana", "tag", "shape")
    review.add_review(tiny, "d", "Ana", "tag", "zigzag")
    told = {row["tag"]: row for row in review.summary(tiny, three).to_dict()["facets"]}
    assert list(told) == ["shape", "zigzag"]
    assert set(told["shape"]["backbones"]) == {"hog", "color"}
    for recipe in three[:2]:
        ranks = recall.ranks(tiny, recipe)[:3]
        one = told["shape"]["backbones"][recipe.backbones[0]]
        assert one["hits"] == (ranks == 1).sum()
        assert one["median_rank"] == np.median(ranks)
        assert one["recall_10"] == 1


def test_annotators_agree_as_counted_by_hand(tiny, three):
    for query in "abcd":
        review.add_review(tiny, query, "Ana", "tag", "shape")
        review.add_review(tiny, query, "Ben", *(("tag", "shape") if query < "d" else ("seen",)))
    review.add_review(tiny, "e", "Ana", "tag", "pose")  # alone: no agreement to speak of
    (row,) = review.summary(tiny, three).to_dict()["agreement"]
    # 8 values, 7 of them "shape": 1 - (2/8) / (2 * 7 * 1 / (8 * 7))
    assert row == {"tag": "shape", "pairs": 4, "same": 0.75, "alpha": pytest.approx(0)}


def test_the_csv_has_what_stands(tiny):
    review.add_review(tiny, "a", "Ana", "tag", "shape")
    review.add_review(tiny, "a", "Ana", "note", 'a "quote", and\na line')
    review.add_review(tiny, "b", "Ana", "tag", "gone")
    review.undo(tiny, "Ana")
    rows = list(csv.DictReader(io.StringIO(review.export(tiny).to_csv())))
    assert [(row["query"], row["kind"], row["value"]) for row in rows] == [
        ("a", "tag", "shape"),
        ("a", "note", 'a "quote", and\na line'),
    ]
    with pytest.raises(UnknownNameError):
        review.export("nowhere")


def test_judgements_follow_the_pictures_not_their_names(tiny, pairs_folder):
    review.add_review(tiny, "a", "Ana", "tag", "shape")
    for side in ("left", "right"):
        (pairs_folder / side / "a.png").rename(pairs_folder / side / "z.png")
    collections.remove(tiny)
    collections.add("pairs", pairs_folder, name=tiny)
    assert tags(tiny, "z") == {"Ana": {"shape"}}
    assert len(review_store.judgements(tiny)) == 1
