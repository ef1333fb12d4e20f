"""Maps of a collection: computed once, stored by content, colored by what each point is."""

import csv
import json

import numpy as np
import pytest

from simcore import errors
from simcore.__main__ import run
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, extraction
from simcore.lab.people import review
from simcore.lab.search import map_colors, maps
from simcore.recipe import Question
from simcore.types import Monitor
from tests.conftest import draw

HOG = ["hog"]


def ask(name, models=HOG, combine="none"):
    """The question that a map of one recipe answers."""
    return Question(name, (maps.single_recipe(models, combine),))


@pytest.mark.parametrize("method", maps.METHODS)
def test_every_image_is_a_point_and_mates_are_rows_apart(tiny, method):
    question = ask(tiny)
    result = maps.make(question, maps.projection_settings(method))
    assert result.xy.shape == (12, 2)
    assert result.missing == 0
    assert result.side.tolist() == [0] * 6 + [1] * 6
    assert result.ids[:6] == result.ids[6:]
    np.testing.assert_array_equal(
        result.ranks(),
        np.concatenate([recall.ranks(tiny, *question.recipes, d) for d in ("lr", "rl")]),
    )
    assert result.faces() is None
    assert (result.variance is None) == (method != "pca")


def test_a_map_is_computed_once_and_read_from_then_on(tiny, cache, monkeypatch):
    question, settings = ask(tiny, ["hog", "color"], "zsum"), maps.projection_settings("tsne")
    assert maps.load(question, settings) is None
    first = maps.make(question, settings)
    monkeypatch.setattr("simcore.sim.projection.tsne", None)  # calling it would fail
    second = maps.make(question, settings)
    np.testing.assert_array_equal(first.xy, second.xy)
    assert maps.load(question, maps.projection_settings("tsne", seed=1)) is None
    assert maps.load(ask(tiny, ["hog", "color"], "sum"), settings) is None
    (file,) = (cache / "maps").glob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    assert maps.load(question, settings) is None


def test_stopping_leaves_nothing_behind(tiny, cache):
    with pytest.raises(errors.Stopped):
        maps.make(ask(tiny), maps.projection_settings(), monitor=Monitor(stop=lambda: True))
    assert not list(cache.glob("maps/*"))


def test_images_without_mates_have_a_map_too(pairs_folder):
    collections.add("images", pairs_folder / "left", name="lone")
    extraction.extract("lone", HOG)
    result = maps.make(ask("lone"), maps.projection_settings("pca"))
    assert result.xy.shape == (6, 2)
    assert result.ranks() is None
    assert {row[0] for row in result.to_table().rows} == {"left"}
    assert result.to_table([4, 1]).rows == tuple(result.to_table().rows[row] for row in (4, 1))


def test_unusable_input_is_one_sentence(tiny, draw, tmp_path):
    with pytest.raises(BadDataError, match="one recipe, got 2 backbones"):
        maps.single_recipe(["hog", "color"])
    with pytest.raises(BadDataError, match="one recipe, got 0"):
        maps.make(Question(tiny), maps.projection_settings())
    with pytest.raises(UnknownNameError, match="Did you mean umap"):
        maps.projection_settings("umpa")
    with pytest.raises(BadDataError, match="simcore extract tiny --models edges"):
        maps.make(ask(tiny, ["edges"]), maps.projection_settings())
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(3):
        draw(number).save(folder / f"{number}.png")
    collections.add("images", folder, name="few")
    extraction.extract("few", HOG)
    with pytest.raises(BadDataError, match="at least 4 images with evidence, and 'few' has 3"):
        maps.make(ask("few"), maps.projection_settings("pca"))


def test_the_command(tiny, tmp_path, capsys):
    file = tmp_path / "points.csv"
    args = ["map", "tiny", "--models", "hog,color", "--combine", "zsum", "--method", "pca"]
    capsys.readouterr()
    assert run([*args, "--n-neighbors", "9", "--json", "--csv", str(file)]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert document["recipe"] == "zsum(hog + color)"
    assert document["method"] == "pca"
    assert len(document["points"]) == 12
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["id"] for row in rows] == [point["id"] for point in document["points"]]
    assert float(rows[3]["x"]) == pytest.approx(document["points"][3]["x"])
    assert rows[0]["faces"] == ""
    assert run(args) == 0
    printed = capsys.readouterr().out
    assert "12" in printed
    assert "variance" in printed
    assert run(["map", "tiny", "--models", "hog,color"]) == 1
    assert "Add --combine zsum or sum." in capsys.readouterr().err


def test_points_are_colored_by_the_tags_of_reviewers(tiny):
    result = maps.make(ask(tiny), maps.projection_settings("pca"))
    assert "tags" not in map_colors.choices(result)
    with pytest.raises(BadDataError, match="tags the page Review"):
        map_colors.groups(result, "tags")
    for annotator in ("ada", "bob"):
        review.add_review(tiny, "a", annotator, "tag", "shape")
        review.add_review(tiny, "b", annotator, "tag", "color")
    review.add_review(tiny, "c", "ada", "tag", "shape")
    colors = map_colors.groups(result, "tags")
    assert colors.names == ("shape", "color", "no tag")
    assert colors.counts == (4, 2, 6), "both pictures of a pair; one voice of one is a half"
    assert colors.group[:3] == colors.group[6:9] == (0, 1, 0)
    assert colors.quiet


def save_copy(picture, file, number):
    """Save a picture with one more byte, so that it is an image of its own."""
    picture.save(file)
    file.write_bytes(file.read_bytes() + bytes([number]))


@pytest.mark.parametrize("method", maps.METHODS)
def test_equal_pictures_lie_on_each_other_and_others_do_not(tmp_path, method):
    for number in range(30):
        draw(number, 40, 40).save(tmp_path / f"{number:02}.png")
    for copy in range(20):
        save_copy(draw(0, 40, 40), tmp_path / f"copy{copy:02}.png", copy)
    collections.add("images", tmp_path, name="copies")
    extraction.extract("copies", HOG)
    result = maps.make(ask("copies"), maps.projection_settings(method))
    copies = [row for row, name in enumerate(result.ids) if name.startswith("copy") or name == "00"]
    assert len(copies) == 21
    assert (result.xy[copies] == result.xy[copies[0]]).all()
    assert len(np.unique(result.xy, axis=0)) == 30
    assert len(set(result.cluster[copies])) == 1
    assert result.missing == 0


@pytest.mark.parametrize("method", maps.METHODS)
def test_a_collection_of_one_picture_and_its_copies_has_a_map(tmp_path, method):
    for copy in range(8):
        save_copy(draw(copy % 3, 40, 40), tmp_path / f"{copy}.png", copy)
    collections.add("images", tmp_path, name="copies")
    extraction.extract("copies", HOG)
    result = maps.make(ask("copies"), maps.projection_settings(method))
    assert len(np.unique(result.xy, axis=0)) == 3
