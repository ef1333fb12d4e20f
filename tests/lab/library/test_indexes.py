"""Large galleries, at a lowered threshold: exact or through an index, and how much it finds."""

from pathlib import Path

import numpy as np
import pytest

from simcore.data.store import feature_store, vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.lab import recipes
from simcore.lab.library import collections, features, indexes
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Recipe
from simcore.types import Collection, ImageSet, Monitor, Preprocessing

ROWS, DIM = 20_000, 32
FACE_DIM = 128


def clustered(rows: int, dim: int, seed: int) -> np.ndarray:
    """Points around 200 centres, as pictures of 200 things would lie."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((200, dim))
    values = centres[random.integers(0, 200, rows)] + 0.6 * random.standard_normal((rows, dim))
    return (values * random.uniform(0.5, 2, (rows, 1))).astype(np.float32)


def cosine_order(query: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Independent of the code under test: float64, everything compared."""
    a, b = query.astype(np.float64), values.astype(np.float64)
    return np.argsort(-(b @ a) / np.linalg.norm(b, axis=1), kind="stable")


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[FeatureStore, FeatureKey, np.ndarray, vector_index.VectorIndex]:
    """A table of 20,000 rows, four commits, with its index."""
    store, slot = (
        FeatureStore(tmp_path_factory.mktemp("built")),
        FeatureKey("net", 1, Preprocessing(), "", "fp32", DIM),
    )
    values = clustered(ROWS, DIM, 0)
    for start in range(0, ROWS, 5000):
        keys = [f"k{i}" for i in range(start, start + 5000)]
        store.append(slot, keys, list(values[start : start + 5000, None]))
    return store, slot, values, vector_index.build(store, slot, "cosine")


def test_the_measured_recall_is_real(built) -> None:
    store, slot, values, index = built
    assert vector_index.load(store, slot) == index
    assert (index.rows, index.queries, index.metric) == (ROWS, vector_index.QUERIES, "cosine")
    rows = np.random.default_rng(99).choice(ROWS, 150, replace=False)  # not the ones it drew
    shares = []
    for row in rows:
        keys, _ = vector_index.search(store, slot, index, values[row], 11)
        found = [key for key in keys if key != f"k{row}"][:10]
        true = [f"k{i}" for i in cosine_order(values[row], values)[:11] if i != row][:10]
        shares.append(len(set(found) & set(true)) / 10)
    assert index.recall >= vector_index.TARGET_RECALL - 0.02
    assert abs(float(np.mean(shares)) - index.recall) < 0.03


def test_a_search_that_tries_less_is_measured_as_worse(built, monkeypatch) -> None:
    store, slot, values, index = built
    monkeypatch.setattr(vector_index, "SEARCH_EFFORTS", ((1, 1),))
    monkeypatch.setattr(feature_store.FeatureStore, "write_metadata", lambda *_: None)
    poor = vector_index.build(store, slot, "cosine")
    assert poor.recall < index.recall - 0.05
    found = []
    for row in range(100):
        keys, _ = vector_index.search(store, slot, poor, values[row], 11)
        true = {f"k{i}" for i in cosine_order(values[row], values)[:11]} - {f"k{row}"}
        found.append(len(true & set(keys)) / 10)
    assert abs(float(np.mean(found)) - poor.recall) < 0.12


def test_rows_that_came_later_are_found(built) -> None:
    store, slot, values, index = built
    late = 3 * np.random.default_rng(5).standard_normal((2, DIM)).astype(np.float32)
    store.append(slot, ["late", "none", "k5"], [late[:1], late[:0], late[1:]])
    assert vector_index.rows_behind(store, slot)[1] == 3
    assert vector_index.search(store, slot, index, late[0], 3)[0][0] == "late"
    for _ in range(2):
        store.compact(slot, commits=0)
        assert store.read(slot, ["none", "late"])[0].tolist() == [1]
        assert np.array_equal(store.read(slot, ["k5"])[1][0], values[5])  # the first writer counts
        again = vector_index.build(store, slot, "cosine")  # takes them into the index
        assert vector_index.rows_behind(store, slot)[1] == 0
        assert vector_index.search(store, slot, again, late[0], 3)[0][0] == "late"


def test_too_few_rows_and_stopping_are_sentences(tmp_path: Path) -> None:
    store, slot = FeatureStore(tmp_path), FeatureKey("net", 1, Preprocessing(), "", "fp32", DIM)
    values = clustered(1200, DIM, 1)[:, None]
    store.append(slot, [f"k{i}" for i in range(900)], list(values[:900]))
    with pytest.raises(BadDataError, match=r"net has 900 rows, but an index needs at least 1,000"):
        vector_index.build(store, slot, "cosine")
    store.append(slot, [f"k{i}" for i in range(900, 1200)], list(values[900:]))
    with pytest.raises(SimError, match="Stopped"):
        vector_index.build(store, slot, "cosine", monitor=Monitor(stop=lambda: True))
    assert vector_index.load(store, slot) is None
    with pytest.raises(BadDataError, match="supports the metrics cosine and l2, not l1"):
        vector_index.build(store, slot, "l1")


def test_dropping_features_drops_their_index(tmp_path: Path) -> None:
    store, slot = FeatureStore(tmp_path), FeatureKey("net", 1, Preprocessing(), "", "fp32", 9)
    values = clustered(1100, 9, 1)[:, None]
    store.append(slot, [f"k{i}" for i in range(1100)], list(values))
    index = vector_index.build(store, slot, "l2")
    assert index.kind == vector_index.KIND_ANY  # nine numbers do not fill bytes
    assert index.recall > 0.95
    store.drop(slot)
    assert vector_index.load(store, slot) is None
    store.append(slot, ["a"], [values[0]])
    assert vector_index.load(store, slot) is None


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A collection of 3,000 images without files, layout and face features in the store."""
    sides = []
    for side in "lr":
        names = tuple(f"{side}{i}" for i in range(1500))
        sides.append(ImageSet(names, tuple(Path(n) for n in names), names))
    collection = Collection("large", "pairs", "drawn", *sides)
    monkeypatch.setattr(collections, "open_", lambda _: collection)
    spec = registry.get("layout")
    slot, store = extraction.feature_key(spec, "fp32"), FeatureStore()
    values = clustered(3000, spec.dim, 3)
    keys = [*sides[0].keys, *sides[1].keys]
    store.append(slot, keys, list(values[:, None]))
    face = extraction.feature_key(registry.get("face"), "fp32")
    faces = clustered(6000, FACE_DIM, 4).reshape(3000, 2, FACE_DIM)
    store.append(face, keys, [v[: i % 3] for i, v in enumerate(faces)])
    return collection


def one(name: str, **more: object) -> Recipe:
    (recipe,) = recipes.parse([name], **more)
    return recipe


def test_the_way_is_chosen_by_size_and_told(large, monkeypatch) -> None:
    asked = Query(id="l7")
    (exact,) = search.search("large", asked, [one("layout")])
    assert (exact.index, exact.note) == (None, "")
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    (slow,) = search.search("large", asked, [one("layout")])
    assert slow.index is None
    assert "`simcore index large --models layout` makes this fast" in slow.note
    assert slow.ids == exact.ids
    made = indexes.update("large", ["layout", "face"])
    assert set(made) == {"layout", "face"}
    assert indexes.update("large", ["layout", "face"]) == {}
    (fast,) = search.search("large", asked, [one("layout")])
    assert fast.index == made["layout"]
    assert f"Approximate: recall@10 {made['layout'].recall:.1%}, measured on 200" in fast.note
    assert fast.to_dict()["search"]["recall_at_10"] == made["layout"].recall
    assert len(set(fast.ids) & set(exact.ids)) >= 9
    shared = [i for i, name in enumerate(fast.ids) if name in exact.ids]
    expected = [exact.scores[exact.ids.index(fast.ids[i])] for i in shared]
    np.testing.assert_allclose(fast.scores[shared], expected, atol=1e-6)
    assert fast.mate_score == pytest.approx(exact.mate_score, abs=1e-6)
    for way in ("exact", "auto"):
        monkeypatch.setenv("SIMCORE_SEARCH", way)
        (hits,) = search.search("large", asked, [one("layout")])
        assert (hits.index is None) == (way == "exact")
    assert [row["backbone"] for row in indexes.indexes()] == ["face", "layout"]


def test_several_faces_an_image_are_ranked_as_exact_search_does(large) -> None:
    indexes.build("large", ["face"])
    for query in ("l1", "l2"):
        (exact,) = search.search("large", Query(id=query), [one("face")], way="exact")
        (fast,) = search.search("large", Query(id=query), [one("face")], way="index")
        assert len(set(fast.ids) & set(exact.ids)) >= 8
        assert list(fast.scores) == sorted(fast.scores, reverse=True)
        best = dict(zip(exact.ids, exact.scores, strict=True))
        for name, score in zip(fast.ids, fast.scores, strict=True):
            assert score == pytest.approx(best.get(name, score), abs=1e-5)
    (blind,) = search.search("large", Query(id="l0"), [one("face")], way="index")
    assert blind.ids == ()  # no face in the query


def test_what_an_index_cannot_serve_is_compared_and_says_why(large, monkeypatch) -> None:
    indexes.build("large", ["layout"])
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    for recipe in (one("layout", metric="l1"), one("layout", post="center")):
        (hits,) = search.search("large", Query(id="l7"), [recipe])
        assert hits.index is None
        assert "All 1,500 compared: an index holds one backbone" in hits.note
        with pytest.raises(BadDataError, match="expected what an index can hold"):
            search.search("large", Query(id="l7"), [recipe], way="index")
    with pytest.raises(BadDataError, match=r"no index of face .*`simcore index large"):
        search.search("large", Query(id="l7"), [one("face")], way="index")
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 200_000)
    monkeypatch.setenv("SIMCORE_SEARCH", "index")  # wherever there is one
    found = search.search("large", Query(id="l7"), [one("layout"), one("face")])
    assert [hits.index is None for hits in found] == [False, True]
    with pytest.raises(UnknownNameError, match="way to search"):
        search.search("large", Query(id="l7"), [one("layout")], way="fast")


def test_an_index_that_finds_too_little_is_not_used_by_itself(large, monkeypatch) -> None:
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    index = indexes.build("large", ["layout"])["layout"]
    slot = features.complete_slot(large.left.keys, "layout")
    assert slot is not None
    FeatureStore().write_metadata(slot, "index", vars(index) | {"recall": 0.5})
    (hits,) = search.search("large", Query(id="l7"), [one("layout")])
    assert hits.index is None
    assert "finds only 50% of the nearest" in hits.note
    FeatureStore().write_metadata(slot, "index", {"odd": 1})
    with pytest.raises(BadDataError, match="metadata of the index of layout is damaged"):
        search.search("large", Query(id="l7"), [one("layout")])
