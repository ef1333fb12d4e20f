"""Values computed once: features in memory, moments in memory and on disk, ranks, uploads."""

import threading

import numpy as np
import pytest

from simcore import memory
from simcore.data import images
from simcore.data.store.feature_store import FeatureStore
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction, features
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.models import lineage, registry
from simcore.models.adapter import Adapter, Layer
from simcore.models.extract import extraction as extraction_run
from simcore.models.lineage import Lineage
from simcore.recipe import Question
from simcore.sim import combine, recipe_blocks
from tests.conftest import MODELS


@pytest.fixture
def six(tiny):
    """The collection of six pairs, with nothing in memory, as in a new process."""
    memory.clear()
    return collections.open_(tiny)


@pytest.fixture
def reads(monkeypatch):
    """The backbones whose features are read from the store, in order."""
    names, read = [], FeatureStore.read
    monkeypatch.setattr(
        FeatureStore, "read", lambda *args: (names.append(args[1].backbone), read(*args))[1]
    )
    return names


def zsum(collection, direction="lr", **options):
    """The question with the z-sum of all backbones."""
    return Question(collection.name, (recipes.parse(MODELS, "zsum", **options)[-1],), direction)


def test_moments_outlive_the_process(six, cache, monkeypatch):
    (first,) = search.search(zsum(six), Query(id="a"))
    assert len(list((cache / "results").glob("moments-*"))) == 3
    memory.clear()
    with monkeypatch.context() as patch:
        patch.setattr(combine, "moments", lambda *_a, **_k: pytest.fail("computed again"))
        (second,) = search.search(zsum(six), Query(id="a"))
        # The evaluation of all pairs uses the stored moments, too.
        assert recall.ranks(six.name, *zsum(six).recipes)[0] == first.mate_rank
    assert (second.ids, second.scores.tolist()) == (first.ids, first.scores.tolist())


@pytest.mark.parametrize("content", [b"", b"[1]", b"PK", b"\xff"])
def test_unreadable_moments_are_computed_again(six, cache, content):
    (first,) = search.search(zsum(six), Query(id="a"))
    for file in (cache / "results").glob("moments-*.npz"):
        file.write_bytes(content)
    memory.clear()
    (second,) = search.search(zsum(six), Query(id="a"))
    assert second.scores.tolist() == first.scores.tolist()
    written = list((cache / "results").glob("moments-*.npz"))
    assert len(written) == 3
    assert all(np.load(file)["moments"].shape == (2,) for file in written)


def test_other_features_have_other_moments(six, cache):
    search.search(zsum(six), Query(id="a"))
    search.search(zsum(six, metric="l1"), Query(id="a"))
    search.search(zsum(six, "rl"), Query(id="a"))
    assert len(list((cache / "results").glob("moments-*"))) == 9


def test_recipes_together_rank_as_they_do_alone(six):
    parsed = [
        *recipes.parse(MODELS, "zsum"),
        *recipes.parse(MODELS, "sum", metric="l1")[-1:],
        *recipes.parse(["hog", "color"], "zsum", weights=[2, 0.5], post="center+csls")[-1:],
    ]
    together = recall.ranks_of_each(Question(six.name, (*parsed, parsed[0])))
    assert together[0] is together[-1]
    for recipe, ranks in zip(parsed, together, strict=False):
        queries, gallery = (
            {b: features.for_side(six, side, b) for b in recipe.backbones}
            for side in six.sides("lr")
        )
        resolved = recipes.resolve(recipe)
        blocks = [values for _, values in recipe_blocks.blocks(resolved, queries, gallery, rows=2)]
        matrix = np.concatenate(blocks)
        assert ranks.tolist() == [(row >= row[i]).sum() for i, row in enumerate(matrix)]


def test_two_threads_share_the_rows_of_one_reading(six, reads):
    begin, sides = threading.Barrier(2), {}

    def visit(number, side):
        begin.wait()
        sides[number] = features.for_side(six, side, "hog")

    for left, right in ((six.left, six.left), (six.right, six.right)):
        threads = [threading.Thread(target=visit, args=a) for a in enumerate((left, right))]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sides[0] is sides[1]
    assert reads == ["hog"]  # the first reading read both sides


def test_sides_are_separated_where_images_have_several_rows_or_none(six):
    key, store = extraction_run.feature_key(registry.get("face"), "fp32"), FeatureStore()
    counts = [2, 0, 1, 1, 0, 0, 0, 1, 0, 0, 3, 0]
    values = np.arange(sum(counts) * key.dim, dtype=np.float32).reshape(-1, key.dim)
    rows = np.split(values, np.cumsum(counts)[:-1])
    store.append(key, [*six.left.keys, *six.right.keys], rows)
    left, right = (features.for_side(six, side, "face") for side in (six.left, six.right))
    assert (left.index.tolist(), left.count) == ([0, 0, 2, 3], 6)
    assert (right.index.tolist(), right.count) == ([1, 4, 4, 4], 6)
    np.testing.assert_array_equal(np.concatenate([left.values, right.values]), values)


def test_features_that_were_not_used_for_longest_are_dropped_first(six, reads, monkeypatch):
    monkeypatch.setattr(memory, "get", memory.Memory(max_bytes=0).get)  # room for one value
    for model in MODELS:
        side = features.for_side(six, six.left, model)
    np.testing.assert_array_equal(side.values, features.for_side(six, six.left, MODELS[-1]).values)
    assert reads[: len(MODELS)] == MODELS
    monkeypatch.setattr(memory, "get", memory.Memory().get)
    del reads[:]
    for model in MODELS * 2:
        features.for_side(six, six.right, model)
    assert reads == MODELS


def test_incomplete_features_are_counted_again(six, pairs_folder, draw):
    def done(collection):
        return {count.backbone: count.done for count in features.counts(collection)}

    assert done(six) == dict.fromkeys(MODELS, 12)
    for side in ("left", "right"):
        draw(99 + (side == "left")).save(pairs_folder / side / "g.png")
    collections.add("pairs", pairs_folder, name="seven")
    seven = collections.open_("seven")
    assert set(done(seven).values()) == {12}
    assert not features.is_ready(seven, "hog")
    extraction.extract("seven", ["hog"])
    assert features.is_ready(seven, "hog")
    assert done(seven)["hog"] == 14


def test_an_upload_is_decoded_and_embedded_once(six, monkeypatch):
    decoded, load = [], images.load
    monkeypatch.setattr(images, "load", lambda *a, **k: (decoded.append(1), load(*a, **k))[1])
    data = six.left.paths[1].read_bytes()
    for models in (["layout"], ["layout", "color"], MODELS):
        question = Question(six.name, tuple(recipes.parse(models)))
        hits = search.search(question, Query(image=data), k=6)
    assert len(decoded) == 1
    layout = next(h for h in hits if h.recipe.backbones == ("layout",))
    (stored,) = search.search(Question(six.name, (layout.recipe,)), Query(id="b"), k=6)
    assert layout.ids == stored.ids
    features.decode(data, trim=3)
    assert len(decoded) == 2


def keep_adapter(name, seed):
    """A learned backbone on layout whose map depends on the seed."""
    dim, random = registry.get("layout").dim, np.random.default_rng(seed)
    weight = random.standard_normal((dim, 4)).astype(np.float32)
    layer = Layer(0, dim, np.eye(dim, dtype=np.float32), weight)
    path = lineage.path(name, "npz")
    Adapter(np.zeros(dim, np.float32), (layer,), ("layout",), (dim,)).save(path)
    record = Lineage(
        name=lineage.PREFIX + name,
        kind="adaptation",
        paradigm="adaptation",
        digest="",
        base=("layout",),
        settings={},
        seed=seed,
        dim=4,
        description="",
        paper="",
        result={},
    )
    return lineage.save(record, path).name


def test_a_replaced_learned_backbone_embeds_an_upload_anew(six):
    """Another backbone of the same name has other weights, so its old vectors are not returned."""
    image = features.decode(six.left.paths[0].read_bytes())
    typed = keep_adapter("mine", seed=0)
    first = features.embed_upload(image, typed).values
    lineage.remove("mine")
    assert keep_adapter("mine", seed=1) == typed
    second = features.embed_upload(image, typed).values
    assert not np.allclose(first, second)
    (expected,) = registry.get(typed).load("cpu")(image.pixels)
    np.testing.assert_allclose(second[0], expected, rtol=1e-5)
