"""Feature tables: keys, appending, reading, many processes at once, damage, and full disks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, ShapeError, SimError
from simcore.types import Preprocessing

SLOT = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 4)


def rows(key: str, n: int = 1, dim: int = 4) -> np.ndarray:
    """Features whose values identify their key and part."""
    value = int.from_bytes(key.encode()[-3:], "big")
    return np.array(
        [[value, part, n, 0.5] + [0] * (dim - 4) for part in range(n)], np.float32
    ).reshape(n, dim)


def run(code: str, *args: object) -> subprocess.Popen[str]:
    prelude = (
        "import sys, time, numpy as np\n"
        "from simcore.data.store.feature_key import FeatureKey\n"
        "from simcore.data.store.feature_store import FeatureStore\n"
        "from simcore.types import Preprocessing\n"
        "slot = FeatureKey('hog', 1, Preprocessing(), '', 'fp32', 64)\n"
        "store = FeatureStore(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", prelude + code, *(str(arg) for arg in args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_features_are_read_in_the_requested_order() -> None:
    store = FeatureStore()
    store.append(SLOT, ["a", "b"], [rows("a"), rows("b")])
    store.append(SLOT, ["c"], [rows("c")])
    index, values = store.read(SLOT, ["c", "a", "b"])
    assert index.tolist() == [0, 1, 2]
    assert np.array_equal(values, np.concatenate([rows("c"), rows("a"), rows("b")]))
    assert values.dtype == np.float32


def test_missing_names_each_absent_key_once_in_order() -> None:
    store = FeatureStore()
    assert store.missing(SLOT, ["z", "a", "z"]) == ["z", "a"]
    store.append(SLOT, ["a"], [rows("a")])
    assert store.missing(SLOT, ["z", "a", "y", "z"]) == ["z", "y"]
    assert store.missing(SLOT, []) == []


def test_reading_absent_features_says_how_many() -> None:
    store = FeatureStore()
    store.append(SLOT, ["a"], [rows("a")])
    with pytest.raises(BadDataError, match=r"No hog features for 2 of 3 images\. Extract"):
        store.read(SLOT, ["a", "b", "c"])


def test_no_evidence_is_stored_and_several_rows_stay_together() -> None:
    store = FeatureStore()
    store.append(SLOT, ["none", "two", "one"], [rows("", 0), rows("two", 2), rows("one")])
    assert store.missing(SLOT, ["none", "two", "one"]) == []
    index, values = store.read(SLOT, ["two", "none", "one", "two"])
    assert index.tolist() == [0, 0, 2, 3, 3]
    assert np.array_equal(values[:2], rows("two", 2))
    assert np.array_equal(values[3:], rows("two", 2))
    index, values = store.read(SLOT, ["none"])
    assert index.shape == (0,)
    assert values.shape == (0, 4)
    assert store.read(SLOT, [])[1].shape == (0, 4)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3)), max_size=6), max_size=5
    ),
    st.lists(st.sampled_from("abcdefgh"), max_size=12),
)
def test_the_first_set_of_a_key_counts(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[list[tuple[str, int]]],
    asked: list[str],
) -> None:
    store, first = FeatureStore(tmp_path_factory.mktemp("store")), {}
    for commit in commits:
        store.append(SLOT, [key for key, _ in commit], [rows(key, n) for key, n in commit])
        for key, n in commit:
            first.setdefault(key, rows(key, n))
    assert store.missing(SLOT, asked) == [k for k in dict.fromkeys(asked) if k not in first]
    asked = [key for key in asked if key in first]
    index, values = store.read(SLOT, asked)
    expected = [(i, row) for i, key in enumerate(asked) for row in first[key].tolist()]
    assert list(zip(index.tolist(), values.tolist(), strict=True)) == expected
    store.compact(SLOT, commits=0)
    again = store.read(SLOT, asked)
    assert np.array_equal(again[0], index)
    assert np.array_equal(again[1], values)


def test_large_tables_are_read_the_same_by_name_and_as_a_whole() -> None:
    store, slot = FeatureStore(), FeatureKey("wide", 1, Preprocessing(), "", "fp32", 16)
    keys = [f"k{i:05d}" for i in range(9000)]
    values = [rows(key, 1 + (i % 7 == 0), 16) for i, key in enumerate(keys)]
    for start in range(0, 9000, 1500):
        store.append(slot, keys[start : start + 1500], values[start : start + 1500])
    order = np.random.default_rng(0).permutation(9000)
    for _ in range(2):
        index, read = store.read(slot, [keys[i] for i in order])
        assert np.array_equal(read, np.concatenate([values[i] for i in order]))
        assert np.array_equal(index, np.repeat(np.arange(9000), [len(values[i]) for i in order]))
        store.compact(slot, commits=0)
    few = order[:40]
    assert np.array_equal(
        store.read(slot, [keys[i] for i in few])[1], np.concatenate([values[i] for i in few])
    )
    assert store.missing(slot, ["it's", *keys[:3]]) == ["it's"]


def test_compacting_joins_commits_once_there_are_many() -> None:
    store = FeatureStore()
    data = store.root / f"{SLOT.table}.lance" / "data"
    for i in range(12):
        store.append(SLOT, [f"k{i}"], [rows(f"k{i}")])
    store.compact(SLOT)
    assert len(list(data.iterdir())) == 12
    store.compact(SLOT, commits=12)
    assert len(list(data.iterdir())) == 13  # the joined one; the old ones stay a while
    assert len(store.read(SLOT, [f"k{i}" for i in range(12)])[1]) == 12
    store.compact(FeatureKey("never", 1, Preprocessing(), "", "fp32", 4), commits=0)


def test_every_field_of_a_key_gives_another_table() -> None:
    others = [
        FeatureKey("hog2", 1, Preprocessing(), "", "fp32", 4),
        FeatureKey("hog", 2, Preprocessing(), "", "fp32", 4),
        FeatureKey("hog", 1, Preprocessing(resize=255), "", "fp32", 4),
        FeatureKey("hog", 1, Preprocessing(mean=(0.5, 0.5, 0.5)), "", "fp32", 4),
        FeatureKey("hog", 1, Preprocessing(), "ab", "fp32", 4),
        FeatureKey("hog", 1, Preprocessing(), "", "bf16", 4),
        FeatureKey("hog", 1, Preprocessing(), "", "fp32", 5),
    ]
    assert len({slot.table for slot in [SLOT, *others]}) == 8
    assert FeatureKey("hog", 1, Preprocessing(), "", "fp32", 4).table == SLOT.table
    store = FeatureStore()
    store.append(SLOT, ["a"], [rows("a")])
    assert all(store.missing(slot, ["a"]) == ["a"] for slot in others)
    assert "/" not in FeatureKey("open_clip:ViT-B/32", 1, Preprocessing(), "", "fp32", 4).table


def test_a_table_stored_under_its_pinned_name_and_fields_is_read(cache: Path) -> None:
    name = "hog-7d50753360ee7506"
    fields = {
        "table": name,
        "backbone": "hog",
        "version": 1,
        "prepare": {
            "resize": 256,
            "crop": [224, 224],
            "interpolation": "bilinear",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "raw": False,
        },
        "weights_sha": "",
        "precision": "fp32",
        "dim": 9,
    }
    folder = cache / "features"
    folder.mkdir(parents=True)
    (folder / "layout.json").write_text('{"layout": 1}')
    (folder / f"{name}.slot.json").write_text(json.dumps(fields))
    vector = pa.array([[float(i) for i in range(9)]], pa.list_(pa.float32(), 9))
    part, parts = pa.array([0], pa.int16()), pa.array([1], pa.int16())
    columns = {"key": ["a"], "part": part, "parts": parts, "vector": vector}
    schema = pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("part", pa.int16(), nullable=False),
            pa.field("parts", pa.int16(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), 9)),
        ]
    )
    table = pa.table(columns, schema)
    lancedb.connect(folder).create_table(name, table)
    key, store = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 9), FeatureStore()
    assert key.table == name
    assert store.missing(key, ["a", "b"]) == ["b"]
    assert store.read(key, ["a"])[1].tolist() == [list(range(9))]
    (size,) = store.sizes()
    assert (size.key, size.images) == (key, 1)
    store.append(key, ["b"], [np.ones((1, 9))])
    assert json.loads((folder / f"{name}.slot.json").read_text()) == fields


def test_one_store_is_shared_per_folder(tmp_path: Path) -> None:
    store = FeatureStore.shared(tmp_path)
    assert FeatureStore.shared(tmp_path) is store
    assert FeatureStore.shared() is not store
    store.append(SLOT, ["a"], [rows("a")])
    store.drop(SLOT)
    FeatureStore(tmp_path).append(SLOT, ["a"], [rows("b")])
    assert np.array_equal(store.read(SLOT, ["a"])[1], rows("b"))


@pytest.mark.parametrize(
    ("keys", "values", "error"),
    [
        (["a", "b"], [np.zeros((1, 4))], ShapeError),
        (["a"], [np.zeros(4)], ShapeError),
        (["a"], [np.zeros((1, 5))], ShapeError),
        (["a"], [np.full((1, 4), np.nan)], BadDataError),
        (["a"], [np.full((1, 4), np.inf)], BadDataError),
    ],
)
def test_features_that_do_not_fit_are_refused(
    keys: list[str], values: list[np.ndarray], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"must|not finite"):
        FeatureStore().append(SLOT, keys, values)
    assert FeatureStore().missing(SLOT, ["a"]) == ["a"]


def test_sizes_and_drop() -> None:
    store, other = (
        FeatureStore(),
        FeatureKey("color", 3, Preprocessing(resize=(8, 8), crop=None), "x", "fp32", 4),
    )
    store.append(SLOT, ["a", "b"], [rows("a", 2), rows("b", 0)])
    store.append(other, ["a"], [rows("a")])
    sizes = {size.key: size for size in store.sizes()}
    assert (sizes[SLOT].images, sizes[other].images) == (2, 1)
    assert sizes[SLOT].bytes > 100
    store.drop(SLOT)
    assert [size.key for size in store.sizes()] == [other]
    assert store.missing(SLOT, ["a"]) == ["a"]
    store.append(SLOT, ["a"], [rows("a")])
    assert store.read(SLOT, ["a"])[1].shape == (1, 4)
    store.drop(FeatureKey("never", 1, Preprocessing(), "", "fp32", 4))


def test_features_of_a_newer_layout_are_left_alone(cache: Path) -> None:
    FeatureStore().append(SLOT, ["a"], [rows("a")])
    layout = cache / "features" / "layout.json"
    layout.write_text(json.dumps({"layout": 9}))
    with pytest.raises(BadDataError, match=r"features have layout 9, .* reads layout 1\. Update"):
        FeatureStore()
    layout.write_text('{"layout": 1}')
    assert FeatureStore().missing(SLOT, ["a"]) == []


def torn(folder: Path, how: str) -> None:
    if how == "no data":
        for file in (folder / "data").iterdir():
            file.unlink()
    elif how == "half data":
        for file in (folder / "data").iterdir():
            os.truncate(file, file.stat().st_size // 2)
    else:
        for file in (folder / "_versions").iterdir():
            file.write_bytes(b"\0" * 10) if how == "no manifest" else file.unlink()


@pytest.mark.parametrize("how", ["no data", "half data", "no manifest", "no versions"])
def test_a_damaged_table_is_named_and_mended_and_others_are_readable(how: str) -> None:
    store, other = FeatureStore(), FeatureKey("color", 1, Preprocessing(), "", "fp32", 4)
    for slot in (SLOT, other):
        store.append(slot, ["a", "b"], [rows("a"), rows("b")])
    folder = store.root / f"{SLOT.table}.lance"
    torn(folder, how)
    with pytest.raises(BadDataError, match=r"features of hog .* Run `simcore extract` with"):
        FeatureStore().read(SLOT, ["a"])
    assert FeatureStore().read(other, ["b", "a"])[1].shape == (2, 4)
    assert {size.key for size in FeatureStore().sizes()} == {SLOT, other}
    FeatureStore().mend(SLOT)
    assert store.missing(SLOT, ["a"]) == ["a"]
    store.append(SLOT, ["a"], [rows("a")])
    assert store.missing(SLOT, ["a", "b"]) == ["b"]


def test_two_writers_and_a_reader_at_once(tmp_path: Path) -> None:
    code = (
        "for i in range(40):\n"
        "    keys = [f'{sys.argv[2]}{i}', f'both{i}']\n"
        "    store.append(slot, keys, [np.full((2, 64), i, 'f4'), np.full((1, 64), i, 'f4')])\n"
        "    if i % 10 == 9: store.compact(slot, commits=0)\n"
    )
    writers = [run(code, tmp_path, name) for name in ("left", "right")]
    store, slot = FeatureStore(tmp_path), FeatureKey("hog", 1, Preprocessing(), "", "fp32", 64)
    reads, ended = 0, time.monotonic() + 100
    while any(w.poll() is None for w in writers) and time.monotonic() < ended:
        asked = [f"{name}{i}" for i in range(40) for name in ("left", "right", "both")]
        absent = set(store.missing(slot, asked))
        there = [key for key in asked if key not in absent]
        index, values = store.read(slot, there)
        expected = [2 - key.startswith("both") for key in there]
        assert np.bincount(index, minlength=len(there)).tolist() == expected
        assert values[:, 0].tolist() == [
            float(key.lstrip("lefrightbo"))
            for key, n in zip(there, expected, strict=True)
            for _ in range(n)
        ]
        reads += 1
    assert [w.communicate()[1] for w in writers] == ["", ""]
    assert [w.returncode for w in writers] == [0, 0]
    assert reads > 3
    assert len(store.read(slot, asked)[1]) == 40 * 5


def test_two_writers_that_make_the_table_at_once(tmp_path: Path) -> None:
    code = (
        "import lancedb\n"
        "while time.time() < float(sys.argv[3]): pass\n"
        "for version in range(15):\n"
        "    slot = FeatureKey('hog', version, Preprocessing(), '', 'fp32', 64)\n"
        "    store.append(slot, [sys.argv[2]], [np.ones((1, 64), 'f4')])\n"
    )
    writers = [run(code, tmp_path, name, time.time() + 5) for name in ("left", "right")]
    assert [w.communicate()[1] for w in writers] == ["", ""]
    for version in range(15):
        slot = FeatureKey("hog", version, Preprocessing(), "", "fp32", 64)
        assert FeatureStore(tmp_path).missing(slot, ["left", "right"]) == []


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_commits(tmp_path: Path) -> None:
    code = (
        "for i in range(100_000):\n"
        "    store.append(slot, [f'{i}a', f'{i}b'], [np.ones((3, 64), 'f4'), np.ones((0, 64))])\n"
        "    print(i, flush=True)\n"
    )
    slot = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 64)
    for wait in (0.0, 0.013, 0.031):
        folder = tmp_path / str(wait)
        writer = run(code, folder)
        assert writer.stdout is not None
        last = next(int(line) for line in writer.stdout if int(line) >= 20)
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.communicate()[0].split())])
        store = FeatureStore(folder)
        asked = [f"{i}{side}" for i in range(last + 2) for side in "ab"]
        absent = store.missing(slot, asked)
        assert absent in ([], asked[-2:])  # told as done, or the commit that was under way
        there = asked[: len(asked) - len(absent)]
        counts = np.bincount(store.read(slot, there)[0], minlength=len(there))
        assert counts.tolist() == [3, 0] * (len(there) // 2)
        store.append(slot, absent, [np.ones((1, 64))] * len(absent))
        assert store.missing(slot, asked) == []


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal\n"
        "from simcore.errors import SimError\n"
        "store.append(slot, ['a'], [np.ones((1, 64), 'f4')])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: store.append(slot, ['b'], [np.random.rand(5000, 64)])\n"
        "except SimError as error: print(error)\n"
    )
    out, err = run(code, tmp_path).communicate()
    assert err == ""
    assert out.startswith(f"No space left on the disk of {tmp_path}. Free some")
    store, slot = FeatureStore(tmp_path), FeatureKey("hog", 1, Preprocessing(), "", "fp32", 64)
    assert store.missing(slot, ["a", "b"]) == ["b"]
    assert store.read(slot, ["a"])[1].tolist() == [[1.0] * 64]


def test_a_file_in_place_of_the_cache_folder_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        monkeypatch.setenv("SIMCORE_CACHE", str(tmp_path / place))
        with pytest.raises(SimError, match="should be a folder, but a file has that name"):
            FeatureStore()
