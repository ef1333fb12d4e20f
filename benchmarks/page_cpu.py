"""CPU seconds of pages: the first visit in a process of its own, then one backbone less.

    python -m benchmarks.page_cpu --cache FOLDER [--pages evaluate,combine]
    python -m benchmarks.page_cpu --pairs 30000 --models alexnet-conv5,resnet18,edges

The cache is one that `python -m benchmarks.synthetic_cache` has filled; with --pairs, one of drawn
features that is removed afterwards. Pages run under AppTest,
without a browser: CPU seconds of all threads, so that other work on the machine does not count.
Importing Streamlit and Plotly, which every page shares, is measured apart. Stored results are
removed first, unless --keep says otherwise, and computed again as after an extraction.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results_table, synthetic_cache
from benchmarks.results_table import Line, aim, skipped

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    *("evaluate", "combine", "compare", "review"),
    *("exclusive", "duplicates", "explore", "map"),
    *("claims", "invariance", "leaderboard", "learn"),
)
FIRST, CHANGE = aim("page_cpu.first_visit"), aim("page_cpu.change")
STORED = "results"  # folder of results that are computed again when they are absent

SCRIPT = """
import json, sys, time
from streamlit.testing.v1 import AppTest
import plotly.graph_objects, pandas
page, collection = sys.argv[1:]
imported = time.process_time()
at = AppTest.from_file("app.py", default_timeout=600)
at.query_params["collection"] = collection
if page != "explore":
    at.switch_page(f"pages/{page}.py")
at.run()
first = time.process_time()
def check():
    if at.exception:
        sys.exit(f"{page}: {at.exception}")
check()
change = None
if models := at.query_params.get("models"):
    names = (models if isinstance(models, str) else models[0]).split(",")
    at.query_params["models"] = ",".join(names[:-1])
    began = time.process_time()
    at.run()
    change = time.process_time() - began
    check()
print(json.dumps([imported, first - imported, change]))
"""

SWEEP = """
import sys, time
from simcore.lab.search import precompute
precompute.run(sys.argv[1])
print(time.process_time())
"""


def visit(page: str, cache: Path) -> tuple[float, float, float | None]:
    """CPU seconds of the shared imports, of the first visit, and of one backbone less."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, page, synthetic_cache.NAME],
        cwd=ROOT,
        env=os.environ | {"SIMCORE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    imported, first, change = json.loads(run.stdout.splitlines()[-1])
    return imported, first, change


def prepare(cache: Path) -> Line:
    """Compute what an extraction stores for the pages after its features."""
    run = subprocess.run(
        [sys.executable, "-c", SWEEP, synthetic_cache.NAME],
        cwd=ROOT,
        env=os.environ | {"SIMCORE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return Line("results computed after an extraction", float(run.stdout.split()[-1]), "CPU s")


def forget(cache: Path) -> None:
    """Remove the stored results, which the next visit computes again."""
    shutil.rmtree(cache / STORED, ignore_errors=True)


def lines(quick: bool) -> list[Line]:
    """Two lines per page, on a cache that is filled for it.

    Args:
        quick: a sixth of the pairs, and two pages.
    """
    pairs = synthetic_cache.PAIRS // 6 if quick else synthetic_cache.PAIRS
    with tempfile.TemporaryDirectory() as folder:
        synthetic_cache.elsewhere(Path(folder), pairs)
        return measured(Path(folder), PAGES[:2] if quick else PAGES)


def measured(cache: Path, pages: Sequence[str]) -> list[Line]:
    """Two lines per page: the first visit, and one backbone less."""
    results = [prepare(cache)]
    for page in pages:
        try:
            imported, first, change = visit(page, cache)
        except RuntimeError as error:
            results.append(skipped(f"{page}, first visit", str(error).splitlines()[-1], FIRST))
            continue
        note = f"beside {imported:.1f} s of shared imports"
        results.append(Line(f"{page}, first visit", first, "CPU s", aim=FIRST, note=note))
        if change is None:
            results.append(skipped(f"{page}, one backbone less", "it has no list of backbones"))
        else:
            results.append(Line(f"{page}, one backbone less", change, "CPU s", aim=CHANGE))
    return results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--cache", type=Path, help="filled by synthetic_cache")
    source.add_argument("--pairs", type=int, help="so many drawn pairs")
    parser.add_argument("--models", default="alexnet-conv5,resnet18,edges", help="with --pairs")
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--keep", action="store_true", help="keep the stored results")
    args = parser.parse_args()
    pages = args.pages.split(",")
    if args.pairs:
        with synthetic_cache.cache() as folder:
            models = args.models.split(",")
            synthetic_cache.collection(args.pairs, models, name=synthetic_cache.NAME)
            print(results_table.markdown(measured(folder, pages)))
        return
    if not args.keep:
        forget(args.cache)
    print(results_table.markdown(measured(args.cache, pages)))


if __name__ == "__main__":
    main()
