"""Worker processes return what one process returns, also when one of them dies."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from simcore.models import forward, registry
from simcore.models.extract import extraction, worker_processes
from simcore.models.extract.worker_processes import WorkerEmbedder


@pytest.fixture
def haar():
    """A detector of raw images that needs no weights, with two workers."""
    spec = registry.get("haar")
    embedder = WorkerEmbedder(forward.load(spec, "cpu"), "haar", 2)
    yield embedder
    embedder.close()
    assert all(worker.poll() is not None for worker in embedder.workers)


def test_workers_return_the_rows_of_one_process(haar, draw):
    from skimage import data

    pictures = [data.astronaut(), *(np.asarray(draw(seed)) for seed in range(5))]
    expected = [haar(picture) for picture in pictures]
    assert len(expected[0]) > 0
    assert any(len(rows) == 0 for rows in expected)
    for rows, same in zip(haar.embed_many(pictures), expected, strict=True):
        np.testing.assert_array_equal(rows, same)
        assert rows.dtype == np.float32

    haar.workers[0].kill()
    haar.workers[0].wait()
    for rows, same in zip(haar.embed_many(pictures), expected, strict=True):
        np.testing.assert_array_equal(rows, same)


def test_workers_survive_an_interrupt_from_the_keyboard(haar, draw, capfd):
    """Ctrl-C reaches all processes of a terminal; workers end with the caller, without a word."""
    pictures = [np.asarray(draw(seed)) for seed in range(4)]
    haar.embed_many(pictures)  # both have started
    for worker in haar.workers:
        worker.send_signal(signal.SIGINT)
    haar.embed_many(pictures)
    assert all(worker.poll() is None for worker in haar.workers)
    haar.close()
    assert "Traceback" not in capfd.readouterr().err


def test_workers_are_started_only_for_enough_images_on_a_cpu(monkeypatch):
    started = []
    monkeypatch.setattr(worker_processes, "start_worker", started.append)
    monkeypatch.setattr(WorkerEmbedder, "close", lambda self: self.threads.shutdown())
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    specs = [registry.get("face"), registry.get("hog")]
    embedders = {spec.name: len for spec in specs}
    for images, device, count in (
        (199, "cpu", 0),
        (200, "cpu", 2),
        (9999, "cpu", 4),
        (9999, "cuda", 0),
    ):
        started.clear()
        todo = {spec.name: range(images) for spec in specs}
        with worker_processes.with_workers(embedders, specs, todo, device) as parallel:
            assert started == ["face"] * count
            assert isinstance(parallel["face"], WorkerEmbedder) == (count > 0)
            assert parallel["hog"] is len


def test_an_extraction_uses_workers(image_set, store, monkeypatch):
    monkeypatch.setattr(worker_processes, "MIN_IMAGES_PER_WORKER", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    batches = []
    embed_many = WorkerEmbedder.embed_many
    monkeypatch.setattr(
        WorkerEmbedder,
        "embed_many",
        lambda self, images: (batches.append(len(images)), embed_many(self, images))[1],
    )
    pictures = image_set(8)
    spec = registry.get("haar")
    alone = extraction.extract(pictures, [spec], store=store, device="cpu")
    key = extraction.feature_key(spec, "fp32")
    expected = store.read(key, pictures.keys)
    store.drop(key)
    spec = replace(spec, holds_gil=True)
    parallel = extraction.extract(pictures, [spec], store=store, device="cpu")
    assert sum(batches) == alone.computed["haar"] == parallel.computed["haar"] == 8
    for rows, same in zip(store.read(key, pictures.keys), expected, strict=True):
        np.testing.assert_array_equal(rows, same)
