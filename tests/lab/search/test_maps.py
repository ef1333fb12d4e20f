"""Maps of a collection: kept by content, with what is known of each point."""

import csv
import json

import numpy as np
import pytest

from simcore import errors
from simcore.__main__ import run
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction
from simcore.lab.search import maps
from simcore.types import Monitor

HOG = ["hog"]


@pytest.fixture
def tiny(pairs_folder):
    collections.add("pairs", pairs_folder, name="tiny")
    extraction.extract("tiny", ["hog", "color"])
    return "tiny"


@pytest.mark.parametrize("method", maps.METHODS)
def test_every_image_has_a_place_and_mates_are_rows_apart(tiny, method):
    found = maps.make(tiny, maps.single_recipe(HOG), maps.look(method))
    assert found.xy.shape == (12, 2)
    assert found.missing == 0
    assert found.side.tolist() == [0] * 6 + [1] * 6
    assert found.ids[:6] == found.ids[6:]
    np.testing.assert_array_equal(
        found.ranks(),
        np.concatenate([recall.ranks(tiny, maps.single_recipe(HOG), d) for d in ("lr", "rl")]),
    )
    assert found.faces() is None
    assert (found.variance is None) == (method != "pca")


def test_a_map_is_made_once_and_read_from_then_on(tiny, cache, monkeypatch):
    recipe, how = maps.single_recipe(["hog", "color"], "zsum"), maps.look("tsne")
    assert maps.ready(tiny, recipe, how) is None
    first = maps.make(tiny, recipe, how)
    monkeypatch.setattr("simcore.sim.projection.tsne", None)  # calling it would fail
    again = maps.make(tiny, recipe, how)
    np.testing.assert_array_equal(first.xy, again.xy)
    assert maps.ready(tiny, recipe, maps.look("tsne", seed=1)) is None
    assert maps.ready(tiny, maps.single_recipe(["hog", "color"], "sum"), how) is None
    (file,) = (cache / "maps").glob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    assert maps.ready(tiny, recipe, how) is None


def test_stopping_leaves_nothing_behind(tiny, cache):
    with pytest.raises(errors.Stopped):
        maps.make(tiny, maps.single_recipe(HOG), maps.look(), monitor=Monitor(stop=lambda: True))
    assert not list(cache.glob("maps/*"))


def test_images_without_mates_have_a_map_too(pairs_folder):
    collections.add("images", pairs_folder / "left", name="lone")
    extraction.extract("lone", HOG)
    found = maps.make("lone", maps.single_recipe(HOG), maps.look("pca"))
    assert found.xy.shape == (6, 2)
    assert found.ranks() is None
    assert {row[0] for row in found.table()} == {"left"}


def test_what_cannot_be_mapped_is_one_sentence(tiny, draw, tmp_path):
    with pytest.raises(BadDataError, match="2 backbones for one map"):
        maps.single_recipe(["hog", "color"])
    with pytest.raises(UnknownNameError, match="Did you mean umap"):
        maps.look("umpa")
    with pytest.raises(BadDataError, match="simcore extract tiny --models edges"):
        maps.make(tiny, maps.single_recipe(["edges"]), maps.look())
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(3):
        draw(number).save(folder / f"{number}.png")
    collections.add("images", folder, name="few")
    extraction.extract("few", HOG)
    with pytest.raises(BadDataError, match="found 3 images of 'few' that can be placed"):
        maps.make("few", maps.single_recipe(HOG), maps.look("pca"))


def test_the_command(tiny, tmp_path, capsys):
    file = tmp_path / "points.csv"
    words = ["map", "tiny", "--models", "hog,color", "--combine", "zsum", "--method", "pca"]
    capsys.readouterr()
    assert run([*words, "--json", "--csv", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recipe"] == "zsum(hog + color)"
    assert told["method"] == "pca"
    assert len(told["points"]) == 12
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["id"] for row in rows] == [point["id"] for point in told["points"]]
    assert float(rows[3]["x"]) == pytest.approx(told["points"][3]["x"])
    assert rows[0]["faces"] == ""
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "12" in shown
    assert "variance" in shown
    assert run(["map", "tiny", "--models", "hog,color"]) == 1
    assert "expected one, or --combine" in capsys.readouterr().err


def test_points_are_coloured_by_what_reviewers_said(tiny):
    from simcore.lab.people import review
    from simcore.lab.search import maps

    found = maps.make(tiny, maps.single_recipe(HOG), maps.look("pca"))
    assert "tags" not in maps.possible(found)
    with pytest.raises(BadDataError, match="tags the page Review"):
        maps.of(found, "tags")
    for annotator in ("ada", "bob"):
        review.add_review(tiny, "a", annotator, "tag", "shape")
        review.add_review(tiny, "b", annotator, "tag", "colour")
    review.add_review(tiny, "c", "ada", "tag", "shape")
    shown = maps.of(found, "tags")
    assert shown.names == ("shape", "colour", "no tag")
    assert shown.counts == (4, 2, 6), "both pictures of a pair; one voice of one is a half"
    assert shown.group[:3] == shown.group[6:9] == (0, 1, 0)
    assert shown.quiet
