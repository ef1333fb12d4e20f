"""Extraction by many processes: what a worker writes, what the driver makes visible."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from simcore.data import images
from simcore.data.store import fragments
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.models import registry
from simcore.models.extract import extraction, ray_driver, ray_worker
from simcore.models.extract.ray_worker import Unit, UnitResult, Worker, WorkerSettings
from simcore.types import ImageSet, Monitor, Preprocessing

pytest.importorskip("lance", reason="pylance is not installed: pip install -e .[ray]")
SLOT = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 4)
NAMES = ("hog", "layout")


def values(*counts: int) -> list[np.ndarray]:
    return [np.full((n, 4), i, np.float32) for i, n in enumerate(counts)]


def visible(store: FeatureStore, slot: FeatureKey) -> list[str]:
    return store.table(slot).search().select(["key"]).to_arrow().column("key").to_pylist()


def settings(store: FeatureStore, tables: dict[str, str], token: str = "7") -> WorkerSettings:
    return WorkerSettings(store.place.address, "cpu", "fp32", tables, trim=0, token=token)


@pytest.fixture
def worker(store, image_set) -> Iterator:
    """A worker in this process, its units, the feature keys and the images."""
    images = image_set(20)
    feature_keys = {name: extraction.feature_key(registry.get(name), "fp32") for name in NAMES}
    for key in feature_keys.values():
        store.create_table(key)
    todo = {name: store.missing(key, images.keys) for name, key in feature_keys.items()}
    store.place.write("run-7/began", b"7")
    actor = Worker(settings(store, {n: key.table for n, key in feature_keys.items()}))
    return actor, ray_driver.split_into_units(images, todo, 1), feature_keys, images


def call(actor: Worker, unit: Unit) -> UnitResult:
    (result,) = actor({"unit": np.array([unit.to_json()], object)})["result"]
    return UnitResult.from_json(result)


def test_fragments_are_seen_all_at_once_and_read_as_rows_of_the_store(tmp_path):
    store, plain = FeatureStore(tmp_path / "a"), FeatureStore(tmp_path / "b")
    keys, rows = ["two", "none", "one", "last"], values(2, 0, 1, 3)
    plain.append(SLOT, keys, rows)
    store.create_table(SLOT)
    writers = [fragments.Fragments(store) for _ in range(2)]
    writers[0].append(SLOT, keys[:2], rows[:2])
    writers[1].append(SLOT, keys[2:], rows[2:])
    writers[1].append(SLOT, [], [])
    assert store.missing(SLOT, keys) == keys  # written, not visible
    fragments.commit(store, SLOT, [one for w in writers for one in w.written[SLOT.table]])
    assert store.missing(SLOT, keys) == []
    wanted = ["last", "none", "two", "last"]
    for committed, appended in zip(store.read(SLOT, wanted), plain.read(SLOT, wanted), strict=True):
        assert np.array_equal(committed, appended)
    assert store.table(SLOT).schema == plain.table(SLOT).schema
    assert store.table(SLOT).to_arrow().sort_by("key") == plain.table(SLOT).to_arrow().sort_by(
        "key"
    )
    store.append(SLOT, ["more"], values(1))
    store.compact(SLOT, commits=0)
    assert len(visible(store, SLOT)) == 8


def test_what_is_not_committed_can_be_removed(tmp_path):
    store = FeatureStore(tmp_path)
    store.append(SLOT, ["a"], values(1))
    writer = fragments.Fragments(store)
    writer.append(SLOT, ["b"], values(1))
    files = store.place.files(f"{SLOT.table}.lance/data")
    fragments.delete(store, SLOT, writer.written[SLOT.table])
    assert len(store.place.files(f"{SLOT.table}.lance/data")) == len(files) - 1
    assert visible(store, SLOT) == ["a"]
    with pytest.raises(BadDataError, match="The features of hog cannot be written"):
        fragments.commit(store, SLOT, ["{}"])


def test_a_workers_features_are_those_of_the_local_engine(worker, store, tmp_path):
    actor, units, feature_keys, images = worker
    assert len(units) > 5
    results = [call(actor, unit) for unit in units]
    assert all(not result.error and not result.unavailable for result in results)
    for key in feature_keys.values():
        assert visible(store, key) == []
        fragments.commit(store, key, [f for r in results for f in r.fragments[key.table]])
        assert sorted(visible(store, key)) == sorted(images.keys)
    local = FeatureStore(tmp_path / "local")
    extraction.extract(images, [registry.get(n) for n in NAMES], store=local, device="cpu")
    for key in feature_keys.values():
        np.testing.assert_allclose(
            store.read(key, images.keys)[1], local.read(key, images.keys)[1], atol=1e-5
        )


def committer(store, feature_keys, images, monitor=Monitor()):
    todo = {name: list(images.keys) for name in feature_keys}
    return ray_driver.Committer(store, feature_keys, todo, monitor)


def test_a_unit_that_arrives_twice_counts_once_and_its_second_files_are_deleted(worker, store):
    actor, units, feature_keys, images = worker
    reports = []
    commits = committer(store, feature_keys, images, Monitor(reports.append))
    commits.commit_all([call(actor, units[0]), call(actor, units[1]), call(actor, units[0])])
    key = feature_keys["hog"]
    assert sorted(visible(store, key)) == sorted([*units[0].keys, *units[1].keys])
    assert len(store.place.files(f"{key.table}.lance/data")) == 2
    assert commits.done == dict.fromkeys(NAMES, len(visible(store, key)))
    assert reports[-1].done == commits.done["layout"]
    assert reports[-1].total == 20


def test_stopping_and_failing_keep_what_arrived(worker, store):
    actor, units, feature_keys, images = worker
    results = [call(actor, unit) for unit in units[:3]]
    commits = committer(store, feature_keys, images, Monitor(stop=lambda: True))
    commits.commit_all(results)
    assert sorted(visible(store, feature_keys["hog"])) == sorted(units[0].keys)
    commits = committer(store, feature_keys, images)
    with pytest.raises(SimError, match="it broke"):
        commits.commit_all([results[1], UnitResult(9, error="it broke")])
    assert len(visible(store, feature_keys["hog"])) == len(units[0].keys) + len(units[1].keys)


def test_a_unit_that_ends_too_many_workers_is_an_error(worker):
    actor, units, _, _ = worker
    for _ in range(ray_worker.MAX_ATTEMPTS):
        assert call(actor, units[0]).error == ""
    assert f"ended {ray_worker.MAX_ATTEMPTS} workers" in call(actor, units[0]).error
    assert call(actor, units[1]).error == ""


def test_a_worker_without_the_images_store_or_weights_says_so(worker, store, tmp_path):
    actor, units, feature_keys, _ = worker
    gone = replace(units[0], paths=(str(tmp_path / "gone.png"),) * len(units[0].paths))
    assert "none of the images can be read here" in call(actor, gone).error
    tables = {name: key.table for name, key in feature_keys.items()}
    other_store = Worker(settings(store, tables, token="8"))
    assert "is not the driver's" in call(other_store, units[0]).error
    other_weights = Worker(settings(store, {"hog": "hog-of-other-weights"}))
    assert "hog has other weights or another version" in call(other_weights, units[0]).error


def test_units_hold_each_picture_once_and_only_what_is_missing(image_set, store):
    images = image_set(10).take([0, 1, 2, 3])
    todo = {"hog": [images.keys[2]], "layout": [images.keys[0], images.keys[2]]}
    units = ray_driver.split_into_units(images, todo, 1)
    assert [unit.keys for unit in units] == [(images.keys[0],), (images.keys[2],)]
    assert units[0].todo == {"hog": [], "layout": [images.keys[0]]}
    assert Unit.from_json(units[0].to_json()) == units[0]
    assert ray_driver.split_into_units(images, {"hog": []}, 2) == []


def test_without_ray_the_error_says_how_to_install_it(image_set, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        BadDataError, match=r'Ray, which is not installed.*pip install -e "\.\[ray\]"'
    ):
        ray_driver.run(image_set(1), [registry.get("hog")], store=store)


# A real cluster: Ray's own processes, a driver that is the command line.


@dataclass(frozen=True)
class RayCluster:
    """A cluster of its own: where it answers, the environment of its drivers, its processes."""

    address: str
    env: dict[str, str]
    head: subprocess.Popen[str]

    def end(self, sign: int = signal.SIGTERM) -> None:
        """End all of its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.head.pid, sign)


@contextmanager
def running_cluster(cache: Path) -> Iterator[RayCluster]:
    """`ray start --head` with three CPUs."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e .[ray]")
    env = os.environ | {
        "SIMCORE_CACHE": str(cache),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",  # as from Ray 2.61 on everywhere; a token of this cluster's own
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        head = subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
                *(f"--port={port}", "--num-cpus=3", "--include-dashboard=false"),
                *("--node-ip-address=127.0.0.1", f"--temp-dir={short}"),
                "--object-store-memory=100000000",
            ],
            env=env,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        cluster = RayCluster(f"127.0.0.1:{port}", env, head)
        try:
            assert head.stdout is not None
            for line in head.stdout:
                if "--block" in line:
                    break
            yield cluster
        finally:
            cluster.end()
            try:
                head.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                cluster.end(signal.SIGKILL)
                head.communicate()


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A cluster for the tests that leave it as it is."""
    with running_cluster(tmp_path_factory.mktemp("cache")) as cluster:
        yield cluster


def simcore(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simcore", *args],
        env=env,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def actors() -> list[int]:
    """Processes of our worker class."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                line = (place / "cmdline").read_bytes()
            except OSError:
                continue
            if line.startswith(b"ray::MapWorker(MapBatches(Worker))"):
                found.append(int(place.name))
    return found


@dataclass(frozen=True)
class Drawn:
    """A collection of 80 pictures that are slow to decode, and where its features will be."""

    name: str
    folder: Path
    keys: list[str]
    store: FeatureStore

    @property
    def slot(self) -> FeatureKey:
        return extraction.feature_key(registry.get("hog"), "fp32")

    def files(self) -> int:
        """How many files of features were written, visible or not."""
        return len(self.store.place.files(f"{self.slot.table}.lance/data"))

    def rows(self) -> list[str]:
        """Keys of the visible rows that belong to this collection."""
        return [key for key in visible(self.store, self.slot) if key in set(self.keys)]


@pytest.fixture
def draw_collection(tmp_path, draw) -> Callable[[RayCluster], Drawn]:
    """Make a collection of new pictures in the cache of a cluster."""

    def drawn(cluster: RayCluster) -> Drawn:
        folder = tmp_path / "pictures"
        folder.mkdir()
        start = int.from_bytes(os.urandom(4), "big")
        for i in range(80):
            draw(start + i, 100, 80).resize((1800, 1500)).save(folder / f"p{i}.jpg")
        name = f"c{start}"
        added = simcore(cluster.env, "collections", "add", "images", str(folder), "--name", name)
        assert "80 images" in "".join(added.communicate(timeout=120))
        keys = [images.content_key((folder / f"p{i}.jpg").read_bytes()) for i in range(80)]
        store = FeatureStore(Path(cluster.env["SIMCORE_CACHE"]) / "features")
        return Drawn(name, folder, keys, store)

    return drawn


def extract(cluster: RayCluster, name: str, **env: str) -> subprocess.Popen[str]:
    """`simcore extract` on a cluster with two workers."""
    command = ["extract", name, "--models", "hog", "--engine", "ray", "--workers", "2", "--json"]
    return simcore(cluster.env | env, *command, "--address", cluster.address)


def wait_for(done, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    shared_cluster, draw_collection, tmp_path
):
    drawn = draw_collection(shared_cluster)
    before = drawn.files()
    run = extract(shared_cluster, drawn.name)
    wait_for(lambda: drawn.files() >= before + 2)
    victims = actors()
    assert len(victims) == 2
    os.kill(victims[0], signal.SIGKILL)
    assert drawn.rows() == []  # nothing is visible half-way
    wait_for(lambda: len(set(actors()) - set(victims)) == 1)  # another took its place
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    document = json.loads(out)["result"]
    assert document["computed"] == {"hog": 80}
    assert document["skipped"] == []
    assert sorted(drawn.rows()) == sorted(drawn.keys)  # each once
    local = FeatureStore(tmp_path / "local")
    paths = tuple(drawn.folder / f"p{i}.jpg" for i in range(80))
    held = ImageSet(tuple(drawn.keys), paths, tuple(drawn.keys))
    extraction.extract(held, [registry.get("hog")], store=local, device="cpu")
    np.testing.assert_allclose(
        drawn.store.read(drawn.slot, drawn.keys)[1],
        local.read(drawn.slot, drawn.keys)[1],
        atol=1e-5,
    )  # the same numbers
    assert not [name for name, _ in drawn.store.place.files("") if name.startswith("run-")]


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_half_and_the_next_goes_on(
    shared_cluster, draw_collection
):
    drawn = draw_collection(shared_cluster)
    before = drawn.files()
    run = extract(shared_cluster, drawn.name)
    wait_for(lambda: drawn.files() >= before + 2)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert drawn.rows() == []
    out, err = extract(shared_cluster, drawn.name).communicate(timeout=240)
    assert json.loads(out)["result"]["computed"] == {"hog": 80}, err
    assert sorted(drawn.rows()) == sorted(drawn.keys)
    out, _ = extract(shared_cluster, drawn.name).communicate(timeout=240)
    assert json.loads(out)["result"]["cached"] == {"hog": 80}


@pytest.mark.slow
def test_a_cluster_that_is_lost_loses_nothing_that_is_stored(tmp_path, draw_collection):
    # Ray ends the driver itself, so the exit status is all that the command can say.
    with running_cluster(tmp_path / "cache") as cluster:
        drawn = draw_collection(cluster)
        run = extract(cluster, drawn.name)
        wait_for(lambda: drawn.files() >= 2)
        cluster.end(signal.SIGKILL)
        out, err = run.communicate(timeout=240)
    assert run.returncode == 1, err
    assert "Traceback" not in out + err
    assert out == ""
    local = simcore(cluster.env, "extract", drawn.name, "--models", "hog", "--json")
    out, err = local.communicate(timeout=240)
    assert local.returncode == 0, err
    assert sorted(drawn.rows()) == sorted(drawn.keys)


@pytest.mark.slow
def test_a_token_that_is_no_longer_valid_is_one_sentence(shared_cluster, draw_collection):
    drawn = draw_collection(shared_cluster)
    token = secrets.token_hex(32)
    run = extract(shared_cluster, drawn.name, RAY_AUTH_TOKEN=token)
    out, err = run.communicate(timeout=240)
    assert run.returncode == 1, err
    assert "Traceback" not in out + err
    assert token not in out + err
    assert "RAY_AUTH_TOKEN" in json.loads(out)["error"]
    assert drawn.rows() == []
