"""Figure 5.3: the sections of a small run that is killed once, and the verdicts on the text."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcore.data.judgements import bapps, triplet_sets
from simcore.data.judgements.triplet_sets import PANELS
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning_grid
from simcore.lab.papers import margaritescu2024_statements, reproduce
from simcore.lab.papers.margaritescu2024_statements import (
    FINE_TUNING,
    PRETRAINED,
    Credits,
)
from simcore.models import lineage, registry
from simcore.training.finetune.paradigms import PARADIGMS
from simcore.types import Monitor
from tests.data.judgements.conftest import (
    bird_images,  # noqa: F401  a fixture
    psiz_folder,  # noqa: F401  a fixture
    ranked,  # noqa: F401  a fixture
)
from tests.lab.conftest import CONV, register
from tests.training.conftest import single_thread  # noqa: F401  a fixture of the module

ROOT = Path(__file__).parents[3]
VOTES = {name: [0.2, 0.8, 1.0, 0.0] for name in bapps.DISTORTIONS}
NETWORKS = ("DINO_ViT-B-16_BASE", "CLIP_ViT-B-16_BASE", "ResNet-50_BASE", "AlexNet_BASE")
HIGH, LOW = 0.9, 0.3


def drawn(accuracy, trials=400):
    """Credits of every triplet set, from an accuracy for each (network, label, set)."""
    random = np.random.default_rng(3)
    difficulty = {name: random.random(trials) for name in triplet_sets.SETS}

    def of(network, label):
        return {
            name: (difficulty[name] < accuracy(network, label, name)).astype(float)
            for name in triplet_sets.SETS
        }

    return of, {name: np.arange(trials) for name in triplet_sets.SETS}


def verdicts_of(statements, of, clusters, labels):
    values = {(network, label): of(network, label) for network in NETWORKS for label in labels}
    credits = Credits(values, clusters, NETWORKS)
    section = margaritescu2024_statements.section("", "", statements, credits)
    return {(row[0], row[1]): row[2:] for row in section.table.rows}


def test_sentences_about_fine_tuning_agree_with_data_that_are_made_so():
    """Quadruplet, triplet, contrastive, then the views, then pretext tasks; the reverse differs."""
    order = ("quadruplet", "triplet", "contrastive", "simclr", "moco", "rotation", "jigsaw")
    rank = dict(zip(order, (0, 1, 2, 3, 3, 4, 4), strict=True))

    def accuracy(network, label, name):
        if label == "before":
            return HIGH if "DINO" not in network else LOW
        return HIGH - 0.12 * rank[label]

    labels = ("before", *PARADIGMS)
    of, clusters = drawn(accuracy)
    rows = verdicts_of(FINE_TUNING, of, clusters, labels)
    texts = {text: row for (_, text), row in rows.items()}
    for start in ("Supervised fine", "The top-perf", "Quadruplet beats", "On images", "All kinds"):
        (row,) = (row for text, row in texts.items() if text.startswith(start))
        assert row[1] == "agrees", (start, row)
    (patches,) = (row for text, row in texts.items() if text.startswith("On patches"))
    assert patches[1] == "differs"
    # By hand: quadruplet minus the nearest other paradigm, triplet, each panel with one weight.
    means = {label: of(NETWORKS[0], label) for label in ("quadruplet", "triplet")}
    gaps = [
        np.mean([means["quadruplet"][n].mean() - means["triplet"][n].mean() for n in names])
        for names in PANELS.values()
    ]
    (row,) = (row for text, row in texts.items() if text.startswith("The top-performers"))
    assert float(row[0].split()[0]) == pytest.approx(100 * np.mean(gaps), abs=0.051)
    assert row[0].endswith("least of 6")


def test_a_sentence_that_the_data_cannot_decide_says_what_is_missing():
    of, clusters = drawn(lambda *_: 0.5)
    rows = verdicts_of(PRETRAINED, of, clusters, ("cosine", "l2", "l1"))
    wide = next(row for (_, text), row in rows.items() if text.startswith("More filters help"))
    assert wide == (
        "needs CLIP_ResNet-50_BASE and a wider one such as CLIP_ResNet-50x4",
        "undecided",
    )
    values = {("color", "cosine"): of("color", "cosine")}
    section = margaritescu2024_statements.section("", "", PRETRAINED, Credits(values, clusters, ()))
    lacking = [row[2] for row in section.table.rows]
    assert lacking[:2] == ["needs a network: CLIP or DINO", "needs a network: DINO ViT"]
    assert "needs a network" in lacking
    rows = verdicts_of(FINE_TUNING, of, clusters, ("before", "triplet"))
    assert {row[1] for row in rows.values()} == {"undecided"}
    assert all(row[0].startswith("needs") for row in rows.values())
    birds_only = {name: rows for name, rows in clusters.items() if name.startswith("birds")}
    rows = verdicts_of(FINE_TUNING, of, birds_only, ("before", *PARADIGMS))
    patches = next(row for (_, text), row in rows.items() if text.startswith("On patches"))
    assert "needs triplets of BAPPS" in patches[0]


def test_the_interval_draws_references_not_triplets():
    """400 triplets of 20 references, all of a reference alike: the interval is that of 20."""
    right = np.repeat(np.random.default_rng(0).random(20) < 0.5, 20).astype(float)
    name = next(iter(triplet_sets.SETS))
    values = {("a", "x"): {name: right}, ("a", "y"): {name: 0 * right}}
    credits = Credits(values, {name: np.repeat(range(20), 20)}, ("a",))
    panel = next(panel for panel, names in PANELS.items() if names == (name,))
    resampled = credits.resample([credits.difference([("a", "x")], [("a", "y")], [panel])])
    spread = resampled.draws.std()
    assert spread == pytest.approx(right.std() / 20**0.5, rel=0.1)
    assert resampled.values == pytest.approx(right.mean())


@pytest.mark.parametrize(("count", "verdict"), [(20, "undecided"), (2000, "agrees")])
def test_equal_credits_of_few_references_decide_nothing(count, verdict):
    """Two networks with the same credits: of 20 references, 17 % of others could differ."""
    (panel, (name,)) = next(item for item in PANELS.items() if len(item[1]) == 1)
    values = {(network, "x"): {name: np.ones(count)} for network in "ab"}
    credits = Credits(values, {name: np.arange(count)}, ("a", "b"))
    member = credits.difference([("a", "x")], [("b", "x")], [panel])
    draws = credits.resample([member]).draws[:, 0]
    assert np.mean(np.abs(draws) > 1 - 0.05 ** (1 / count)) == pytest.approx(0.05, abs=0.015)
    near = margaritescu2024_statements.NEAR
    statement = margaritescu2024_statements.Statement("", "", lambda _: [member], near)
    (row,) = margaritescu2024_statements.section("", "", [statement], credits).table.rows
    assert row[3] == verdict


SECOND = "tiny-second"
BASES = [CONV, SECOND]
KILLED = """
import os, signal
from simcore.lab.learning import finetuning_grid
from simcore.lab.papers import reproduce
from simcore.types import Monitor
from tests.lab.conftest import register
from tests.lab.papers.test_margaritescu2024_finetuning import BASES

def kill(progress):
    if progress.stage == "tiny-second, birds, jigsaw" and progress.done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

for seed, name in enumerate(BASES):
    register(name, seed)
grid = finetuning_grid.make(BASES, epochs=2)
reproduce.run("margaritescu2024", "patches,birds", ["color"], grid=grid, monitor=Monitor(kill))
"""


@pytest.fixture
def judged(bapps_tree, psiz_folder, bird_images, ranked):  # noqa: F811
    """Two sources: 24 patches, and 12 rankings of 9 pictures."""
    root = psiz_folder([(100, ranked(12))])
    return [
        sets.add("bapps", bapps_tree(VOTES), name="patches"),
        sets.add("hsj", root, images=bird_images, name="birds", keep_alternatives=True),
    ]


@pytest.fixture
def second():
    """Another small network, so that there are two to fine-tune."""
    yield register(SECOND, seed=1)
    registry.forget(SECOND)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_networks_and_seven_paradigms_killed_once(judged, conv, second, cache):
    """The run continues with the cell in which it was killed, and ends as a whole one does."""
    grid = finetuning_grid.make(BASES, epochs=2)
    process = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == -signal.SIGKILL
    # The first network on both sources, the second on patches, and before to rotation on birds.
    assert finetuning_grid.count_stored(judged, grid) == (3 * 8 + 5, 32)
    assert len(lineage.unfinished()) == 1
    plan = reproduce.plan("margaritescu2024", "patches,birds", ["color"], grid=grid)
    titles = [section.title for section in plan.stored() if section is not None]
    assert f"Figure 5.3: {conv} on every triplet set" in titles
    assert f"Figure 5.3: {second} on every triplet set" not in titles

    stages = []
    report = reproduce.run(
        "margaritescu2024",
        "patches,birds",
        ["color"],
        grid=grid,
        monitor=Monitor(lambda progress: stages.append((progress.stage, progress.done))),
    )
    trained = [stage for stage in stages if stage[0].endswith(PARADIGMS)]
    assert trained[0] == ("tiny-second, birds, jigsaw", 2)  # the first epoch was saved
    assert {stage for stage, _ in trained} == {
        f"tiny-second, birds, {paradigm}" for paradigm in ("jigsaw", "simclr", "moco")
    }
    assert not lineage.unfinished()
    files = {path: path.read_text() for path in (cache / "finetuning").glob("*.json")}
    assert len(files) == 32
    resumed = finetuning_grid.compute(judged[1], second, "jigsaw", grid)
    for path in files:
        path.unlink()
    assert finetuning_grid.compute(judged[1], second, "jigsaw", grid) == resumed

    by_title = {section.title: section for section in report.sections}
    figure = by_title["Figure 5.3: all networks and paradigms"]
    assert [chart.title for chart in figure.charts] == list(PANELS)[:5]
    for chart in figure.charts:
        assert [series.label for series in chart.series] == ["before", *PARADIGMS]
        assert all(series.x == tuple(BASES) for series in chart.series)
    # A bar is the mean over the sets of its panel of the mean credit there.
    documents = [json.loads(text) for text in files.values()]
    own = next(
        cell["credits"]
        for cell in documents
        if (cell["base"], cell["label"]) == (second, "moco") and "bapps cnn" in cell["credits"]
    )
    chart = next(chart for chart in figure.charts if chart.title == "BAPPS CNN and colour")
    moco = next(series for series in chart.series if series.label == "moco")
    mean = np.mean([np.mean(own["bapps cnn"]), np.mean(own["bapps color"])])
    assert moco.y[1] == pytest.approx(100 * mean)
    statements = by_title["Sections 5.2.7 to 5.2.9: fine-tuning"].table.rows
    assert len(statements) == len(FINE_TUNING)
    assert {row[3] for row in statements} <= {"agrees", "differs", "undecided"}
