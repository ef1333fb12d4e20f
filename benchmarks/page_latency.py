"""What a visitor waits for: the real app in a real Chromium, on a collection of full size.

    python -m benchmarks.page_latency [--quick] [--cache FOLDER]

12,032 drawn pictures with features of eight backbones (synthetic_cache.py), the app in a process
of its own. Times are from a person's act to the last change on the screen, the script's own share
beside them: the 95th percentile of twenty. Pages are visited after the sweep that follows an
extraction. Memory is that of the process that serves, with two visitors at once.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import browser_tab, page_cpu, results_table, synthetic_cache
from benchmarks.results_table import Line, aim

WARM = aim("page_latency.warm")
MEMORY = aim("page_latency.memory")
PAGES = {
    "Explore": "",
    "Map": "map",
    "Compare": "compare",
    "Combine": "combine",
    "Exclusive": "exclusive",
    "Evaluate": "evaluate",
    "Learn": "learn",
    "Judgements": "judgements",
    "Experiments": "experiments",
    "Review": "review",
    "Duplicates": "duplicates",
    "Collections": "collections",
    "Models": "models",
    "Reproduce": "reproduce",
    "Claims": "claims",
    "Leaderboard": "leaderboard",
    "Invariance": "invariance",
}
QUICK = ("Explore", "Combine", "Evaluate", "Review", "Duplicates")
FIRST = 2  # acts whose results are looked at for the first time: no reruns
TIMES = 20 + FIRST
PATIENCE = 200.0  # seconds, after which no further page is visited: another benchmark is waiting
Act = Callable[[Any], object]


def metric(page: Any) -> None:
    """Cosine to what each backbone was made for, and back."""
    page.locator(".st-key-explore_metric").get_by_text(
        _other("Cos", "Own", page), exact=True
    ).click()


def backbone(page: Any) -> None:
    """One backbone less, and again all."""
    pills = page.locator("[class*=st-key-explore_models][class*=_ready] button[aria-pressed]")
    if not pills.count():
        page.locator("[class*=st-key-explore_models][class*=_picker] button").first.click()
    pills.last.click()


ACTS: dict[str, Act] = {
    "the next query": lambda page: page.locator(".st-key-explore_next button").click(),
    "another metric": metric,
    "another k": lambda page: page.locator(".st-key-explore_k input").press("ArrowRight"),
    "a backbone less, and back": backbone,
}


def _other(first: str, other: str, page: Any) -> str:
    return other if "metric=cosine" in page.url else first


def lines(quick: bool) -> list[Line]:
    """Cold start, Explore's reruns, first and second visits of the pages, memory.

    Args:
        quick: a sixth of the pairs and some of the pages.
    """
    try:
        with _full(synthetic_cache.PAIRS // 6 if quick else synthetic_cache.PAIRS) as cache:
            return measured(cache, QUICK if quick else tuple(PAGES))
    except browser_tab.Absent as absent:
        return [results_table.skipped("pages", str(absent), WARM)]


def measured(cache: Path, names: Sequence[str], patience: float = PATIENCE) -> list[Line]:
    """The lines for a cache that holds the stand-in alone."""
    end = time.monotonic() + patience
    with browser_tab.browser() as chromium:
        first = _start(chromium, cache)
        swept = page_cpu.prepare(cache)
        with browser_tab.server(cache) as server:
            began = time.perf_counter()
            server.wait()
            tab = browser_tab.Tab(_page(chromium), server.address)
            second = (tab.open(), time.perf_counter() - began)[1]
            results = [
                Line(
                    "app started for the first time, until Explore is drawn",
                    first,
                    "s",
                    "its later starts",
                    first / second,
                ),
                Line("app started, until Explore is drawn", second, "s"),
                swept,
            ]
            rest = server.memory()[0]
            results += _reruns(tab)
            seen: list[str] = []
            for name in names:
                if time.monotonic() > end:
                    results.append(
                        results_table.skipped(f"{name}, first visit", "no time was left")
                    )
                else:
                    results.append(_visit(tab, name))
                    seen.append(name)
            results += _memory(chromium, server, seen, rest)
    return results


def _start(chromium: Any, cache: Path) -> float:
    """Seconds from the start of a server that nobody visited before."""
    for path in (cache / "results").glob("*"):
        path.unlink()
    began = time.perf_counter()
    with browser_tab.server(cache) as server:
        server.wait()
        page = _page(chromium)
        browser_tab.Tab(page, server.address).open()
        page.close()
        return time.perf_counter() - began


def _reruns(tab: browser_tab.Tab) -> Iterator[Line]:
    for name, act in ACTS.items():
        part = f"Explore, {name}: until drawn"
        try:
            waited = [tab.does(act) for _ in range(TIMES)][FIRST:]
        except browser_tab.Restless as restless:
            yield results_table.skipped(part, str(restless), WARM)
            continue
        drawn = np.percentile([wait.drawn for wait in waited], [50, 95])
        script = np.median([wait.script for wait in waited])
        yield Line(
            f"{part}, 95th percentile of {len(waited)}",
            float(drawn[1]),
            "ms",
            "the script alone, medians",
            float(drawn[0] / script),
            WARM,
            note=f"median {drawn[0]:.0f} ms",
        )


def _visit(tab: browser_tab.Tab, name: str) -> Line:
    address = f"/{PAGES[name]}?collection={synthetic_cache.NAME}"
    try:
        first, second = tab.open(address), tab.open(address)
    except browser_tab.Restless as restless:
        return results_table.skipped(f"{name}, first visit", str(restless))
    return Line(
        f"{name}, first visit",
        first.drawn / 1000,
        "s",
        "its second visit",
        first.drawn / second.drawn,
        note=f"script {first.script / 1000:.2f} s, then {second.script:.0f} ms",
    )


def _memory(
    chromium: Any, server: browser_tab.Server, names: Sequence[str], rest: float
) -> Iterator[Line]:
    single = server.memory()[0]
    other = browser_tab.Tab(_page(chromium), server.address)
    for name in names:
        other.open(f"/{PAGES[name]}?collection={synthetic_cache.NAME}")
    two, most = server.memory()
    yield Line("memory after Explore", rest, "GB")
    yield Line("memory after all pages, two visitors", two, "GB", "one visitor", two / single)
    yield Line("memory at its peak", most, "GB", aim=MEMORY)


def _page(chromium: Any) -> Any:
    return chromium.new_page(viewport={"width": 1440, "height": 900})


@contextmanager
def _full(pairs: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stand-in-") as folder:
        synthetic_cache.elsewhere(Path(folder), pairs)
        yield Path(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a sixth of the pairs, five pages")
    parser.add_argument("--cache", type=Path, help="one that benchmarks.synthetic_cache has filled")
    args = parser.parse_args()
    try:
        results = (
            measured(args.cache, QUICK if args.quick else tuple(PAGES), 1200)
            if args.cache
            else lines(args.quick)
        )
    except browser_tab.Absent as absent:
        sys.exit(str(absent))
    print(results_table.markdown(results))


if __name__ == "__main__":
    main()
