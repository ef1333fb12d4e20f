"""The feature store and images in S3, against a server in its own process."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simcore.data import images, storage
from simcore.data.collections import collection_catalog
from simcore.data.store import fragments, vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, BadImageError, SimError
from simcore.lab.library import collections, extraction
from simcore.lab.library.features import FeatureCount
from simcore.types import Preprocessing

SLOT = FeatureKey("net", 1, Preprocessing(), "", "fp32", 8)


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3://b", "s3://Bucket/x", "s3://key:secret@bucket/x", "s3://bucket/x?region=y"],
)
def test_an_invalid_address_is_refused_without_repeating_a_secret(address: str) -> None:
    with pytest.raises(
        BadDataError, match="not an address of the form s3://bucket/folder"
    ) as error:
        storage.parse_s3(address)
    assert "key:secret" not in str(error.value)


def test_a_local_folder_is_written_listed_and_emptied(tmp_path: Path) -> None:
    assert storage.parse_s3("s3:/bucket/a/b/") == "s3://bucket/a/b"
    assert not storage.is_remote(tmp_path / "s3:" / "bucket")
    place = storage.Folder(tmp_path / "made")
    assert place.read("none") is None
    assert place.files("none") == []
    place.write("deep/a.json", b'{"x": 1}')
    assert place.json("deep/a.json") == {"x": 1}
    assert place.files("deep") == [("a.json", 8)]
    place.remove("deep")
    place.remove("deep")
    assert not place.has("deep")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """moto's S3 over HTTP; its address."""
    pytest.importorskip("moto", reason="moto is not installed: pip install -e .[test]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address, ended = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < ended
                assert run.poll() is None
                time.sleep(0.1)
        yield address
    finally:
        run.terminate()
        run.wait(30)


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A new bucket, and an environment that leads to it."""
    name = f"b{time.time_ns()}"
    asked = urllib.request.Request(f"{server}/{name}", method="PUT")
    urllib.request.urlopen(asked, timeout=30).close()
    for variable, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "made",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(variable, value)
    return f"s3://{name}"


def put(address: str, data: bytes) -> None:
    system, where = storage.filesystem(address.rpartition("/")[0])
    with system.open_output_stream(f"{where}/{address.rpartition('/')[2]}") as stream:
        stream.write(data)


def values(*counts: int) -> list[np.ndarray]:
    return [np.full((n, 8), i, np.float32) for i, n in enumerate(counts)]


@pytest.mark.slow
def test_a_store_in_s3_works_as_one_on_disk(bucket: str) -> None:
    store = FeatureStore(f"{bucket}/features/")
    assert store.sizes() == []
    assert store.missing(SLOT, ["a"]) == ["a"]
    store.append(SLOT, ["two", "none"], values(2, 0))
    store.append(SLOT, ["one"], values(1))
    again = FeatureStore(f"{bucket}/features")
    assert again.missing(SLOT, ["two", "none", "x"]) == ["x"]
    assert again.read(SLOT, ["one", "none", "two"])[0].tolist() == [0, 2, 2]
    (size,) = again.sizes()
    assert (size.key, size.images) == (SLOT, 3)
    assert size.bytes > 100
    again.compact(SLOT, commits=0)
    writer = fragments.Fragments(again)
    writer.append(SLOT, ["later"], values(1))
    assert store.missing(SLOT, ["later"]) == ["later"]
    fragments.commit(store, SLOT, writer.written[SLOT.table])
    assert again.missing(SLOT, ["later", "one"]) == []
    many = np.random.default_rng(0).standard_normal((1100, 1, 8)).astype(np.float32)
    store.append(SLOT, [f"k{i}" for i in range(1100)], list(many))
    index = vector_index.build(store, SLOT, "l2")
    assert vector_index.load(again, SLOT) == index
    assert vector_index.search(again, SLOT, index, many[7, 0], 1)[0] == ["k7"]
    again.drop(SLOT)
    assert store.sizes() == []
    assert store.missing(SLOT, ["one"]) == ["one"]
    assert vector_index.load(store, SLOT) is None


@pytest.mark.slow
def test_two_writers_at_once_and_one_that_is_killed(bucket: str) -> None:
    code = (
        "import sys, numpy as np\n"
        "from simcore.data.store.feature_key import FeatureKey\n"
        "from simcore.data.store.feature_store import FeatureStore\n"
        "from simcore.types import Preprocessing\n"
        "slot = FeatureKey('net', 1, Preprocessing(), '', 'fp32', 8)\n"
        "store = FeatureStore(sys.argv[1])\n"
        "for i in range(int(sys.argv[3])):\n"
        "    rows = [np.full((2, 8), i, 'f4'), np.full((1, 8), i, 'f4')]\n"
        "    store.append(slot, [f'{sys.argv[2]}{i}', f'both{i}'], rows)\n"
        "    print(i, flush=True)\n"
    )
    root = f"{bucket}/features"
    run = [
        subprocess.Popen(
            [sys.executable, "-c", code, root, name, count],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, count in (("left", "12"), ("right", "12"), ("killed", "100000"))
    ]
    assert run[2].stdout is not None
    last = next(int(line) for line in run[2].stdout if int(line) >= 5)
    run[2].send_signal(signal.SIGKILL)
    last = max([last, *(int(line) for line in run[2].communicate()[0].split())])
    for writer in run[:2]:
        assert writer.communicate(timeout=200)[1] == ""
    store = FeatureStore(root)
    asked = [f"{name}{i}" for i in range(12) for name in ("left", "right", "both")]
    index, found = store.read(SLOT, asked)
    expected = [2 - key.startswith("both") for key in asked]
    assert np.bincount(index).tolist() == expected
    assert found[:, 0].tolist() == [
        float(key.lstrip("lefrightbo"))
        for key, n in zip(asked, expected, strict=True)
        for _ in range(n)
    ]
    asked = [f"killed{i}" for i in range(last + 2)]
    absent = store.missing(SLOT, asked)
    assert absent in ([], asked[-1:])
    assert len(store.read(SLOT, asked[: len(asked) - len(absent)])[1]) == 2 * (
        len(asked) - len(absent)
    )


@pytest.mark.slow
def test_images_in_s3_become_a_collection_with_features_in_s3(
    bucket: str, draw, encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side in ("left", "right"):
        for i, name in enumerate("abc"):
            put(f"{bucket}/set/{side}/{name} 1.png", encode(draw(i + 9 * (side == "right"))))
    put(f"{bucket}/set/left/bad.png", b"no image")
    put(f"{bucket}/set/right/bad.png", encode(draw(5)))
    put(f"{bucket}/set/right/alone.png", encode(draw(6)))
    made = collections.add("pairs", f"{bucket}/set", name="away")
    assert made.left.ids == ("a 1", "b 1", "c 1")
    assert made.source == f"{bucket}/set"
    assert {skipped.name.partition(",")[0] for skipped in made.skipped} == {"bad", "alone"}
    assert images.read(collections.open_("away").left.paths[1]) == encode(draw(1))
    assert collections.picture(made.left.keys[0]).is_file()  # a thumbnail on this disk
    monkeypatch.setenv("SIMCORE_STORE", f"{bucket}/features")
    first = extraction.extract("away", ["layout"], device="cpu")
    assert (first.computed, first.skipped) == ({"layout": 6}, ())
    assert extraction.extract("away", ["layout"], device="cpu").cached == {"layout": 6}
    assert collections.feature_counts("away") == [FeatureCount("layout", 6, 6)]
    assert not list(Path(os.environ["SIMCORE_CACHE"]).glob("features/*"))
    flat = collections.add("images", f"{bucket}/set/left/", name="flat")
    assert flat.left.keys == made.left.keys
    storage.Folder(f"{bucket}/set/left").remove("a 1.png")
    with pytest.raises(BadImageError, match=r"a 1\.png cannot be read"):
        images.read(made.left.paths[0])


@pytest.mark.slow
def test_absent_buckets_and_folders_are_reported(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SimError, match=r"s3://no-such-bucket/x cannot be reached"):
        FeatureStore("s3://no-such-bucket/x")
    with pytest.raises(BadDataError, match=r"^s3://.* has no left/ and right/"):
        collection_catalog.add("pairs", f"{bucket}/none", name="none")
    with pytest.raises(BadDataError, match="cannot be read from S3, only images and pairs"):
        collection_catalog.add("tll", f"{bucket}/none", name="none")
    with pytest.raises(BadDataError, match="There is no folder"):
        collection_catalog.add("images", f"{bucket}/none", name="none")
    assert collection_catalog.names() == []
