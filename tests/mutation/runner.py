"""Runs the tests of a module against its mutants, each in a forked process.

    python -m tests.mutation.runner --count 400

cosmic-ray's own workers start pytest anew for each mutant and write the mutant into the working
tree. A fork of a process that has imported the libraries needs a tenth of the time, and gets the
mutant from memory. Verdicts are kept in a file, so that a run that was stopped continues. A mutant
that was killed stays killed, since tests are only added; survivors are tried again.
"""

import argparse
import ast
import contextlib
import functools
import hashlib
import importlib.abc
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.mutation.mutants import ROOT, Mutant, is_compiled, modules, sample

KILLED, SURVIVED, BROKEN = "killed", "survived", "broken"
EQUIVALENTS = Path(__file__).with_name("equivalents.json")
# Imported before the forks: what the tests need, and nothing of simcore.
LIBRARIES = (
    "hypothesis",
    "numba",
    "pandas",
    "PIL.Image",
    "pytest",
    "scipy.cluster.hierarchy",
    "scipy.sparse.csgraph",
    "scipy.spatial.distance",
    "scipy.stats",
    "sklearn.decomposition",
)
# A mutant may take FACTOR times as long as the module, and SECONDS more; LONGEST where that is
# not known yet.
FACTOR, SECONDS, LONGEST = 5, 60, 1800.0


@dataclass(frozen=True)
class Verdict:
    """What the tests said about a mutant.

    Attributes:
        outcome: KILLED, SURVIVED, or BROKEN where the module cannot even be imported.
        by: the first test that failed, or "time limit".
        seconds: how long it took.
    """

    outcome: str
    by: str
    seconds: float


@functools.cache
def files_testing(path: str, root: Path = ROOT) -> list[str]:
    """The tests of a module: its examples, its own file, and others of its package that import it.

    The laws of missing evidence belong to all modules that they import.
    """
    module = path.removesuffix(".py").replace("/", ".")
    own = Path(path).name
    files = [
        file
        for package in (["sim"] if path.startswith("simcore/sim/") else ["evaluate", "sim"])
        for file in sorted((root / "tests" / package).rglob("test_*.py"))
        if file.name == f"test_{own}"
        or (
            module in _imports(file)
            and (f"simcore/{package}/" in path or file.name == "test_missing_evidence.py")
        )
    ]
    files.sort(key=lambda file: file.name != f"test_{own}")
    # Compiled or private parts are tested through the modules that use them.
    if not files:
        users = [
            other for other in modules(root) if other != path and module in _imports(root / other)
        ]
        return [
            path,
            *dict.fromkeys(file for user in users for file in files_testing(user, root)[1:]),
        ]
    return [path, *(file.relative_to(root).as_posix() for file in files)]


def _imports(file: Path) -> set[str]:
    """Names of the modules that a file imports, also inside its functions."""
    return _imported(file.read_text())


@functools.cache
def _imported(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text instead of its file."""

    def __init__(self, path: str, source: str, root: Path) -> None:
        self.name = path.removesuffix(".py").replace("/", ".")
        self.file = str(root / path)
        self.source = source

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.file, "exec"), module.__dict__)


class _FirstFailure:
    """A pytest plugin that remembers which test failed first."""

    test = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.test:
            self.test = f"collection of {report.nodeid}"


def _child(path: str, source: str, files: list[str], folder: Path, root: Path) -> None:
    """Run the tests against a module's source, write the verdict to `folder`, and exit."""
    os.setsid()
    os.chdir(root)
    os.environ["SIMCORE_CACHE"] = str(folder / "cache")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a second of imports that no test needs
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import numba
    import pytest
    from hypothesis import Phase, settings

    # What is compiled from a mutant must never reach the cache of the real module.
    compiled = folder if is_compiled(path, root) else root / "cache" / "libraries" / "numba-tests"
    numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = str(compiled)
    settings.register_profile(
        "mutation", database=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutation")
    sys.meta_path.insert(0, _Source(path, source, root))
    outcome, first = BROKEN, _FirstFailure()
    try:
        importlib.import_module(path.removesuffix(".py").replace("/", "."))
        options = [
            *("-x", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider", "--doctest-modules"),
            *("-m", "not slow", "-o", "addopts=", "-o", "timeout=0", "--import-mode=importlib"),
            *("--basetemp", str(folder / "tests")),
            *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
        ]
        code = pytest.main([*options, *files], plugins=[first])
        outcome = SURVIVED if code == 0 else KILLED
    except BaseException as error:
        first.test = repr(error)
    (folder / "verdict").write_text(json.dumps([outcome, first.test]))
    os._exit(0)


@dataclass
class _Running:
    key: str
    process: int
    folder: Path
    start: float
    limit: float


def _start(
    key: str, path: str, source: str, files: list[str], limit: float, root: Path
) -> _Running:
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    process = os.fork()
    if not process:
        try:
            _child(path, source, files, folder, root)
        finally:
            os._exit(1)
    return _Running(key, process, folder, time.monotonic(), limit)


def _verdict(running: _Running) -> Verdict | None:
    """The verdict of a process that ended or ran out of time; None while it runs."""
    seconds = time.monotonic() - running.start
    ended, _ = os.waitpid(running.process, os.WNOHANG)
    if not ended and seconds < running.limit:
        return None
    if not ended:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process, signal.SIGKILL)
        os.waitpid(running.process, 0)
    file = running.folder / "verdict"
    # A process that ended without a verdict crashed, which the tests would have noticed.
    outcome, by = (
        json.loads(file.read_text())
        if file.exists()
        else (KILLED, "crash" if ended else "time limit")
    )
    shutil.rmtree(running.folder, ignore_errors=True)
    return Verdict(outcome, by, round(seconds, 1))


def verdicts(
    jobs: list[tuple[str, str, str, float]], *, workers: int, root: Path = ROOT
) -> Iterator[tuple[str, Verdict]]:
    """The verdict of each job, as they end.

    Args:
        jobs: (key, path of the module, its source, time limit in seconds).
        workers: processes at a time.
    """
    for library in LIBRARIES:
        importlib.import_module(library)
    waiting, running = list(reversed(jobs)), []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                key, path, source, limit = waiting.pop()
                running.append(_start(key, path, source, files_testing(path, root), limit, root))
            time.sleep(0.05)
            for each in list(running):
                if verdict := _verdict(each):
                    running.remove(each)
                    yield each.key, verdict
    finally:  # also when the run is stopped
        for each in running:
            each.limit = 0.0
            _verdict(each)


class Results:
    """Verdicts in a file of JSON lines, by the digest of the mutant."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file.exists() else []
        rows = [json.loads(line) for line in lines]
        self.verdicts = {row.pop("key"): Verdict(**row) for row in rows}

    def add(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict, at once."""
        self.verdicts[key] = verdict
        with self.file.open("a") as file:
            file.write(json.dumps({"key": key} | verdict.__dict__) + "\n")


def equivalents() -> dict[str, str]:
    """Mutants that no test can tell from the module: name -> reason."""
    return {
        mutant: group["reason"]
        for group in json.loads(EQUIVALENTS.read_text())
        for mutant in group["mutants"]
    }


def _state(path: str, root: Path) -> str:
    """Identifies a module together with its tests."""
    texts = [(root / file).read_bytes() for file in files_testing(path, root)]
    return f"{path} {hashlib.sha256(b''.join(texts)).hexdigest()[:16]}"


def run(
    drawn: list[Mutant], results: Results, *, workers: int, root: Path = ROOT
) -> dict[str, tuple[Mutant, Verdict]]:
    """Verdicts of mutants by digest; those killed in an earlier run are not tried again.

    Raises:
        RuntimeError: a module fails its tests without a mutant.
    """
    keys = {mutant.site.path: _state(mutant.site.path, root) for mutant in drawn}
    unchanged = [
        (key, path, (root / path).read_text(), LONGEST)
        for path, key in keys.items()
        if key not in results.verdicts
    ]
    limits = {
        path: SECONDS + FACTOR * results.verdicts[key].seconds
        if key in results.verdicts
        else LONGEST
        for path, key in keys.items()
    }
    names = {mutant.digest: mutant for mutant in drawn}
    jobs = unchanged + [
        (mutant.digest, mutant.site.path, mutant.source, limits[mutant.site.path])
        for mutant in drawn
        if results.verdicts.get(mutant.digest, Verdict(SURVIVED, "", 0)).outcome == SURVIVED
    ]
    for number, (key, verdict) in enumerate(verdicts(jobs, workers=workers, root=root), 1):
        name = names[key].name if key in names else f"without a mutant: {key}"
        if key not in names and verdict.outcome != SURVIVED:
            raise RuntimeError(f"Tests fail {name}: {verdict.by}")
        results.add(key, verdict)
        print(f"{number}/{len(jobs)} {verdict.outcome:8} {verdict.seconds:6} {name}")
        sys.stdout.flush()
    return {key: (mutant, results.verdicts[key]) for key, mutant in names.items()}


def main() -> int:
    """Run a sample; 1 if too few are killed, or a survivor is not known to be equivalent."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=400, help="mutants to draw")
    parser.add_argument("--compiled", type=int, default=10, help="more, of the compiled modules")
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--least", type=float, default=0.92, help="share that has to be killed")
    parser.add_argument("--results", type=Path, default=ROOT / "cache" / "mutation.jsonl")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the processes of the mutants, too
    drawn = sample(options.count, options.seed)
    drawn += sample(options.compiled, options.seed, compiled=True)
    outcomes = run(drawn, Results(options.results), workers=options.workers)
    known = equivalents()
    survivors = [mutant for mutant, verdict in outcomes.values() if verdict.outcome == SURVIVED]
    killed = sum(verdict.outcome == KILLED for _, verdict in outcomes.values())
    unknown = sorted(mutant.name for mutant in survivors if mutant.name not in known)
    total = killed + len(survivors)
    print(
        f"{killed} of {total} mutants killed ({killed / max(total, 1):.1%}); "
        f"{len(survivors) - len(unknown)} survivors are equivalent, {len(unknown)} are not:"
    )
    print(*unknown, sep="\n")
    return int(bool(unknown) or killed < options.least * total)


if __name__ == "__main__":
    sys.exit(main())
