"""Collections behind the door: uploads, and images that turn out to be unreadable."""

import io
import zipfile

import pytest

from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, duplicates, extraction, subsets
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.recipe import Question


def zipped(folder):
    """A folder as the bytes of a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for path in sorted(folder.rglob("*.png")):
            file.write(path, path.relative_to(folder))
    return out.getvalue()


def test_an_upload_names_no_path_of_this_machine(pairs_folder, cache):
    made = collections.upload(zipped(pairs_folder), "pairs", name="sent")
    assert len(made.left) == 6
    assert collections.summary("sent")["source"] == "an uploaded zip"
    assert all(path.is_file() and cache in path.parents for path in made.left.paths)
    assert list((cache / "downloads").iterdir()) == []


def test_an_upload_that_is_no_zip(cache):
    with pytest.raises(BadDataError, match="zip"):
        collections.upload(b"PK\x03\x04 nothing", "pairs", name="sent")
    assert collections.names() == []


def test_a_pair_whose_file_vanished_is_left_out_and_comes_back(pairs_folder):
    collections.add("pairs", pairs_folder, name="six")
    lost = pairs_folder / "right" / "c.png"
    kept = lost.read_bytes()
    lost.unlink()
    report = extraction.extract("six", ["layout"])
    assert len(report.skipped) == 1
    found = collections.open_("six")
    assert len(found.left) == 5
    assert "c" not in found.left.row_of
    assert found.skipped[-1].name == "c"
    table = recall.recall(Question("six", tuple(recipes.parse(["layout"]))), ks=(1,))
    assert table.pairs == 5
    lost.write_bytes(kept)
    extraction.extract("six", ["layout"])
    assert len(collections.open_("six").left) == 6


def test_images_without_mates_are_searched_within_themselves(pairs_folder):
    collections.add("images", pairs_folder, name="all")
    extraction.extract("all", ["layout", "color"])
    name = collections.open_("all").left.ids[0]
    for hits in search.search("all", Query(name), recipes.parse(["layout", "color"], "zsum"), k=50):
        assert name not in hits.ids
        assert len(hits.ids) == 11
        assert hits.mate_id is None
    with pytest.raises(BadDataError, match="without mates"):
        recall.recall(Question("all", tuple(recipes.parse(["layout"]))))


@pytest.mark.parametrize("post", ["none", "center", "csls", "center+csls"])
def test_search_and_recall_rank_the_mate_alike(pairs_folder, post):
    collections.add("pairs", pairs_folder, name="six")
    extraction.extract("six", ["layout", "hog"])
    asked = recipes.parse(["layout", "hog"], "zsum", post=post)
    for direction in ("lr", "rl"):
        ranks = [recall.ranks("six", one, direction) for one in asked]
        ids = collections.open_("six").sides(direction)[0].ids
        for row, name in enumerate(ids):
            hits = search.search("six", Query(name), asked, direction=direction)
            assert [h.mate_rank for h in hits] == [int(r[row]) for r in ranks]


def test_a_person_overrules_a_near_duplicate(pairs_folder, draw):
    for side, turn in (("left", 0), ("right", 2)):
        draw(0).rotate(1 + turn).save(pairs_folder / side / "again.png")
    collections.add("pairs", pairs_folder, name="seven")
    extraction.extract("seven", ["layout"])
    found = subsets.find_duplicates("seven", by="layout", within=0.05, across=0.05)
    assert found.twins
    assert not any(found.refused)
    before = found.kept["clean"]
    for twin in found.twins:
        duplicates.set_verdict("seven", twin, duplicate=False)
    again = subsets.find_duplicates("seven", by="layout", within=0.05, across=0.05)
    assert all(again.refused)
    assert again.kept["clean"] == 7 > before
    duplicates.set_verdict("seven", again.twins[0], duplicate=True)
    third = subsets.find_duplicates("seven", by="layout", within=0.05, across=0.05)
    assert third.refused.count(False) >= 1
    assert third.kept["clean"] < 7
