"""No pair gains because evidence, a face say, is missing: laws of every combination."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.evaluate.retrieval import associative_recall, asymmetric_recall, recall
from simcore.recipe import MISSING_RULES, Part, Recipe
from simcore.sim import combine, metrics, rank, recipe_blocks
from simcore.types import Features, ImageSet, Pairs

SUMS = ("sum", "zsum")


def features(name, random, count, known):
    """Features of `count` images, one row for each of those `known`."""
    index = np.flatnonzero(known)
    return Features(name, index, random.normal(size=(index.size, 4)) + 1, count)


def both_sides(seed, count, share):
    """A complete backbone and one without rows for a share of the images, on both sides."""
    random = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        known = random.random(count) >= share
        known[0] = True
        sides.append(
            {
                "net": features("net", random, count, np.ones(count, bool)),
                "face": features("face", random, count, known),
            }
        )
    return sides


def recipe_of(how, missing, weight=1.0):
    return Recipe((Part("net", "cosine"), Part("face", "l2", weight)), how, missing=missing)


def matrix(recipe, queries, gallery):
    return np.concatenate([v for _, v in recipe_blocks.blocks(recipe, queries, gallery, rows=3)])


@pytest.mark.parametrize("how", SUMS)
@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_the_whole_matrix_fills_the_gaps(how, seed):
    queries, gallery = both_sides(seed, 9, 0.4)
    parts = [
        metrics.pairwise(queries[name], gallery[name], metric).astype(float)
        for name, metric in (("net", "cosine"), ("face", "l2"))
    ]
    if how == "zsum":
        parts = [(values - np.nanmean(values)) / np.nanstd(values) for values in parts]
    expected = parts[0] + 0.5 * np.where(np.isnan(parts[1]), np.nanmean(parts[1]), parts[1])
    np.testing.assert_allclose(
        matrix(recipe_of(how, "mean", 0.5), queries, gallery), expected, atol=1e-5
    )


@pytest.mark.parametrize("how", SUMS)
@pytest.mark.parametrize("weight", [0.01, 1.0, 100.0])
def test_infinite_distance_ranks_gaps_last_and_among_themselves_by_the_rest(how, weight):
    queries, gallery = both_sides(5, 12, 0.5)
    total = matrix(recipe_of(how, "worst", weight), queries, gallery)
    rest = metrics.pairwise(queries["net"], gallery["net"], "cosine")
    gap = np.isnan(metrics.pairwise(queries["face"], gallery["face"], "l2"))
    assert 0 < gap.mean() < 1
    for row in range(12):
        missing = gap[row]
        if missing.all():
            np.testing.assert_array_equal(np.argsort(total[row]), np.argsort(rest[row]))
        elif missing.any():
            assert total[row][missing].max() < total[row][~missing].min()
            order = np.argsort(total[row][missing])
            np.testing.assert_array_equal(order, np.argsort(rest[row][missing]))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    how=st.sampled_from(SUMS),
    missing=st.sampled_from(MISSING_RULES),
    count=st.integers(1, 7),
)
def test_a_query_without_a_face_is_ranked_as_if_there_were_no_faces(seed, how, missing, count):
    queries, gallery = both_sides(seed, count, 0.5)
    mates = np.arange(count)
    ranks = rank.mate_ranks(matrix(recipe_of(how, missing), queries, gallery), mates)
    alone = rank.mate_ranks(
        metrics.pairwise(queries["net"], gallery["net"], "cosine").astype(float), mates
    )
    blind = np.setdiff1d(mates, queries["face"].index)
    np.testing.assert_array_equal(ranks[blind], alone[blind])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), how=st.sampled_from(SUMS), count=st.integers(2, 7))
def test_without_a_face_a_mate_never_ranks_higher_under_infinite_distance(seed, how, count):
    """The term is the same before and after: only the evidence about the mate is removed."""
    random = np.random.default_rng(seed)
    parts = [random.normal(size=(1, count)) for _ in range(2)]
    terms = [combine.PLAIN, combine.Term(fill=float(parts[1].min()) - 100)]
    before = rank.mate_ranks(combine.weighted_sum(parts, [1, 1], terms), np.array([0]))
    parts[1][0, 0] = np.nan
    after = rank.mate_ranks(combine.weighted_sum(parts, [1, 1], terms), np.array([0]))
    assert after[0] >= before[0]


@pytest.mark.parametrize("how", SUMS)
@pytest.mark.parametrize("missing", MISSING_RULES)
def test_gaps_alone_carry_no_information(how, missing):
    """Mates of one query in two lack a face, and all face similarities are equal: no pair gains."""
    count, random = 40, np.random.default_rng(1)
    net = [features("net", random, count, np.ones(count, bool)) for _ in range(2)]
    same = np.ones((count // 2, 4))
    faces = [
        Features("face", np.arange(0, count, 2), same * scale, count) for scale in (1.0, 3.0)
    ]  # all at the same distance, far below 0
    queries, gallery = ({"net": n, "face": f} for n, f in zip(net, faces, strict=True))
    pairs = Pairs(
        *(ImageSet(*[tuple(f"{s}{i}" for i in range(count))] * 3) for s in "lr"), np.arange(count)
    )
    alone = recall.ranks_of(pairs, Recipe((Part("net", "cosine"),)), queries, gallery)
    mixed = recall.ranks_of(pairs, recipe_of(how, missing), queries, gallery)
    odd = np.arange(1, count, 2)  # pairs without a face
    assert (mixed[odd] >= alone[odd]).all()
    if missing == "mean":
        np.testing.assert_array_equal(mixed, alone)


def test_a_plain_sum_does_not_prefer_images_without_a_face():
    """Face similarities are negative distances: counted as 0, a gap would beat every face."""
    count, random = 60, np.random.default_rng(0)
    distances = -random.uniform(0.6, 1.2, size=(count, count))
    distances[:, ::2] = np.nan  # every second image has no face
    net = random.normal(size=(count, count)) * 0.01
    mean = float(np.nanmean(distances))
    total = combine.weighted_sum([net, distances], [1, 1], [combine.PLAIN, combine.Term(fill=mean)])
    first = total.argmax(axis=1) % 2 == 0
    assert first.mean() < 0.5


@pytest.mark.parametrize("how", SUMS)
@pytest.mark.parametrize("missing", MISSING_RULES)
def test_one_pair_without_evidence_is_no_hit(how, missing):
    blank = {"face": Features("face", [], np.empty((0, 4)), 1)}
    image = ImageSet(("a",), ("a",), ("a",))
    pairs = Pairs(image, image, np.zeros(1))
    for recipe in (
        Recipe((Part("face", "l2"),), missing=missing),
        Recipe((Part("face", "l2"), Part("face", "l1")), how, missing=missing),
    ):
        ranks = recall.ranks_of(pairs, recipe, blank, blank)
        assert ranks.tolist() == [2]
        assert recall.recall_at(ranks, 1).value == 0
        assert recall.curve(ranks, 1).tolist() == [0.0]
        assert associative_recall.exact_recall(ranks, 1, 1).tolist() == [0.0]
        assert associative_recall.simulated_recall(ranks, 1, 1).tolist() == [0.0] * 10


def test_curves_end_where_the_evidence_ends():
    """A backbone that knows two of four pairs finds at most half of them, at any k."""
    values = np.full((4, 4), np.nan)
    values[:2, :2] = [[1.0, 0.0], [2.0, 0.5]]
    ranks = rank.mate_ranks(values, np.arange(4))
    assert ranks.tolist() == [1, 2, 5, 5]
    assert recall.curve(ranks, 4).tolist() == [0.25, 0.5, 0.5, 0.5]
    assert associative_recall.exact_recall(ranks, 4, 4).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert (associative_recall.simulated_recall(ranks, 4, 2) <= 0.5).all()
    both = asymmetric_recall.ranks_of(values)
    assert both.tolist() == [1, 1, 5, 5]
    assert asymmetric_recall.curve(both).tolist() == [0.5] * 4


@pytest.mark.parametrize("metric", ["cosine", "l2", "l1"])
@pytest.mark.parametrize("post", ["none", "center", "csls", "center+csls"])
def test_no_similarity_is_beyond_the_bounds(metric, post):
    queries, gallery = (side["face"] for side in both_sides(3, 15, 0.3))
    sides = combine.prepare_sides(queries, gallery, metric, post)
    low, high = sides.bounds()
    values = np.concatenate([v for _, v in sides.stream()])
    assert low - 1e-6 <= np.nanmin(values) <= np.nanmax(values) <= high + 1e-6
