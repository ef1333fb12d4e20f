"""Four journeys through the code on a small collection: how many modules, stores and decodes.

python -m benchmarks.journeys [--pairs 12]

Counts, not seconds: they show detours and work that is done twice, whatever the machine.
"""

import argparse
import contextlib
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import synthetic_cache
from simcore import memory
from simcore.__main__ import run
from simcore.cli import output
from simcore.lab import recipes
from simcore.lab.library import collections, extraction
from simcore.lab.search import pair, search
from simcore.recipe import Question
from simcore.results import Table

ROOT = Path(__file__).resolve().parents[1]
MODELS = ["hog", "layout", "color"]
NAME = "journey"
HASHING = {"digest"}  # functions that hash the keys of all images


@dataclass
class Trace:
    """What happened while a journey was traced.

    Attributes:
        modules: simcore modules (pages too) that a function was called in, in order.
        stores: `FeatureStore` objects. opened: collections read from disk. decodes: images decoded.
        hashes: how often the keys of a whole image set were hashed.
        scans: searches through the ids of a whole image set.
    """

    n_images: int
    modules: dict[str, None] = field(default_factory=dict)
    stores: int = 0
    opened: int = 0
    decodes: int = 0
    hashes: int = 0
    scans: int = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        """The profiler's callback."""
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(ROOT) or path.parts[len(ROOT.parts)] in ("benchmarks", "tests"):
            return
        if event == "c_call" and getattr(arg, "__name__", "") == "index":
            self.scans += isinstance(arg.__self__, tuple) and len(arg.__self__) >= self.n_images
        if event == "call" and frame.f_code.co_name != "<module>":
            module = str(path.relative_to(ROOT).with_suffix(""))
            self.modules[module] = None
            self._count(module, frame)

    def _count(self, module: str, frame: FrameType) -> None:
        function = frame.f_code.co_name
        self.stores += function == "__init__" and module.endswith("feature_store")
        self.opened += function == "open" and module.endswith("collection_catalog")
        self.decodes += function == "load" and module.endswith("data/images")
        if function in HASHING:
            self.hashes += 1


@contextmanager
def traced(n_images: int) -> Iterator[Trace]:
    """Trace all threads that are started in the block, and this one."""
    trace = Trace(n_images)
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def draw(folder: Path, pairs: int, seed: int) -> None:
    """Pairs of pictures, the right one a little darker."""
    random = np.random.default_rng(seed)
    for number in range(pairs):
        small = random.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((80, 96), Image.Resampling.BICUBIC)
        for side, factor in (("left", 1.0), ("right", 0.9)):
            (folder / side).mkdir(parents=True, exist_ok=True)
            shade = (np.asarray(picture) * factor).astype(np.uint8)
            Image.fromarray(shade).save(folder / side / f"{number:03}.png")


def explore_click() -> Callable[[], None]:
    """(a) Another query on Explore, after the page was opened."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    (name,) = (n for n in ("q", "query") if n in app.query_params)

    def click() -> None:
        app.query_params[name] = "001"
        app.run()
        if app.exception or app.error:
            raise RuntimeError(f"{app.exception} {app.error}")

    return click


def quiet(*args: str) -> None:
    """Run a command line without its output."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        status = run(args)
    if status:
        raise RuntimeError(f"simcore {' '.join(args)} ended with {status}")


def upload(data: bytes) -> None:
    """(c) An uploaded picture: searched with one backbone, then with three, and compared."""
    for models in (MODELS[:1], MODELS):
        question = Question(NAME, tuple(recipes.parse(models, "zsum")))
        search.search(question, search.Query(image=data))
    question = Question(NAME, tuple(recipes.parse(MODELS)))
    first, second = pair.Picture("upload.png", data), pair.open_picture(NAME, "left", "001")
    pair.table(question, first, second)
    pair.preview(first)
    pair.occlusion(NAME, first, second, MODELS[0], cells=2)


def journeys(pairs: int) -> list[tuple[str, Trace]]:
    """Trace every journey on a collection of drawn pairs."""
    traces = []
    with synthetic_cache.cache() as cache:
        for seed, name in enumerate((NAME, "other")):
            draw(cache / "pictures" / name, pairs, seed)
            collections.add("pairs", cache / "pictures" / name, name=name)
        extraction.extract(NAME, MODELS)
        quiet("--help")  # imports the commands, so that importing them is not counted
        steps: list[tuple[str, Callable[[], Callable[[], None]]]] = [
            ("a: a click on Explore", explore_click),
            ("b: simcore extract", lambda: lambda: quiet("extract", "other", "--models", "hog")),
            ("c: an uploaded picture", lambda: lambda: upload(picture.read_bytes())),
            (
                "e: simcore evaluate subsets",
                lambda: lambda: quiet("evaluate", "subsets", NAME, "--models", ",".join(MODELS)),
            ),
        ]
        picture = cache / "pictures" / NAME / "left" / "002.png"
        for title, prepare in steps:
            memory.clear()
            step = prepare()
            with traced(pairs) as trace:
                step()
            traces.append((title, trace))
    return traces


def table(traces: list[tuple[str, Trace]]) -> Table:
    """One row per journey."""
    columns = ("journey", "modules", "stores", "opened", "decodes", "key hashes", "id scans")
    rows = tuple(
        (title, len(t.modules), t.stores, t.opened, t.decodes, t.hashes, t.scans)
        for title, t in traces
    )
    return Table(columns, rows, "Calls on the way of each journey")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--modules", action="store_true", help="also list the modules")
    options = parser.parse_args()
    results = journeys(options.pairs)
    output.table(table(results))
    if options.modules:
        for title, trace in results:
            print(f"{title}: {' > '.join(trace.modules)}")
