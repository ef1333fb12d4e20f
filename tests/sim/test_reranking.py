"""The second stage against plain loops, and the laws that every combination obeys."""

import numpy as np
import pytest

from simcore.errors import UnknownNameError
from simcore.evaluate.retrieval import recall
from simcore.lab import recipes
from simcore.recipe import Part, Recipe
from simcore.sim import combine, recipe_blocks, reranking
from simcore.types import Features, ImageSet, MapLayout, Pairs

CELLS, CHANNELS = 3, 4
LAYOUT = MapLayout(CELLS)
DIM = CELLS * CELLS * CHANNELS
FUNCTIONS = list(reranking.PAIR_FUNCTIONS)
IMAGES = 70  # more than the second stage looks at


def features(name, values):
    return Features(name, np.arange(len(values)), np.asarray(values, np.float32), len(values))


def random_sides(seed, count=IMAGES):
    random = np.random.default_rng(seed)
    return [
        {
            "map": features("map", random.normal(0.3, 1, (count, DIM))),
            "flat": features("flat", random.normal(0.3, 1, (count, 6))),
        }
        for _ in range(2)
    ]


def recipe(function="", weights=(1.0, 1.0), **options):
    parts = (
        Part("map", "cosine", weights[0], LAYOUT),
        Part("flat", "cosine", weights[1]),
    )
    return Recipe(parts, options.pop("combine", "rerank"), pair_function=function, **options)


def matrix(which, queries, gallery):
    return np.concatenate([rows for _, rows in recipe_blocks.blocks(which, queries, gallery)])


def first_stage(queries, gallery, weights=(1.0, 1.0)):
    return matrix(recipe(weights=weights, combine="zsum"), queries, gallery)


def maps_of(values):
    """(n, cells, cells, channels), each map of length 1."""
    shaped = values.astype(float).reshape(len(values), CHANNELS, CELLS, CELLS).transpose(0, 2, 3, 1)
    return shaped / np.linalg.norm(shaped.reshape(len(values), -1), axis=1)[:, None, None, None]


def gain_by_hand(function, a, b):
    """Loops over cells: what the pair function adds to the cosine of two maps."""
    places = [(y, x) for y in range(CELLS) for x in range(CELLS)]

    def dot(p, q):
        return float(a[p] @ b[q])

    cosine = sum(dot(p, p) for p in places)
    if function == "mirror":
        return max(sum(dot((y, x), (y, CELLS - 1 - x)) for y, x in places), cosine) - cosine
    if function == "shift":
        totals = [
            sum(
                dot((y, x), (y + dy, x + dx))
                for y, x in places
                if 0 <= y + dy < CELLS and 0 <= x + dx < CELLS
            )
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        return max(totals) - cosine
    reach = 1 if function == "elastic" else CELLS

    def near(p):
        return [q for q in places if max(abs(p[0] - q[0]), abs(p[1] - q[1])) <= reach]

    there = sum(max(dot(p, q) for q in near(p)) for p in places)
    back = sum(max(dot(q, p) for q in near(p)) for p in places)
    return (there + back) / 2 - cosine


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_second_stage_is_that_of_plain_loops(function):
    queries, gallery = random_sides(0)
    weights = (0.5, 2.0)
    first = first_stage(queries, gallery, weights)
    second = matrix(recipe(function, weights), queries, gallery)
    left, right = (maps_of(side["map"].values) for side in (queries, gallery))
    cosines = left.reshape(IMAGES, -1) @ right.reshape(IMAGES, -1).T
    for row in range(5):
        front = np.argsort(-first[row], kind="stable")[: reranking.DEPTH]
        expected = first[row].copy()
        for column in front:
            gain = gain_by_hand(function, left[row], right[column])
            expected[column] += 0.5 * weights[0] * gain / cosines.std()
        np.testing.assert_allclose(second[row], expected, atol=1e-4)
        assert (second[row, front] >= first[row, front]).all()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("post", ["none", "center+csls"])
def test_ranks_behind_the_first_fifty_stay(function, post):
    queries, gallery = random_sides(1)
    first = matrix(recipe(combine="zsum", post=post), queries, gallery)
    second = matrix(recipe(function, post=post), queries, gallery)
    assert (first != second).any()
    for before, after in zip(first, second, strict=True):
        order = np.argsort(-before, kind="stable")
        assert np.argsort(-after, kind="stable")[reranking.DEPTH :].tolist() == (
            order[reranking.DEPTH :].tolist()
        )
        assert (after[order[reranking.DEPTH :]] == before[order[reranking.DEPTH :]]).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_constant_backbone_changes_no_order_and_all_constant_is_a_tie(function):
    queries, gallery = random_sides(2)
    flat_only = matrix(recipe(combine="zsum", weights=(0.0, 1.0)), queries, gallery)
    for side in (queries, gallery):
        side["map"] = features("map", np.ones((IMAGES, DIM)))
    mixed = matrix(recipe(function), queries, gallery)
    assert (np.argsort(-mixed, axis=1) == np.argsort(-flat_only, axis=1)).all()
    for side in (queries, gallery):
        side["flat"] = features("flat", np.ones((IMAGES, 6)))
    ids = tuple(map(str, range(IMAGES)))
    images = ImageSet(ids, ids, ids)
    ranks = recall.ranks_of(
        Pairs(images, images, np.arange(IMAGES)), recipe(function), queries, gallery
    )
    assert (ranks == IMAGES).all()  # every image ties, and a tie is no hit


def test_one_click_gives_what_all_queries_together_give():
    queries, gallery = random_sides(9, 200)
    together = matrix(recipe(), queries, gallery)
    which = recipe()
    sides = [
        combine.prepare_sides(queries[p.backbone], gallery[p.backbone], "cosine", "none")
        for p in which.parts
    ]
    for row in (0, 77):
        query = {name: rows.take([row]) for name, rows in queries.items()}
        parts = [side.rows(query[p.backbone]) for side, p in zip(sides, which.parts, strict=True)]
        alone = recipe_blocks.recipe_block(which, parts, sides, query).similarity()[0]
        np.testing.assert_allclose(alone, together[row], atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_equal_images_tie_wherever_they_are(function):
    queries, gallery = random_sides(3)
    for name in ("map", "flat"):
        values = gallery[name].values.copy()
        values[[11, 40, 69]] = values[5]
        gallery[name] = features(name, values)
    scores = matrix(recipe(function), queries, gallery)
    for copy in (11, 40, 69):
        assert (scores[:, copy] == scores[:, 5]).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_missing_evidence_gains_nothing(function):
    """Images without a map keep their first score; a query without one keeps the first ranking."""
    queries, gallery = random_sides(4)
    keep = np.setdiff1d(np.arange(IMAGES), [7, 8])
    values = gallery["map"].values[keep]
    gallery["map"] = Features("map", keep, values, IMAGES)
    first = first_stage(queries, gallery)
    second = matrix(recipe(function), queries, gallery)
    assert (second == first).all()  # maps are compared where every image has one
    nothing = {
        name: Features(name, np.zeros(0), np.zeros((0, d)), IMAGES)
        for name, d in (("map", DIM), ("flat", 6))
    }
    assert np.isnan(matrix(recipe(function), queries, nothing)).all()


def test_only_images_that_are_in_front_whatever_the_order_of_ties():
    row = np.array([3.0, 2.0, 2.0, 2.0, 1.0, np.nan])
    assert reranking.shortlist(row, 1).tolist() == [0]
    assert reranking.shortlist(row, 2).tolist() == [0]
    assert reranking.shortlist(row, 3).tolist() == [0]
    assert reranking.shortlist(row, 4).tolist() == [0, 1, 2, 3]
    assert reranking.shortlist(row, 9).tolist() == [0, 1, 2, 3, 4]
    assert reranking.shortlist(np.full(4, 0.5), 2).tolist() == []
    assert reranking.shortlist(np.full(4, np.nan), 2).tolist() == []


def products_of(query, images, layout):
    left, right = (reranking.cells_of(np.atleast_2d(rows), layout) for rows in (query, images))
    return reranking.cell_products(left[0], right)


def test_a_moved_or_mirrored_map_is_recognized():
    random = np.random.default_rng(5)
    cells = random.normal(size=(CHANNELS, CELLS, CELLS))
    cells[:, :, 2] = 0  # nothing leaves the map
    moved = np.roll(cells, 1, axis=2)
    products = products_of(cells.ravel(), moved.reshape(1, -1), LAYOUT)
    cosine = float(products[0].trace())
    assert reranking.shift(products, CELLS)[0] == pytest.approx(1 - cosine, abs=1e-6)
    mirrored = cells[:, :, ::-1].reshape(1, -1)
    products = products_of(cells.ravel(), mirrored, LAYOUT)
    cosine = float(products[0].trace())
    assert reranking.mirror(products, CELLS)[0] == pytest.approx(1 - cosine, abs=1e-6)


def test_layouts_say_where_the_cells_are():
    random = np.random.default_rng(6)
    first = random.normal(size=(2, DIM))
    last = first.reshape(2, CHANNELS, CELLS * CELLS).transpose(0, 2, 1).reshape(2, DIM)
    np.testing.assert_allclose(
        products_of(first[0], first, LAYOUT),
        products_of(last[0], last, MapLayout(CELLS, channels_last=True)),
        atol=1e-6,
    )
    fine = random.normal(size=(2, 16 * 16 * 3))
    assert products_of(fine[0], fine, MapLayout(16)).shape == (2, 64, 64)
    zero = products_of(np.zeros(DIM), first, LAYOUT)
    assert (zero == 0).all()


def test_registered_layouts_fit_their_backbones():
    for name in ("hog", "edges", "layout", "contours", "contours-map", "mobilenetv2-grid"):
        (part,) = recipes.resolve(Recipe((Part(name),), "rerank")).parts
        from simcore.models import registry

        assert registry.get(name).dim % part.map_layout.cells**2 == 0
    assert recipes.resolve(Recipe((Part("color"),), "rerank")).parts[0].map_layout is None


def test_an_unknown_pair_function_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean shift"):
        recipes.parse(["hog", "color"], "rerank", pair_function="shif")
