"""Mutants of `sim` and `evaluate` are killed by their tests; and the runner sees which are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import mutants, runner

MODULE = '''"""Larger of two."""
LIMIT = 10


def larger(a: int | None, b: int) -> int:
    return a if a > b else b


def unused(a, *, step=None):
    while a < LIMIT:
        a = a + 1
    return a
'''
TEST = """from simcore.sim.larger import larger, unused


def test_larger():
    assert [larger(1, 2), larger(2, 1), larger(2, 2)] == [2, 2, 2]
    assert unused(LIMIT_BELOW) == 10


LIMIT_BELOW = 9
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of one module and its test."""
    for folder in ("simcore/sim", "simcore/evaluate", "tests/sim", "tests/evaluate"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "simcore/sim/larger.py").write_text(MODULE)
    (tmp_path / "tests/sim/test_larger.py").write_text(TEST)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    return tmp_path


def test_equivalent_mutants_are_of_lines_that_exist():
    for name, reason in runner.equivalents().items():
        path, function, change = name.split(": ", 2)
        source = (mutants.ROOT / path).read_text()
        lines = [" ".join(line.split()) for line in source.splitlines()]
        assert change.split(" => ")[0] in lines, name
        assert function == "module" or f" {function}" in source, name
        assert len(reason) > 20, name


def test_every_module_has_a_test_file():
    for path in mutants.modules():
        own, *files = runner.files_testing(path, mutants.ROOT)
        assert own == path
        assert files, path


def test_mutants_change_code_and_neither_annotations_nor_decorators(project):
    pytest.importorskip("cosmic_ray")
    drawn = mutants.sample(1000, 0, root=project)
    names = {mutant.name.split(": ", 1)[1] for mutant in drawn}
    assert "larger: return a if a > b else b => return a if a >= b else b" in names
    assert "unused: a = a + 1 => a = a - 1" in names
    assert "module: LIMIT = 10 => LIMIT = 11" in names
    assert not any("def larger" in name for name in names)
    assert not any("def unused" in name for name in names)  # of its `*`
    assert len({mutant.digest for mutant in drawn}) == len(drawn)
    few = mutants.sample(5, 0, root=project)
    assert few == drawn[:5]
    assert mutants.sample(5, 0, compiled=True, root=project) == []


@pytest.mark.slow
def test_the_runner_tells_killed_from_survivors(project):
    """In a process of its own, which has not imported simcore."""
    code = f"""
from pathlib import Path
from tests.mutation import runner
runner.LIBRARIES = ()
root, source = Path({str(project)!r}), Path({str(project)!r}, "simcore/sim/larger.py").read_text()
changes = dict(
    same=("", ""), larger=("a > b", "a < b"), equal=("a > b", "a >= b"),
    endless=("a = a + 1", "a = a - 1"), broken=("LIMIT = 10", "LIMIT = 1 + ''"),
)
jobs = [
    (key, "simcore/sim/larger.py", source.replace(*change), 1e9 if key != "endless" else 20.0)
    for key, change in changes.items()
]
for key, verdict in runner.verdicts(jobs, workers=2, root=root):
    print(key, verdict.outcome, verdict.by, sep="|")
"""
    paths = [str(project), str(mutants.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    (project / "tests" / "mutation").symlink_to(mutants.ROOT / "tests" / "mutation")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=project,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    rows = {line.split("|")[0]: line.split("|")[1:] for line in ran.stdout.splitlines()}
    assert rows["same"][0] == rows["equal"][0] == runner.SURVIVED, ran.stderr
    assert rows["larger"] == [runner.KILLED, "tests/sim/test_larger.py::test_larger"]
    assert rows["endless"] == [runner.KILLED, "time limit"]
    assert rows["broken"][0] == runner.BROKEN


def test_verdicts_are_kept(tmp_path):
    results = runner.Results(tmp_path / "results.jsonl")
    results.add("a", runner.Verdict(runner.KILLED, "test_x", 1.5))
    results.add("b", runner.Verdict(runner.SURVIVED, "", 2.0))
    results.add("b", runner.Verdict(runner.KILLED, "test_y", 2.0))
    again = runner.Results(tmp_path / "results.jsonl")
    assert again.verdicts == results.verdicts
    assert again.verdicts["b"].by == "test_y"
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_at_least_92_percent_are_killed_and_the_others_are_equivalent():
    """A sample of the mutants; more with SIMCORE_MUTANTS. A stopped run continues."""
    pytest.importorskip("cosmic_ray")
    (mutants.ROOT / "cache").mkdir(exist_ok=True)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "tests.mutation.runner"),
            *("--count", os.environ.get("SIMCORE_MUTANTS", "300")),
        ],
        cwd=mutants.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
