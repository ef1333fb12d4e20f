"""The readers of image folders, of pairs in folders, and of pairs in a CSV."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simcore.data.collections import collection_catalog
from simcore.errors import BadDataError
from tests.data.collections.conftest import reasons, table, zipped

Draw = Callable[..., Image.Image]


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
    skipped = reasons(found)
    assert skipped["a, b"].startswith("The left image a is already in an earlier row")
    assert skipped["a, c"].startswith("The left image a is already in an earlier row")
    assert skipped["line 6: pairs/left/c.png, pairs/right/zz.png"].startswith("There is no file")
    assert skipped["line 7: pairs/left/d.png, "].startswith("A cell is empty")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"left,wrong\na,b\n", r"has no column right; its columns are left, wrong\. Name"),
        (b"", "has no column left, right"),
        (b"left,right\n\xe9,b\n", r"Line 2 of list\.csv is not UTF-8 text"),
        (b"\xff\xfel", r"Line 1 of list\.csv is not UTF-16 text"),
        (b"left,right\n\x00,b\n", r"There are zero bytes in list\.csv"),
        (b"left,right\n" + b'"' + b"x" * 200_000 + b'",b\n', "is not valid CSV"),
        (b'left,right\n\n"a,b\nc,d\n', "Line 3 of list.csv opens a quotation mark that is never"),
        (b'left,right\n"a,b\n"c,d"\n', "Line 2 of list.csv is not valid CSV"),
        (b"left,right\na,b,c\n", "Line 2 of list.csv has 3 cells, but the header has 2"),
        (b"left,right,left\na,b,c\n", "column left occurs twice"),
        (b"left,right\n", r"list\.csv has no rows"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(body)
    with pytest.raises(BadDataError, match=message):
        collection_catalog.add("pairs", path, name="listed")


def test_a_folder_without_pairs_is_refused(tmp_path: Path, pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match="needs left/ and right/ with equal file names"):
        collection_catalog.add("pairs", pairs_folder / "left", name="odd")
    for path in (pairs_folder / "right").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(
        BadDataError, match="6 images in left/ and 6 in right/ have no name in common"
    ):
        collection_catalog.add("pairs", pairs_folder, name="odd")


def test_a_csv_in_a_zip_must_not_lead_outside(
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
    assert sum("leads out of the upload" in reason for reason in reasons(found).values()) == 2
    assert str(secret) not in json.dumps([str(p) for p in found.left.paths])


def test_a_folder_of_images_is_read_with_subfolders(tmp_path: Path, draw: Draw) -> None:
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


def test_a_file_name_that_is_not_utf8_is_reported(tmp_path: Path, draw: Draw) -> None:
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


def test_tables_of_other_names(pairs_folder: Path, tmp_path: Path) -> None:
    (pairs_folder / "left").rename(pairs_folder / "l")
    table(pairs_folder / "PAIRS.TSV", "left\tright", "l\\a.png\tright\\a.png")
    table(pairs_folder / "notes.csv", "a,b")
    for number, source in enumerate((pairs_folder, pairs_folder / "PAIRS.TSV")):
        found = collection_catalog.add("pairs", source, name=f"t{number}")
        assert (found.left.ids, found.skipped) == (("a",), ())
    zip_file = zipped(pairs_folder, tmp_path / "p.zip")
    assert collection_catalog.add("pairs", zip_file, name="z").left.ids == ("a",)
    other_files = collection_catalog.summary("z")["other_files"]
    assert [(kind, count) for kind, count, _ in other_files] == [("unused image", 10), (".csv", 1)]
