"""Bytes that change on disk never change a number, and what is damaged is computed again."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from simcore.cli.main import app as cli
from simcore.data.store import table_files, vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.lab.library import collections, extraction, features
from simcore.models import forward, registry
from simcore.models.extract import extraction as engine
from simcore.types import Preprocessing

KEY = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 16)
NAMES = [f"key{number}" for number in range(40)]
VALUES = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)


def fill(store: FeatureStore) -> Path:
    """Two commits of twenty images; returns the table's folder."""
    for start in (0, 20):
        part = slice(start, start + 20)
        store.append(KEY, NAMES[part], list(VALUES[part, None]))
    return Path(store.uri(KEY))


def flip(file: Path, share: float) -> None:
    """Change one bit at a share of a file's length."""
    content = bytearray(file.read_bytes())
    content[min(int(share * len(content)), len(content) - 1)] ^= 0x10
    file.write_bytes(content)


@pytest.mark.parametrize("kind", ["data/*.lance", "_versions/*.manifest"])
def test_no_flipped_bit_changes_a_number(tmp_path, kind):
    sound = fill(FeatureStore(tmp_path / "sound"))
    noticed = 0
    for number, share in enumerate(np.linspace(0, 1, 12)):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "sound", root)
        files = sorted((root / sound.name).glob(kind))
        flip(files[number % len(files)], float(share))
        try:
            _, values = FeatureStore(root).read(KEY, NAMES)
        except BadDataError:
            noticed += 1
        else:
            assert np.array_equal(values, VALUES)
        mending = FeatureStore(root)
        mending.mend(KEY)
        absent = mending.missing(KEY, NAMES)
        mending.append(KEY, absent, [VALUES[NAMES.index(name), None] for name in absent])
        assert np.array_equal(FeatureStore(root).read(KEY, NAMES)[1], VALUES)
    assert noticed == 12 if kind.startswith("data") else noticed >= 3  # or old versions' manifests


def test_files_are_compared_once_per_process(tmp_path, monkeypatch):
    fill(FeatureStore(tmp_path))
    compared = []
    checksum = table_files.checksum
    monkeypatch.setattr(
        table_files, "checksum", lambda file: compared.append(file) or checksum(file)
    )
    store = FeatureStore(tmp_path)
    store.read(KEY, NAMES)
    assert len(compared) == len(set(compared)) == 3  # two commits and the manifest
    store.read(KEY, NAMES[:5])
    assert len(compared) == 3
    store.append(KEY, ["new"], [VALUES[:1]])
    assert len(set(compared)) == len(compared) == 5
    store.read(KEY, ["new"])
    assert len(compared) == 5


def test_tables_of_older_versions_are_recorded_when_first_read(tmp_path):
    folder = fill(FeatureStore(tmp_path))
    (folder / table_files.FILE).unlink()
    assert np.array_equal(FeatureStore(tmp_path).read(KEY, NAMES)[1], VALUES)
    flip(next((folder / "data").iterdir()), 0.5)
    with pytest.raises(BadDataError, match="damaged on disk"):
        FeatureStore(tmp_path).read(KEY, NAMES)


def test_damaged_checksums_and_stray_files_accuse_no_table(tmp_path):
    folder = fill(FeatureStore(tmp_path))
    for content in (b"", b"[1, 2]", b"\xff{"):
        (folder / table_files.FILE).write_bytes(content)
        assert np.array_equal(FeatureStore(tmp_path).read(KEY, NAMES)[1], VALUES)
    (folder / "data" / "0.lance").write_bytes(b"half of a file that is being written")
    assert np.array_equal(FeatureStore(tmp_path).read(KEY, NAMES)[1], VALUES)
    (folder / "data" / "0.lance").write_bytes(b"now all of it")
    assert np.array_equal(FeatureStore(tmp_path).read(KEY, NAMES)[1], VALUES)


def test_compaction_and_an_index_keep_checksums(tmp_path):
    store = FeatureStore(tmp_path)
    names = [f"{number}" for number in range(1200)]
    values = np.random.default_rng(0).normal(size=(1200, 1, 16)).astype(np.float32)
    for start in range(0, 1200, 200):
        store.append(KEY, names[start : start + 200], list(values[start : start + 200]))
    store.compact(KEY, commits=1)
    index = vector_index.build(store, KEY, "l2")
    again = FeatureStore(tmp_path)
    assert np.array_equal(again.read(KEY, names)[1], values[:, 0])
    assert vector_index.search(again, KEY, index, values[7, 0], 3)[0][0] == "7"
    for file in (Path(store.uri(KEY)) / "_indices").rglob("*.idx"):
        flip(file, 0.5)
    with pytest.raises(BadDataError, match="damaged on disk"):
        vector_index.search(FeatureStore(tmp_path), KEY, index, values[7, 0], 3)


def test_a_damaged_table_is_missing_in_the_app_until_it_is_extracted(tiny):
    collection = collections.open_(tiny)
    before = features.for_side(collection, collection.left, "hog").values
    key = features.collection_key(collection, "hog")
    assert key is not None
    features.memory.clear()
    assert features.is_ready(collection, "hog")
    flip(next((Path(FeatureStore.shared().uri(key)) / "data").iterdir()), 0.5)
    FeatureStore.shared().files(key).verified.clear()
    with pytest.raises(BadDataError, match=r"have been set aside\. Run `simcore extract`"):
        features.for_side(collection, collection.left, "hog")
    assert not features.is_ready(collection, "hog")  # though it was, and that was remembered
    assert "hog" not in collections.extracted_backbones(tiny)
    assert extraction.extract(tiny, ["hog"]).computed == {"hog": 12}
    after = features.for_side(collection, collection.left, "hog").values
    assert np.array_equal(before, after)


@pytest.mark.parametrize("state", ["empty folder", "no manifest", "no data", "garbage"])
def test_extraction_mends_what_a_full_disk_or_a_crash_left(tiny, state):
    collection = collections.open_(tiny)
    key = features.collection_key(collection, "hog")
    assert key is not None
    folder = Path(FeatureStore.shared().uri(key))
    if state == "empty folder":
        shutil.rmtree(folder)
        folder.mkdir()
    elif state == "no manifest":
        shutil.rmtree(folder / "_versions")
    elif state == "no data":
        shutil.rmtree(folder / "data")
    else:
        (folder / table_files.FILE).unlink()
        for file in (folder / "_versions").iterdir():
            file.write_bytes(b"\0" * 100)
    features.memory.clear()
    assert "hog" not in [count.backbone for count in collections.feature_counts(tiny)]
    result = CliRunner().invoke(cli, ["extract", tiny, "--models", "hog"])
    assert result.exit_code == 0, result.output
    assert "damaged on disk" in result.output
    features.memory.clear()
    assert features.is_ready(collections.open_(tiny), "hog")
    assert (
        CliRunner().invoke(cli, ["extract", tiny, "--models", "hog"]).output.count("damaged") == 0
    )


def test_two_writers_of_the_same_images_store_each_once(tmp_path):
    stores = [FeatureStore(tmp_path) for _ in range(2)]
    barrier = threading.Barrier(2)

    def write(store: FeatureStore) -> None:
        for start in range(0, 40, 8):
            barrier.wait()
            store.append(KEY, NAMES[start : start + 8], list(VALUES[start : start + 8, None]))

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = FeatureStore(tmp_path).table(KEY)
    assert table.count_rows() == 40
    assert np.array_equal(FeatureStore(tmp_path).read(KEY, NAMES)[1], VALUES)


def test_two_extractions_at_once_store_each_image_once(tiny, monkeypatch):
    spec = registry.get("color")
    FeatureStore.shared().drop(engine.feature_key(spec, "fp32"))
    images = collections.open_(tiny).left
    barrier, compute = threading.Barrier(2), forward.forward

    def both_at_once(*args):
        barrier.wait(30)
        return compute(*args)

    monkeypatch.setattr(forward, "forward", both_at_once)
    errors: list[Exception] = []

    def extract() -> None:
        try:
            store = FeatureStore()
            engine.extract(images, [spec], store=store, device="cpu", batch=2)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=extract) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert FeatureStore().table(engine.feature_key(spec, "fp32")).count_rows() == len(images)


def test_a_process_that_dies_while_it_writes_locks_nobody_out(tmp_path):
    code = (
        "import os, sys\n"
        "from tests.data.store.test_damage import *\n"
        "store = FeatureStore(sys.argv[1])\n"
        "with store.files(KEY).lock(): os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
    fill(FeatureStore(tmp_path))


def test_a_lock_that_is_held_too_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "LOCK_SECONDS", 0.1)
    held = FeatureStore(tmp_path).files(KEY)
    assert held is not None
    with held.lock(), pytest.raises(SimError, match="Another process has been writing"):
        fill(FeatureStore(tmp_path))
