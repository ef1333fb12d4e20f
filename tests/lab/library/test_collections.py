"""Collections of the lab: uploads, unreadable images, summaries, subsets and verdicts."""

import errno
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simcore import memory
from simcore.data import cache_dir
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, duplicates, extraction, features, subsets
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.models import registry
from simcore.models.extract import extraction as extraction_run
from simcore.recipe import Question
from simcore.types import RAW


def zipped(folder):
    """A folder as the bytes of a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for path in sorted(folder.rglob("*.png")):
            file.write(path, path.relative_to(folder))
    return out.getvalue()


def test_an_upload_names_no_path_of_this_machine(pairs_folder, cache):
    collection = collections.upload(zipped(pairs_folder), "pairs", name="sent")
    assert len(collection.left) == 6
    assert collections.summary("sent").source == "an uploaded zip"
    assert all(path.is_file() and cache in path.parents for path in collection.left.paths)
    assert list((cache / "downloads").iterdir()) == []


def test_an_upload_that_is_no_zip(cache):
    with pytest.raises(BadDataError, match="zip"):
        collections.upload(b"PK\x03\x04 nothing", "pairs", name="sent")
    assert collections.names() == []


def test_a_pair_whose_file_vanished_is_left_out_and_comes_back(pairs_folder):
    collections.add("pairs", pairs_folder, name="six")
    lost = pairs_folder / "right" / "c.png"
    content = lost.read_bytes()
    lost.unlink()
    report = extraction.extract("six", ["layout"])
    assert len(report.skipped) == 1
    collection = collections.open_("six")
    assert len(collection.left) == 5
    assert "c" not in collection.left.ids
    assert collection.skipped[-1].name == "c"
    table = recall.recall(Question("six", tuple(recipes.parse(["layout"]))), ks=(1,))
    assert table.pairs == 5
    lost.write_bytes(content)
    extraction.extract("six", ["layout"])
    assert len(collections.open_("six").left) == 6


def test_images_without_mates_are_searched_within_themselves(pairs_folder):
    collections.add("images", pairs_folder, name="all")
    extraction.extract("all", ["layout", "color"])
    name = collections.open_("all").left.ids[0]
    question = Question("all", tuple(recipes.parse(["layout", "color"], "zsum")))
    for hits in search.search(question, Query(name), k=50):
        assert name not in hits.ids
        assert len(hits.ids) == 11
        assert hits.mate_id is None
    with pytest.raises(BadDataError, match="without mates"):
        recall.recall(Question("all", tuple(recipes.parse(["layout"]))))


@pytest.mark.parametrize("post", ["none", "center", "csls", "center+csls"])
def test_search_and_recall_rank_the_mate_alike(tiny, post):
    parsed = tuple(recipes.parse(["layout", "hog"], "zsum", post=post))
    for direction in ("lr", "rl"):
        ranks = [recall.ranks(tiny, recipe, direction) for recipe in parsed]
        ids = collections.open_(tiny).sides(direction)[0].ids
        for row, name in enumerate(ids):
            hits = search.search(Question(tiny, parsed, direction), Query(name))
            assert [h.mate_rank for h in hits] == [int(r[row]) for r in ranks]


def test_a_collection_is_opened_once_until_it_changes(tiny, pairs_folder):
    first = collections.open_(tiny)
    assert collections.open_(tiny) is first
    assert collections.listing()[0].size == "6 pairs"
    collections.remove(tiny)
    collections.add("images", pairs_folder, name=tiny)
    assert len(collections.open_(tiny).left) == 12
    assert collections.listing()[0].to_dict()["pairs"] is None


def test_other_unreadable_images_make_another_collection(tiny):
    whole = collections.open_as_added(tiny)
    digests = set()
    for row in (0, 1):  # five pairs are left each time, other ones
        collections.mark_unreadable(tiny, {whole.left.keys[row]: "damaged"})
        collection = collections.open_(tiny)
        assert len(collection.left) == 5
        assert whole.left.ids[row] not in collection.left.ids
        digests.add(collection.digest)
    assert len(digests) == 2
    collections.mark_unreadable(tiny, {})
    assert collections.open_(tiny).digest == whole.digest


def test_an_image_is_left_out_until_it_is_read_again(pairs_folder):
    collections.add("pairs", pairs_folder, name="seven")
    whole = collections.open_as_added("seven")
    path = whole.left.paths[1]
    content = path.read_bytes()
    path.write_bytes(b"no image")
    extraction.extract("seven", ["hog"])
    assert len(collections.open_("seven").left) == len(whole.left) - 1

    def load(_device):
        raise SimError("no weights")

    registry.backbone("absent", dim=8, preprocessing=RAW)(load)
    try:
        assert "absent" in extraction.extract("seven", ["absent"]).unavailable
    finally:
        registry.forget("absent")
    left_out = collections.open_("seven")
    assert len(left_out.left) == len(whole.left) - 1, "no network has read the image since"
    assert features.is_ready(left_out, "hog")
    path.write_bytes(content)
    extraction.extract("seven", ["hog"])
    assert len(collections.open_("seven").left) == len(whole.left)


def test_a_person_refuses_a_near_duplicate(pairs_folder, draw):
    for side, turn in (("left", 0), ("right", 2)):
        draw(0).rotate(1 + turn).save(pairs_folder / side / "again.png")
    collections.add("pairs", pairs_folder, name="seven")
    extraction.extract("seven", ["layout"])
    limits = {"by": "layout", "within": 0.05, "across": 0.05}
    report = subsets.find_duplicates("seven", **limits)
    assert report.duplicates
    assert not any(report.refused)
    before = report.kept["clean"]
    for duplicate in report.duplicates:
        duplicates.set_verdict("seven", duplicate, accepted=False)
    refused = subsets.find_duplicates("seven", **limits)
    assert all(refused.refused)
    assert refused.kept["clean"] == 7 > before
    assert all(row["refused"] for row in refused.to_dict()["duplicates"])
    duplicates.set_verdict("seven", refused.duplicates[0], accepted=True)
    accepted = subsets.find_duplicates("seven", **limits)
    assert accepted.refused.count(False) >= 1
    assert accepted.kept["clean"] < 7


def test_a_subset_follows_the_features_that_decide(tiny):
    """The faces of a pair may be extracted after the subset was opened for the first time."""
    left = collections.open_(tiny).left.keys
    right = collections.open_(tiny).right.keys
    store = FeatureStore()

    def write_faces(detector, counts):
        key = extraction_run.feature_key(registry.get(detector), "fp32")
        store.append(
            key, list(counts), [np.ones((n, key.dim), np.float32) for n in counts.values()]
        )

    with pytest.raises(BadDataError, match="simcore extract tiny --models haar"):
        subsets.open_subset(tiny, "haar-faces")
    write_faces(
        "haar", {key: int(row < 2) for side in (left, right) for row, key in enumerate(side)}
    )
    faces = subsets.open_subset(tiny, "haar-faces")
    assert faces.left.ids == ("a", "b")
    assert subsets.open_subset(tiny, "haar-faces") is faces
    assert subsets.open_subset(tiny, "haar-objects").left.ids == ("c", "d", "e", "f")
    report = subsets.face_report(tiny, detector="haar")
    assert (report.pairs_with_faces, report.pairs_without, report.images) == (2, 4, 12)
    assert report.to_dict()["right_if_left"] == 1.0
    assert report.subset_table().rows == (
        ("a face on both sides", "here", 2, 33.3),
        ("all other pairs", "here", 4, 66.7),
        ("a face on both sides", "printed", 1817, 30.2),
        ("all other pairs", "printed", 4199, 69.8),
    )
    assert "inferred" in report.subset_table().notes[0]


def test_a_read_only_cache_is_read(tiny, cache, monkeypatch):
    """Without its empty folders, as `cp` of the files that matter leaves it."""

    def refuse(self, *_args, **options):
        if options.get("exist_ok") and self.is_dir():
            return
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    (cache / "features" / "layout.json").unlink()
    for name in ("mkdir", "unlink", "write_bytes", "rename", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    assert not cache_dir.subfolder("weights").exists()
    memory.clear()
    question = Question(tiny, (recipes.parse(["hog"])[0],))
    assert len(recall.ranks_of_each(question)[0]) == 6
    assert extraction.extract(tiny, ["hog"]).cached == {"hog": 12}
    with pytest.raises(SimError, match="is not writable"):
        cache_dir.write_atomic(cache / "maps" / "map.npz", b"")
