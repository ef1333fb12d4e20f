"""Experiments as CSV, exported and imported.

One row per answer; a question without answers has one row whose last cells are empty. Options
are numbered 1 to n in one order for all participants; `place` is the position of the chosen one on
the screen. `mate` is 0 if no option is known to be right. An import is checked as a whole before
anything is stored.

Tasks other than mafc, and timed exposure, need more columns: `task`, `exposure` and `gap` of the
experiment (ms), and of each answer `second`, the option chosen second, and `exposed`, the measured
exposure. A same-or-different question has one option; its `chosen` is 1 for same, 2 for different,
and its `place` is 1 where the query was shown first.
"""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simcore import csv_text
from simcore.data import text_files
from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.lab.people import tasks
from simcore.lab.people.answer_judgements import existing_sets as existing_sets
from simcore.lab.people.answer_judgements import judgements as judgements
from simcore.lab.people.answer_judgements import triplets as triplets
from simcore.lab.people.answer_judgements import unused_name as unused_name
from simcore.lab.people.experiments import check_name, prepare_pictures
from simcore.lab.people.participation import MAX_SECONDS, check_label
from simcore.lab.people.plans import MAX_EXPOSURE, MAX_GAP, MAX_QUESTIONS
from simcore.lab.people.tasks import Task
from simcore.types import Collection, ImageSet

MAX_BYTES, MAX_ROWS, MAX_PARTICIPANTS = 20_000_000, 200_000, 10_000
FIRST = ("question", "condition", "catch", "query", "mate")
LAST = ("participant", "chosen", "place", "seconds", "answered")
TASK_COLUMNS = ("task", "exposure", "gap")  # of experiments with another task than mafc, or timed
ANSWER_COLUMNS = ("second", "exposed")  # of their answers
INTEGERS, FLOATS = (
    ("question", "catch", "mate", "participant", "chosen", "place", "exposure", "gap", "second"),
    ("seconds", "answered", "exposed"),
)
Cells = dict[str, str]
KeysById = dict[str, str]  # id of an image -> its content key
Numbers = dict[str, int]  # a participant's id -> their number
IdsByNumber = dict[int, str]  # the value of an image id -> the id
MAX_DIGITS = 12
_NUMBER = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_INTEGRAL = re.compile(rf"(\d{{1,{MAX_DIGITS}}})(?:\.0+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"^(\d+),(\d+)$", re.ASCII)


def export(name: str) -> str:
    """The CSV of an experiment; `read` creates the same experiment from it.

    Raises:
        UnknownNameError: no such experiment.
    """
    experiment = experiment_store.get(name)
    questions = {question.number: question for question in experiment_store.questions(experiment)}
    answers = experiment_store.answers(experiment)
    labels = experiment_store.labels(experiment)
    extended = experiment.task != tasks.MAFC.name or bool(experiment.exposure)
    task_cells = [experiment.task, experiment.exposure, experiment.gap] if extended else []
    rows: list[list[object]] = []
    for number, question in questions.items():
        answer_cells = [
            [labels.get(person, person), *_answer_cells(answer, extended)]
            for person, n, answer in answers
            if n == number
        ] or [[""] * (len(LAST) + len(ANSWER_COLUMNS) * extended)]
        question_cells = [
            number,
            question.condition,
            int(question.catch),
            question.query,
            question.mate + 1,
        ]
        for cells in answer_cells:
            images = [image for image, _ in question.options]
            rows.append([*task_cells, *question_cells, *images, *cells])
    n_options = max(len(question.options) for question in questions.values())
    return csv_text.write(_columns(n_options, extended=extended), rows)


def _answer_cells(answer: Answer, extended: bool) -> list[object]:
    """The cells of an answer after its participant."""
    cells: list[object] = [
        answer.option + 1,
        answer.place + 1,
        f"{answer.seconds:.3f}",
        f"{answer.answered:.3f}",
    ]
    if extended:
        cells += [answer.second + 1 if answer.second >= 0 else "", f"{answer.exposed:.1f}"]
    return cells


def _columns(n_options: int, *, extended: bool) -> list[str]:
    options = [f"option_{n}" for n in range(1, n_options + 1)]
    if not extended:
        return [*FIRST, *options, *LAST]
    return [*TASK_COLUMNS, *FIRST, *options, *LAST, *ANSWER_COLUMNS]


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
    zeros = [_by_number(side) for side in opened.sides()]
    rows = [(line, _stored_ids(cells, opened, zeros)) for line, cells in _rows(data)]
    if not rows:
        raise BadDataError("The CSV has no rows. It needs one row per answer.")
    sheet = _Sheet.of(opened, rows)
    questions: dict[int, Question] = {}
    answers: dict[tuple[str, int], Answer] = {}
    for line, cells in rows:
        sheet.check_task(line, cells)
        question = _question(line, cells, sheet)
        first = questions.setdefault(question.number, question)
        if _content(first) != _content(question):
            raise BadDataError(
                f"Question {question.number} in line {line} differs from its earlier rows. "
                "Query, condition, mate and options must be the same in all of them."
            )
        if any(cells[column] for column in LAST):
            person, answer = _answer(line, cells, sheet)
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
        choices=sheet.task.count_answers(len(sheet.columns)),
        seed=0,
        consent="",
        plan={"source": "csv", "conditions": conditions},
        created=time.time(),
        task=sheet.task.name,
        exposure=sheet.exposure,
        gap=sheet.gap,
    )
    people = _number_participants(list(dict.fromkeys(person for person, _ in answers)))
    numbered = [(people[person], number, answer) for (person, number), answer in answers.items()]
    labels = {number: person for person, number in people.items() if person != str(number)}
    return experiment_store.add(experiment, list(questions.values()), numbered, labels)


@dataclass(frozen=True)
class _Sheet:
    """What all rows of a CSV share.

    Attributes:
        columns: of the options, in order.
        queries, gallery: content keys of the images of each side, by id.
        task_cells: of the columns about the task; empty for a CSV without them.
    """

    columns: list[str]
    queries: KeysById
    gallery: KeysById
    task: Task
    exposure: int
    gap: int
    task_cells: tuple[str, ...]

    @classmethod
    def of(cls, collection: Collection, rows: Sequence[tuple[int, Cells]]) -> "_Sheet":
        """The sheet that the first row describes.

        Raises:
            BadDataError: no such task, or another number of options.
        """
        line, cells = rows[0]
        columns = sorted(column for column in cells if column.startswith("option_"))
        queries, gallery = (dict(zip(s.ids, s.keys, strict=True)) for s in collection.sides())
        extended = "task" in cells
        if extended and cells["task"] not in tasks.TASKS:
            raise BadDataError(
                f"The task in line {line} must be one of {', '.join(tasks.TASKS)}, not "
                f"{cells['task'][:40]!r}."
            )
        task = tasks.get(cells["task"]) if extended else tasks.MAFC
        n_options = task.n_options or max(len(columns), 2)
        if len(columns) != n_options:
            raise BadDataError(
                f"The task {task.name} has {n_options} options, but the CSV has {len(columns)}."
            )
        return cls(
            columns=columns,
            queries=queries,
            gallery=gallery,
            task=task,
            exposure=_whole(line, cells, "exposure", 0, MAX_EXPOSURE) if extended else 0,
            gap=_whole(line, cells, "gap", 0, MAX_GAP) if extended else 0,
            task_cells=tuple(cells.get(column, "") for column in TASK_COLUMNS),
        )

    def check_task(self, line: int, cells: Cells) -> None:
        """Check that a row has the same task and timing as the first one."""
        if tuple(cells.get(column, "") for column in TASK_COLUMNS) != self.task_cells:
            raise BadDataError(
                f"Line {line} has another task, exposure or gap than the first row. They belong "
                "to the experiment; write the same in every row."
            )


def _number_participants(ids: list[str]) -> Numbers:
    """Participants' ids and their numbers: the id itself where all are such numbers."""
    if len(ids) > MAX_PARTICIPANTS:
        raise BadDataError(
            f"The CSV has {len(ids):,} participants; at most {MAX_PARTICIPANTS:,} are allowed."
        )
    if all(_NUMBER.fullmatch(text) and int(text) <= MAX_PARTICIPANTS for text in ids):
        return {text: int(text) for text in ids}
    return {text: number for number, text in enumerate(ids, start=1)}


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
        text = plain.get(column, "")
        if column not in plain:
            continue
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
    heads = [sorted(_columns(count, extended=extended)) for extended in (False, True)]
    if sorted(head) not in heads or not 1 <= count <= 9:
        raise BadDataError(
            f"The CSV has the columns {', '.join(c[:30] for c in head[:20]) or 'none'}. It needs "
            f"{', '.join(FIRST)}, option_1 to option_n (2 to 9), {', '.join(LAST)}; for other "
            f"tasks than mafc also {', '.join((*TASK_COLUMNS, *ANSWER_COLUMNS))}."
        )


def _question(line: int, cells: Cells, sheet: _Sheet) -> Question:
    number = _whole(line, cells, "question", 1, 1_000_000)
    catch = bool(_whole(line, cells, "catch", 0, 1))
    n_answers = sheet.task.count_answers(len(sheet.columns))
    mate = _whole(line, cells, "mate", int(catch), n_answers) - 1
    if not cells["condition"] or len(cells["condition"]) > 200:
        raise BadDataError(f"The condition in line {line} must have 1 to 200 characters.")
    query = _key(line, cells["query"], sheet.queries)
    # Where the query itself is among the options, it is on the other side of the collection.
    with_query = sheet.gallery | {cells["query"]: query}
    options = [
        [
            cells[column],
            _key(
                line,
                cells[column],
                with_query if _may_be_query(sheet.task, n, mate, catch) else sheet.gallery,
            ),
        ]
        for n, column in enumerate(sheet.columns)
    ]
    keys = [key for _, key in options]
    if sheet.task is tasks.ODD_ONE_OUT and keys[0] != query:
        raise BadDataError(f"option_1 in line {line} must be the query, {cells['query'][:80]!r}.")
    two_alike = catch and sheet.task is tasks.ODD_ONE_OUT and len(set(keys)) == 2
    if len(set(keys)) < len(keys) and not two_alike:
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


def _may_be_query(task: Task, option: int, right: int, catch: bool) -> bool:
    """Whether an option may be the query itself: the obvious answer, or the first of three."""
    if task is tasks.ODD_ONE_OUT:
        return option == 0 or (catch and option == 1)
    if task is tasks.SAME_DIFFERENT:
        return catch and right == tasks.SAME
    return catch and option == right


def _answer(line: int, cells: Cells, sheet: _Sheet) -> tuple[str, Answer]:
    try:
        person = check_label(cells["participant"])
    except BadDataError as error:
        raise BadDataError(f"participant in line {line}: {error}") from error
    n_answers = sheet.task.count_answers(len(sheet.columns))
    option, second, exposed = _whole(line, cells, "chosen", 1, n_answers) - 1, -1, 0.0
    if sheet.task.picks > 1:
        second = _whole(line, cells, "second", 1, n_answers) - 1
        if second == option:
            raise BadDataError(f"chosen and second in line {line} are the same option.")
    elif cells.get("second"):
        raise BadDataError(f"second in line {line} must be empty; {sheet.task.name} has none.")
    if "exposed" in cells:
        exposed = _number(line, cells, "exposed", 1000 * MAX_SECONDS)
    return person, Answer(
        option=option,
        place=_whole(line, cells, "place", 1, n_answers) - 1,
        seconds=_number(line, cells, "seconds", MAX_SECONDS),
        answered=_number(line, cells, "answered", 1e11),
        second=second,
        exposed=exposed,
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
