"""Boards as files: shared between laboratories without images, merged, and shown as HTML.

A file holds what happened to each item: ranks of mates and credits of trials. Scores, intervals and
tests are computed again by whoever reads it, so a file cannot claim a score that its items deny.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from simcore import latex_text
from simcore.errors import BadDataError
from simcore.evaluate.statistics.ranking import Items
from simcore.lab import html_document
from simcore.lab.leaderboard.board import Board
from simcore.lab.leaderboard.board_entries import COSTS, Cost, Entry
from simcore.lab.leaderboard.board_tasks import KINDS, Task
from simcore.recipe import POST_PROCESSING
from simcore.results import to_dict
from simcore.types import JSON, METRICS, Array

FORMAT, VERSION = "simcore leaderboard", 1
MAX_BYTES = 64 << 20
MAX_TASKS, MAX_ENTRIES, MAX_ITEMS = 50, 5_000, 1_000_000
MAX_SCALARS = 50_000_000  # in all arrays of a file together
MAX_TEXT = 1_000
_DIGEST = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_TYPES = {"ranks": np.dtype("<u4"), "credit": np.dtype("<f4"), "numbers": np.dtype("<u4")}


def dump(board: Board) -> str:
    """A board as the text of a file."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "simcore": version("simcore"),
        "tasks": [
            {
                "name": task.name,
                "kind": task.kind,
                "digest": task.digest,
                "votes": task.votes,
                "ceiling": task.ceiling,
                "items": task.count,
                "group": _pack(task.items.group, "numbers"),
                "cluster": _pack(_numbered(task.items.cluster), "numbers"),
            }
            for task in board.tasks
        ],
        "rows": [_dump_entry(entry, board.tasks) for entry in board.entries],
    }
    return json.dumps(document, indent=1, allow_nan=False)


def _dump_entry(entry: Entry, tasks: Sequence[Task]) -> JSON:
    kinds = {task.digest: "ranks" if task.kind == "pairs" else "credit" for task in tasks}
    return {
        "backbone": entry.backbone,
        "metric": entry.metric,
        "post": entry.post,
        "features": entry.features,
        "cost": to_dict(entry.cost),
        "license": entry.license,
        "printed": entry.printed,
        "outcomes": {
            digest: _pack(outcome.ravel(), kinds[digest])
            for digest, outcome in entry.outcomes.items()
        },
        "reasons": {digest: _without_paths(text) for digest, text in entry.reasons.items()},
        "trained": list(entry.trained),
    }


def _without_paths(reason: str) -> str:
    """Why a score is missing, without folders of this computer."""
    return "weights are missing" if "weight file" in reason else reason[:MAX_TEXT]


def _numbered(values: Array) -> Array:
    return np.unique(values, return_inverse=True)[1]


def _pack(values: Array, kind: str) -> str:
    data = np.ascontiguousarray(values, _TYPES[kind]).tobytes()
    return base64.b64encode(zlib.compress(data, 9)).decode()


def read(path: Path) -> Board:
    """A board from a file that anybody may have written.

    Raises:
        BadDataError: it cannot be read, is too large, or is no board.
    """
    try:
        if not path.is_file():
            raise BadDataError(f"There is no file {str(path)[:200]!r}.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, BadDataError):
            raise
        raise BadDataError(f"Cannot read {str(path)[:200]!r}: {error}.") from error
    return load(data, path.name)


def load(data: bytes, name: str) -> Board:
    """A board from the content of a file that anybody may have written.

    Args:
        name: what errors call it.

    Raises:
        BadDataError: it is too large, or is no board.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
        document = json.loads(data, parse_constant=_refuse_constant)
        return _Reader().board(document)
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
        zlib.error,
    ) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadDataError(
            f"{name[:80]} is not a usable leaderboard ({reason}). "
            "Write it with `simcore leaderboard export`."
        ) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


class _Reader:
    """Checks every value of a document; whatever is wrong raises a usual error."""

    def __init__(self) -> None:
        self.scalars = 0  # unpacked so far

    def board(self, document: Any) -> Board:
        if document["format"] != FORMAT:
            raise ValueError("it has another format")
        if document["version"] != VERSION:
            raise ValueError(
                f"its version is {document['version']!r}, this program reads {VERSION}"
            )
        tasks = tuple(map(self.task, _list(document["tasks"], MAX_TASKS, "tasks")))
        if len({task.digest for task in tasks}) < len(tasks):
            raise ValueError("two tasks have the same digest")
        by_digest = {task.digest: task for task in tasks}
        rows = _list(document["rows"], MAX_ENTRIES, "rows")
        return Board(_distinct(tasks), tuple(self.entry(row, by_digest) for row in rows))

    def task(self, document: Any) -> Task:
        count = _whole(document["items"], 1, MAX_ITEMS)
        kind, votes = document["kind"], document["votes"]
        if kind not in KINDS or votes not in ("", "human", "known order"):
            raise ValueError("a task is of an unknown kind")
        group, cluster = (
            self.unpack(document[name], "numbers", count).astype(np.int64)
            for name in ("group", "cluster")
        )
        items = Items(group, cluster)
        ceiling = _number(document["ceiling"], 0, 1)
        return Task(
            _text(document["name"]), kind, _digest(document["digest"]), items, votes, ceiling
        )

    def entry(self, document: Any, tasks: Mapping[str, Task]) -> Entry:
        metric, post = document["metric"], document["post"]
        if metric not in METRICS or post not in POST_PROCESSING:
            raise ValueError("a row has an unknown metric or post-processing")
        outcomes = {
            digest: self.outcome(packed, tasks[digest])
            for digest, packed in dict(document["outcomes"]).items()
        }
        reasons = {_digest(key): _text(text) for key, text in dict(document["reasons"]).items()}
        return Entry(
            _text(document["backbone"]),
            metric,
            post,
            _text(document["features"]),
            _cost(document["cost"]),
            _text(document["license"], empty=True),
            _text(document["printed"], empty=True),
            outcomes,
            reasons,
            tuple(_digest(name) for name in _list(document["trained"], MAX_TASKS, "tasks")),
        )

    def outcome(self, packed: Any, task: Task) -> Array:
        if task.kind == "pairs":
            ranks = self.unpack(packed, "ranks", 2 * task.count).astype(np.int64)
            if ranks.min() < 1 or ranks.max() > task.count + 1:
                raise ValueError(f"a rank on {task.name!r} is impossible")
            return ranks.reshape(2, task.count)
        credit = self.unpack(packed, "credit", task.count).astype(np.float64)
        if not (np.isfinite(credit).all() and 0 <= credit.min() and credit.max() <= 1):
            raise ValueError(f"a credit on {task.name!r} is not between 0 and 1")
        return np.round(credit, 6)

    def unpack(self, text: Any, kind: str, count: int) -> Array:
        """An array of exactly `count` numbers; a packed bomb is not unpacked further."""
        self.scalars += count
        if self.scalars > MAX_SCALARS:
            raise ValueError("it has too many numbers")
        size = count * _TYPES[kind].itemsize
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
        if len(content) != size:
            raise ValueError(f"an array does not have {count:,} numbers")
        return np.frombuffer(content, _TYPES[kind])


def _list(value: Any, limit: int, noun: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError(f"it has no list of at most {limit:,} {noun}")
    return value


def _text(value: Any, *, empty: bool = False) -> str:
    text = value.strip() if isinstance(value, str) else None
    if text is None or not (_NAME.fullmatch(text[:200]) or (empty and not text)):
        raise ValueError("a name or text is missing or has control characters")
    return " ".join(text[:MAX_TEXT].split())


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("a digest is not one")
    return value


def _whole(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{str(value)[:20]!r} is no whole number from {low} to {high:,}")
    return value


def _number(value: Any, low: float, high: float) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{str(value)[:20]!r} is no number from {low:g} to {high:g}")
    return float(value)


def _cost(document: Any) -> Cost:
    dim, parameters, size = (
        None if document[name] is None else _whole(document[name], 0, 2**53)
        for name in ("dim", "parameters", "bytes")
    )
    milliseconds = _number(document["milliseconds"], 0, 1e9)
    machine = _text(document["machine"], empty=True)
    others = _number(document.get("others"), 0, 1)
    return Cost(dim, parameters, size, milliseconds, machine, others)


def merge(boards: Sequence[Board]) -> Board:
    """One board from several: tasks are the same if their digests are, rows if all settings are.

    Where two boards have different outcomes for the same row, the first one counts, and a note says
    so. Costs are the first ones that are known.

    Raises:
        BadDataError: no board, or a task differs in more than its name.
    """
    if not boards:
        raise BadDataError("Name at least one file of a leaderboard.")
    tasks: dict[str, Task] = {}
    for task in (task for board in boards for task in board.tasks):
        same = tasks.setdefault(task.digest, task)
        if (same.kind, same.count) != (task.kind, task.count):
            raise BadDataError(
                f"{task.name!r} has {task.count:,} {task.kind} in one file and {same.count:,} "
                f"{same.kind} in another. Export one of them again."
            )
    rows: dict[tuple[str, ...], Entry] = {}
    differing: dict[str, None] = {}
    for entry in (entry for board in boards for entry in board.entries):
        first = rows.get(entry.identity)
        rows[entry.identity] = entry if first is None else _joined(first, entry)
        if first is not None and _differ(first, entry):
            differing[entry.label] = None
    evaluated = {entry.backbone for entry in rows.values() if entry.outcomes}
    entries = [e for e in rows.values() if e.outcomes or e.backbone not in evaluated]
    notes = dict.fromkeys(note for board in boards for note in board.notes)
    if differing:
        notes[
            f"The files differ in {', '.join(differing)}; the first one counts. Devices and "
            "library versions round differently."
        ] = None
    return Board(_distinct(tuple(tasks.values())), _labelled(entries), "", tuple(notes))


def _joined(first: Entry, second: Entry) -> Entry:
    outcomes = {**second.outcomes, **first.outcomes}
    reasons = {**second.reasons, **first.reasons}
    cost = first.cost if first.cost.milliseconds is not None else second.cost
    return replace(
        first,
        cost=cost,
        outcomes=outcomes,
        reasons={key: text for key, text in reasons.items() if key not in outcomes},
        trained=tuple(dict.fromkeys((*first.trained, *second.trained))),
    )


def _differ(first: Entry, second: Entry) -> bool:
    shared = set(first.outcomes) & set(second.outcomes)
    return any(not np.array_equal(first.outcomes[key], second.outcomes[key]) for key in shared)


def _distinct(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """The tasks with a number behind names that several have."""
    counts: dict[str, int] = {}
    renamed = []
    for task in tasks:
        counts[task.name] = number = counts.get(task.name, 0) + 1
        renamed.append(task if number == 1 else replace(task, name=f"{task.name} ({number})"))
    return tuple(renamed)


def _labelled(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The rows, with the end of their features' name where one backbone has several."""
    states: dict[str, set[str]] = {}
    for entry in entries:
        if entry.outcomes:
            states.setdefault(entry.backbone, set()).add(entry.features)
    return tuple(
        replace(entry, backbone=f"{entry.backbone} #{entry.features[-4:]}")
        if len(states.get(entry.backbone, ())) > 1
        else entry
        for entry in entries
    )


def to_latex(board: Board) -> str:
    """The rows with a score as a LaTeX table."""
    return f"{latex_text.PACKAGES}\n\n{board.to_table(tuple(COSTS)).to_latex()}\n"


def to_html(board: Board) -> str:
    """A board as one self-contained HTML file."""
    table, missing = board.to_table(tuple(COSTS)), board.to_missing_table()
    blocks = [html_document.table(table.columns, table.rows)]
    blocks += [html_document.paragraph(note, soft=True) for note in table.notes]
    if missing.rows:
        blocks += [html_document.heading(missing.title)]
        rows = [(name, _without_paths(str(reason))) for name, reason in missing.rows]
        blocks += [html_document.table(missing.columns, rows)]
    footer = f"Made by simcore {version('simcore')}."
    return html_document.document(
        board.title, [*blocks, html_document.paragraph(footer, soft=True)]
    )
