"""Small inputs after public bug reports, read as their authors meant them."""

import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simcore.data.collections import collection_catalog
from simcore.data.judgements import judgement_catalog
from simcore.errors import BadDataError
from simcore.types import Collection, OtherFiles
from tests.data.collections.conftest import reasons

Draw = Callable[..., Image.Image]
CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "field-cases"


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Path]:
    """`case("03-nfd")` -> a copy of the folder; skips where the cases are absent."""

    def copied(name: str) -> Path:
        if not (CASES / name).is_dir():
            pytest.skip(f"no field cases at {CASES}")
        shutil.copytree(CASES / name, tmp_path / name)
        return tmp_path / name

    return copied


def other(name: str) -> dict[str, int]:
    files = collection_catalog.summary(name)["other_files"]
    return {kind: count for kind, count, _ in files}


def test_content_decides_what_is_an_image(case: Callable[[str], Path]) -> None:
    folder = case("01-jfif")
    pics = collection_catalog.add("images", folder / "pics", name="pics")
    assert pics.left.ids == ("iphone", "noext", *(f"photo{k}" for k in range(8)))
    assert (pics.skipped, other("pics")) == ((), {".txt": 1})
    for name, source in (("folder", "pairs"), ("zip", "pairs.zip")):
        pairs = collection_catalog.add("pairs", folder / source, name=name)
        assert (pairs.left.ids, pairs.skipped) == (("a", "b"), ())


def test_names_from_a_mac(case: Callable[[str], Path]) -> None:
    folder = case("03-nfd")
    ids = ("Müller", "café", "plain", "がぎ", "日本")
    pairs = collection_catalog.add("pairs", folder, name="n", votes=folder / "votes.csv")
    assert pairs.left.ids == ids
    assert pairs.votes is not None
    assert pairs.votes[:, 0].tolist() == [0, 4, 3, 0, 0]
    assert pairs.left.find(unicodedata.normalize("NFD", "café")) == 1
    listed = collection_catalog.add("pairs", folder / "list.csv", name="l")
    assert (len(listed.left), listed.skipped) == (2, ())


def test_a_missing_image_is_not_replaced(case: Callable[[str], Path]) -> None:
    judged = judgement_catalog.add("triplets", case("04-samename") / "triplets.csv", name="s")
    assert judged.triplets.images.ids == ("refs/q1.png", "cats/002.png", "dogs/002.png")
    (image,) = judged.skipped
    assert image.name == "dogs/001.png"
    assert image.reason.startswith("There is no file 'dogs/001.png'")
    assert judged.notes == ("1 missing images; 1 of 2 trials left out",)


@pytest.mark.parametrize("table", ["votes.csv", "votes_ext.csv", "votes_float.csv"])
def test_votes_whose_zeros_were_dropped(table: str, case: Callable[[str], Path]) -> None:
    folder = case("05-votes-zero")
    pairs = collection_catalog.add("pairs", folder, name="v", votes=folder / table)
    assert pairs.votes is not None
    assert pairs.votes.tolist() == [[10, 0], [11, 1], [0, 0], [13, 3], [14, 4], [15, 5]]
    assert "votes of 00002" in reasons(pairs)


@pytest.mark.parametrize(
    ("table", "pairs", "words"),
    [
        ("backslash", 2, ""),
        ("bom-semicolon", 1, "line 4: img/p2.png, img/missing.png"),
        ("blank-lines", 1, "line 5: img/p9.png, img/p3.png"),
        ("mac", 2, ""),
        ("one2many", 2, "p0, p2"),
        ("quoted-head", 1, ""),
        ("sep", 1, ""),
        ("space", 1, ""),
        ("url", 1, "line 2: https://example.org/a.jpg, img/p1.png"),
        ("utf16", 1, ""),
        ("cp1252", 0, "Line 2 of cp1252.csv is not UTF-8 text"),
        ("empty", 0, "empty.csv has no column left, right"),
        ("head-only", 0, "head-only.csv has no rows"),
        ("quote-in-cell", 0, "Line 2 of quote-in-cell.csv opens a quotation mark"),
    ],
)
def test_tables_of_spreadsheets(
    table: str, pairs: int, words: str, case: Callable[[str], Path]
) -> None:
    source = case("06-windows-csv") / f"{table}.csv"
    if not pairs:
        with pytest.raises(BadDataError, match=words):
            collection_catalog.add("pairs", source, name="w")
        return
    found = collection_catalog.add("pairs", source, name="w")
    assert (len(found.left), list(reasons(found))) == (pairs, [words] if words else [])


def test_ids_with_dots(case: Callable[[str], Path]) -> None:
    folder = case("14-kaggle-dots")
    found = collection_catalog.add("tll", folder / "wrong", name="wrong")
    assert found.left.paths[0].name == "a.1.png"
    assert other("wrong") == {"unused image": 2}
    shutil.rmtree(folder / "wrong")
    found = collection_catalog.add("tll", folder, name="k")
    assert found.left.ids == ("abc", "v1.2", "foo.bar", "00001")
    assert found.skipped == ()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("bom", ""),
        ("sci", ""),
        ("tabs", ""),
        ("dup", "Line 1 of dup.txt must be three different object numbers"),
        ("frac", "got '0 1 2.9'"),
        ("header", "Correct it, or remove a header"),
        ("inf", "Line 2 of inf.txt .* got '3 4 inf'"),
        ("neg", "got '0 1 -2'"),
        ("onebased", "its numbers seem to begin at 1"),
    ],
)
def test_object_numbers(table: str, words: str, case: Callable[[str], Path]) -> None:
    folder = case("13-things")

    def add() -> None:
        judgement_catalog.add("things", folder / f"{table}.txt", name="t", images=folder / "img")

    if words:
        with pytest.raises(BadDataError, match=words):
            add()
        return
    add()
    assert judgement_catalog.open("t").trials.images.ids[:3] == ("0", "1", "2")


def zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder).as_posix())
    return target


@pytest.mark.parametrize("pack", [Path, zipped])
def test_everything_that_is_not_used_is_counted(
    pack: Callable[[Path], Path], tmp_path: Path, draw: Draw
) -> None:
    root = tmp_path / "mixed"
    for name in ("left/a.png", "left/b", "right/a.png", "right/b.jpe", "extra/c.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        draw(1, 20, 20).save(root / name, "JPEG" if name.endswith(("b", "jpe")) else "PNG")
    for name in ("README", *(f"n{k:02}.txt" for k in range(12)), ".secret/x.png", "Thumbs.db"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("text")
    (root / "left" / "d.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (root / "left" / "e.png").write_text("no image")
    (root / "right" / "e.png").write_text("no image")
    found = collection_catalog.add("pairs", pack(root), name="m")
    assert found.left.ids == ("a", "b")
    assert set(reasons(found)) == {"e, e", "d.heic"}
    files = [
        OtherFiles(k, n, tuple(f)) for k, n, f in collection_catalog.summary("m")["other_files"]
    ]
    assert [str(file) for file in files] == [
        f"12 .txt files: {', '.join(f'n{k:02}.txt' for k in range(10))}, ...",
        "1 hidden file: .secret/x.png",
        "1 other file: README",
        "1 unused image file: extra/c.png",
    ]


def test_two_files_of_one_name_are_a_conflict(tmp_path: Path, draw: Draw) -> None:
    names = ["left/a.png", "left/a.jpg", "right/a.webp", "left/b.png", "left/b.jpg", "right/b.jpg"]
    names += ["left/c.png", "right/c.jpg"]
    for k, name in enumerate(names):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(k, 20, 20).save(tmp_path / "p" / name)

    def mates(collection: Collection) -> list[tuple[str, str]]:
        assert collection.right is not None
        paths = zip(collection.left.paths, collection.right.paths, strict=True)
        return [(left.name, right.name) for left, right in paths]

    found = collection_catalog.add("pairs", tmp_path / "p", name="p")
    assert mates(found) == [("b.jpg", "b.jpg"), ("c.png", "c.jpg")]
    skipped = reasons(found)
    assert set(skipped) == {"a.png", "a.jpg", "a", "b.png"}
    assert all("its mate is unclear" in reason for reason in skipped.values())
