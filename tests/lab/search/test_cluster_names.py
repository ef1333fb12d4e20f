"""Names of clusters: words of ids and fields, and of a vocabulary by vectors."""

import numpy as np
import pytest

from simcore.errors import UnknownNameError
from simcore.lab.library import collections, extraction
from simcore.lab.search import cluster_names, maps
from simcore.models import text_encoder
from simcore.recipe import Question

PCA = maps.projection_settings("pca")


def make(name):
    return maps.make(Question(name, (maps.single_recipe(["color"]),)), PCA)


def test_frequent_words_are_those_of_a_cluster_and_not_of_all():
    texts = ["red-car_1.jpg", "blue-car_2", "red-fox", "grey-fox", "fox", None, "the car"]
    cluster = np.array([0, 0, 1, 1, 1, -1, 0])
    assert cluster_names.frequent_words(texts, cluster) == ["car", "fox"]
    assert cluster_names.frequent_words(["aaa", "aaa"], np.array([0, 0])) == [""]  # says nothing
    assert cluster_names.frequent_words(["aaa", "bbb"], np.array([0, 1])) == ["", ""]  # too rare
    # p log(p / q) by a plain count.
    texts = ["sun sky"] * 3 + ["sun"] + ["sea sky"] * 4
    assert cluster_names.frequent_words(texts, np.repeat([0, 1], 4)) == ["sun", "sea"]
    assert (3 / 4) / (7 / 8) < 1 / (7 / 8) < cluster_names.LEAST_RATIO < 1 / 0.5  # sky, sky, sun
    texts = ["oak tree", "oak tree", "oak", "tree", *["tree"] * 2, *["sea"] * 4]
    # Both are more frequent in the first: 3/4 log(3/4 / 3/10) beats 3/4 log(3/4 / 5/10).
    assert cluster_names.frequent_words(texts, np.repeat([0, 1], [4, 6]))[0] == "oak, tree"


def test_words_by_vectors_are_those_of_a_cluster_and_not_of_all():
    words = np.eye(3, dtype=np.float32)
    images = np.array([[0.6, 0.8, 0], [0.6, 0.8, 0], [0.6, 0, 0.8]], np.float32)
    # The first word is near to all images, so that it names neither cluster.
    assert cluster_names.nearest_words(images, words, np.array([0, 0, 1])) == [1, 2]
    assert cluster_names.nearest_words(images, words, np.array([0, 0, -1])) == [1]


@pytest.fixture
def worded(tmp_path, draw):
    """Images in two colors whose ids and fields say so."""
    folder = tmp_path / "worded"
    folder.mkdir()
    lines = ["path,caption,number"]
    for number in range(12):
        color = ("apple", "ocean")[number % 2]
        image = draw(number)
        image.paste((200, 20, 20) if number % 2 == 0 else (20, 20, 200), (5, 5, 190, 240))
        image.save(folder / f"{color}-{number}.png")
        lines.append(f"{color}-{number}.png,a big {color},{number}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    collections.add("images", folder / "table.csv", name="worded")
    extraction.extract("worded", ["color"])
    return "worded"


def test_names_of_ids_and_fields(worded):
    assert list(cluster_names.sources(worded)) == ["field:caption", "ids", "none"]
    map_ = make(worded)
    for source in ("ids", "field:caption"):
        named = cluster_names.name_clusters(map_, source)
        assert {name.text for name in named} <= {"apple", "ocean"}
        assert named
        for name in named:
            row = np.flatnonzero((map_.xy == (np.float32(name.x), np.float32(name.y))).all(axis=1))
            assert name.text in map_.ids[row[0]]
    assert cluster_names.name_clusters(map_, "none") == ()
    shown = np.array(["apple" in name for name in map_.ids])
    fewer = cluster_names.name_clusters(map_, "ids", shown)
    assert sum(name.count for name in fewer) <= shown.sum()
    assert {name.text for name in fewer} == {"apple"}
    with pytest.raises(UnknownNameError, match="Did you mean ids"):
        cluster_names.name_clusters(map_, "idz")


def test_ids_that_are_no_words_name_nothing(tiny):
    assert list(cluster_names.sources(tiny)) == ["none"]


def test_clip_names_clusters_where_it_is_ready(worded, monkeypatch):
    monkeypatch.setattr(cluster_names.search, "searchable_backbones", lambda _name: ["color"])
    monkeypatch.setattr(cluster_names, "WORDS", ("apple", "ocean"))
    map_ = make(worded)
    rows = cluster_names.features.for_side(collections.open_(worded), map_.sides[0], "color").values
    example = {"apple": rows[0], "ocean": rows[1]}  # a network that reads as it sees
    calls = []

    def embed(_backbone, text, _device):
        calls.append(text)
        vector = example[text.rsplit(" ", 1)[1]]
        return vector / np.linalg.norm(vector)

    monkeypatch.setattr(text_encoder, "embed", embed)
    assert next(iter(cluster_names.sources(worded))) == "clip:color"
    named = cluster_names.name_clusters(map_, "clip:color")
    assert {name.text for name in named} == {"apple", "ocean"}
    assert cluster_names.name_clusters(map_, "clip:color") == named
    assert len(calls) == 2, "the vocabulary is embedded once"
