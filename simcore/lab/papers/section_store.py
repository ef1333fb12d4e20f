"""Finished sections on disk, under a digest of everything that changes their numbers.

A stopped report continues with the first section that is missing, and a page shows the finished
ones while a job computes the others.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from simcore.data import cache_dir
from simcore.lab.papers.comparisons import Amount, Compared
from simcore.lab.papers.sections import Chart, Level, Pictures, Section, Series
from simcore.lab.printed_values import PrintedTable
from simcore.results import Table, to_dict
from simcore.types import JSON

NAN = float("nan")
MAX_STORED = 1000
SHOWS = ("cli", "ui")  # these show numbers and compute none


@cache
def code_digest() -> str:
    """A digest of the code that computes numbers: a section of other code is computed again."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    files = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in SHOWS]
    for path in sorted(files):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def key(inputs: Mapping[str, Any]) -> str:
    """The key of a section.

    Args:
        inputs: everything that its numbers depend on besides the code, as JSON can hold it.
    """
    document = json.dumps({"code": code_digest(), **inputs}, sort_keys=True, default=str)
    return hashlib.sha256(document.encode()).hexdigest()[:32]


def load(key: str, state: str) -> Section | None:
    """The section that was stored under a key; None if it has to be made.

    Args:
        key: of the section.
        state: of the data. A section that was left out for want of data is only returned while the
            state is the same.
    """
    path = _path(key)
    if not path.exists():
        return None
    document = json.loads(path.read_text("utf-8"))
    if document["section"]["left_out"] and document["state"] != state:
        return None
    return _section(document["section"])


def save(key: str, state: str, section: Section) -> None:
    """Store a section under its key."""
    document = {"state": state, "section": to_dict(asdict(section))}
    cache_dir.write_atomic(_path(key), json.dumps(document).encode())
    _delete_old()


def _delete_old() -> None:
    """Sections of older code or data are never asked for again; the newest `MAX_STORED` stay."""
    paths = list((cache_dir.root() / "reports").glob("*.json"))
    if len(paths) > MAX_STORED:
        for path in sorted(paths, key=lambda path: path.stat().st_mtime)[:-MAX_STORED]:
            path.unlink(missing_ok=True)


def _path(key: str) -> Path:
    return cache_dir.root() / "reports" / f"{key}.json"


def _section(fields: JSON) -> Section:
    printed = fields["printed"]
    return Section(
        fields["title"],
        fields["note"],
        None if fields["table"] is None else Table(**_tuples(fields["table"])),
        None if printed is None else PrintedTable(**_tuples(printed)),
        tuple(_compared(row) for row in fields["compared"]),
        tuple(_chart(chart) for chart in fields["charts"]),
        tuple(Pictures(**_tuples(row)) for row in fields["pictures"]),
        fields["left_out"],
        fields["baseline"],
    )


def _compared(fields: JSON) -> Compared:
    names = ("printed", "own", "printed_ratio", "own_ratio")
    amounts = {n: None if fields[n] is None else _amount(fields[n]) for n in names}
    return Compared(fields["quantity"], **amounts)


def _amount(fields: JSON) -> Amount:
    return Amount(**fields | {"value": NAN if fields["value"] is None else fields["value"]})


def _chart(fields: JSON) -> Chart:
    series = tuple(
        Series(
            each["label"],
            tuple(each["x"]),
            *(tuple(NAN if v is None else v for v in each[name]) for name in ("y", "low", "high")),
            color=each["color"],
            dash=each["dash"],
        )
        for each in fields["series"]
    )
    levels = tuple(Level(**level) for level in fields["levels"])
    return Chart(**fields | {"series": series, "levels": levels})


def _tuples(value: Any) -> Any:
    """The same document with tuples instead of lists."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
