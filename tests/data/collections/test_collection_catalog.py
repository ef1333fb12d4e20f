"""TODO tests.data.collections.test_collection_catalog."""

import csv
import json
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data import cache_dir, images, thumbnails
from simcore.data.collections import collection_catalog, tll
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.types import Collection, Monitor, Progress

Draw = Callable[..., Image.Image]


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def zipped(folder: Path, target: Path, below: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, below + path.relative_to(folder).as_posix())
    return target


def reasons(collection: Collection) -> dict[str, str]:
    return {skipped.name: skipped.reason for skipped in collection.skipped}


@pytest.fixture
def kaggle(tmp_path: Path, pairs_folder: Path) -> Path:
    """The Kaggle form: mates have other names."""
    root = tmp_path / "kaggle"
    (root / "train").mkdir(parents=True)
    shutil.copytree(pairs_folder / "left", root / "train" / "left")
    (root / "train" / "right").mkdir()
    for path in (pairs_folder / "right").iterdir():
        shutil.copy(path, root / "train" / "right" / f"x{path.name}")
    table(root / "train.csv", "left,right", *(f"{n},x{n}" for n in "abcdef"))
    return root


@pytest.fixture
def pages(tmp_path: Path, draw: Draw) -> Path:
    """Three composite pages of 401 x 271."""
    root = tmp_path / "pages" / "Images"
    root.mkdir(parents=True)
    for seed in range(3):
        draw(seed, 401, 271).save(root / f"{seed:05d}.png")
    return root.parent


def test_pairs_come_back_as_they_were_added(pairs_folder: Path, cache: Path) -> None:
    told: list[Progress] = []
    added = collection_catalog.add("pairs", pairs_folder, name="six", monitor=Monitor(told.append))
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
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("reading images", 12, 12)
    assert len(added.pairs("rl")) == 6


def test_the_catalog_lists_sums_up_and_forgets(pairs_folder: Path, cache: Path) -> None:
    assert collection_catalog.names() == []
    collection_catalog.add("pairs", pairs_folder, name="six")
    collection_catalog.add("images", pairs_folder / "left", name="a.folder_1-x")
    assert collection_catalog.names() == ["a.folder_1-x", "six"]
    told = collection_catalog.summary("six")
    assert (told["kind"], told["rows"], told["images"], told["paired"]) == ("pairs", 6, 12, True)
    assert told["bytes"] == sum(p.stat().st_size for p in pairs_folder.rglob("*.png"))
    collection_catalog.remove("six")
    assert collection_catalog.names() == ["a.folder_1-x"]
    assert (pairs_folder / "left" / "a.png").exists()
    for verb in (collection_catalog.open, collection_catalog.summary, collection_catalog.remove):
        with pytest.raises(UnknownNameError, match=r"No collection named 'a\.folder'\. Did you"):
            verb("a.folder")


@pytest.mark.parametrize("name", ["", "Six", "../six", "a/b", ".six", "x" * 65, "a b", "ä"])
def test_an_odd_name_is_refused(name: str, pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"found the name .*; expected 1 to 64"):
        collection_catalog.add("pairs", pairs_folder, name=name)


def test_a_taken_name_an_unknown_kind_and_no_path(pairs_folder: Path, tmp_path: Path) -> None:
    collection_catalog.add("pairs", pairs_folder, name="six")
    with pytest.raises(BadDataError, match="found a collection named 'six' already"):
        collection_catalog.add("images", pairs_folder, name="six")
    assert collection_catalog.open("six").kind == "pairs"
    with pytest.raises(
        UnknownNameError, match=r"No kind of collection named 'pair'\. Did you mean"
    ):
        collection_catalog.add("pair", pairs_folder, name="other")
    for path in (None, tmp_path / "absent"):
        with pytest.raises(BadDataError, match=r"found nothing at .*; expected"):
            collection_catalog.add("images", path, name="other")
    with pytest.raises(BadDataError, match="found a trim of -1 px"):
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
    told = reasons(found)
    assert set(told) == {"a, a", "b, b", "c, c", "d", "z.heic"}
    assert told["a, a"].startswith("a.png is empty (0 bytes)")
    assert told["b, b"].startswith("b.png is not an image")
    assert told["c, c"].startswith("c.png is damaged or cut short")
    assert told["d"].startswith("found it on the left only")
    assert len(collection_catalog.summary("some")["skipped"]) == 5


def test_nothing_usable_leaves_nothing(pairs_folder: Path, cache: Path) -> None:
    for path in (pairs_folder / "left").iterdir():
        path.write_bytes(b"")
    with pytest.raises(BadDataError, match=r"found no usable image \(a, a: a\.png is empty"):
        collection_catalog.add("pairs", pairs_folder, name="none")
    (pairs_folder / "empty").mkdir()
    with pytest.raises(BadDataError, match="found no usable image; expected any folder"):
        collection_catalog.add("images", pairs_folder / "empty", name="none")
    assert list((cache / "collections").iterdir()) == []


def test_a_stop_while_reading_leaves_nothing(pairs_folder: Path, cache: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection_catalog.add("pairs", pairs_folder, name="six", monitor=Monitor(stop))
    assert collection_catalog.names() == []
    assert list((cache / "collections").iterdir()) == []


def test_what_a_killed_run_left_is_swept(pairs_folder: Path, cache: Path) -> None:
    left = cache_dir.subfolder("collections") / ".new-999999999-ab"
    (left / "files").mkdir(parents=True)
    collection_catalog.add("pairs", pairs_folder, name="six")
    assert [p.name for p in (cache / "collections").iterdir()] == ["six"]


def test_a_folder_of_images_in_depth(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "all"
    (root / "sub" / ".hidden").mkdir(parents=True)
    for seed, name in enumerate(["b.png", "a.jpg", "a.png", "sub/b.webp", "sub/.hidden/c.png"]):
        draw(seed).save(root / name)
    (root / "notes.txt").write_text("no image")
    found = collection_catalog.add("images", root, name="all")
    assert found.left.ids == ("a.jpg", "a.png", "b", "sub/b")
    assert found.right is None
    with pytest.raises(BadDataError, match="images without mates"):
        found.pairs()


def test_a_name_that_is_no_text_is_reported(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "all"
    root.mkdir()
    draw(1).save(root / "\u00e4.png")
    try:
        shutil.copy(root / "\u00e4.png", root / "b\udcff.png")
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    found = collection_catalog.add("images", root, name="all")
    assert found.left.ids == ("\u00e4",)
    assert "not UTF-8" in found.skipped[0].reason
    assert collection_catalog.open("all").skipped == found.skipped


def test_trim_is_part_of_every_key(pairs_folder: Path) -> None:
    whole = collection_catalog.add("pairs", pairs_folder, name="whole")
    cut = collection_catalog.add("pairs", pairs_folder, name="cut", trim=26)
    assert cut.left.trim == collection_catalog.open("cut").left.trim == 26
    assert all(key.endswith("-t26") for key in cut.left.keys)
    assert cut.digest != whole.digest
    with Image.open(thumbnails.thumb(cut.left.keys[0])) as small:
        assert small.size == (200, 245 - 26)


def test_the_digest_follows_content_order_and_ids_not_places(
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


def test_a_csv_of_paths(pairs_folder: Path, tmp_path: Path) -> None:
    listing = table(
        tmp_path / "list.csv",
        "Right;more;LEFT",
        "pairs/right/b.png;x;pairs/left/a.png",
        f"{pairs_folder}/right/a.png;x;{pairs_folder}/left/b.png",
        "pairs/right/b.png;x;pairs/left/a.png",
        "pairs/right/c.png;x;pairs/left/a.png",
        "pairs/right/zz.png;x;pairs/left/c.png",
        ";x;pairs/left/d.png",
        "",
    )
    found = collection_catalog.add("pairs", listing, name="listed")
    assert found.right is not None
    assert found.left.ids == ("a", "b")
    assert found.right.ids == ("b", "a")
    told = reasons(found)
    assert told["a, b"].startswith("the left image a is in an earlier row")
    assert told["a, c"].startswith("the left image a is in an earlier row")
    assert told["line 6: pairs/left/c.png, pairs/right/zz.png"].startswith("found no file")
    assert told["line 7: pairs/left/d.png, "].startswith("found an empty cell")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"left,wrong\na,b\n", r"has no column right \(it has left, wrong\); expected left,right"),
        (b"", "has no column left, right"),
        (b"\xff\xfe\x00l", "is not UTF-8 text"),
        (b"left,right\n\x00,b\n", "found no usable image|is no CSV"),
        (b"left,right\n" + b'"' + b"x" * 200_000 + b'",b\n', "is no CSV"),
    ],
)
def test_a_csv_that_is_none(tmp_path: Path, body: bytes, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(body)
    with pytest.raises(BadDataError, match=says):
        collection_catalog.add("pairs", path, name="listed")


def test_pairs_in_no_known_arrangement(tmp_path: Path, pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match="expected left/ and right/ with equal file names"):
        collection_catalog.add("pairs", pairs_folder / "left", name="odd")
    for path in (pairs_folder / "right").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(BadDataError, match="6 images in left/ and 6 in right/ with no name in com"):
        collection_catalog.add("pairs", pairs_folder, name="odd")


@pytest.mark.parametrize("below", ["", "top/"])
@pytest.mark.parametrize("kind", ["tll", "images"])
def test_a_zip_is_unpacked_into_the_collection(
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


def test_a_csv_in_a_zip_may_not_lead_outside(
    pairs_folder: Path, tmp_path: Path, cache: Path
) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(pairs_folder / "left" / "a.png", secret)
    table(
        pairs_folder / "pairs.csv",
        "left,right",
        f"{secret},right/a.png",
        "../../../../secret.png,right/b.png",
        "left/c.png,right/c.png",
    )
    shutil.move(pairs_folder / "left", pairs_folder / "sub" / "left")
    shutil.move(pairs_folder / "right", pairs_folder / "sub" / "right")
    shutil.move(pairs_folder / "pairs.csv", pairs_folder / "sub" / "pairs.csv")
    (pairs_folder / "sub" / "left").rename(pairs_folder / "sub" / "l")
    text = (pairs_folder / "sub" / "pairs.csv").read_text().replace("left/c", "l/c")
    (pairs_folder / "sub" / "pairs.csv").write_text(text)
    found = collection_catalog.add(
        "pairs", zipped(pairs_folder / "sub", tmp_path / "p.zip"), name="z"
    )
    assert found.left.ids == ("c",)
    assert sum("leads outside" in reason for reason in reasons(found).values()) == 2
    assert str(secret) not in json.dumps([str(p) for p in found.left.paths])


def test_a_wicked_zip_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as file:
        file.writestr("../../../escaped.png", b"x")
    with pytest.raises(BadDataError, match="expected paths inside the zip only"):
        collection_catalog.add("images", tmp_path / "p.zip", name="z")
    assert list((cache / "collections").iterdir()) == []
    assert not list(tmp_path.rglob("escaped.png"))


def test_tll_with_equal_names(pairs_folder: Path) -> None:
    found = collection_catalog.add("tll", pairs_folder, name="t")
    assert found.left.ids == tuple("abcdef")
    assert "Rosenfeld" in found.credits[0]


@pytest.mark.parametrize("whole", [False, True])
def test_tll_as_the_two_official_zips(whole: bool, pairs_folder: Path, tmp_path: Path) -> None:
    for side in ("left", "right"):
        below = "left/" if side == "left" else ""
        zipped(pairs_folder / side, pairs_folder / f"{side}.zip", below)
        shutil.rmtree(pairs_folder / side)
    source = zipped(pairs_folder, tmp_path / "both.zip") if whole else pairs_folder
    found = collection_catalog.add("tll", source, name="t")
    assert found.left.ids == tuple("abcdef")
    assert found.right is not None
    assert images.load(found.right.paths[5]).shape == (245, 200, 3)


def test_tll_pages_are_split_and_freed_of_their_captions(pages: Path, cache: Path) -> None:
    before = sorted((p, p.read_bytes()) for p in pages.rglob("*.png"))
    Image.new("RGB", (300, 200)).save(pages / "Images" / "odd.png")
    data = (pages / "Images" / "00001.png").read_bytes()
    (pages / "Images" / "00001.png").write_bytes(data[: len(data) // 2])
    found = collection_catalog.add("tll", pages, name="t")
    assert found.left.ids == ("00000", "00002")
    assert found.right is not None
    for i, number in enumerate((0, 2)):
        whole = images.load(before[number][1])
        assert np.array_equal(images.load(found.left.paths[i]), whole[:245, :200])
        assert np.array_equal(images.load(found.right.paths[i]), whole[:245, 200:400])
    assert all(p.is_relative_to(cache / "collections" / "t") for p in found.left.paths)
    assert "damaged or cut short" in reasons(found)["00001, 00001"]
    assert reasons(found)["odd"].startswith("odd.png is no page of 401 x 271 pixels")


def test_tll_in_the_kaggle_form(kaggle: Path) -> None:
    with (kaggle / "train.csv").open("a") as file:
        file.write("zz,xa\nb,yy\nc,xa\na,xa\n")
    found = collection_catalog.add("tll", kaggle, name="t")
    assert found.right is not None
    assert found.left.ids == tuple("abcdef")
    assert found.right.ids == tuple(f"x{n}" for n in "abcdef")
    told = reasons(found)
    assert told["line 8: zz, xa"].startswith("found no file train/left/zz; expected both")
    assert told["line 9: b, yy"].startswith("found no file train/right/yy")
    assert told["c, xa"].startswith("the left image c is in an earlier row")
    assert set(told) == {"line 8: zz, xa", "line 9: b, yy", "c, xa", "a, xa"}


def test_tll_in_no_known_form_says_what_there_is(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "odd"
    (root / "sub").mkdir(parents=True)
    draw(0).save(root / "a.png")
    with pytest.raises(BadDataError, match=r"found a\.png, sub/ in .*\(1 images, none .*401 x 271"):
        collection_catalog.add("tll", root, name="t")
    (root / "left").mkdir()
    with pytest.raises(BadDataError, match=r"found left without right in .*; add right"):
        collection_catalog.add("tll", root, name="t")
    shutil.rmtree(root)
    (root / "train").mkdir(parents=True)
    table(root / "train.csv", "a,b", "1,2")
    with pytest.raises(BadDataError, match=r"train\.csv has no column left, right"):
        collection_catalog.add("tll", root, name="t")


def voted(pairs: Path, *lines: str) -> Collection:
    name = f"v{len(collection_catalog.names())}"
    votes = table(pairs.parent / f"{name}.csv", *lines)
    found = collection_catalog.add("tll", pairs, name=name, votes=votes)
    reopened = collection_catalog.open(name)
    assert found.votes is not None
    assert np.array_equal(found.votes, reopened.votes)
    return found


def test_votes_by_id(pairs_folder: Path) -> None:
    lines = ["f,1,2", "a,3,4", "c,5,6", "zz,7,8", "a,9,9", "d,x,1", "e,1,-1"]
    found = voted(pairs_folder, "id,wins,fails", *lines)
    assert found.votes is not None
    assert found.votes.tolist() == [[3, 4], [0, 0], [5, 6], [0, 0], [0, 0], [1, 2]]
    told = reasons(found)
    assert told["votes of b"].startswith("found no votes for it")
    assert any(what.endswith("zz") and "no pair of that id" in why for what, why in told.items())
    assert any(what.endswith(": a") and "a second time" in why for what, why in told.items())
    assert any("'x' wins" in why for why in told.values())


def test_votes_in_order(pairs_folder: Path) -> None:
    found = voted(pairs_folder, "wins,id,fails", *(f"{i},{100 - i},0" for i in range(6)))
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [5, 4, 3, 2, 1, 0]
    with pytest.raises(BadDataError, match=r"found 5 votes in .* for 6 pairs, and no id in common"):
        voted(pairs_folder, "id,wins,fails", *(f"{i},1,1" for i in range(5)))


def test_votes_for_numbered_pairs_stay_with_their_number(pages: Path) -> None:
    """The official form: 00000.jpg is the first of the votes sorted by id, even if one is gone."""
    (pages / "Images" / "00001.png").unlink()
    found = voted(pages, "id,wins,fails", "9,30,0", "5,10,0", "7,20,0")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [10, 30]


def test_votes_keep_their_pairs_when_an_image_is_bad(pairs_folder: Path) -> None:
    (pairs_folder / "left" / "b.png").write_bytes(b"")
    found = voted(pairs_folder, "id,wins,fails", *(f"{i},{i},0" for i in range(6)))
    assert found.left.ids == tuple("acdef")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [0, 2, 3, 4, 5]


def test_votes_without_a_column(pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"has no column fails \(it has id, wins\)"):
        voted(pairs_folder, "id,wins", "a,1")
    with pytest.raises(BadDataError, match=r"absent\.csv cannot be read"):
        collection_catalog.add("tll", pairs_folder, name="v", votes=pairs_folder / "absent.csv")


def test_a_newer_or_damaged_collection_is_a_sentence(pairs_folder: Path, cache: Path) -> None:
    collection_catalog.add("pairs", pairs_folder, name="six")
    place = cache / "collections" / "six"
    told = json.loads((place / "collection.json").read_text())
    (place / "collection.json").write_text(json.dumps(told | {"format": 2}))
    with pytest.raises(
        BadDataError, match="'six' has format 2; expected at most 1; update simcore"
    ):
        collection_catalog.open("six")
    (place / "collection.json").write_text(json.dumps(told))
    (place / "images.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(BadDataError, match=r"'six' is damaged .*; remove it and add it again"):
        collection_catalog.open("six")
    (place / "collection.json").write_text("{")
    with pytest.raises(BadDataError, match=r"'six' is damaged"):
        collection_catalog.summary("six")
    assert collection_catalog.names() == ["six"]
    collection_catalog.remove("six")
    assert collection_catalog.names() == []


def test_download_takes_both_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(address: str, output: str, quiet: bool) -> str:
        asked.append(address)
        Path(output).write_bytes(b"PK\x03\x04")
        return output

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fetch))
    for _ in range(2):
        assert tll.download(tmp_path / "to") == tmp_path / "to"
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["left.zip", "right.zip"]
    assert [address.rpartition("=")[2] for address in asked] == list(tll.DRIVE.values())


def test_download_out_of_reach_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(
        SimError, match=r"left\.zip and right\.zip by hand from https://sites.* into"
    ):
        tll.download(tmp_path / "to")

    def fetch(address: str, output: str, quiet: bool) -> str:
        Path(output).write_text("<html>quota</html>")
        return output

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fetch))
    with pytest.raises(SimError, match="what came is no zip file"):
        tll.download(tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_full_disk_while_adding(
    pairs_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection_catalog.add("images", pairs_folder / "left", name="before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collection_catalog, "write", full)
    with pytest.raises(SimError, match=r"found no room left on the disk of .*; expected space"):
        collection_catalog.add("pairs", pairs_folder, name="six")
    assert collection_catalog.names() == ["before"]
    assert len(collection_catalog.open("before").left) == 6
    assert [p.name for p in (cache / "collections").iterdir()] == ["before"]


def test_the_real_pairs(real_pairs: Path) -> None:
    found = collection_catalog.add("tll", real_pairs, name="tll-sample")
    assert found.right is not None
    with (real_pairs / "train.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert found.left.ids == tuple(line["left"] for line in lines)
    assert found.right.ids == tuple(line["right"] for line in lines)
    assert (len(found.left), found.skipped) == (1000, ())
    assert len(set(found.left.keys) | set(found.right.keys)) == 2000
