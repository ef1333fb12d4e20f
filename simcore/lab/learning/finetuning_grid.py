"""Networks x paradigms x sources of triplets (margaritescu2024, Figure 5.3), cell by cell.

A cell is one network, fine-tuned with one paradigm on one source, and scored on the triplet sets of
that source. Finished cells are stored, and a run that was stopped or killed continues within its
cell, from the last checkpoint.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from simcore.data import cache_dir, images, state_files
from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet
from simcore.data.judgements.triplet_sets import BySet, Source
from simcore.errors import BadDataError, Stopped, unknown_name
from simcore.evaluate.judgements import two_afc
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning
from simcore.lab.learning.judgement_data import JudgementData
from simcore.lab.library import collections
from simcore.models import lineage, registry, weights
from simcore.models.extract import extraction
from simcore.results import Result
from simcore.training import splits
from simcore.training.finetune import judgement_examples, paradigms, presets
from simcore.training.finetune.paradigms import PARADIGMS, SUPERVISED, Examples
from simcore.training.finetune.training_loop import FinetuneSettings, Protocol
from simcore.training.splits import TrialRule, TrialSplit
from simcore.types import JSON, Array, Monitor

_Name = TypeVar("_Name", bound=str)
FORMAT = 1  # raised when a cell of the same input would have other numbers
BEFORE = "before"  # the cell of the network as it is
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
SPLITS: tuple[TrialRule, ...] = ("images", "references")
SOURCES: tuple[Source, ...] = get_args(Source)
MAX_EPOCHS = 1000
# Figure 5.3 leaves out AlexNet and EfficientNet (5.2.7).
PRINTED_BASES = tuple(
    name
    for name, row in presets.PRINTED_BACKBONES.items()
    if row not in ("alexnet", "efficientnetv2-m")
)
# Validation triplets: as many for each training triplet as in the splits of pairs.
VALIDATION_SIZE = round(triplet_sets.SIZE * splits.VALIDATION_SHARE / (1 - splits.VALIDATION_SHARE))
_NO_ROWS = np.empty(0, np.int64)
_NO_EXAMPLES = Examples(_NO_ROWS, _NO_ROWS, np.empty((0, 0), np.int64), _NO_ROWS)


@dataclass(frozen=True)
class Grid:
    """Which networks are fine-tuned, and how.

    Attributes:
        bases: networks to start from.
        paradigms: of `paradigms.PARADIGMS`.
        protocol: "paper" draws the fine-tuning sets of Table A.1 from the triplets that the result
            is scored on, as the thesis does; "held-out" scores triplets that `split` keeps apart.
        split: of protocol held-out, "images" or "references", see `splits.GUARANTEES`.
        epochs: None takes the numbers of Table B.1.
        singles: singleton sets (`judgements sample ... singles --save`), which self-supervised
            paradigms learn from instead of images drawn here. By protocol held-out without the
            images of scored triplets.

    Raises:
        UnknownNameError: no such network, paradigm, protocol, split or singleton set.
        BadDataError: nothing to fine-tune, or epochs out of range.
    """

    bases: tuple[str, ...]
    paradigms: tuple[str, ...] = PARADIGMS
    protocol: Protocol = "paper"
    split: TrialRule = "images"
    epochs: int | None = None
    singles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.bases or not self.paradigms:
            raise BadDataError("Nothing to fine-tune. Name at least one network and one paradigm.")
        for base in self.bases:
            registry.get(base)
        for paradigm in self.paradigms:
            paradigms.check_paradigm(paradigm)
        _check("protocol", self.protocol, PROTOCOLS)
        _check("split", self.split, SPLITS)
        for name in self.singles:
            _check("singleton set", name, tuple(singles.name for singles in sets.singleton_sets()))
        if self.epochs is not None and not 1 <= self.epochs <= MAX_EPOCHS:
            raise BadDataError(f"epochs must be 1 to {MAX_EPOCHS:,}, got {self.epochs}.")

    @property
    def labels(self) -> tuple[str, ...]:
        """The cells of a network and a source: before, then the paradigms."""
        return (BEFORE, *self.paradigms)

    @property
    def guarantee(self) -> str:
        """What is known about the triplets that the result is scored on."""
        if self.protocol == "paper":
            return "Networks learn from the triplets that they are scored on, as in the thesis."
        return splits.GUARANTEES[self.split]

    def to_args(self) -> list[str]:
        """The options of `simcore reproduce`; defaults are left out.

        >>> Grid(("hog",), ("simclr", "moco"), epochs=2).to_args()
        ['--finetune', '--bases', 'hog', '--paradigms', 'simclr,moco', '--epochs', '2']
        """
        args = ["--finetune", "--bases", ",".join(self.bases)]
        if self.paradigms != PARADIGMS:
            args += ["--paradigms", ",".join(self.paradigms)]
        if self.protocol != "paper":
            args += ["--protocol", self.protocol]
            args += ["--split", self.split] if self.split != "images" else []
        args += ["--singles", ",".join(self.singles)] if self.singles else []
        return args + (["--epochs", str(self.epochs)] if self.epochs is not None else [])

    def settings(self, base: str, paradigm: str) -> FinetuneSettings:
        """The settings of one cell."""
        return finetuning.make_settings(base, paradigm, epochs=self.epochs, protocol=self.protocol)


@dataclass(frozen=True)
class GridCell(Result):
    """The scores of a network on the triplet sets of a source, as stored on disk.

    Attributes:
        base: the network. label: the paradigm, or `BEFORE`.
        credits: triplet set -> what each triplet earned by the majority: 0, 0.5 or 1.
        seen: triplet set -> how many of its triplets show an image of training.
        examples: training examples per epoch. epoch: the one that is kept.
    """

    base: str
    label: str
    credits: dict[str, tuple[float, ...]]
    seen: dict[str, int]
    examples: int = 0
    epoch: int = 0


@dataclass(frozen=True, eq=False)
class SourceSplit:
    """Training and test triplets of one source.

    Attributes:
        split: rows of the set of judgements.
        sets: triplet set -> positions in `split.test`.
        pool: rows of the triplets whose images self-supervised paradigms learn from.
        singles: rows of images that they learn from instead; None draws them from `pool`.
    """

    judged: JudgementSet
    split: TrialSplit
    sets: BySet
    pool: Array
    singles: Array | None = None

    @property
    def clusters(self) -> BySet:
        """Triplet set -> (T,) triplets with the same reference are not independent."""
        references = self.split.images[self.split.test, 0]
        return {name: references[positions] for name, positions in self.sets.items()}


def make(
    bases: Sequence[str] = (),
    labels: Sequence[str] = (),
    *,
    protocol: str = "paper",
    split: str = "",
    epochs: int | None = None,
    singles: Sequence[str] = (),
) -> Grid:
    """A grid of names that are not checked yet.

    Args:
        bases: networks or @groups; empty takes `default_bases`.
        labels: paradigms; empty takes all.
        split: of protocol held-out; empty takes "images".
        singles: singleton sets.

    Raises:
        UnknownNameError, BadDataError: as for `Grid`; or a split of protocol paper.
    """
    if split and protocol == "paper":
        raise BadDataError(
            "Protocol paper scores the triplets that it learns from; there is no split. Leave the "
            "split out, or choose protocol held-out."
        )
    return Grid(
        tuple(registry.expand_groups(bases)) if bases else tuple(default_bases()),
        tuple(labels) or PARADIGMS,
        _check("protocol", protocol, PROTOCOLS),
        _check("split", split or SPLITS[0], SPLITS),
        epochs,
        tuple(singles),
    )


def _check(noun: str, name: str, options: tuple[_Name, ...]) -> _Name:
    for option in options:
        if option == name:
            return option
    raise unknown_name(noun, name, options)


def default_bases() -> list[str]:
    """The networks of Figure 5.3 whose weights are at hand.

    Raises:
        BadDataError: there is none.
    """
    ready = [name for name in finetuning.trainable() if name in PRINTED_BASES]
    if not ready:
        raise BadDataError(
            "None of the six networks of Figure 5.3 has its weights here. Get them with `simcore "
            "models fetch @margaritescu2024`, or name others with --bases."
        )
    return ready


def split_source(judged: JudgementSet, grid: Grid) -> SourceSplit:
    """Draw the training and test triplets of a source; the same for all networks and paradigms.

    Args:
        judged: of kind bapps, hsj or birds-16.

    Raises:
        UnknownNameError: judgements of another kind.
        BadDataError: too few triplets, a set of the source has none, or too few images of a named
            singleton set are left.
    """
    part = _split_triplets(judged, grid)
    return replace(part, singles=_named_singles(part, grid))


def _named_singles(part: SourceSplit, grid: Grid) -> Array | None:
    """Rows of the images of the singleton sets that were drawn from this source."""
    judged = part.judged
    names = _singles_of(judged, grid)
    if not names:
        return None
    pictures = {images.picture(key) for name in names for key in collections.open_(name).left.keys}
    keys = judged.triplets.images.keys
    rows = np.flatnonzero([images.picture(key) in pictures for key in keys])
    if grid.protocol != "paper":
        numbers = splits.image_numbers(judged.triplets)[rows]
        rows = rows[~np.isin(numbers, part.split.images[part.split.test])]
    if rows.size < 2:
        raise BadDataError(
            f"{', '.join(names)} has {rows.size} images of {judged.name!r} that no scored triplet "
            "shows, at least 2 are needed. Draw a larger set."
        )
    return rows


def _singles_of(judged: JudgementSet, grid: Grid) -> list[str]:
    """The named singleton sets that were drawn from a source."""
    drawn = [s.name for s in sets.singleton_sets() if s.judgements == judged.name]
    return [name for name in grid.singles if name in drawn]


def _split_triplets(judged: JudgementSet, grid: Grid) -> SourceSplit:
    triplets = judged.triplets
    pictures = splits.trial_images(triplets)
    source = _check("source of triplets", judged.kind, SOURCES)
    drawn = {name: rows for name, (_, rows) in triplet_sets.evaluation({source: judged}).items()}
    if grid.protocol == "paper":
        rows = np.unique(np.concatenate(list(drawn.values())))
        train = rows[triplet_sets.balanced(triplets.take(rows))]
        split = TrialSplit(train, _NO_ROWS, rows, pictures, "all")
        return SourceSplit(judged, split, _positions(drawn, rows), rows)
    groups = {name: triplet_sets.SETS[name][1] for name in drawn}
    all_rows = {name: triplet_sets.rows_of_group(triplets, group) for name, group in groups.items()}
    candidates = np.unique(np.concatenate(list(all_rows.values())))
    parts = splits.split_trials(pictures[candidates], 0, grid.split)
    train, validation, test = (candidates[getattr(parts, name)] for name in splits.PART_NAMES)
    test_sets = {
        name: np.random.default_rng([0, number]).permutation(np.intersect1d(rows, test))
        for number, (name, rows) in enumerate(all_rows.items())
    }
    test_sets = {name: np.sort(rows[: triplet_sets.SIZE]) for name, rows in test_sets.items()}
    empty = [name for name, rows in test_sets.items() if not rows.size]
    if empty:
        raise BadDataError(
            f"The split {grid.split!r} of {judged.name!r} leaves no test triplets of "
            f"{', '.join(empty)}. Add more triplets, or choose the split references."
        )
    train_sample, validation_sample = (
        rows[triplet_sets.balanced(triplets.take(rows), size=size)]
        for rows, size in ((train, triplet_sets.SIZE), (validation, VALIDATION_SIZE))
    )
    tested = np.unique(np.concatenate(list(test_sets.values())))
    split = TrialSplit(train_sample, validation_sample, tested, pictures, grid.split)
    return SourceSplit(judged, split, _positions(test_sets, tested), train)


def _positions(sets: BySet, rows: Array) -> BySet:
    return {name: np.searchsorted(rows, own) for name, own in sets.items()}


def training_data(part: SourceSplit, label: str) -> JudgementData:
    """What a cell learns from: triplets, quadruplets or single images (Table A.1).

    Raises:
        BadDataError: too few triplets with a majority, or no further images for quadruplets.
    """
    judged, split = part.judged, part.split
    if label == BEFORE:
        return JudgementData(judged, split, _NO_EXAMPLES, _NO_EXAMPLES)
    train, validation = (
        judgement_examples.examples(judged, split, name, fourth=label == "quadruplet")
        for name in ("train", "train" if split.rule == "all" else "validation")
    )
    if label not in SUPERVISED:
        singles = part.singles
        if singles is None:
            singles = triplet_sets.single_images(judged.triplets.take(part.pool))
        train = replace(train, singles=singles)
    return JudgementData(judged, split, train, validation)


def compute(
    judged: JudgementSet,
    base: str,
    label: str,
    grid: Grid,
    *,
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> GridCell:
    """A cell, from the cache where it was computed before.

    Raises:
        BadDataError: the source has not the data that the paradigm needs.
        Stopped: `monitor` asked to stop; the same call continues.
    """
    path = _path(judged, base, label, grid)
    if stored := state_files.read_json(path, _parse, rebuild=True):
        return stored
    part = split_source(judged, grid)
    data = training_data(part, label)
    session = finetuning.TrainingSession(data, base, device)
    net = session.load_network()
    examples = epoch = 0
    checkpoint = lineage.path(f"unnamed-{path.stem[:12]}", "ckpt")
    if label != BEFORE:
        settings = grid.settings(base, label)
        training = session.train(net, settings, checkpoint, monitor=monitor)
        if not training.finished:
            raise Stopped(f"Stopped in {base}, {label}. The same command continues.")
        examples, epoch = data.train.count(settings.paradigm), training.epoch
    left, right = session.test(net)
    vote = judged.triplets.vote[part.split.test]
    earned = two_afc.credit(left, right, vote, counting="majority")
    seen = _shows_training_image(part, data.train, label)
    cell = GridCell(
        base,
        label,
        {name: tuple(earned[rows].tolist()) for name, rows in part.sets.items()},
        {name: int(seen[rows].sum()) for name, rows in part.sets.items()},
        examples,
        epoch,
    )
    state_files.write_json(path, cell.to_dict())
    checkpoint.unlink(missing_ok=True)
    return cell


def _shows_training_image(part: SourceSplit, examples: Examples, label: str) -> Array:
    """(T,) whether each test triplet shows an image that a paradigm learned from."""
    used = examples.arrays[:3] if label in SUPERVISED else [examples.singles]
    rows = np.unique(np.concatenate([np.ravel(array) for array in used]))
    numbers = splits.image_numbers(part.judged.triplets)[rows]
    return np.asarray(np.isin(part.split.images[part.split.test], numbers).any(axis=1))


def count_stored(sources: Sequence[JudgementSet], grid: Grid) -> tuple[int, int]:
    """How many cells are stored, and how many there are; nothing is computed."""
    paths = _paths(sources, grid)
    return sum(path.exists() for path in paths), len(paths)


def ready_bases(grid: Grid) -> list[str]:
    """The networks whose weights are at hand; what was left out for want of them can be made."""
    return [base for base in grid.bases if weights.status(registry.get(base))[0]]


def inputs(sources: Sequence[JudgementSet], grid: Grid) -> JSON:
    """Everything that the numbers of the grid depend on, as JSON can hold it.

    Raises:
        BadDataError: a singleton set was drawn from none of the sources.
    """
    used = {name for judged in sources for name in _singles_of(judged, grid)}
    if unused := [name for name in grid.singles if name not in used]:
        raise BadDataError(
            f"The singleton set {unused[0]!r} was drawn from none of "
            f"{', '.join(judged.name for judged in sources)}. Leave it out, or add its source."
        )
    return {"cells": [path.stem for path in _paths(sources, grid)]}


def _parse(document: JSON) -> GridCell:
    credits = {name: tuple(map(float, values)) for name, values in document["credits"].items()}
    return GridCell(**document | {"credits": credits})


def _paths(sources: Sequence[JudgementSet], grid: Grid) -> list[Path]:
    return [
        _path(judged, base, label, grid)
        for judged in sources
        for base in grid.bases
        for label in grid.labels
    ]


def _path(judged: JudgementSet, base: str, label: str, grid: Grid) -> Path:
    """The file of a cell, named by everything that changes its numbers.

    The keys of `content` are part of the names of files that exist already.
    """
    content: JSON = {
        "format": FORMAT,
        "judgements": judged.digest,
        "alternatives": judged.alternatives is not None,
        "backbone": str(extraction.feature_key(registry.get(base), "fp32")),
        "protocol": grid.protocol,
        "split": "" if grid.protocol == "paper" else grid.split,
        "label": label,
    }
    if label != BEFORE:
        settings = grid.settings(base, label)
        content["settings"] = settings.hashed_fields()
        content["epochs"] = [settings.epochs, settings.patience]
    if label == "quadruplet":
        content["second negatives"] = 2  # raised when they are drawn in another way
    if label not in (BEFORE, *SUPERVISED) and (names := _singles_of(judged, grid)):
        content["singles"] = sorted(collections.open_(name).digest for name in names)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return cache_dir.root() / "finetuning" / f"{digest[:32]}.json"
