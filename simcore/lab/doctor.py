"""Diagnosis of an installation: packages, device, backbones, cache, collections, answers."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from simcore.data import cache_dir, state_files
from simcore.data.store import table_files
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError
from simcore.lab import jobs
from simcore.lab.library import collections, indexes, models
from simcore.lab.library.indexes import TableIndex
from simcore.models import forward, imports, lineage
from simcore.results import format_bytes
from simcore.types import JSON

PACKAGES = (
    "simcore",
    "torch",
    "torchvision",
    "timm",
    "open_clip_torch",
    "streamlit",
    "lancedb",
    "numpy",
    "pandas",
    "plotly",
    "pillow",
    "dlib-bin",
    "umap-learn",
    "sqlalchemy",
)
MIN_FREE = 2 * 10**9  # bytes; with less a run is likely to fill the disk


@dataclass(frozen=True)
class CacheSize:
    """The cache folder.

    Attributes:
        folders: subfolder -> bytes. free: bytes left on its disk.
    """

    root: str
    folders: dict[str, int]
    free: int


@dataclass(frozen=True)
class AnswerStore:
    """The database of people's answers: its address, and how many experiments and answers."""

    database: str
    experiments: int = 0
    answers: int = 0


@dataclass(frozen=True)
class DoctorReport:
    """Everything that a bug report needs.

    Attributes:
        python: its version. packages: name -> version, or "missing".
        backbones: name -> "ready", or why it is not.
        collections: name -> number of pairs or images.
        problems: one sentence each. repaired: what `repair` did, one sentence each.
    """

    python: str
    packages: dict[str, str]
    device: str
    device_name: str
    backbones: dict[str, str]
    cache: CacheSize
    collections: dict[str, int]
    indexes: tuple[TableIndex, ...]
    answers: AnswerStore
    problems: tuple[str, ...]
    repaired: tuple[str, ...] = ()

    def to_dict(self) -> JSON:
        """The document that `simcore doctor --json` prints."""
        return asdict(self) | {"indexes": [index.to_dict() for index in self.indexes]}


def cache_size() -> CacheSize:
    """How large the cache is, by subfolder."""
    root = cache_dir.root()
    folders = {f.name: _bytes(f) for f in sorted(root.iterdir()) if f.is_dir()}
    return CacheSize(str(root), folders, shutil.disk_usage(root).free)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def doctor(*, repair: bool = False) -> DoctorReport:
    """What is installed, which device is used, what the cache contains, and what is wrong.

    Args:
        repair: first remove or set aside what is damaged and can be made again; never answers.
    """
    repaired = tuple(_repair()) if repair else ()
    problems: list[str] = _damaged_files()
    cache = cache_size()
    if cache.free < MIN_FREE:
        problems.append(f"Only {format_bytes(cache.free)} free at {cache.root}.")
    backbones = {info.name: "ready" if info.ready else info.reason for info in models.listing()}
    return DoctorReport(
        python=platform.python_version(),
        packages={name: _version(name, problems) for name in PACKAGES},
        device=forward.resolve_device("auto"),
        device_name=_device_name(),
        backbones=backbones,
        cache=cache,
        collections=_collections(problems),
        indexes=_indexes(problems),
        answers=_answers(problems),
        problems=tuple(problems),
        repaired=repaired,
    )


def _damaged_files() -> list[str]:
    """One sentence per kind of damage that a repair mends, or that only a person can."""
    problems = []
    if copies := state_files.damaged_copies(cache_dir.root()):
        problems.append(
            f"{_listed(copies)} was damaged and made again; `simcore doctor --repair` deletes it."
        )
    if damaged := jobs.damaged():
        problems.append(
            f"The description of job {', '.join(damaged[:3])} is damaged; "
            "`simcore doctor --repair` deletes it."
        )
    if tables := _tables_set_aside():
        problems.append(
            f"The feature table {_listed(tables)} was damaged; `simcore doctor --repair` removes "
            "it, and `simcore extract` computes it again."
        )
    problems += [
        f"The description of the imported backbone {name} is damaged. Import its features again."
        for name in imports.damaged()
    ]
    for path in lineage.damaged():
        problems.append(
            f"The description {path} of a learned backbone is damaged. Restore it from a backup, "
            f"or run `simcore learn remove {path.stem}` and train it again."
        )
    return problems


def _repair() -> Iterator[str]:
    for path in state_files.damaged_copies(cache_dir.root()):
        with cache_dir.disk_errors(path):
            path.unlink(missing_ok=True)
        yield f"Deleted {path}."
    for path in _tables_set_aside():
        with cache_dir.disk_errors(path):
            shutil.rmtree(path)
        yield f"Deleted {path}."
    for name in jobs.damaged():
        if jobs.get(name).state != "running":
            jobs.forget(name)
            yield f"Deleted the job {name}."
    for folder in (cache_dir.root() / name for name in ("collections", "trials", "weights")):
        before = set(folder.glob(".*-*"))
        cache_dir.remove_leftovers(folder)
        yield from (f"Deleted {path}." for path in sorted(before - set(folder.glob(".*-*"))))


def _tables_set_aside() -> list[Path]:
    """Damaged feature tables in a store on this disk that were replaced."""
    try:
        folder = FeatureStore.shared().place.local
    except SimError:  # reported with the indexes
        return []
    return [] if folder is None else table_files.tables_set_aside(folder)


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0].name.removesuffix(state_files.ASIDE)}{more}"


def _version(name: str, problems: list[str]) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        problems.append(f"The package {name} is not installed. Run `pip install -e .`.")
        return "missing"


def _device_name() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def _collections(problems: list[str]) -> dict[str, int]:
    sizes = {}
    for name in collections.names():
        try:
            sizes[name] = len(collections.open_(name).left)
        except SimError as error:
            problems.append(f"Collection {name}: {error}")
    return sizes


def _indexes(problems: list[str]) -> tuple[TableIndex, ...]:
    try:
        return tuple(indexes.indexes())
    except SimError as error:
        problems.append(str(error))
        return ()


def _answers(problems: list[str]) -> AnswerStore:
    """Counts of experiments and answers; a database that does not exist is not created."""
    from simcore.data.answers import database, experiment_store

    try:
        address = str(database.address())
        if not database.exists():
            return AnswerStore(address)
        counts = experiment_store.counts()
        return AnswerStore(address, len(counts), sum(row.answers for row in counts.values()))
    except SimError as error:
        problems.append(str(error))
        return AnswerStore("unusable")
