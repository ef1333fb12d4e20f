"""Writers of the formats in which others read judgements; `psiz` and `triplet_files` read them too.

Images are named by the writers' callers; stimuli, objects and rows are numbered in that order.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from simcore import csv_text
from simcore.types import JSON, Array

Files = dict[str, bytes]  # name -> content
DOMAIN = "SC001"  # of asset ids: two characters for the domain, three for the data set
NIGHTS_COLUMNS = (  # DreamSim's own loader reads them by their position
    *("id", "left_vote", "right_vote", "votes", "ref_path", "left_path", "right_path"),
    *("split", "is_imagenet"),
)
NOT_GRADED = -1


@dataclass(frozen=True)
class RankedTrial:
    """One ranking by one participant.

    Attributes:
        query: number of an image, from 0.
        references: the other images, in their order on the screen.
        ranked: those that were chosen, in order.
        seconds: response time.
        answered: when, in seconds since 1970.
        passed: whether a catch trial was passed; None for other trials.
    """

    query: int
    references: Sequence[int]
    ranked: Sequence[int]
    seconds: float
    answered: float
    passed: bool | None = None


@dataclass(frozen=True)
class RankedSequence:
    """All rankings of one participant; `grade` is the percentage of catch trials passed."""

    participant: str
    grade: float
    trials: Sequence[RankedTrial]


def psiz_sequences(name: str, paths: Sequence[str], sequences: Sequence[RankedSequence]) -> Files:
    """The files of psiz-datasets: `stimuli.txt` and one JSON file per participant.

    Args:
        name: of the data set.
        paths: file of each image; no | in it.
    """
    lines = ["local_id|filepath", *(f"{_local_id(n)}|{path}" for n, path in enumerate(paths))]
    files = {"stimuli.txt": ("\n".join(lines) + "\n").encode()}
    for number, sequence in enumerate(sequences, start=1):
        document = {"version": "1.0", "data": [_sequence(name, number, sequence)]}
        files[f"train_seqs/seq_{number:05}.json"] = json.dumps(document, indent=1).encode()
    return files


def _sequence(name: str, number: int, sequence: RankedSequence) -> JSON:
    trials = sequence.trials
    return {
        "sequence_id": number,
        "anonymous_id": sequence.participant,
        "design_id": 1,
        "project": f"rank:{name}",
        "stimulus_set": name,
        "protocol": name,
        "time_begin": _time(trials[0].answered - trials[0].seconds),
        "time_end": _time(trials[-1].answered),
        "n_timestep": len(trials),
        "grade": sequence.grade,
        "sequence": [_timestep(position, trial) for position, trial in enumerate(trials)],
    }


def _timestep(position: int, trial: RankedTrial) -> JSON:
    begin, end = _time(trial.answered - trial.seconds), _time(trial.answered)
    content = [("content:query", trial.query)]
    content += [(f"content:reference_{n}", image) for n, image in enumerate(trial.references)]
    behavior = [(f"behavior:rank_{n}", image) for n, image in enumerate(trial.ranked)]
    return {
        "position": position,
        "kind": f"rank:{len(trial.references)}rank{len(trial.ranked)}",
        "time_begin": begin,
        "time_end": end,
        "response_time_ms": round(1000 * trial.seconds),
        "grade_subjective": NOT_GRADED,
        "grade_objective": NOT_GRADED if trial.passed is None else 100 * int(trial.passed),
        "interactions": [
            {"time_begin": time, "kind": kind, "detail": f"{DOMAIN}{_local_id(image)}"}
            for time, steps in ((begin, content), (end, behavior))
            for kind, image in steps
        ],
    }


def _local_id(image: int) -> str:
    """Seven digits in base 36, from 1: psiz uses 0 for "no stimulus".

    >>> _local_id(0), _local_id(35)
    ('0000001', '0000010')
    """
    return np.base_repr(image + 1, 36).zfill(7)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(max(seconds, 0), UTC).strftime("%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True)
class TwoAfcRow:
    """One trial of two images; `vote` is the share of `votes` that chose the right one."""

    ref: str
    left: str
    right: str
    vote: float
    votes: int


def nights_table(rows: Sequence[TwoAfcRow]) -> Files:
    """The `data.csv` of NIGHTS; DreamSim loads it as the split `test_no_imagenet`.

    Votes are shares of 1, as DreamSim expects, and `votes` is their number.
    """
    cells = [
        [
            number,
            repr(1 - row.vote),
            repr(row.vote),
            row.votes,
            row.ref,
            row.left,
            row.right,
            "test",
            "FALSE",
        ]
        for number, row in enumerate(rows)
    ]
    return {"data.csv": csv_text.write(NIGHTS_COLUMNS, cells).encode()}


def things_triplets(odd_last: Array, names: Sequence[str]) -> Files:
    """The triplets of THINGS, three numbers per line with the odd one last, and `unique_id.txt`.

    Args:
        odd_last: (T, 3) image numbers, from 0.
        names: of the images; no spaces in them.
    """
    lines = [" ".join(map(str, row)) for row in odd_last.tolist()]
    return {
        "triplets.txt": ("\n".join(lines) + "\n").encode(),
        "unique_id.txt": ("\n".join(names) + "\n").encode(),
    }


def cblearn_triplets(nearer_first: Array, paths: Sequence[str]) -> Files:
    """cblearn's "list-order" triplets as a NumPy array, and the file of each image.

    Args:
        nearer_first: (T, 3) image numbers, from 0: the reference, the nearer and the other image.
    """
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(nearer_first, np.int64), allow_pickle=False)
    return {
        "triplets.npy": stream.getvalue(),
        "images.txt": ("\n".join(paths) + "\n").encode(),
    }
