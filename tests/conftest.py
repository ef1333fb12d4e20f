"""Fixtures of all tests: an empty cache per test, drawn pictures, and a prepared collection."""

import gc
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from simcore import memory
from tests.cpu_times import CpuTimes
from tests.postgres import Cluster

ROOT = Path(__file__).parents[1]
# A worker per core: PyTorch's threads beside it wait for each other and take the time of others.
# Set before PyTorch is imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Each test has a cache of its own, but what numba compiles is the same for all.
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / "cache" / "libraries" / "numba-tests")
# A process that a test starts would compile the sources again, for a third of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
BROWSER_TESTS = "tests/pages/browser/"
LONG = {"test_style", "test_server", "test_kiosk", "test_jobs", "test_database", "test_registry"}
MODELS = ["hog", "layout", "color"]  # features that need no weights
Draw = Callable[..., Image.Image]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cpu-times",
        type=int,
        metavar="N",
        help="List the N test files, and the N tests, that take most CPU seconds.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if count := config.getoption("--cpu-times"):
        config.pluginmanager.register(CpuTimes(count))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that none of them keeps one worker busy at the end."""
    items.sort(key=lambda item: "browser" not in item.keywords and item.path.stem not in LONG)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker per file, but the browser tests together: they share a server.

    They wait more than they compute. On one worker they do so for the whole time that the others
    need to keep two cores busy; on all workers at once nobody computed.
    """
    from xdist.scheduler import LoadFileScheduling

    class BrowserTestsTogether(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return BROWSER_TESTS if file.startswith(BROWSER_TESTS) else file

    return BrowserTestsTogether(config, log)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int | None:
    """Two workers more than there are cores: tests wait for browsers, servers and jobs."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + 2


def pytest_collection_finish() -> None:
    """All that is imported by now stays: a tenth of the time went into looking through it again.

    Python looks for garbage after 700 new objects, and tests make millions.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


MAIN = sys.modules["__main__"]


@pytest.fixture(autouse=True)
def main_module() -> None:
    """The main module of the test run: AppTest replaces it by the page, and a spawned process
    would then run that page first."""
    sys.modules["__main__"] = MAIN


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache for each test, on disk and in memory."""
    memory.clear()
    folder = tmp_path / "cache"
    monkeypatch.setenv("SIMCORE_CACHE", str(folder))
    # Parallel test processes have a COLUMNS, which would fold tables.
    for name in ("SIMCORE_DATABASE_URL", "SIMCORE_STORE", "SIMCORE_SEARCH", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    if database := sys.modules.get("simcore.data.answers.database"):
        database.close()


@contextmanager
def cache_below(folder: Path) -> Iterator[Path]:
    """A cache in `folder` until the block ends: to prepare once what several tests copy."""
    memory.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder / "cache"))
        yield folder / "cache"
    memory.clear()


def draw(seed: int = 0, width: int = 200, height: int = 245) -> Image.Image:
    """A picture with a gradient, a few shapes and some noise; another seed, another picture."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, width)[None, :, None] * random.integers(40, 200, 3)
    image = Image.fromarray(np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        r, color = int(random.integers(3, 40)), tuple(int(c) for c in random.integers(0, 256, 3))
        (pen.ellipse if random.random() < 0.5 else pen.rectangle)((x, y, x + r, y + r), fill=color)
    noise = random.integers(-8, 9, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8))


def draw_pairs(folder: Path, count: int) -> None:
    """Write `count` drawn pairs; a right image is the left one, turned by 8 degrees."""
    for side, angle in (("left", 0), ("right", 8)):
        (folder / side).mkdir(parents=True)
        for number in range(count):
            draw(number, 70, 70).rotate(angle).save(folder / side / f"{number:02}.png")


def extracted_pairs(folder: Path, name: str, count: int, models: Sequence[str]) -> Path:
    """A cache with a collection of `count` drawn pairs and their features, for tests to copy."""
    from simcore.lab.library import collections, extraction

    draw_pairs(folder / "pairs", count)
    with cache_below(folder):
        collections.add("pairs", folder / "pairs", name=name)
        extraction.extract(name, models)
    return folder / "cache"


@pytest.fixture(name="draw")
def _draw() -> Draw:
    """`draw(seed, width, height)` -> PIL image."""
    return draw


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """`encode(image, "PNG", **options)` -> the file's bytes."""

    def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    return encoded


def make_pairs(root: Path) -> Path:
    """Write the pictures of `pairs_folder` below `root`."""
    for side in ("left", "right"):
        (root / side).mkdir(parents=True)
    for seed, name in enumerate("abcdef"):
        picture = draw(seed)
        picture.save(root / "left" / f"{name}.png")
        picture.rotate(4).save(root / "right" / f"{name}.png")
    return root


@pytest.fixture(scope="session")
def drawn_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of `pairs_folder`, drawn once per session."""
    return make_pairs(tmp_path_factory.mktemp("drawn") / "pairs")


@pytest.fixture
def pairs_folder(drawn_pairs: Path, tmp_path: Path) -> Path:
    """left/ and right/ with six pictures each, mates alike, named a.png to f.png."""
    return Path(shutil.copytree(drawn_pairs, tmp_path / "pairs"))


@pytest.fixture
def hard_folder(tmp_path: Path) -> Path:
    """As `pairs_folder`, but the pictures on the right do not resemble those on the left."""
    root = tmp_path / "hard"
    for side in ("left", "right"):
        (root / side).mkdir(parents=True)
        for seed, name in enumerate("abcdef"):
            draw(seed + 20 * (side == "right")).save(root / side / f"{name}.png")
    return root


@pytest.fixture(scope="session")
def real_pairs() -> Path:
    """1,000 real pairs in the Kaggle form, beside the repository; skipped if they are absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "tll-sample"
    if not path.is_dir():
        pytest.skip(f"no real pairs at {path}")
    return path


def make_bapps(
    root: Path, distortions: dict[str, list[float]], split: str = "val", kind: str = "2afc"
) -> Path:
    """Write a dataset folder in the official layout."""
    sides = ("ref", "p0", "p1") if kind == "2afc" else ("p0", "p1")
    for number, (name, votes) in enumerate(distortions.items()):
        place = root / kind / split / name
        judge = place / ("judge" if kind == "2afc" else "same")
        judge.mkdir(parents=True)
        for side in sides:
            (place / side).mkdir()
        for k, vote in enumerate(votes):
            picture = draw(100 * number + k, 32, 32)
            spoiled = {"ref": 0, "p0": 40 * (vote > 0.5), "p1": 40 * (vote <= 0.5)}
            for side in sides:
                values = np.asarray(picture, int) + 5 * (side != "ref") + spoiled[side]
                Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(
                    place / side / f"{k:06}.png"
                )
            np.save(judge / f"{k:06}.npy", np.array([vote], np.float32))
    return root


@pytest.fixture
def bapps_tree(tmp_path: Path) -> Callable[..., Path]:
    """`bapps_tree({"cnn": [votes], ...}, split)` -> the dataset folder in the official layout."""
    return partial(make_bapps, tmp_path / "dataset")


@pytest.fixture
def random_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    """LPIPS on networks with random weights, so that no weight files are needed."""
    import torch
    from torchvision import models

    from simcore.models.distances import lpips

    def trunk(net):
        torch.manual_seed(1)
        return models.get_model(net.model, weights=None).features

    monkeypatch.setattr(lpips, "load_trunk", trunk)
    monkeypatch.setattr(
        lpips, "load_linear_weights", lambda net: [torch.full((c,), 1 / c) for c in net.channels]
    )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the session; skipped if it is not installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(installed[-1]) if installed else shutil.which("initdb")
    if initdb is None:
        pytest.skip("no PostgreSQL on this computer; Debian's package is `postgresql`")
    pytest.importorskip("psycopg")
    server = Cluster(Path(initdb).parent)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture
def postgres(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """An empty database on a real PostgreSQL for each test."""
    monkeypatch.setenv("SIMCORE_DATABASE_URL", cluster.database())
    return cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Cluster | None:
    """An empty database of either kind; the server if it is PostgreSQL."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


@pytest.fixture(scope="session")
def tiny_cache(drawn_pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the collection "tiny" and features of `MODELS`, prepared once per session."""
    from simcore.lab.library import collections, extraction

    folder = tmp_path_factory.mktemp("tiny")
    with cache_below(folder):
        collections.add("pairs", drawn_pairs, name="tiny")
        extraction.extract("tiny", MODELS)
    return folder / "cache"


@pytest.fixture
def tiny(tiny_cache: Path, cache: Path) -> str:
    """Six pairs called "tiny" with the features of `MODELS`, in this test's own cache."""
    shutil.copytree(tiny_cache, cache, dirs_exist_ok=True)
    return "tiny"


@pytest.fixture(scope="session")
def installed_components() -> Iterator[None]:
    """Streamlit's components in installed packages are looked for once.

    AppTest reads the metadata of every package for every app: half the time of such a test.
    """
    from streamlit.components.v2 import manifest_scanner

    manifests = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: manifests)
        yield


@pytest.fixture
def app(installed_components: None) -> Callable[..., Any]:
    """`app(query="a", k="3")` -> the app, opened at an address and run once."""

    def opened(page: str = "", **address: str) -> Any:
        import streamlit as st
        from streamlit.testing.v1 import AppTest

        st.cache_data.clear()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in address.items():
            at.query_params[name] = value
        at.run()
        if page:
            at.switch_page(page).run()
        return at

    return opened
