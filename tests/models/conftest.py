"""Images and a feature store for extraction."""

from pathlib import Path

import numpy as np
import pytest

from simcore.data import images
from simcore.data.store.feature_store import FeatureStore
from simcore.models import forward
from simcore.types import ImageSet


@pytest.fixture(autouse=True)
def nothing_loaded():
    """Loaded networks stay in memory; a test must not use another test's."""
    forward.clear_loaded()


@pytest.fixture(autouse=True)
def one_thread():
    """Small batches are slower with several threads, above all on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def image_set(tmp_path, draw):
    """`image_set(n)` -> n different pictures on disk."""

    def make(count: int) -> ImageSet:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        paths = []
        for seed in range(count):
            path = folder / f"{seed:04}.png"
            if not path.exists():
                draw(seed, 64, 48).save(path)
            paths.append(path)
        return as_set(paths)

    return make


def as_set(paths: list[Path]) -> ImageSet:
    """Files as an ImageSet, keyed by their present content."""
    keys = tuple(images.content_key(path.read_bytes()) for path in paths)
    return ImageSet(tuple(path.stem for path in paths), tuple(paths), keys)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def noise():
    """`noise(seed)` -> uint8 (H, W, 3)."""
    return lambda seed: np.random.default_rng(seed).integers(0, 256, (90, 120, 3), dtype=np.uint8)
