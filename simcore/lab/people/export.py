"""Experiments as CSV, exported and imported, and their answers as judgement sets.

One row per answer; a question without answers has one row whose last five cells are empty. Options
are numbered 1 to n in one order for all participants; `place` is the position of the chosen one on
the screen. `mate` is 0 if no option is known to be right. An import is checked as a whole before
anything is stored.
"""

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore import csv_text
from simcore.data import text_files
from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.data.judgements import judgement_catalog
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft
from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.lab.people.experiments import MAX_QUESTIONS, check_name, prepare_pictures
from simcore.lab.people.participation import MAX_SECONDS, check_label
from simcore.types import Collection, ImageSet, Monitor

MAX_BYTES, MAX_ROWS, MAX_PARTICIPANTS = 20_000_000, 200_000, 10_000
FIRST = ("question", "condition", "catch", "query", "mate")
LAST = ("participant", "chosen", "place", "seconds", "answered")
INTEGERS, FLOATS = (
    ("question", "catch", "mate", "participant", "chosen", "place"),
    ("seconds", "answered"),
)
Cells = dict[str, str]
Numbers = dict[str, int]  # a participant's id -> their number
IdsByNumber = dict[int, str]  # the value of an image id -> the id
MAX_DIGITS = 12
_NUMBER = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_INTEGRAL = re.compile(rf"(\d{{1,{MAX_DIGITS}}})(?:\.0+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"^(\d+),(\d+)$", re.ASCII)

KIND = "answers"  # of a judgement set that was made from an experiment


def export(name: str) -> str:
    """The CSV of an experiment; `read` creates the same experiment from it.

    Raises:
        UnknownNameError: no such experiment.
    """
    experiment = experiment_store.get(name)
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    answers = experiment_store.answers(experiment)
    labels = experiment_store.labels(experiment)
    rows: list[list[object]] = []
    for number, question in questions.items():
        to_question = [(person, answer) for person, n, answer in answers if n == number]
        answer_cells = [
            [
                labels.get(person, person),
                answer.option + 1,
                answer.place + 1,
                f"{answer.seconds:.3f}",
                f"{answer.answered:.3f}",
            ]
            for person, answer in to_question
        ] or [[""] * len(LAST)]
        question_cells = [
            number,
            question.condition,
            int(question.catch),
            question.query,
            question.mate + 1,
        ]
        for cells in answer_cells:
            rows.append([*question_cells, *(image for image, _ in question.options), *cells])
    return csv_text.write([*FIRST, *_options(experiment.choices), *LAST], rows)


def read_file(path: Path) -> bytes:
    """The bytes of a CSV file for `read`.

    Raises:
        BadDataError: absent, unreadable, no regular file, or larger than `MAX_BYTES`.
    """
    return text_files.read_bytes(path, MAX_BYTES)


def read(name: str, collection: str, data: bytes) -> Experiment:
    """Store an experiment that was run elsewhere or exported here.

    Args:
        collection: contains the images; the CSV names them by id.
        data: the CSV as exported, or as a spreadsheet saved it: columns in any order, 1.0 for 1,
            ids without leading zeros, decimal commas. Participants have ids of any form.

    Raises:
        BadDataError: the first problem found; nothing is stored then.
        UnknownNameError: no such collection.
    """
    check_name(name)
    opened = collections.open_(collection)
    queries, gallery = (dict(zip(s.ids, s.keys, strict=True)) for s in opened.sides())
    zeros = [_by_number(side) for side in opened.sides()]
    rows = [(line, _stored_ids(cells, opened, zeros)) for line, cells in _rows(data)]
    if not rows:
        raise BadDataError("The CSV has no rows. It needs one row per answer.")
    columns = [column for column in rows[0][1] if column.startswith("option_")]
    questions: dict[int, Question] = {}
    answers: dict[tuple[str, int], Answer] = {}
    for line, cells in rows:
        question = _question(line, cells, columns, queries, gallery)
        first = questions.setdefault(question.number, question)
        if _content(first) != _content(question):
            raise BadDataError(
                f"Question {question.number} in line {line} differs from its earlier rows. "
                "Query, condition, mate and options must be the same in all of them."
            )
        if any(cells[column] for column in LAST):
            person, answer = _answer(line, cells, len(columns))
            if (person, question.number) in answers:
                raise BadDataError(
                    f"Line {line} is a second answer of participant {person} to question "
                    f"{question.number}. Keep one of them."
                )
            answers[person, question.number] = answer
    if len(questions) > MAX_QUESTIONS:
        raise BadDataError(
            f"The CSV has {len(questions):,} questions; at most {MAX_QUESTIONS:,} are allowed."
        )
    prepare_pictures(collection, list(questions.values()))
    conditions = [{"name": c} for c in dict.fromkeys(q.condition for q in questions.values())]
    experiment = Experiment(
        name=name,
        collection=collection,
        choices=len(columns),
        seed=0,
        consent="",
        plan={"source": "csv", "conditions": conditions},
        created=time.time(),
    )
    people = _number_participants(list(dict.fromkeys(person for person, _ in answers)))
    numbered = [(people[person], number, answer) for (person, number), answer in answers.items()]
    labels = {number: person for person, number in people.items() if person != str(number)}
    return experiment_store.add(experiment, list(questions.values()), numbered, labels)


def _number_participants(ids: list[str]) -> Numbers:
    """Participants' ids and their numbers: the id itself where all are such numbers."""
    if len(ids) > MAX_PARTICIPANTS:
        raise BadDataError(
            f"The CSV has {len(ids):,} participants; at most {MAX_PARTICIPANTS:,} are allowed."
        )
    if all(_NUMBER.fullmatch(text) and int(text) <= MAX_PARTICIPANTS for text in ids):
        return {text: int(text) for text in ids}
    return {text: number for number, text in enumerate(ids, start=1)}


def _options(count: int) -> list[str]:
    return [f"option_{n}" for n in range(1, count + 1)]


def _rows(data: bytes) -> list[tuple[int, Cells]]:
    """(line, cells by column); no cell is missing or long."""
    if len(data) > MAX_BYTES:
        raise BadDataError(
            f"The CSV has {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed."
        )
    table = csv_text.parse(text_files.decode(data, "the CSV"), equal_lengths=True)
    _check_head(table.columns)
    if table.rows and table.rows[-1].line > MAX_ROWS:
        raise BadDataError(f"The CSV has more than {MAX_ROWS:,} lines. Split it.")
    for row in table.rows:
        if any(len(cell) > 500 for cell in row.cells.values()):
            raise BadDataError(f"A cell in line {row.line} is longer than 500 characters.")
    return [(row.line, _plain_numbers(row.cells, table.separator)) for row in table.rows]


def _plain_numbers(cells: Mapping[str, str], separator: str) -> Cells:
    """The cells with numbers as `export` writes them: 1 for 1.0, and a decimal point."""
    plain = dict(cells)
    for column in (*INTEGERS, *FLOATS):
        text = plain[column]
        if separator != ",":  # where numbers have decimal commas, columns are separated otherwise
            text = _DECIMAL_COMMA.sub(r"\1.\2", text)
        if column in INTEGERS and (match := _INTEGRAL.fullmatch(text)):
            text = match[1]
        plain[column] = text
    plain["catch"] = {"true": "1", "false": "0"}.get(plain["catch"].lower(), plain["catch"])
    return plain


def _by_number(side: ImageSet) -> IdsByNumber:
    """The ids that are whole numbers by their value, where only one has it."""
    ids: dict[int, list[str]] = {}
    for name in side.ids:
        if name.isascii() and name.isdigit() and len(name) < MAX_DIGITS:
            ids.setdefault(int(name), []).append(name)
    return {number: names[0] for number, names in ids.items() if len(names) == 1}


def _stored_ids(
    cells: Cells, collection: Collection, by_number: Sequence[Mapping[int, str]]
) -> Cells:
    """The cells with image ids as the collection has them.

    Their Unicode form may differ, and a spreadsheet writes 00012 as 12 or 12.0.

    Args:
        by_number: per side, from `_by_number`.
    """
    named = ["query", *(column for column in cells if column.startswith("option_"))]
    ids = {}
    for column in named:
        for side, names in zip(collection.sides(), by_number, strict=True):
            row = side.find(cells[column])
            number = _INTEGRAL.fullmatch(cells[column])
            if row is not None:
                ids[column] = side.ids[row]
            elif number is not None and int(number[1]) in names:
                ids.setdefault(column, names[int(number[1])])
    return cells | ids


def _check_head(head: Sequence[str]) -> None:
    count = sum(column.startswith("option_") for column in head)
    columns = [*FIRST, *_options(count), *LAST]
    if sorted(head) != sorted(columns) or not 2 <= count <= 9:
        raise BadDataError(
            f"The CSV has the columns {', '.join(c[:30] for c in head[:20]) or 'none'}. It needs "
            f"{', '.join(FIRST)}, option_1 to option_n (2 to 9), {', '.join(LAST)}."
        )


def _question(
    line: int, cells: Cells, columns: list[str], queries: dict[str, str], gallery: dict[str, str]
) -> Question:
    number = _whole(line, cells, "question", 1, 1_000_000)
    catch = bool(_whole(line, cells, "catch", 0, 1))
    mate = _whole(line, cells, "mate", int(catch), len(columns)) - 1
    if not cells["condition"] or len(cells["condition"]) > 200:
        raise BadDataError(f"The condition in line {line} must have 1 to 200 characters.")
    # A catch trial shows the query itself among the choices, which is on the other side.
    choosable = gallery | ({cells["query"]: queries.get(cells["query"], "")} if catch else {})
    query = _key(line, cells["query"], queries)
    options = [
        [cells[c], _key(line, cells[c], choosable if n == mate else gallery)]
        for n, c in enumerate(columns)
    ]
    if len({key for _, key in options}) < len(options):
        raise BadDataError(f"An image appears twice among the options in line {line}.")
    return Question(
        number=number,
        condition=cells["condition"],
        catch=catch,
        query=cells["query"],
        query_key=query,
        options=options,
        mate=mate,
    )


def _answer(line: int, cells: Cells, choices: int) -> tuple[str, Answer]:
    try:
        person = check_label(cells["participant"])
    except BadDataError as error:
        raise BadDataError(f"participant in line {line}: {error}") from error
    return person, Answer(
        option=_whole(line, cells, "chosen", 1, choices) - 1,
        place=_whole(line, cells, "place", 1, choices) - 1,
        seconds=_number(line, cells, "seconds", MAX_SECONDS),
        answered=_number(line, cells, "answered", 1e11),
    )


def _content(question: Question) -> tuple:
    return question.condition, question.catch, question.query, question.options, question.mate


def _key(line: int, image: str, keys: dict[str, str]) -> str:
    if not keys.get(image):
        raise BadDataError(
            f"The image {image[:80]!r} in line {line} is not on that side of the collection. "
            "Use the ids of its images."
        )
    return keys[image]


def _whole(line: int, cells: Cells, column: str, low: int, high: int) -> int:
    cell = cells[column]
    if not (cell.isascii() and cell.isdigit() and len(cell) < 12 and low <= int(cell) <= high):
        raise BadDataError(
            f"{column} in line {line} must be a whole number from {low:,} to {high:,}, not "
            f"{cell[:40]!r}."
        )
    return int(cell)


def _number(line: int, cells: Cells, column: str, high: float) -> float:
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not 0 <= value <= high:
        raise BadDataError(
            f"{column} in line {line} must be a number from 0 to {high:,.0f}, not "
            f"{cells[column][:40]!r}."
        )
    return value


@dataclass(frozen=True)
class Comparison:
    """One query and two images by content key; `vote` is the share of `votes` that chose b."""

    query: str
    a: str
    b: str
    vote: float
    votes: int
    group: str


def triplets(name: str) -> str:
    """The answers as a CSV of triplets, `query,a,b,vote,group,votes`, with paths of files.

    Raises:
        UnknownNameError: no such experiment, or its collection was removed.
    """
    comparisons, collection = _comparisons(name)
    file_of = {
        key: path
        for side in collection.sides()
        for key, path in zip(side.keys, side.paths, strict=True)
    }
    # Paths below the folder of all images: a shorter name may be that of another image.
    common = Path(os.path.commonpath([path.parent for path in file_of.values()]))
    files = {}
    for key, path in file_of.items():
        inner = path.relative_to(common)
        files[key] = inner.as_posix() if len(inner.parts) > 1 else f"{common.name}/{path.name}"
    rows = []
    for comparison in comparisons:
        paths = [files[key] for key in (comparison.query, comparison.a, comparison.b)]
        rows.append([*paths, f"{comparison.vote:g}", comparison.group, comparison.votes])
    return csv_text.write(["query", "a", "b", "vote", "group", "votes"], rows)


def judgements(name: str, save: str, *, monitor: Monitor = Monitor()) -> JudgementSet:
    """Store the answers as a judgement set; its images stay where the collection has them.

    Raises:
        UnknownNameError: no such experiment, or its collection was removed.
        BadDataError: there are no answers, or the set's name is taken.
    """
    comparisons, collection = _comparisons(name)
    if not comparisons:
        raise BadDataError(
            f"Nobody has answered {name!r} yet. Invite participants or import answers first."
        )
    numbering = ImageNumbering()
    rows: dict[str, tuple[str, Path]] = {}
    for side_name, side in zip(("left", "right"), collection.sides(), strict=False):
        for image, path, key in zip(side.ids, side.paths, side.keys, strict=True):
            rows.setdefault(key, (f"{side_name}:{image}", path))
    items = [[numbering.number(*rows[key]) for key in (c.query, c.a, c.b)] for c in comparisons]
    draft = TrialDraft(
        "triplets",
        numbering.ids,
        numbering.paths,
        np.array(items, np.int64),
        np.array([c.vote for c in comparisons]),
        np.array([c.votes for c in comparisons], np.int64),
        tuple(c.group for c in comparisons),
        notes=("an answer among several pictures counts for every pair that it is part of",),
        credits=collection.credits,
    )
    return judgement_catalog.keep(
        lambda _: draft,
        name=save,
        kind=KIND,
        source=_source(name),
        trim=collection.left.trim,
        monitor=monitor,
    )


def existing_sets(name: str) -> list[str]:
    """Names of the judgement sets that were made from an experiment's answers."""
    source = _source(name)
    return [
        set_name
        for set_name in judgement_catalog.names()
        if judgement_catalog.summary(set_name).source == source
    ]


def unused_name(name: str) -> str:
    """A name for the next judgement set that is not taken."""
    taken = judgement_catalog.names()
    candidates = (f"{name[:60]}-{n}" for n in range(2, 1000))
    return (
        name
        if name not in taken
        else next(candidate for candidate in candidates if candidate not in taken)
    )


def _source(name: str) -> str:
    return f"experiment {name}"


def _comparisons(name: str) -> tuple[list[Comparison], Collection]:
    """The comparisons of an experiment without catch trials, and its collection.

    Questions whose images are no longer in the collection are left out.
    """
    experiment = experiment_store.get(name)
    collection = collections.open_(experiment.collection)
    present = {key for side in collection.sides() for key in side.keys}
    options: dict[int, list[int]] = {}
    for _, number, answer in experiment_store.answers(experiment):
        options.setdefault(number, []).append(answer.option)
    comparisons = []
    for question in experiment_store.questions(experiment):
        keys = [question.query_key, *(key for _, key in question.options)]
        if question.catch or not present.issuperset(keys):
            continue
        for a, b, votes, vote in _pairs(options.get(question.number, []), len(keys) - 1):
            comparisons.append(
                Comparison(keys[0], keys[a + 1], keys[b + 1], vote, votes, question.condition)
            )
    return comparisons, collection


def _pairs(chosen: list[int], options: int) -> Iterator[tuple[int, int, int, float]]:
    counts = [chosen.count(option) for option in range(options)]
    for a in range(options):
        for b in range(a + 1, options):
            if votes := counts[a] + counts[b]:
                yield a, b, votes, counts[b] / votes
