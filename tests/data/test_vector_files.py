"""Vector tables: every form is read as it was written, and bad ones are refused in one sentence."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from simcore.data import vector_files
from simcore.data.vector_files import VectorTable
from simcore.errors import BadDataError


@pytest.fixture
def table():
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    return VectorTable(("007", "1e5", "left:é", "a b"), values)


@pytest.mark.parametrize("kind", vector_files.KINDS)
def test_every_form_is_read_as_it_was_written(tmp_path, table, kind):
    path = tmp_path / f"vectors{kind}"
    vector_files.write(path, table)
    copy = vector_files.read(path)
    assert copy.ids == table.ids
    np.testing.assert_array_equal(copy.values, table.values)


def test_a_table_of_lists_and_whole_numbers_as_ids(tmp_path):
    path = tmp_path / "lists.parquet"
    parquet.write_table(pa.table({"id": [3, 1], "embedding": [[1.0, 2.0], [3.0, 4.0]]}), path)
    table = vector_files.read(path)
    assert table.ids == ("3", "1")
    assert table.values.tolist() == [[1, 2], [3, 4]]


def test_vectors_are_selected_by_id(table):
    values, absent = vector_files.select(table, ["a b", "nobody", "007"])
    np.testing.assert_array_equal(values, table.values[[3, 0]])
    assert absent == ["nobody"]


@pytest.mark.parametrize(
    ("ids", "values", "reason"),
    [
        (("a", "a"), [[1.0], [2.0]], "several vectors"),
        (("a",), [[1.0], [2.0]], "1 ids for 2 vectors"),
        (("a", "b"), [[1.0], [np.nan]], "row 1 has an infinite or missing"),
        (("a", "b"), [[1.0], [1e300]], "row 1 has an infinite or missing"),
        (("a",), [["x"]], "must be numbers"),
        (("a",), [1.0], "shape"),
    ],
)
def test_bad_vectors_are_refused(ids, values, reason):
    with pytest.raises(BadDataError, match=reason):
        VectorTable(ids, np.array(values))


def write_bytes(content):
    return lambda path: path.write_bytes(content)


def save_object(path):
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


def save_huge(path):
    """A header that declares far more numbers than the file has."""
    np.save(path, np.zeros((1, 1), np.float32))
    path.write_bytes(path.read_bytes().replace(b"(1, 1)", b"(9999999, 9999999)"))


def save_wrong_arrays(path):
    np.savez(path, vectors=np.zeros((1, 1)))


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("v.npy", save_object, "cannot be read"),
        ("v.npy", save_huge, "cannot be read"),
        ("v.npz", save_wrong_arrays, "'ids' is missing"),
        ("v.npz", write_bytes(b"PK"), "cannot be read"),
        ("v.parquet", write_bytes(b"PAR1"), "cannot be read"),
        ("v.csv", write_bytes(b"name,0\na,1\n"), "column `id` is missing"),
        ("v.csv", write_bytes(b"id,0,note\na,1,x\n"), "'note' is neither"),
        ("v.csv", write_bytes(b"id,0,1\na,1,\nb,2,\n"), "number is missing"),
        ("v.txt", write_bytes(b"x"), "must be one of"),
    ],
)
def test_bad_files_are_refused(tmp_path, name, write, reason):
    path = tmp_path / name
    path.with_name("v.ids.txt").write_text("a\n")
    write(path)
    with pytest.raises(BadDataError, match=reason):
        vector_files.read(path)


def test_an_absent_file_and_absent_ids(tmp_path):
    with pytest.raises(BadDataError, match="no file"):
        vector_files.read(tmp_path / "none.npz")
    np.save(tmp_path / "v.npy", np.zeros((2, 2)))
    with pytest.raises(BadDataError, match=r"v\.ids\.txt"):
        vector_files.read(tmp_path / "v.npy")


def test_ids_are_safe_in_a_spreadsheet_and_equal_in_any_unicode_form(tmp_path: Path) -> None:
    ids = ("=1+1", "-5", "e\u0301")
    path = tmp_path / "v.csv"
    vector_files.write(path, VectorTable(ids, np.eye(3, dtype=np.float32)))
    assert '"\'=1+1"' in path.read_text("utf-8")
    table = vector_files.read(path)
    assert table.ids == ids
    vectors, absent = vector_files.select(table, ["\u00e9", "e", "=1+1"])
    assert (vectors.argmax(axis=1).tolist(), absent) == ([2, 0], ["e"])
