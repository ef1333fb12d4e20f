"""Processes that help give what one process gives, also when one of them dies."""

import os

import numpy as np
import pytest

from simcore.models import forward, registry
from simcore.models.extract import extraction, worker_processes
from simcore.models.extract.worker_processes import WorkerEmbedder


@pytest.fixture
def haar():
    """A detector of whole pictures that needs no weights, and two processes that help it."""
    spec = registry.get("haar")
    one = WorkerEmbedder(forward.load(spec, "cpu"), "haar", 2)
    yield one
    one.close()
    assert all(helper.poll() is not None for helper in one.helpers)


def test_many_are_the_same_as_one_after_the_other(haar, draw):
    from skimage import data

    pictures = [data.astronaut(), *(np.asarray(draw(seed)) for seed in range(5))]
    expected = [haar(picture) for picture in pictures]
    assert len(expected[0]) > 0
    assert any(len(rows) == 0 for rows in expected)
    for rows, same in zip(haar.many(pictures), expected, strict=True):
        np.testing.assert_array_equal(rows, same)
        assert rows.dtype == np.float32

    haar.helpers[0].kill()
    haar.helpers[0].wait()
    for rows, same in zip(haar.many(pictures), expected, strict=True):
        np.testing.assert_array_equal(rows, same)


def test_only_where_it_pays(monkeypatch):
    begun = []
    monkeypatch.setattr(worker_processes, "_begin", begun.append)
    monkeypatch.setattr(WorkerEmbedder, "close", lambda self: self.pool.shutdown())
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    specs = [registry.get("face"), registry.get("hog")]
    embeds = {spec.name: len for spec in specs}
    for images, device, count in (
        (199, "cpu", 0),
        (200, "cpu", 2),
        (9999, "cpu", 4),
        (9999, "cuda", 0),
    ):
        begun.clear()
        todo = {spec.name: range(images) for spec in specs}
        with worker_processes.with_workers(embeds, specs, todo, device) as found:
            assert begun == ["face"] * count
            assert isinstance(found["face"], WorkerEmbedder) == (count > 0)
            assert found["hog"] is len


def test_an_extraction_uses_them(image_set, store, monkeypatch):
    monkeypatch.setattr(worker_processes, "MIN_IMAGES_PER_WORKER", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    asked = []
    many = WorkerEmbedder.many
    monkeypatch.setattr(
        WorkerEmbedder, "many", lambda self, ready: (asked.append(len(ready)), many(self, ready))[1]
    )
    pictures = image_set(8)
    spec = registry.get("haar")
    alone = extraction.extract(pictures, [spec], store=store, device="cpu")
    slot = extraction.feature_key(spec, "fp32")
    expected = store.read(slot, pictures.keys)
    store.drop(slot)
    object.__setattr__(spec, "apart", True)
    try:
        helped = extraction.extract(pictures, [spec], store=store, device="cpu")
    finally:
        object.__setattr__(spec, "apart", False)
    assert sum(asked) == alone.computed["haar"] == helped.computed["haar"] == 8
    for found, same in zip(store.read(slot, pictures.keys), expected, strict=True):
        np.testing.assert_array_equal(found, same)
