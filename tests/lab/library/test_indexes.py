"""Large galleries, at a lowered threshold: exact search, search through an index, its recall."""

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
from simcore.lab.search.search import Query, SearchResult
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Question
from simcore.types import Collection, ImageSet, Monitor, Preprocessing

ROWS, DIM = 20_000, 32
FACE_DIM = 128


def clustered(rows: int, dim: int, seed: int) -> np.ndarray:
    """Points around 200 centers."""
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(7).standard_normal((200, dim))
    values = centers[random.integers(0, 200, rows)] + 0.6 * random.standard_normal((rows, dim))
    return (values * random.uniform(0.5, 2, (rows, 1))).astype(np.float32)


def cosine_order(query: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Row order by cosine, in float64 and independent of the code under test."""
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
    shares, (queries, table) = [], (values[rows].astype(np.float64), values.astype(np.float64))
    orders = np.argsort(-(queries @ table.T) / np.linalg.norm(table, axis=1), kind="stable")
    for row, order in zip(rows, orders, strict=True):
        keys, _ = vector_index.search(store, slot, index, values[row], 11)
        found = [key for key in keys if key != f"k{row}"][:10]
        true = [f"k{i}" for i in order[:11] if i != row][:10]
        shares.append(len(set(found) & set(true)) / 10)
    assert index.recall >= vector_index.TARGET_RECALL - 0.02
    assert abs(float(np.mean(shares)) - index.recall) < 0.03


@pytest.mark.slow
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


@pytest.mark.slow
def test_rows_that_came_later_are_found(built) -> None:
    store, slot, values, index = built
    late = 3 * np.random.default_rng(5).standard_normal((2, DIM)).astype(np.float32)
    store.append(slot, ["late", "none", "k5"], [late[:1], late[:0], late[1:]])
    assert vector_index.rows_behind(store, slot)[1] == 2  # k5 is stored already
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
    with pytest.raises(BadDataError, match="metrics cosine and l2, not l1"):
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
    monkeypatch.setattr(vector_index, "QUERIES", 50)  # each is a search of its own
    spec = registry.get("layout")
    slot, store = extraction.feature_key(spec, "fp32"), FeatureStore()
    values = clustered(3000, spec.dim, 3)
    keys = [*sides[0].keys, *sides[1].keys]
    store.append(slot, keys, list(values[:, None]))
    face = extraction.feature_key(registry.get("face"), "fp32")
    faces = clustered(6000, FACE_DIM, 4).reshape(3000, 2, FACE_DIM)
    store.append(face, keys, [v[: i % 3] for i, v in enumerate(faces)])
    return collection


def find(query: str, *models: str, mode: str = "", **settings: str) -> list[SearchResult]:
    """The hits of each backbone for an image of the collection `large`."""
    question = Question("large", tuple(recipes.parse(models, **settings)))
    return search.search(question, Query(id=query), mode=mode)


def test_the_mode_is_chosen_by_size_and_explained(large, monkeypatch) -> None:
    (exact,) = find("l7", "layout")
    assert (exact.index, exact.note) == (None, "")
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    (slow,) = find("l7", "layout")
    assert slow.index is None
    assert "Run `simcore index large --models layout` to build one." in slow.note
    assert slow.ids == exact.ids
    built = {row.backbone: row.index for row in indexes.update("large", ["layout", "face"])}
    assert set(built) == {"layout", "face"}
    assert indexes.update("large", ["layout", "face"]) == []
    (fast,) = find("l7", "layout")
    assert fast.index == built["layout"]
    assert f"Approximate: recall@10 {built['layout'].recall:.1%}, measured on 50" in fast.note
    assert fast.to_dict()["search"]["recall_at_10"] == built["layout"].recall
    assert len(set(fast.ids) & set(exact.ids)) >= 9
    shared = [i for i, name in enumerate(fast.ids) if name in exact.ids]
    expected = [exact.scores[exact.ids.index(fast.ids[i])] for i in shared]
    np.testing.assert_allclose(fast.scores[shared], expected, atol=1e-6)
    assert fast.mate_score == pytest.approx(exact.mate_score, abs=1e-6)
    for mode in ("exact", "auto"):
        monkeypatch.setenv("SIMCORE_SEARCH", mode)
        (hits,) = find("l7", "layout")
        assert (hits.index is None) == (mode == "exact")
    rows = indexes.indexes()
    assert [row.backbone for row in rows] == ["face", "layout"]
    assert rows[1].to_dict() == {"backbone": "layout", "behind": 0, **vars(built["layout"])}


def test_several_faces_per_image_are_ranked_as_exact_search_does(large) -> None:
    indexes.build("large", ["face"])
    for query in ("l1", "l2"):
        (exact,) = find(query, "face", mode="exact")
        (fast,) = find(query, "face", mode="index")
        assert len(set(fast.ids) & set(exact.ids)) >= 8
        assert list(fast.scores) == sorted(fast.scores, reverse=True)
        best = dict(zip(exact.ids, exact.scores, strict=True))
        for name, score in zip(fast.ids, fast.scores, strict=True):
            assert score == pytest.approx(best.get(name, score), abs=1e-5)
    (blind,) = find("l0", "face", mode="index")
    assert blind.ids == ()  # no face in the query


def test_exact_search_says_why_an_index_cannot_serve(large, monkeypatch) -> None:
    indexes.build("large", ["layout"])
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    for settings in ({"metric": "l1"}, {"post": "center"}):
        (hits,) = find("l7", "layout", **settings)
        assert hits.index is None
        assert "All 1,500 images were compared. An index cannot serve 'layout" in hits.note
        with pytest.raises(BadDataError, match="only one backbone with cosine or L2"):
            find("l7", "layout", mode="index", **settings)
    with pytest.raises(BadDataError, match=r"face has no index .*`simcore index large"):
        find("l7", "face", mode="index")
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 200_000)
    monkeypatch.setenv("SIMCORE_SEARCH", "index")  # wherever there is one
    assert [hits.index is None for hits in find("l7", "layout", "face")] == [False, True]
    with pytest.raises(UnknownNameError, match="search mode"):
        find("l7", "layout", mode="fast")


def test_an_index_with_low_recall_is_used_only_on_request(large, monkeypatch) -> None:
    monkeypatch.setattr(indexes, "INDEX_ABOVE", 1000)
    (built,) = indexes.build("large", ["layout"])
    key = features.complete_key([large.left], "layout")
    assert key is not None
    FeatureStore().write_metadata(key, "index", vars(built.index) | {"recall": 0.5})
    (hits,) = find("l7", "layout")
    assert hits.index is None
    assert "finds only 50% of the nearest" in hits.note
    assert find("l7", "layout", mode="index")[0].index is not None
    FeatureStore().write_metadata(key, "index", {"odd": 1})
    with pytest.raises(BadDataError, match="metadata of the index of layout is damaged"):
        find("l7", "layout")
