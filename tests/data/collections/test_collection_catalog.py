"""Collections are added whole or not at all, opened, listed and removed."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simcore.data import cache_dir, images, thumbnails
from simcore.data.collections import collection_catalog
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.types import Monitor, Progress
from tests.data.collections.conftest import reasons, zipped

Draw = Callable[..., Image.Image]


def test_pairs_are_opened_as_they_were_added(pairs_folder: Path, cache: Path) -> None:
    progress: list[Progress] = []
    added = collection_catalog.add(
        "pairs", pairs_folder, name="six", monitor=Monitor(progress.append)
    )
    for found in (added, collection_catalog.open("six")):
        assert found.right is not None
        assert found.left.ids == found.right.ids == tuple("abcdef")
        assert found.left.paths[2] == pairs_folder / "left" / "c.png"
        assert found.right.paths[2] == pairs_folder / "right" / "c.png"
        assert (found.kind, found.source, found.skipped) == ("pairs", str(pairs_folder), ())
        assert found.digest == added.digest
        for path, key in zip(found.left.paths, found.left.keys, strict=True):
            assert key == images.content_key(path.read_bytes())
            assert thumbnails.thumb(key).is_file()
    assert (progress[-1].stage, progress[-1].done, progress[-1].total) == ("reading images", 12, 12)
    assert len(added.pairs("rl")) == 6


def test_collections_are_listed_summarized_and_removed(pairs_folder: Path, cache: Path) -> None:
    assert collection_catalog.names() == []
    collection_catalog.add("pairs", pairs_folder, name="six")
    collection_catalog.add("images", pairs_folder / "left", name="a.folder_1-x")
    assert collection_catalog.names() == ["a.folder_1-x", "six"]
    summary = collection_catalog.summary("six")
    assert (summary["kind"], summary["rows"], summary["images"], summary["paired"]) == (
        "pairs",
        6,
        12,
        True,
    )
    assert summary["bytes"] == sum(p.stat().st_size for p in pairs_folder.rglob("*.png"))
    collection_catalog.remove("six")
    assert collection_catalog.names() == ["a.folder_1-x"]
    assert (pairs_folder / "left" / "a.png").exists()
    for verb in (collection_catalog.open, collection_catalog.summary, collection_catalog.remove):
        with pytest.raises(UnknownNameError, match=r"No collection named 'a\.folder'\. Did you"):
            verb("a.folder")


@pytest.mark.parametrize("name", ["", "Six", "../six", "a/b", ".six", "x" * 65, "a b", "ä"])
def test_an_invalid_name_is_refused(name: str, pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"is not a valid name\. Use 1 to 64"):
        collection_catalog.add("pairs", pairs_folder, name=name)


def test_a_taken_name_an_unknown_kind_and_no_path(pairs_folder: Path, tmp_path: Path) -> None:
    collection_catalog.add("pairs", pairs_folder, name="six")
    with pytest.raises(BadDataError, match="There is already a collection named 'six'"):
        collection_catalog.add("images", pairs_folder, name="six")
    assert collection_catalog.open("six").kind == "pairs"
    with pytest.raises(
        UnknownNameError, match=r"No kind of collection named 'pair'\. Did you mean"
    ):
        collection_catalog.add("pair", pairs_folder, name="other")
    for path in (None, tmp_path / "absent"):
        with pytest.raises(BadDataError, match=r"There is nothing at .*\. The kind 'images' needs"):
            collection_catalog.add("images", path, name="other")
    with pytest.raises(BadDataError, match="trim must be 0 px or more, got -1"):
        collection_catalog.add("images", pairs_folder, name="other", trim=-1)
    assert collection_catalog.names() == ["six"]


def test_bad_images_are_left_out_with_their_mates_and_named(pairs_folder: Path) -> None:
    (pairs_folder / "left" / "a.png").write_bytes(b"")
    (pairs_folder / "right" / "b.png").write_text("no image")
    whole = (pairs_folder / "left" / "c.png").read_bytes()
    (pairs_folder / "left" / "c.png").write_bytes(whole[: len(whole) // 2])
    (pairs_folder / "right" / "d.png").unlink()
    (pairs_folder / "left" / "z.heic").write_bytes(b"x")
    found = collection_catalog.add("pairs", pairs_folder, name="some")
    assert found.left.ids == ("e", "f")
    skipped = reasons(found)
    assert set(skipped) == {"a, a", "b, b", "c, c", "d", "z.heic"}
    assert skipped["a, a"].startswith("a.png is empty (0 bytes)")
    assert skipped["b, b"].startswith("b.png is not an image")
    assert skipped["c, c"].startswith("c.png is damaged or truncated")
    assert skipped["d"].startswith("It is on the left only")
    assert len(collection_catalog.summary("some")["skipped"]) == 5


def test_nothing_usable_leaves_nothing(pairs_folder: Path, cache: Path) -> None:
    for path in (pairs_folder / "left").iterdir():
        path.write_bytes(b"")
    with pytest.raises(BadDataError, match=r"No usable image \(a, a: a\.png is empty"):
        collection_catalog.add("pairs", pairs_folder, name="none")
    (pairs_folder / "empty").mkdir()
    with pytest.raises(BadDataError, match=r"No usable image\. Expected any folder"):
        collection_catalog.add("images", pairs_folder / "empty", name="none")
    assert list((cache / "collections").iterdir()) == []


def test_a_stop_while_reading_leaves_nothing(pairs_folder: Path, cache: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection_catalog.add("pairs", pairs_folder, name="six", monitor=Monitor(stop))
    assert collection_catalog.names() == []
    assert list((cache / "collections").iterdir()) == []


def test_leftovers_of_killed_processes_are_removed(pairs_folder: Path, cache: Path) -> None:
    left = cache_dir.subfolder("collections") / ".new-999999999-ab"
    (left / "files").mkdir(parents=True)
    collection_catalog.add("pairs", pairs_folder, name="six")
    assert [p.name for p in (cache / "collections").iterdir()] == ["six"]


def test_trim_is_part_of_every_key(pairs_folder: Path) -> None:
    whole = collection_catalog.add("pairs", pairs_folder, name="whole")
    cut = collection_catalog.add("pairs", pairs_folder, name="cut", trim=26)
    assert cut.left.trim == collection_catalog.open("cut").left.trim == 26
    assert all(key.endswith("-t26") for key in cut.left.keys)
    assert cut.digest != whole.digest
    with Image.open(thumbnails.thumb(cut.left.keys[0])) as small:
        assert small.size == (200, 245 - 26)


def test_the_digest_depends_on_content_order_and_ids_not_on_paths(
    pairs_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(pairs_folder, tmp_path / "moved")
    first = collection_catalog.add("pairs", pairs_folder, name="first")
    assert collection_catalog.add("pairs", tmp_path / "moved", name="same").digest == first.digest
    (tmp_path / "moved" / "left" / "a.png").rename(tmp_path / "moved" / "left" / "a0.png")
    (tmp_path / "moved" / "right" / "a.png").rename(tmp_path / "moved" / "right" / "a0.png")
    renamed = collection_catalog.add("pairs", tmp_path / "moved", name="renamed")
    assert renamed.left.keys == first.left.keys
    assert renamed.digest != first.digest


@pytest.mark.parametrize("below", ["", "top/"])
@pytest.mark.parametrize("kind", ["tll", "images"])
def test_a_zip_is_extracted_into_the_collection(
    kind: str, below: str, pairs_folder: Path, tmp_path: Path, cache: Path
) -> None:
    source = zipped(pairs_folder, tmp_path / "p.zip", below)
    found = collection_catalog.add(kind, source, name="z")
    assert len(found.left) == (6 if kind == "tll" else 12)
    source.unlink()
    shutil.rmtree(pairs_folder)
    for path in collection_catalog.open("z").left.paths:
        assert path.is_relative_to(cache / "collections" / "z")
        images.load(path)
    shutil.move(cache, tmp_path / "elsewhere")
    assert not cache.exists()
    catalog_there = tmp_path / "elsewhere" / "collections" / "z"
    assert json.loads((catalog_there / "collection.json").read_text())["rows"] == len(found.left)


def test_a_malicious_zip_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as file:
        file.writestr("../../../escaped.png", b"x")
    with pytest.raises(BadDataError, match="leads out of the archive"):
        collection_catalog.add("images", tmp_path / "p.zip", name="z")
    assert list((cache / "collections").iterdir()) == []
    assert not list(tmp_path.rglob("escaped.png"))


def test_a_newer_or_damaged_collection_is_reported(pairs_folder: Path, cache: Path) -> None:
    collection_catalog.add("pairs", pairs_folder, name="six")
    place = cache / "collections" / "six"
    metadata = json.loads((place / "collection.json").read_text())
    (place / "collection.json").write_text(json.dumps(metadata | {"format": 2}))
    with pytest.raises(
        BadDataError, match=r"'six' has format 2, .* formats up to 1\. Update simcore"
    ):
        collection_catalog.open("six")
    (place / "collection.json").write_text(json.dumps(metadata))
    (place / "images.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(BadDataError, match=r"'six' is damaged .*\. Remove it and add it again"):
        collection_catalog.open("six")
    (place / "collection.json").write_text("{")
    with pytest.raises(BadDataError, match=r"'six' is damaged"):
        collection_catalog.summary("six")
    assert collection_catalog.names() == ["six"]
    collection_catalog.remove("six")
    assert collection_catalog.names() == []


def test_a_full_disk_while_adding(
    pairs_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection_catalog.add("images", pairs_folder / "left", name="before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collection_catalog, "write", full)
    with pytest.raises(SimError, match=r"No space left on the disk of .*\. Free some"):
        collection_catalog.add("pairs", pairs_folder, name="six")
    assert collection_catalog.names() == ["before"]
    assert len(collection_catalog.open("before").left) == 6
    assert [p.name for p in (cache / "collections").iterdir()] == ["before"]


def test_names_that_differ_only_in_case_are_different(tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "case"
    for side in ("left", "right"):
        (folder / side).mkdir(parents=True)
        for seed, name in enumerate(("a", "A", "b")):
            draw(seed + 5 * (side == "right")).save(folder / side / f"{name}.png")
    with zipfile.ZipFile(tmp_path / "case.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    votes = tmp_path / "votes.csv"
    votes.write_text("id,wins,fails\na,1,0\nA,2,0\nb,3,0\n")
    for name, source in (("folder", folder), ("zip", tmp_path / "case.zip")):
        added = collection_catalog.add("pairs", source, name=name, votes=votes)
        assert added.votes is not None
        assert dict(zip(added.left.ids, added.votes[:, 0], strict=True)) == {"A": 2, "a": 1, "b": 3}
        for stem, key in zip(added.left.ids, added.left.keys, strict=True):
            assert key == images.content_key((folder / "left" / f"{stem}.png").read_bytes())
