"""The set of known order: distortions grow with strength, photographs are checked."""

import importlib.util

import numpy as np
import pytest

from simcore.data.fetch import pip_archives
from simcore.data.judgements import known_order
from simcore.errors import BadDataError


def mean_change(name, patch, strength):
    out = known_order.distort(name, patch, strength, np.random.default_rng(1))
    assert out.shape == patch.shape
    assert out.dtype == np.uint8
    return np.abs(out.astype(int) - patch.astype(int)).mean()


@pytest.mark.parametrize("name", known_order.OPERATIONS)
def test_distortion_grows_with_strength(name, draw):
    patches = [np.asarray(draw(seed, 96, 96)) for seed in range(6)]
    if not name.endswith("jpeg"):  # JPEG is never without loss
        assert max(mean_change(name, patch, 0.0) for patch in patches) == 0
    means = [np.mean([mean_change(name, p, s) for p in patches]) for s in (0.15, 0.4, 0.7, 1.0)]
    assert means == sorted(means)
    assert means[-1] > means[0] > 0


def test_every_triplet_is_one_operation_at_two_strengths(tmp_path):
    draft = known_order.find(tmp_path / "made")
    assert len(draft.group) == len(draft.items)
    for (ref, left, right), vote, group in zip(draft.items, draft.vote, draft.group, strict=True):
        assert draft.ids[ref].endswith("/reference")
        sides = [draft.ids[k].rpartition("/")[2].rpartition("-") for k in (left, right)]
        assert {operation for operation, _, _ in sides} == {group.replace("/", "-")}
        left_strength, right_strength = (float(strength) for _, _, strength in sides)
        assert (left_strength > right_strength) == bool(vote)  # the weaker distortion is nearer
        ratio = left_strength / right_strength
        assert 1.1 < max(ratio, 1 / ratio) < 2.6
        assert {draft.ids[k].partition("/")[0] for k in (left, right)} == {
            draft.ids[ref].partition("/")[0]
        }


def test_without_scikit_image_the_wheel_is_downloaded(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(
        pip_archives,
        "fetch_member",
        lambda *args, **options: calls.append((args, options)) or tmp_path,
    )
    assert known_order.photo("coffee.png") == tmp_path
    ((requirement, member), options) = calls[0]
    assert requirement.startswith("scikit-image==")
    assert member == "skimage/data/coffee.png"
    assert options["sha256"] == known_order.PHOTOS["coffee.png"]


def test_photograph_with_another_checksum_is_refused(monkeypatch):
    monkeypatch.setitem(known_order.PHOTOS, "coffee.png", "0" * 64)
    monkeypatch.setattr(pip_archives, "download_archive", lambda *_, **__: _wheel())
    with pytest.raises(BadDataError, match="instead of 0000"):
        known_order.photo("coffee.png")


def _wheel():
    """A zip in the wheel's place, with the photograph of the installed package."""
    import tempfile
    import zipfile
    from pathlib import Path

    import skimage

    path = Path(tempfile.mkdtemp()) / "scikit_image.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.write(Path(skimage.__file__).parent / "data/coffee.png", "skimage/data/coffee.png")
    return path
