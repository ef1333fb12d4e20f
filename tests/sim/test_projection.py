"""Layouts: what is alike lies together, whatever the recipe; the same twice; stopped when asked."""

import os

import numpy as np
import pytest

from simcore import errors
from simcore.errors import BadDataError
from simcore.recipe import Part, Recipe
from simcore.sim import neighbors, projection, recipe_blocks
from simcore.sim.projection import ProjectionSettings
from simcore.types import Features, Monitor

ONE = Recipe((Part("a", "cosine"),))
BOTH = Recipe((Part("a", "cosine"), Part("b", "cosine", weight=0.5)), "zsum")


@pytest.fixture(scope="module")
def blobs():
    """Three far groups of 40 images under two backbones, and which group each is of."""
    random = np.random.default_rng(3)
    group = random.permutation(np.repeat(np.arange(3), 40))
    made = {}
    for name, dim in (("a", 24), ("b", 40)):
        middle = 4 * random.normal(size=(3, dim))
        made[name] = whole(name, middle[group] + random.normal(size=(120, dim)))
    return made, group


def whole(name, values):
    return Features(name, np.arange(len(values)), np.asarray(values, np.float32), len(values))


def purity(at, group):
    """Share of images whose five nearest on the map are of their own group."""
    far = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(far, np.inf)
    near = np.argsort(far, axis=1)[:, :5]
    return (group[near] == group[:, None]).mean()


@pytest.mark.parametrize("recipe", [ONE, BOTH], ids=lambda r: r.label)
@pytest.mark.parametrize("post", ["none", "center", "center+csls"])
def test_groups_stay_together(blobs, recipe, post):
    images, group = blobs
    recipe = Recipe(recipe.parts, recipe.combine, post)
    vectors = neighbors.recipe_vectors(recipe, images)
    start, share = projection.pca(vectors, 0)
    assert 0 < share[1] <= share[0] < 1
    assert purity(start, group) > 0.95
    for method in ("umap", "tsne"):
        look = ProjectionSettings(method, perplexity=10)
        kept, near = neighbors.nearest(recipe, images, look.neighbor_count(120))
        assert kept.tolist() == list(range(120))
        if method == "umap":
            at = projection.umap(near, start, look)
        else:
            at = projection.tsne(near, start, look, squared=True)
        assert at.shape == (120, 2)
        assert at.dtype == np.float32
        assert purity(at, group) > 0.95
    found = projection.find_clusters(vectors, 0, 3)
    assert all(len(np.unique(found[group == g])) == 1 for g in range(3))


@pytest.mark.parametrize("kind", ["none", "sum", "zsum"])
@pytest.mark.parametrize("post", ["none", "center"])
def test_stacked_vectors_have_the_recipes_similarity_as_dot_product(blobs, kind, post):
    images, _ = blobs
    parts = (Part("a", "cosine", 2.0), Part("b", "cosine", 0.5))
    if kind == "none":
        parts = (Part("a", "cosine"),)
    recipe = Recipe(parts, kind, post)
    vectors = neighbors.recipe_vectors(recipe, images).astype(np.float64)
    theirs = np.concatenate([v for _, v in recipe_blocks.blocks(recipe, images, images)])
    apart = theirs - vectors @ vectors.T
    np.testing.assert_allclose(apart, apart.mean(), atol=2e-4)


def test_neighbors_are_those_of_the_whole_matrix(blobs):
    images, _ = blobs
    for recipe in (ONE, BOTH, Recipe(ONE.parts, post="csls")):
        whole_ = np.concatenate([v for _, v in recipe_blocks.blocks(recipe, images, images)])
        kept, near = neighbors.nearest(recipe, images, 7)
        assert kept.size == 120
        top = whole_.max(axis=1)
        np.fill_diagonal(whole_, -np.inf)
        best = -np.sort(-whole_, axis=1)[:, :7]
        np.testing.assert_allclose(near.distances, top[:, None] - best, atol=1e-6)
        assert (near.distances >= 0).all()
        assert not (near.index == np.arange(120)[:, None]).any()


def test_images_without_evidence_have_no_place():
    random = np.random.default_rng(0)
    index = np.array([0, 1, 1, 3, 4, 5, 6])  # image 1 has two faces, 2 and 7 have none
    faces = {"d": Features("d", index, random.normal(size=(7, 8)).astype(np.float32), 8)}
    recipe = Recipe((Part("d", "l2"),))
    kept, near = neighbors.nearest(recipe, faces, 3)
    assert kept.tolist() == [0, 1, 3, 4, 5, 6]
    assert near.index.max() < 6
    vectors = neighbors.recipe_vectors(recipe, faces)
    np.testing.assert_allclose(vectors[1], faces["d"].values[1:3].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(vectors[2], faces["d"].values.mean(axis=0), rtol=1e-6)
    at = projection.tsne(
        near,
        projection.pca(vectors[kept], 0)[0],
        ProjectionSettings("tsne", perplexity=2),
        squared=False,
    )
    assert np.isfinite(at).all()


def test_the_same_seed_gives_the_same_map(blobs):
    images, _ = blobs
    start, _ = projection.pca(neighbors.recipe_vectors(ONE, images), 0)
    look = ProjectionSettings("umap", seed=4)
    _, near = neighbors.nearest(ONE, images, look.neighbor_count(120))
    first, again = (projection.umap(near, start, look) for _ in range(2))
    other = projection.umap(near, start, ProjectionSettings("umap", seed=5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_kernels_of_umap_are_stored_for_the_next_process(blobs):
    images, _ = blobs
    settings = ProjectionSettings("umap", seed=4)
    _, near = neighbors.nearest(ONE, images, settings.neighbor_count(120))
    start, _ = projection.pca(neighbors.recipe_vectors(ONE, images), 0)
    projection.umap(near, start, settings)
    from umap import layouts, umap_

    kernels = [umap_.smooth_knn_dist, umap_.compute_membership_strengths]
    compiled = [value for value in vars(layouts).values() if getattr(value, "signatures", ())]
    assert any("optimize_layout_euclidean" in kernel.__name__ for kernel in compiled)
    for kernel in [*kernels, *compiled]:
        assert kernel.stats.cache_path.startswith(os.environ["NUMBA_CACHE_DIR"]), kernel


def test_pictures_that_are_all_the_same_have_a_map():
    same = {"a": whole("a", np.ones((9, 4)))}
    vectors = neighbors.recipe_vectors(ONE, same)
    start, share = projection.pca(vectors, 0)
    assert share == (0, 0)
    _, near = neighbors.nearest(ONE, same, 5)
    assert np.isfinite(projection.umap(near, start, ProjectionSettings(n_neighbors=6))).all()
    assert np.isfinite(
        projection.tsne(near, start, ProjectionSettings("tsne", perplexity=2), squared=True)
    ).all()
    assert set(projection.find_clusters(vectors, 0)) == {0}


@pytest.mark.parametrize("method", ["neighbors", "umap", "tsne"])
def test_stopping(blobs, method):
    images, _ = blobs
    start, _ = projection.pca(neighbors.recipe_vectors(ONE, images), 0)
    _, near = neighbors.nearest(ONE, images, 10)
    work = {
        "neighbors": lambda: neighbors.nearest(ONE, images, 10, monitor=Monitor(stop=lambda: True)),
        "umap": lambda: projection.umap(
            near, start, ProjectionSettings(), monitor=Monitor(stop=lambda: True)
        ),
        "tsne": lambda: projection.tsne(
            near,
            start,
            ProjectionSettings("tsne"),
            squared=True,
            monitor=Monitor(stop=lambda: True),
        ),
    }
    with pytest.raises(errors.Stopped):
        work[method]()


def test_progress_goes_up_to_the_end(blobs):
    images, _ = blobs
    start, _ = projection.pca(neighbors.recipe_vectors(ONE, images), 0)
    told = []
    _, near = neighbors.nearest(ONE, images, 10, monitor=Monitor(told.append))
    projection.umap(near, start, ProjectionSettings(), monitor=Monitor(told.append))
    assert {now.stage for now in told} == {"neighbors", "umap"}
    counts = [now.done for now in told if now.stage == "umap"]
    assert counts == sorted(counts)
    assert counts[-1] == told[-1].total


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"n_neighbors": 1}, "n_neighbors must be 2 to 200, got 1"),
        ({"min_dist": 2.0}, "min_dist must be 0 to 1, got 2"),
        ({"perplexity": 0.5}, "perplexity must be 2 to 200, got 0.5"),
        ({"seed": -1}, "seed must be 0 to .*, got -1"),
    ],
)
def test_numbers_outside_their_range_are_refused(options, word):
    with pytest.raises(BadDataError, match=word):
        ProjectionSettings(**options)


@pytest.mark.parametrize(
    ("settings", "images", "expected"),
    [
        (ProjectionSettings("umap", n_neighbors=15), 5, 4),
        (ProjectionSettings("umap", n_neighbors=15), 100, 14),
        (ProjectionSettings("tsne", perplexity=30), 20, 19),
        (ProjectionSettings("tsne", perplexity=10), 100, 31),
        (ProjectionSettings("pca"), 100, 0),
    ],
)
def test_an_image_has_no_more_neighbors_than_there_are_other_images(settings, images, expected):
    assert settings.neighbor_count(images) == expected


def test_seeds_are_those_of_numpy():
    assert ProjectionSettings(seed=2**32 - 1).seed == 2**32 - 1
    for seed in (-1, 2**32):
        with pytest.raises(BadDataError, match="seed"):
            ProjectionSettings(seed=seed)


def test_where_tsne_begins_has_no_scale():
    random = np.random.default_rng(0)
    points = random.normal(size=(24, 3))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    order = np.argsort(distance, axis=1)[:, 1:16]
    near = neighbors.Neighbors(order, np.take_along_axis(distance, order, 1).astype(np.float32))
    settings = ProjectionSettings("tsne", perplexity=5)
    small, large = (
        projection.tsne(near, scale * points[:, :2], settings, squared=False)
        for scale in (1.0, 1024.0)
    )
    np.testing.assert_array_equal(small, large)


def test_a_backbone_without_any_row_moves_nothing():
    empty = Features("b", np.zeros(0, np.int64), np.zeros((0, 4), np.float32), 3)
    images = {"a": whole("a", np.eye(3)), "b": empty}
    for recipe in (BOTH, Recipe(BOTH.parts, "sum")):
        vectors = neighbors.recipe_vectors(recipe, images)
        assert (vectors[:, 3:] == 0).all()
