"""Fields select the images of a search and the pairs of evaluations, and group and color them."""

import json

import numpy as np
import pytest

from simcore.__main__ import run
from simcore.errors import BadDataError, SimError
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab.evaluate import grouped_recall
from simcore.lab.library import collections, extraction, features, fields, subsets
from simcore.lab.search import map_colors, maps
from simcore.recipe import Part, Question, Recipe, filtered_subset

CATEGORIES = ("face", "face", "cat", "", "cat", "face")
HOG = Recipe((Part("hog", "cosine"),))


@pytest.fixture
def listed(pairs_folder) -> str:
    """The pairs of `pairs_folder` from a table with the fields category and year."""
    rows = [
        f"left/{name}.png,right/{name}.png,{category},{year}"
        for year, (name, category) in enumerate(zip("abcdef", CATEGORIES, strict=True))
    ]
    (pairs_folder / "pairs.csv").write_text("\n".join(["left,right,category,year", *rows]))
    collections.add("pairs", pairs_folder / "pairs.csv", name="listed")
    extraction.extract("listed", ["hog"])
    return "listed"


def cosines() -> np.ndarray:
    collection = collections.open_("listed")
    left, right = (features.for_side(collection, s, "hog").values for s in collection.sides())
    a, b = (x.astype(float) / np.linalg.norm(x, axis=1)[:, None] for x in (left, right))
    return a @ b.T


def test_a_filtered_search_ranks_the_images_that_fit(listed, capsys):
    line = ["search", listed, "--id", "a", "--models", "hog", "--where", "category = 'cat'"]
    assert run([*line, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["result"]["rows"]
    expected = sorted((2, 4), key=lambda column: -cosines()[0, column])
    assert [hit["id"] for hit in row["hits"]] == ["abcdef"[column] for column in expected]
    scores = [hit["score"] for hit in row["hits"]]
    np.testing.assert_allclose(scores, cosines()[0, expected], atol=1e-5)
    assert row["mate"] is None  # it does not fit
    line[-1] = "category = 'face' and year > 0"
    assert run([*line, "--id", "b", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert document["gallery"] == 2
    assert document["rows"][0]["mate"]["rank"] == 1 + int(cosines()[1, 5] >= cosines()[1, 1])
    line[-1] = "category = 'dog'"
    assert run(line) == 1
    assert "No image of 'listed' fits the filter" in capsys.readouterr().err


def test_recall_of_filtered_pairs_is_that_of_a_smaller_gallery(listed, capsys):
    rows = [row for row, category in enumerate(CATEGORIES) if category == "face"]
    values = cosines()[np.ix_(rows, rows)]
    hits = int((values.argmax(axis=1) == np.arange(len(rows))).sum())
    line = ["evaluate", "recall", listed, "--models", "hog", "--k", "1", "--json"]
    assert run([*line, "--where", "category = 'face'"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert (document["pairs"], document["rows"][0]["hits"]) == (3, {"1": hits})
    question = Question(listed, (HOG,), subset=filtered_subset("all", "category = 'face'"))
    assert question.to_args()[-2:] == ["--where", "category = 'face'"]
    assert run([*line, "--where", "categori = 'face'"]) == 1
    assert "Did you mean category" in json.loads(capsys.readouterr().out)["error"]


def test_recall_by_a_field_has_a_row_per_value(listed, capsys):
    values = cosines()
    ranks = (values >= np.diag(values)[:, None]).sum(axis=1)
    line = ["evaluate", "recall", listed, "--models", "hog", "--k", "1,2", "--by", "category"]
    assert run([*line, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    rows = {row["value"]: row for row in document["rows"]}
    assert list(rows) == ["face", "cat", "(none)"]
    for value, row in rows.items():
        own = ranks[[(category or "(none)") == value for category in CATEGORIES]]
        for k in (1, 2):
            hits = (own <= k).astype(np.float32)
            assert row["recall"][str(k)] == pytest.approx(hits.mean())
            assert row["ci95"][str(k)] == pytest.approx(list(interval(hits)))
        assert row["pairs"] == len(own)
    assert run(line) == 0
    assert "category" in capsys.readouterr().out
    with pytest.raises(SimError, match="No field"):
        grouped_recall.recall_by(Question(listed, (HOG,)), "nope")


def test_maps_are_colored_and_filtered_by_a_field(listed):
    settings = maps.projection_settings("pca")
    everything = maps.make(Question(listed, (HOG,)), settings)
    colors = map_colors.groups(everything, "field:category")
    assert (colors.names, colors.counts) == (("face", "cat", "(none)"), (6, 4, 2))
    assert "field:year" in map_colors.choices(everything)
    assert everything.to_table().columns[-2:] == ("category", "year")
    where = filtered_subset("all", "category is not null")
    assert len(maps.make(Question(listed, (HOG,), subset=where), settings).ids) == 10


def test_a_map_is_drawn_as_a_picture(listed, tmp_path, capsys):
    import io
    from xml.etree import ElementTree

    from PIL import Image

    line = ["map", listed, "--models", "hog", "--method", "pca", "--color", "field:category"]
    assert run([*line, "--picture", str(tmp_path / "map.svg")]) == 0
    tree = ElementTree.parse(tmp_path / "map.svg")
    space = "{http://www.w3.org/2000/svg}"
    circles = [each.attrib for each in tree.iter(f"{space}circle")]
    view = maps.make(Question(listed, (HOG,)), maps.projection_settings("pca"))
    x, y = maps.to_pixels(view.xy, 1000)
    assert [(int(c["cx"]) - 24, int(c["cy"]) - 46) for c in circles[:12]] == list(
        zip(x, y, strict=True)
    )
    assert circles[0]["fill"] == circles[1]["fill"] != circles[2]["fill"]  # face, face, cat
    texts = [each.text for each in tree.iter(f"{space}text")]
    assert texts[1:] == ["face (6)", "cat (4)", "(none) (2)"]
    assert run([*line, "--picture", str(tmp_path / "map.png")]) == 0
    with Image.open(io.BytesIO((tmp_path / "map.png").read_bytes())) as image:
        assert image.size == (1048, 1136)
        colors = {image.getpixel((a + 24, b + 46)) for a, b in zip(x, y, strict=True)}
    assert (255, 255, 255) not in colors
    capsys.readouterr()
    assert run([*line, "--picture", str(tmp_path / "map.pdf")]) == 1
    assert "written as .svg or .png" in capsys.readouterr().err
    line[-1] = "nope"
    assert run([*line, "--picture", str(tmp_path / "map.svg")]) == 1


def test_a_collection_without_fields_says_so(tiny):
    assert fields.names(tiny) == ()
    with pytest.raises(BadDataError, match="has no fields"):
        subsets.open_subset(tiny, filtered_subset("all", "x = 1"))


def test_images_without_mates_are_filtered_too(pairs_folder):
    (pairs_folder / "list.csv").write_text("file,kind\nleft/a.png,x\nleft/b.png,y\nleft/c.png,x\n")
    collections.add("images", pairs_folder / "list.csv", name="images")
    assert subsets.open_subset("images", "all where kind = 'x'").left.ids == ("a", "c")
