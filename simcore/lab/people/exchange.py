"""Answers in the formats of other projects, as one zip with the images that the answers are about.

psiz      psiz-datasets' stimuli.txt and JSON sequences, with grades and catch trials
nights    data.csv, ref/ and distort/ as DreamSim loads them
things    three numbers per line, the odd one last, and unique_id.txt
cblearn   a .npy of "list-order" triplets, and the file of each image
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from simcore.data import cache_dir, images
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.data.judgements import writers
from simcore.data.judgements.triplet_files import NIGHTS_VOTES
from simcore.data.judgements.writers import Files, RankedSequence, RankedTrial, TwoAfcRow
from simcore.errors import BadDataError, SimError, unknown_name
from simcore.lab.people import answer_judgements, given_answers, participation, tasks
from simcore.lab.people.given_answers import GivenAnswers
from simcore.results import Result
from simcore.types import Monitor

TASKS_OF: Mapping[str, tuple[str, ...]] = {  # format -> the tasks that it can hold
    "psiz": ("rank-8-2", "two-afc"),
    "nights": ("two-afc",),
    "things": ("odd-one-out",),
    "cblearn": ("mafc", "rank-8-2", "two-afc", "odd-one-out"),
}
MAX_IN_MEMORY = 300_000_000  # bytes of images in a zip that the app sends
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Exported(Result):
    """What `write` did.

    Attributes:
        trials: answers, or questions where answers are counted per question (nights).
        images: in the zip. left_out: participants with too low a grade.
    """

    path: str
    format: str
    trials: int
    images: int
    left_out: int
    notes: tuple[str, ...]


def formats_of(task: str) -> list[str]:
    """The formats that can hold the answers of a task."""
    return [name for name, of in TASKS_OF.items() if task in of]


def write(
    name: str,
    format: str,
    path: Path,
    *,
    with_images: bool = True,
    min_catch: float = 0,
    monitor: Monitor = Monitor(),
) -> Exported:
    """Write the answers of an experiment as a zip.

    Args:
        format: a name of `TASKS_OF`.
        path: of the zip; an existing file is replaced.
        with_images: NIGHTS holds its images always.
        min_catch: leave out participants who passed a lower percentage of catch trials.

    Raises:
        UnknownNameError: no such experiment or format, or its collection was removed.
        BadDataError: the format does not hold this task, nobody has answered, or the file cannot
            be written. BadImageError: an image is gone or has changed.
    """
    package = _package(name, format, min_catch)
    shown = package.images if with_images or format == "nights" else {}
    try:
        with cache_dir.atomic_path(path) as draft, draft.open("wb") as out:
            _zip(out, package.files, shown, monitor)
    except SimError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadDataError(
            f"Cannot write {str(path)[:200]!r} ({reason}). Name a file in a folder that exists."
        ) from error
    notes, left_out = package.notes, package.left_out
    return Exported(str(path), format, package.trials, len(shown), left_out, notes)


def to_bytes(name: str, format: str, *, min_catch: float = 0) -> bytes:
    """The zip that `write` makes, with its images, for a download.

    Args:
        min_catch: leave out participants who passed a lower percentage of catch trials.

    Raises:
        BadDataError: as `write`, or the images are too large for that.
    """
    package = _package(name, format, min_catch)
    size = sum(source.path.stat().st_size for source in package.images.values())
    if size > MAX_IN_MEMORY:
        raise BadDataError(
            f"The images have {size / 1e6:,.0f} MB. Use `simcore experiments export {name} "
            f"--format {format} --out FILE.zip` instead."
        )
    stream = io.BytesIO()
    _zip(stream, package.files, package.images, Monitor())
    return stream.getvalue()


@dataclass(frozen=True)
class _Source:
    """An image to be written: its file, and its key if rows are cut from it."""

    path: Path
    key: str
    trim: int


@dataclass(frozen=True)
class _Package:
    files: Files
    images: Mapping[str, _Source]  # name in the zip -> image
    trials: int
    left_out: int
    notes: tuple[str, ...]


class _Numbered:
    """The images of an experiment, numbered from 0 as the answers mention them."""

    def __init__(self, responses: GivenAnswers) -> None:
        self._row: dict[str, int] = {}
        self._source: dict[str, tuple[str, Path]] = {}
        sides = responses.collection.sides()
        prefixes = ("left_", "right_") if responses.collection.right is not None else ("", "")
        self._trim = responses.collection.left.trim
        for prefix, side in zip(prefixes, sides, strict=True):
            for image, path, key in zip(side.ids, side.paths, side.keys, strict=True):
                self._source.setdefault(key, (prefix + image, path))
        self.names: list[str] = []
        self.sources: list[_Source] = []
        self._suffixes: list[str] = []
        self._taken: set[str] = set()

    def row(self, key: str) -> int:
        """The number of an image; its name is unique, without spaces and slashes."""
        if key not in self._row:
            image, path = self._source[key]
            self._row[key] = len(self.names)
            self.names.append(self._unused(_UNSAFE.sub("_", image) or "image"))
            self._suffixes.append(".png" if self._trim else path.suffix.lower())
            self.sources.append(_Source(path, key, self._trim))
        return self._row[key]

    def _unused(self, stem: str) -> str:
        """A name that no other image has, in any case, and that has no ending of an image."""
        name, number = stem, len(self.names)
        while name.casefold() in self._taken or Path(name).suffix.lower() in images.SUFFIXES:
            name, number = f"{stem}-{number}", number + 1
        self._taken.add(name.casefold())
        return name

    def files(self, folder: str = "images/") -> list[str]:
        """The path of each image in the zip."""
        return [
            f"{folder}{name}{suffix}"
            for name, suffix in zip(self.names, self._suffixes, strict=True)
        ]


def _package(name: str, format: str, min_catch: float) -> _Package:
    if format not in TASKS_OF:
        raise unknown_name("format", format, TASKS_OF)
    responses = given_answers.read(name, min_catch)
    task = responses.experiment.task
    if task not in TASKS_OF[format]:
        raise BadDataError(
            f"The format {format} holds answers to {' and '.join(TASKS_OF[format])}, not to "
            f"{task}. For {task}, use {', '.join(['csv', *formats_of(task)])}."
        )
    if not any(not responses.questions[number].catch for _, number, _ in responses.answers):
        raise BadDataError(f"Nobody has answered {name!r} yet. Invite participants first.")
    return _WRITERS[format](responses)


def _psiz(responses: GivenAnswers) -> _Package:
    numbered, experiment = _Numbered(responses), responses.experiment
    sequences = []
    for person in sorted({person for person, _, _ in responses.answers}):
        trials = [
            _ranked_trial(experiment, person, responses.questions[number], answer, numbered)
            for other, number, answer in responses.answers
            if other == person
        ]
        grade = responses.grades.get(person, 100.0)  # who saw no catch trial failed none
        sequences.append(RankedSequence(f"{experiment.name}-{person}", grade, trials))
    paths = numbered.files("/images/")
    count = sum(len(sequence.trials) for sequence in sequences)
    files = writers.psiz_sequences(experiment.name, paths, sequences)
    return _finish(responses, files, numbered, count)


def _ranked_trial(
    experiment: Experiment, person: int, question: Question, answer: Answer, numbered: _Numbered
) -> RankedTrial:
    """An answer with its images in the order of the screen, where that is known."""
    is_own = experiment.plan.get("source") == "simcore"
    order = (
        participation.shuffle_choices(experiment, person, question).tolist()
        if is_own
        else range(len(question.options))
    )
    rows = [numbered.row(key) for _, key in question.options]
    ranked = [answer.option] if answer.second < 0 else [answer.option, answer.second]
    return RankedTrial(
        numbered.row(question.query_key),
        [rows[n] for n in order],
        [rows[n] for n in ranked],
        answer.seconds,
        answer.answered,
        given_answers.is_passed(question, answer) if question.catch else None,
    )


def _nights(responses: GivenAnswers) -> _Package:
    numbered = _Numbered(responses)
    counted = []
    for question, answers in responses.to_questions():
        if answers:
            keys = (question.query_key, *(key for _, key in question.options))
            vote = sum(answer.option for answer in answers) / len(answers)
            counted.append(([numbered.row(key) for key in keys], vote, len(answers)))
    references, distorted = numbered.files("ref/"), numbered.files("distort/")
    rows = [
        TwoAfcRow(references[ref], distorted[left], distorted[right], vote, votes)
        for (ref, left, right), vote, votes in counted
    ]
    few = sum(row.votes < NIGHTS_VOTES for row in rows)
    notes = (
        (
            f"{few:,} of {len(rows):,} questions have fewer than {NIGHTS_VOTES} votes; readers of "
            "NIGHTS leave them out",
        )
        if few
        else ()
    )
    shown = {references[ref]: numbered.sources[ref] for (ref, _, _), _, _ in counted}
    for (_, *sides), _, _ in counted:
        shown |= {distorted[side]: numbered.sources[side] for side in sides}
    return _Package(
        writers.nights_table(rows),
        shown,
        len(rows),
        len(responses.left_out),
        (*notes, *responses.notes),
    )


def _things(responses: GivenAnswers) -> _Package:
    numbered = _Numbered(responses)
    rows = [
        [numbered.row(key) for key in keys] for keys, _ in answer_judgements.odd_last(responses)
    ]
    files = writers.things_triplets(np.array(rows, np.int64), numbered.names)
    return _finish(responses, files, numbered, len(rows))


def _cblearn(responses: GivenAnswers) -> _Package:
    numbered = _Numbered(responses)
    rows = [[numbered.row(key) for key in keys] for keys in _nearer_first(responses)]
    files = writers.cblearn_triplets(np.array(rows, np.int64), numbered.files())
    return _finish(responses, files, numbered, len(rows))


def _nearer_first(responses: GivenAnswers) -> Iterator[tuple[str, str, str]]:
    """Every comparison that an answer makes: reference, nearer and other image by key."""
    if responses.experiment.task == tasks.ODD_ONE_OUT.name:
        for (first, second, odd), _ in answer_judgements.odd_last(responses):
            yield first, second, odd
            yield second, first, odd
        return
    for (query, *shown), chosen in answer_judgements.ranked_keys(responses):
        for n, nearer in enumerate(shown[:chosen]):
            for other in shown[n + 1 :]:
                yield query, nearer, other


_WRITERS: Mapping[str, Callable[[GivenAnswers], _Package]] = {
    "psiz": _psiz,
    "nights": _nights,
    "things": _things,
    "cblearn": _cblearn,
}


def _finish(responses: GivenAnswers, files: Files, numbered: _Numbered, trials: int) -> _Package:
    shown = dict(zip(numbered.files(), numbered.sources, strict=True))
    return _Package(files, shown, trials, len(responses.left_out), responses.notes)


def _zip(out: IO[bytes], files: Files, shown: Mapping[str, _Source], monitor: Monitor) -> None:
    """Write tables compressed and images as they are, all with the same time."""
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        for number, (name, source) in enumerate(shown.items()):
            monitor.report("Images", number, len(shown))
            archive.writestr(zipfile.ZipInfo(name), _content(source), zipfile.ZIP_STORED)


def _content(source: _Source) -> bytes:
    """The file, or without the rows that the collection cuts from it, as PNG."""
    if not source.trim:
        return images.read(source.path)
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(images.load_as(source.path, source.key)).save(stream, "PNG")
    return stream.getvalue()
