"""A backbone that is trained again under its name: nothing of the earlier one is used."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from simcore.data import cache_dir
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.lab.library import collections, extraction, features
from simcore.models import adapter, forward, lineage, registry
from simcore.models.extract.extraction import feature_key
from simcore.models.lineage import Lineage
from simcore.models.spec import BackboneSpec, WeightFile
from simcore.types import Preprocessing

BLANK = Lineage(
    name="",
    kind="",
    paradigm="",
    digest="",
    base=(),
    settings={},
    seed=0,
    dim=2,
    description="",
    paper="",
    result={},
)


def train(name: str, base: str, scale: tuple[float, float]) -> None:
    """Register `learned:name`: the first two columns of the base, scaled; no lengths involved."""
    dim = registry.get(base).dim
    weight = np.diag(scale).astype(np.float32)
    layer = adapter.Layer(0, dim, np.eye(dim, 2, dtype=np.float32), weight)
    mean = np.full(dim, -1, np.float32)
    file = lineage.path(name, "npz")
    adapter.Adapter(mean, (layer,), (base,), (dim,)).save(file)
    info = replace(BLANK, name=f"learned:{name}", kind="adaptation", base=(base,))
    lineage.save(info, file)


def retrain(name: str, base: str, scale: tuple[float, float]) -> None:
    lineage.remove(name)
    train(name, base, scale)


@pytest.fixture
def upload(tiny: str) -> features.DecodedImage:
    """An image that is in no collection."""
    collection = collections.open_(tiny)
    return features.decode(collection.left.path(0).read_bytes(), trim=3)


def test_upload(upload):
    train("mine", "layout", (1, 1))
    before = features.embed_upload(upload, "learned:mine").values
    retrain("mine", "layout", (1, 5))
    after = features.embed_upload(upload, "learned:mine").values
    assert not np.allclose(before, after)
    retrain("mine", "layout", (1, 1))
    assert np.array_equal(features.embed_upload(upload, "learned:mine").values, before)


def test_adapter_on_a_backbone_that_was_trained_again(tiny, upload):
    train("mine", "layout", (1, 1))
    train("top", "learned:mine", (1, 2))
    extraction.extract(tiny, ["learned:top"])
    before = features.embed_upload(upload, "learned:top").values
    stored = features.for_side(collections.open_(tiny), collections.open_(tiny).left, "learned:top")
    retrain("mine", "layout", (1, 5))
    assert not np.allclose(features.embed_upload(upload, "learned:top").values, before)
    assert "learned:top" not in collections.extracted_backbones(tiny)
    with pytest.raises(BadDataError, match="simcore extract"):
        features.for_side(collections.open_(tiny), collections.open_(tiny).left, "learned:top")
    extraction.extract(tiny, ["learned:top"])
    again = features.for_side(collections.open_(tiny), collections.open_(tiny).left, "learned:top")
    assert not np.allclose(stored.values, again.values)


def test_two_adapters_on_each_other_do_not_hang(tiny):
    train("mine", "layout", (1, 1))
    train("top", "learned:mine", (1, 2))
    lineage.remove("mine")
    assert registry.get("learned:top").dim == 2  # listed, though it cannot be loaded
    train("mine", "learned:top", (1, 2))
    keys = {feature_key(registry.get(f"learned:{name}"), "fp32") for name in ("mine", "top")}
    assert len(keys) == 2


def test_face_crops_under_a_network_that_was_trained_again(cache):
    keys = []
    for content in (b"first", b"second"):
        file = lineage.path("tuned", "pt")
        cache_dir.write_atomic(file, content)
        info = replace(BLANK, name="learned:tuned", kind="network", base=("mobilenetv2",))
        lineage.save(info, file)
        keys.append(feature_key(registry.get("faces:learned:tuned"), "fp32"))
        lineage.remove("tuned")
    assert keys[0].weights_sha != keys[1].weights_sha


@pytest.fixture
def replaceable(cache) -> Iterator[WeightFile]:
    """A weight file without a published checksum, used by the backbone "shift"."""
    file = WeightFile("shift.bin")
    path = lineage.weights.folder() / file.file
    path.write_bytes(b"\x01")

    def load(_device: str):
        amount = path.read_bytes()[0]
        return lambda image: np.array([[image.mean(), amount, 1]], np.float32)

    raw = Preprocessing(resize=None, crop=None, raw=True)
    with registry.temporary(BackboneSpec("shift", 3, load, raw, weights=(file,))):
        yield file
    forward.clear_loaded()


def test_adapter_on_a_weight_file_that_was_replaced(tiny, upload, replaceable):
    train("mine", "shift", (1, 1))
    before = features.embed_upload(upload, "learned:mine").values
    (lineage.weights.folder() / replaceable.file).write_bytes(b"\xf0\x00")
    assert not np.allclose(features.embed_upload(upload, "learned:mine").values, before)


def test_an_incomplete_table_is_counted_once_until_it_changes(tiny, monkeypatch):
    """A stopped extraction must not slow every page down."""
    collection, store = collections.open_(tiny), FeatureStore.shared()
    key = feature_key(registry.get("edges"), "fp32")
    rows = [np.ones((1, key.dim), np.float32)] * 2
    store.append(key, collection.left.keys[:2], rows)
    reads = []
    missing = FeatureStore.missing

    def counting(self, table, keys):
        reads.append(table.table)
        return missing(self, table, keys)

    monkeypatch.setattr(FeatureStore, "missing", counting)

    def done():
        return {c.backbone: c.done for c in collections.feature_counts(tiny)}["edges"]

    assert done() == 2
    assert key.table in reads
    reads.clear()
    assert done() == 2
    assert key.table not in reads, "nothing has changed"
    store.append(key, collection.left.keys[2:5], [rows[0]] * 3)
    assert done() == 5
