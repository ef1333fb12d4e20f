"""Experiments as CSV: out of here, and in from anywhere, checked whole before anything is kept.

One row an answer; a question that nobody answered has one row with the last five cells empty.
Options are numbered 1 to n in one order for all participants; `place` is where the chosen one was
on the screen. `mate` is 0 where no option is known to be right.
"""

import csv
import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.data.judgements import judgement_catalog
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft
from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.lab.people.experiments import MOST_QUESTIONS, check_name, prepare_pictures
from simcore.lab.people.participation import MOST_SECONDS
from simcore.types import Collection, Monitor

MOST_BYTES, MOST_ROWS, MOST_PEOPLE = 20_000_000, 200_000, 10_000
FIRST = ("question", "condition", "catch", "query", "mate")
LAST = ("participant", "chosen", "place", "seconds", "answered")
Cells = dict[str, str]

KIND = "answers"  # of a set of judgements that comes from an experiment


def export(name: str) -> str:
    """The CSV of an experiment; `read` makes the same one of it.

    Raises:
        UnknownNameError: no such experiment.
    """
    experiment = experiment_store.get(name)
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    given = experiment_store.answers(experiment)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow([*FIRST, *_options(experiment.choices), *LAST])
    for number, question in questions.items():
        mine = [(person, answer) for person, n, answer in given if n == number]
        rest = [
            [
                person,
                answer.option + 1,
                answer.place + 1,
                f"{answer.seconds:.3f}",
                f"{answer.answered:.3f}",
            ]
            for person, answer in mine
        ] or [[""] * len(LAST)]
        first = [number, question.condition, int(question.catch), question.query, question.mate + 1]
        for last in rest:
            write.writerow([*first, *(shown for shown, _ in question.options), *last])
    return out.getvalue()


def read(name: str, collection: str, data: bytes) -> Experiment:
    """Keep an experiment that was run elsewhere, or exported here.

    Args:
        collection: holds the pictures; the CSV names them by their ids.
        data: the CSV, UTF-8.

    Raises:
        BadDataError: a sentence on the first thing that is wrong; nothing is kept then.
        UnknownNameError: no such collection.
    """
    check_name(name)
    found = collections.open_(collection)
    queries, gallery = (dict(zip(s.ids, s.keys, strict=True)) for s in found.sides())
    rows = list(_rows(data))
    if not rows:
        raise BadDataError("found a CSV without rows; expected one an answer")
    columns = [column for column in rows[0][1] if column.startswith("option_")]
    questions: dict[int, Question] = {}
    given: dict[tuple[int, int], Answer] = {}
    for line, cells in rows:
        question = _question(line, cells, columns, queries, gallery)
        known = questions.setdefault(question.number, question)
        if _content(known) != _content(question):
            raise BadDataError(
                f"found question {question.number} in line {line} other than before; expected the "
                "same query, condition, mate and options in all its rows"
            )
        if any(cells[column] for column in LAST):
            person, answer = _answer(line, cells, len(columns))
            if (person, question.number) in given:
                raise BadDataError(
                    f"found a second answer of participant {person} to question {question.number} "
                    f"in line {line}; expected one"
                )
            given[person, question.number] = answer
    if len(questions) > MOST_QUESTIONS:
        raise BadDataError(
            f"found {len(questions):,} questions; expected at most {MOST_QUESTIONS:,}"
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
    answers = [(person, number, answer) for (person, number), answer in given.items()]
    return experiment_store.add(experiment, list(questions.values()), answers)


def _options(count: int) -> list[str]:
    return [f"option_{n}" for n in range(1, count + 1)]


def _rows(data: bytes) -> Iterator[tuple[int, Cells]]:
    """(line, cells by column); every cell is there and short."""
    if len(data) > MOST_BYTES:
        raise BadDataError(
            f"found a CSV of {len(data) / 1e6:.0f} MB; expected at most {MOST_BYTES / 1e6:.0f} MB"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"found bytes that are not UTF-8 at position {error.start:,}; expected a CSV in UTF-8; "
            "save it again so"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [cell.strip() for cell in next(reader, [])]
        _check_head(head)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if reader.line_num > MOST_ROWS:
                raise BadDataError(f"found more than {MOST_ROWS:,} lines; expected fewer")
            if len(row) != len(head):
                raise BadDataError(
                    f"found {len(row)} cells in line {reader.line_num}; expected {len(head)}"
                )
            if any(len(cell) > 500 or "\0" in cell for cell in row):
                raise BadDataError(
                    f"found a cell of over 500 characters, or with a zero byte, in line "
                    f"{reader.line_num}; expected ids and numbers"
                )
            yield reader.line_num, dict(zip(head, (cell.strip() for cell in row), strict=True))
    except csv.Error as error:
        raise BadDataError(
            f"found no CSV in line {reader.line_num} ({error}); expected cells and commas"
        ) from error


def _check_head(head: list[str]) -> None:
    count = sum(column.startswith("option_") for column in head)
    wanted = [*FIRST, *_options(count), *LAST]
    if sorted(head) != sorted(wanted) or not 2 <= count <= 9:
        raise BadDataError(
            f"found the columns {', '.join(c[:30] for c in head[:20]) or 'none'}; expected "
            f"{', '.join(FIRST)}, option_1 to option_n (2 to 9), {', '.join(LAST)}"
        )


def _question(
    line: int, cells: Cells, columns: list[str], queries: dict[str, str], gallery: dict[str, str]
) -> Question:
    number = _whole(line, cells, "question", 1, 1_000_000)
    catch = bool(_whole(line, cells, "catch", 0, 1))
    mate = _whole(line, cells, "mate", int(catch), len(columns)) - 1
    if not cells["condition"] or len(cells["condition"]) > 200:
        raise BadDataError(f"found no condition, or a long one, in line {line}; expected a name")
    # A catch trial shows the query itself among the choices, which is on the other side.
    both = gallery | ({cells["query"]: queries.get(cells["query"], "")} if catch else {})
    query = _key(line, cells["query"], queries)
    options = [
        [cells[c], _key(line, cells[c], both if n == mate else gallery)]
        for n, c in enumerate(columns)
    ]
    if len({key for _, key in options}) < len(options):
        raise BadDataError(f"found a picture twice among the options in line {line}; expected once")
    return Question(
        number=number,
        condition=cells["condition"],
        catch=catch,
        query=cells["query"],
        query_key=query,
        options=options,
        mate=mate,
    )


def _answer(line: int, cells: Cells, choices: int) -> tuple[int, Answer]:
    person = _whole(line, cells, "participant", 1, MOST_PEOPLE)
    return person, Answer(
        option=_whole(line, cells, "chosen", 1, choices) - 1,
        place=_whole(line, cells, "place", 1, choices) - 1,
        seconds=_number(line, cells, "seconds", MOST_SECONDS),
        answered=_number(line, cells, "answered", 1e11),
    )


def _content(question: Question) -> tuple:
    return question.condition, question.catch, question.query, question.options, question.mate


def _key(line: int, image: str, known: dict[str, str]) -> str:
    if not known.get(image):
        raise BadDataError(
            f"found the picture {image[:80]!r} in line {line}, which the collection does not have "
            "on that side; expected one of its ids"
        )
    return known[image]


def _whole(line: int, cells: Cells, column: str, least: int, most: int) -> int:
    cell = cells[column]
    if not (cell.isascii() and cell.isdigit() and len(cell) < 12 and least <= int(cell) <= most):
        raise BadDataError(
            f"found {column} {cell[:40]!r} in line {line}; expected a whole number from {least:,} "
            f"to {most:,}"
        )
    return int(cell)


def _number(line: int, cells: Cells, column: str, most: float) -> float:
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise BadDataError(
            f"found {column} {cells[column][:40]!r} in line {line}; expected a number from 0 to "
            f"{most:,.0f}"
        )
    return value


@dataclass(frozen=True)
class Comparison:
    """One query and two pictures, by content key, and how many of `votes` preferred b."""

    query: str
    a: str
    b: str
    vote: float
    votes: int
    group: str


def triplets(name: str) -> str:
    """The CSV `query,a,b,vote,group,votes` of file names.

    Raises:
        UnknownNameError: no such experiment, or its collection is gone.
    """
    found, collection = _asked(name)
    files = {
        key: f"{path.parent.name}/{path.name}"
        for side in collection.sides()
        for key, path in zip(side.keys, side.paths, strict=True)
    }
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["query", "a", "b", "vote", "group", "votes"])
    for one in found:
        named = [files[key] for key in (one.query, one.a, one.b)]
        write.writerow([*named, f"{one.vote:g}", one.group, one.votes])
    return out.getvalue()


def judgements(name: str, save: str, *, monitor: Monitor = Monitor()) -> JudgementSet:
    """Remember them as a set of judgements, whose pictures stay where the collection has them.

    Raises:
        UnknownNameError: no such experiment, or its collection is gone.
        BadDataError: nobody has answered yet, or the set's name is taken.
    """
    found, collection = _asked(name)
    if not found:
        raise BadDataError(
            f"found no answer to {name!r} yet; expected some; ask people first, or import answers"
        )
    roster = ImageNumbering()
    rows: dict[str, tuple[str, Path]] = {}
    for mark, side in zip(("left", "right"), collection.sides(), strict=False):
        for image, path, key in zip(side.ids, side.paths, side.keys, strict=True):
            rows.setdefault(key, (f"{mark}:{image}", path))
    items = [[roster.number(*rows[key]) for key in (c.query, c.a, c.b)] for c in found]
    made = TrialDraft(
        "triplets",
        roster.ids,
        roster.paths,
        np.array(items, np.int64),
        np.array([c.vote for c in found]),
        np.array([c.votes for c in found], np.int64),
        tuple(c.group for c in found),
        notes=("an answer among several pictures counts for every pair that it is part of",),
        credits=collection.credits,
    )
    return judgement_catalog.keep(
        lambda _: made,
        name=save,
        kind=KIND,
        source=_source(name),
        trim=collection.left.trim,
        monitor=monitor,
    )


def existing_set(name: str) -> list[str]:
    """The sets of judgements that were made of an experiment's answers."""
    source = _source(name)
    return [
        one for one in judgement_catalog.names() if judgement_catalog.summary(one).source == source
    ]


def fresh(name: str) -> str:
    """A name for the next one that nobody has."""
    taken = judgement_catalog.names()
    more = (f"{name[:60]}-{n}" for n in range(2, 1000))
    return name if name not in taken else next(one for one in more if one not in taken)


def _source(name: str) -> str:
    return f"experiment {name}"


def _asked(name: str) -> tuple[list[Comparison], Collection]:
    """The comparisons of an experiment without its catch trials, and its collection.

    Questions with pictures that the collection no longer has are left out.
    """
    experiment = experiment_store.get(name)
    collection = collections.open_(experiment.collection)
    there = {key for side in collection.sides() for key in side.keys}
    chosen: dict[int, list[int]] = {}
    for _, number, answer in experiment_store.answers(experiment):
        chosen.setdefault(number, []).append(answer.option)
    found = []
    for question in experiment_store.questions(experiment):
        keys = [question.query_key, *(key for _, key in question.options)]
        if question.catch or not there.issuperset(keys):
            continue
        for a, b, votes, vote in _pairs(chosen.get(question.number, []), len(keys) - 1):
            found.append(
                Comparison(keys[0], keys[a + 1], keys[b + 1], vote, votes, question.condition)
            )
    return found, collection


def _pairs(chosen: list[int], options: int) -> Iterator[tuple[int, int, int, float]]:
    counts = [chosen.count(option) for option in range(options)]
    for a in range(options):
        for b in range(a + 1, options):
            if votes := counts[a] + counts[b]:
                yield a, b, votes, counts[b] / votes
