"""`doctor`: what this machine has."""

import platform
import shutil
from importlib import metadata
from pathlib import Path

from simcore.data import cache_dir
from simcore.errors import SimError
from simcore.lab.library import collections, indexes, models
from simcore.models import forward

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
TIGHT = 2 * 1024**3  # bytes free under which a run is likely to fill the disk


def cache_size() -> dict:
    """{"root", "folders": {folder: bytes}, "free": bytes left on its disk}."""
    root = cache_dir.root()
    folders = {f.name: _bytes(f) for f in sorted(root.iterdir()) if f.is_dir()}
    return {"root": str(root), "folders": folders, "free": shutil.disk_usage(root).free}


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def doctor() -> dict:
    """{"python", "packages", "device", "device_name", "backbones", "cache", "collections",
    "indexes", "answers", "problems"}: all that a bug report needs; "problems" first."""
    problems: list[str] = []
    cache = cache_size()
    if cache["free"] < TIGHT:
        problems.append(f"only {cache['free'] / 1024**3:.1f} GB free at {cache['root']}")
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name, problems) for name in PACKAGES},
        "device": forward.resolve_device("auto"),
        "device_name": _device_name(),
        "backbones": {m.name: "ready" if m.ready else m.reason for m in models.listing()},
        "cache": cache,
        "collections": _collections(problems),
        "indexes": _indexes(problems),
        "answers": _answers(problems),
        "problems": problems,
    }


def _version(name: str, problems: list[str]) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        problems.append(f"package {name} is not installed; run pip install -e .")
        return "missing"


def _device_name() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def _collections(problems: list[str]) -> dict[str, int]:
    found = {}
    for name in collections.names():
        try:
            found[name] = len(collections.open_(name).left)
        except SimError as error:
            problems.append(f"collection {name}: {error}")
    return found


def _indexes(problems: list[str]) -> list[dict]:
    try:
        return indexes.indexes()
    except SimError as error:
        problems.append(str(error))
        return []


def _answers(problems: list[str]) -> dict:
    """Where people's answers are kept, and how many; what is not there is not made."""
    from simcore.data.answers import database, experiment_store

    try:
        kept = {"database": str(database.address()), "experiments": 0, "answers": 0}
        if database.exists():
            counts = experiment_store.counts()
            kept |= {
                "experiments": len(counts),
                "answers": sum(one["answers"] for one in counts.values()),
            }
        return kept
    except SimError as error:
        problems.append(str(error))
        return {"database": "not usable", "experiments": 0, "answers": 0}
