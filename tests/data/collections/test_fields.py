"""Fields of collections: typed as in the table, and rows selected by an expression."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from simcore.data.collections import collection_catalog, fields
from simcore.errors import BadDataError, SimError


def stored(name: str) -> dict[str, list]:
    table = fields.read(collection_catalog.FOLDERS.folder(name))
    return {} if table is None else table.to_pydict()


@pytest.fixture
def pictures(tmp_path: Path, draw) -> Path:
    folder = tmp_path / "pictures"
    for seed, name in enumerate(("a/0.png", "a/1.png", "b/2.png", "3.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed, 30, 20).save(folder / name)
    return folder


def test_a_table_of_images_keeps_its_columns(pictures: Path) -> None:
    text = "Category;year;code;ok;File;date\r\nface;2001;007;TRUE;a/0.png;1/2/2026\r\n"
    text += "'=cat;1999.5;1;false;a/1.png;\r\n;;2;;b/2.png;x\r\nface;1;3;true;gone.png;y\r\n"
    (pictures / "list.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    added = collection_catalog.add("images", pictures / "list.csv", name="listed")
    assert added.left.ids == ("0", "1", "2")
    assert [item.name for item in added.skipped] == ["line 5: gone.png"]
    assert stored("listed") == {
        "category": ["face", "=cat", None],
        "year": [2001.0, 1999.5, None],
        "code": ["007", "1", "2"],
        "ok": [True, False, None],
        "date": ["1/2/2026", None, "x"],
    }
    assert collection_catalog.summary("listed")["fields"] == [
        "category",
        "year",
        "code",
        "ok",
        "date",
    ]


def test_a_table_without_paths_is_refused(pictures: Path) -> None:
    (pictures / "list.csv").write_text("name,category\na,b\n")
    with pytest.raises(BadDataError, match=r"no column with the images' paths.*file_name"):
        collection_catalog.add("images", pictures / "list.csv", name="listed")


def test_parquet_keeps_types_and_pairs_keep_columns(pairs_folder: Path) -> None:
    table = pa.table(
        {
            "left": ["left/a.png", "left/b.png"],
            "right": ["right/a.png", "right/b.png"],
            "Author": ["Zoe\u0301", None],
            "n": [3, 4],
            "box": [[1, 2], [3, 4]],
        }
    )
    parquet.write_table(table, pairs_folder / "pairs.parquet")
    collection_catalog.add("pairs", pairs_folder / "pairs.parquet", name="one")
    assert stored("one") == {"author": ["Zoé", None], "n": [3, 4]}
    (pairs_folder / "pairs.csv").write_text(
        "split,right,left\ntrain,right/a.png,left/a.png\ntest,right/b.png,left/b.png\n"
    )
    collection_catalog.add("pairs", pairs_folder / "pairs.csv", name="two")
    assert stored("two") == {"split": ["train", "test"]}


def test_an_imagefolder_of_hugging_face(pictures: Path) -> None:
    lines = [{"file_name": "a/0.png", "label": "cat"}, {"file_name": "3.png", "label": "dog"}]
    (pictures / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    added = collection_catalog.add("images", pictures, name="hf")
    assert added.left.ids == ("3", "a/0", "a/1", "b/2")
    assert stored("hf") == {
        "folder": [None, "a", "a", "b"],
        "label": ["dog", "cat", None, None],
    }
    (pictures / "metadata.jsonl").write_text("not JSON")
    again = collection_catalog.add("images", pictures, name="again")
    assert "not valid JSON" in again.skipped[0].reason
    assert stored("again") == {"folder": [None, "a", "a", "b"]}


def test_parquet_with_images_as_hugging_face_stores_them(pictures: Path, tmp_path: Path) -> None:
    files = sorted(pictures.rglob("*.png"))
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    split = tmp_path / "split"
    split.mkdir()
    for name, part in (("train-00000-of-00001", cells[:3]), ("test-00000-of-00001", cells[3:])):
        table = pa.table({"image": part, "label": list(range(len(part)))})
        parquet.write_table(table, split / f"{name}.parquet")
    one = collection_catalog.add("images", split / "train-00000-of-00001.parquet", name="one")
    assert one.left.ids == ("3", "0", "1")
    assert stored("one") == {"label": [0, 1, 2]}
    both = collection_catalog.add("images", split, name="both")
    assert stored("both") == {"split": ["test", "train", "train", "train"], "label": [0, 0, 1, 2]}
    plain = collection_catalog.add("images", pictures, name="plain")
    assert set(both.left.keys) == set(plain.left.keys)


def test_an_export_of_fiftyone(pictures: Path) -> None:
    samples = [
        {
            "filepath": "a/0.png",
            "tags": ["train", "good"],
            "_id": {"$oid": "0"},
            "metadata": {"size_bytes": 1},
            "ground_truth": {"_cls": "Classification", "label": "cat", "confidence": 0.5},
            "uniqueness": 0.25,
            "boxes": {"_cls": "Detections", "detections": []},
        },
        {"filepath": "b/2.png", "ground_truth": None, "uniqueness": 1},
    ]
    (pictures / "samples.json").write_text(json.dumps({"samples": samples}))
    added = collection_catalog.add("images", pictures, name="fo")
    assert added.left.ids == ("0", "2")
    assert stored("fo") == {
        "ground_truth": ["cat", None],
        "uniqueness": [0.25, 1.0],
        "tags": ["train, good", None],
    }
    (pictures / "samples.json").write_text('{"samples": 3}')
    with pytest.raises(BadDataError, match="no list of samples"):
        collection_catalog.add("images", pictures, name="bad")


TABLE = pa.table(
    {"category": ["face", "cat", None, "face"], "year": [1, 2, 3, 4], "my col": [0.5, 1, None, 2]}
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("category = 'face'", [0, 3]),
        ("Category = 'face' AND year > 1", [3]),
        ("category is null or year in (1, 2)", [0, 1, 2]),
        ("not category = 'face'", [1]),
        ("category != 'face'", [1]),  # NULL is not true
        ("`my col` >= 1", [1, 3]),
        ("category like 'f%' and year between 2 and 9", [3]),
        ("length(category) < 4 or lower(category) = 'FACE'", [1]),
        ("year % 2 = 0", [1, 3]),
        ("category = 'it''s'", []),
    ],
)
def test_expressions_select_rows(expression: str, rows: list[int]) -> None:
    assert fields.matching_rows(TABLE, expression).tolist() == rows


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "1 to 1,000 characters"),
        ("year = 1" + " " * 1000, "1 to 1,000 characters"),
        ("yeer = 1", "no field named 'yeer'.*year"),
        ("`nope` = 1", "no field named 'nope'"),
        ("year = 1; drop table fields", "has ';'"),
        ("year = 1 -- and so on", "has '-'"),
        ("repeat(category, 1000000000) = 'x'", "no function named 'repeat'"),
        ("year in (select year from fields)", "no field named 'select'|no function"),
        ("read_csv('/etc/passwd')", "no function named 'read_csv'"),
        ("category = 'face", 'has "\'"'),
        ("category = 3", "cannot be evaluated"),
        ("year", "cannot be evaluated"),
        ("year / 0 = 1", "cannot be evaluated"),
        ("year =", "cannot be evaluated"),
        ("(" * 400 + "year = 1" + ")" * 400, "cannot be evaluated"),
        ("category = '\0'", ""),
    ],
)
def test_a_bad_expression_is_one_sentence(expression: str, says: str) -> None:
    if not says:
        assert fields.matching_rows(TABLE, expression).tolist() == []
        return
    with pytest.raises(SimError, match=f"(?i){says}") as raised:
        fields.matching_rows(TABLE, expression)
    assert "\n" not in str(raised.value)
    assert "/root" not in str(raised.value)


def test_too_many_or_too_long_columns_are_refused(pictures: Path) -> None:
    for text, says in (
        (",".join(["file", *(f"c{n}" for n in range(101))]) + "\n3.png\n", "at most 100"),
        (f"file,{'x' * 101}\n3.png,1\n", "over 100"),
        (f"file,x\n3.png,{'y' * 10_001}\n", "over 10,000 characters"),
    ):
        (pictures / "list.csv").write_text(text)
        with pytest.raises(BadDataError, match=says):
            collection_catalog.add("images", pictures / "list.csv", name="listed")
