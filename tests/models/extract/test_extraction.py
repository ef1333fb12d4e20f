"""Extraction: each image is computed once, whatever goes wrong in between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, MissingWeightsError, UnknownNameError
from simcore.models import forward, registry
from simcore.models.extract import extraction
from simcore.models.spec import BackboneSpec
from simcore.types import ImageSet, Monitor, Preprocessing, Progress

TINY = Preprocessing(resize=8, crop=(8, 8), mean=(), std=())


def counting(name="tiny", *, fail=None, preprocessing=TINY, version=1):
    """A backbone that returns the mean color, and the batch sizes it was called with."""
    calls = []

    def load(_device):
        def embed(batch):
            if fail:
                fail(batch)
            calls.append(len(batch))
            return batch.mean((2, 3))

        return embed

    return BackboneSpec(name, 3, load, preprocessing, version=version), calls


def test_a_second_run_computes_nothing(image_set, store):
    spec, calls = counting()
    pictures = image_set(21)
    first = extraction.extract(pictures, [spec], store=store, device="cpu", batch=8)
    assert (first.computed, first.cached) == ({"tiny": 21}, {"tiny": 0})
    assert calls == [8, 8, 5]
    second = extraction.extract(pictures, [spec], store=store, device="cpu", batch=8)
    assert (second.computed, second.cached) == ({"tiny": 0}, {"tiny": 21})
    assert sum(calls) == 21


def test_values_are_the_networks_own(image_set, store):
    spec, _ = counting()
    pictures = image_set(5)
    extraction.extract(pictures, [spec], store=store, device="cpu", batch=2)
    index, values = store.read(extraction.feature_key(spec, "fp32"), pictures.keys)
    assert index.tolist() == [0, 1, 2, 3, 4]
    for path, row in zip(pictures.paths, values, strict=True):
        small = np.asarray(Image.open(path).resize((10, 8), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(row, small[:, 1:9].mean((0, 1)) / 255, atol=1e-5)


def test_images_are_decoded_once_for_all_backbones(image_set, store, monkeypatch):
    from simcore.data import images

    decoded = []
    load = images.load
    monkeypatch.setattr(
        images, "load", lambda *args, **named: decoded.append(1) or load(*args, **named)
    )
    specs = [
        counting(name, preprocessing=p)[0]
        for name, p in [("a", TINY), ("b", TINY), ("c", Preprocessing())]
    ]
    extraction.extract(image_set(9), specs, store=store, device="cpu")
    assert len(decoded) == 9
    extraction.extract(image_set(9), specs, store=store, device="cpu")
    assert len(decoded) == 9, "nothing is decoded that no backbone needs"


def test_the_same_picture_twice_is_computed_once(image_set, store):
    spec, calls = counting()
    unique = image_set(3)
    repeated = ImageSet(
        ("a", "b", "c", "d"), (*unique.paths, unique.paths[0]), (*unique.keys, unique.keys[0])
    )
    report = extraction.extract(repeated, [spec], store=store, device="cpu")
    assert sum(calls) == 3
    assert report.computed == {"tiny": 3}


def test_a_bad_image_is_reported_and_the_run_continues(image_set, store):
    spec, _ = counting()
    pictures = image_set(6)
    pictures.paths[2].write_bytes(b"not a picture")
    pictures.paths[4].unlink()
    report = extraction.extract(pictures, [spec], store=store, device="cpu", batch=2)
    assert report.computed == {"tiny": 4}
    assert [s.name for s in report.skipped] == ["0002", "0004"]
    assert "has changed since it was added" in report.skipped[0].reason
    assert "0004.png" in report.skipped[1].reason


def test_running_out_of_memory_halves_the_batch(image_set, store):
    import torch

    def fail(batch):
        if len(batch) > 3:
            raise torch.OutOfMemoryError("too much")

    spec, calls = counting(fail=fail)
    report = extraction.extract(image_set(20), [spec], store=store, device="cpu", batch=16)
    assert report.computed == {"tiny": 20}
    assert max(calls) <= 3
    assert sum(calls) == 20


def test_other_errors_of_a_network_are_raised(image_set, store):
    def fail(_batch):
        raise RuntimeError("broken layer")

    spec, _ = counting(fail=fail)
    with pytest.raises(RuntimeError, match="broken layer"):
        extraction.extract(image_set(2), [spec], store=store, device="cpu")


def test_values_that_are_not_finite_are_an_error(image_set, store):
    def load(_device):
        return lambda batch: batch.mean((2, 3)) * float("nan")

    spec = BackboneSpec("nan", 3, load, TINY)
    with pytest.raises(BadDataError, match="not finite"):
        extraction.extract(image_set(2), [spec], store=store, device="cpu")


def test_a_backbone_without_weights_does_not_stop_the_others(image_set, store):
    def load(_device):
        raise MissingWeightsError("The weight file far.pth is not here.")

    spec, _ = counting()
    far = BackboneSpec("far", 3, load, TINY)
    report = extraction.extract(image_set(4), [far, spec], store=store, device="cpu")
    assert report.unavailable == {"far": "The weight file far.pth is not here."}
    assert report.computed == {"tiny": 4}


def test_stopping_keeps_what_is_finished(image_set, store):
    spec, calls = counting()
    seen: list[Progress] = []
    report = extraction.extract(
        image_set(40),
        [spec],
        store=store,
        device="cpu",
        batch=4,
        monitor=Monitor(seen.append, lambda: len(calls) >= 3),
    )
    assert report.computed["tiny"] == 12
    assert [p.done for p in seen if p.stage == "tiny"] == [4, 8, 12]
    assert {p.total for p in seen if p.stage == "tiny"} == {40}
    again = extraction.extract(image_set(40), [spec], store=store, device="cpu", batch=4)
    assert again.cached == {"tiny": 12}
    assert sum(calls) == 40


@pytest.mark.parametrize(
    "other",
    [
        counting(version=2)[0],
        counting(preprocessing=Preprocessing(resize=9, crop=(8, 8), mean=(), std=()))[0],
        counting(name="other")[0],
    ],
    ids=["version", "preprocessing", "name"],
)
def test_everything_that_changes_a_number_changes_the_table(other):
    spec, _ = counting()
    assert extraction.feature_key(other, "fp32").table != extraction.feature_key(spec, "fp32").table


def test_precision_changes_the_table_but_not_for_faces():
    spec, _ = counting()
    assert extraction.feature_key(spec, "bf16").table != extraction.feature_key(spec, "fp32").table
    face = registry.get("face")
    assert extraction.feature_key(face, "bf16").table == extraction.feature_key(face, "fp32").table


def test_uploads_have_the_features_of_stored_images(image_set, store):
    from simcore.data import images

    spec = registry.get("hog")
    pictures = image_set(3)
    extraction.extract(pictures, [spec], store=store, device="cpu")
    _, stored = store.read(extraction.feature_key(spec, "fp32"), pictures.keys)
    loaded = [images.load(path) for path in pictures.paths]
    fresh = forward.embed_images(loaded, spec, "cpu", "fp32")
    np.testing.assert_allclose(np.concatenate(fresh), stored, atol=1e-6)


def test_devices_and_precisions():
    assert forward.resolve_device("cpu") == "cpu"
    assert forward.resolve_device("auto") in {"cpu", "cuda", "mps"}
    assert forward.resolve_precision("auto", "cpu") == "fp32"
    assert forward.resolve_precision("auto", "cuda") == "bf16"
    with pytest.raises(UnknownNameError, match="No device named 'gpu'"):
        forward.resolve_device("gpu")
    with pytest.raises(UnknownNameError, match="No precision named 'fp8'"):
        forward.resolve_precision("fp8", "cpu")


KILLED_RUN = """
import time
from pathlib import Path

from simcore.data import images
from simcore.data.store.feature_store import FeatureStore
from simcore.models.extract import extraction, extraction_run
from simcore.models.spec import BackboneSpec
from simcore.types import ImageSet, Preprocessing


def load(_device):
    def embed(batch):
        time.sleep(0.02)
        with open({log!r}, "a") as file:
            file.write(f"{{len(batch)}}\\n")
        return batch.mean((2, 3))

    return embed


paths = sorted(Path({pictures!r}).glob("*.png"))
keys = tuple(images.content_key(path.read_bytes()) for path in paths)
pictures = ImageSet(tuple(path.stem for path in paths), tuple(paths), keys)
spec = BackboneSpec("slow", 3, load, Preprocessing(resize=8, crop=(8, 8), mean=(), std=()))
extraction_run.CHUNK_IMAGES = 16
extraction.extract(pictures, [spec], store=FeatureStore({store!r}), device="cpu", batch=4)
"""


@pytest.mark.slow
def test_a_killed_run_loses_at_most_one_chunk(tmp_path, image_set):
    """Killed several times at odd moments, the runs compute each image once, apart from the chunks
    that were lost; no row is stored twice and every value is right."""
    pictures = image_set(160)
    log, root = tmp_path / "calls.txt", tmp_path / "killed"
    code = KILLED_RUN.format(pictures=str(tmp_path / "pictures"), log=str(log), store=str(root))
    kills = 0
    for batches in (3, 6, 9, None):  # how many batches a run may compute before it is killed
        before = calls(log)
        run = subprocess.Popen([sys.executable, "-c", code])
        if batches is not None:
            while run.poll() is None and len(calls(log)) < len(before) + batches:
                time.sleep(0.005)
            os.kill(run.pid, signal.SIGKILL)
            kills += 1
        assert run.wait() == (0 if batches is None else -signal.SIGKILL)
    assert kills == 3
    done = sum(calls(log))
    assert 160 <= done <= 160 + kills * (16 + 4), "one pass, and at most one chunk per kill"
    spec = BackboneSpec("slow", 3, lambda _: None, TINY)
    key = extraction.feature_key(spec, "fp32")
    assert FeatureStore(root).missing(key, pictures.keys) == []
    index, values = FeatureStore(root).read(key, pictures.keys)
    assert index.tolist() == list(range(160))
    fresh = FeatureStore(tmp_path / "fresh")
    extraction.extract(pictures, [counting("slow")[0]], store=fresh, device="cpu")
    np.testing.assert_allclose(values, fresh.read(key, pictures.keys)[1], atol=1e-6)


def calls(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


@pytest.mark.gpu
def test_cuda_gives_the_same_features(image_set, store):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    pictures = image_set(40)
    for name in ("hog", "color", "layout", "texture", "edges"):
        spec = registry.get(name)
        for device in ("cpu", "cuda"):
            device_store = FeatureStore(store.root / device)
            extraction.extract(
                pictures, [spec], store=device_store, device=device, precision="fp32"
            )
        key = extraction.feature_key(spec, "fp32")
        cpu, cuda = (
            FeatureStore(store.root / d).read(key, pictures.keys)[1] for d in ("cpu", "cuda")
        )
        cosine = (cpu * cuda).sum(1) / np.linalg.norm(cpu, axis=1) / np.linalg.norm(cuda, axis=1)
        assert cosine.min() > 0.999
