"""Backbones that were made here: `learned:NAME`, kept in the cache with where they come from.

`weights/learned/NAME.json` is the lineage; `NAME.npz` beside it an adaptation, `NAME.pt` a
fine-tuned network, `NAME.seen` the content keys of the pictures that were learned from. The file's
digest is part of the cache key, as with every other weight file.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from simcore.data import cache_dir, images, named_folders
from simcore.errors import BadDataError, unknown_name
from simcore.models import weights

GROUP = "learned"
PREFIX = f"{GROUP}:"


def check_syntax(name: str) -> str:
    """The name, if it can be one.

    Raises:
        BadDataError: it cannot.
    """
    return named_folders.check_name(name)


def check(name: str) -> str:
    """The name, if it can be one and is not taken.

    Raises:
        BadDataError: it cannot, or it is.
    """
    if _lineage(check_syntax(name)).exists():
        raise BadDataError(
            f"found a learned backbone {name!r} already; choose another name, or remove it with "
            f"`simcore learn remove {name}`"
        )
    return name


def keep(name: str, file: Path, lineage: dict[str, Any], shown: Iterable[str] = ()) -> str:
    """Remember a file that was written under `place`; returns what users type.

    Args:
        lineage: what it was made of: kind, collection or judgements, backbones, settings, ...
        shown: content keys of the pictures that were learned from; those of a learned base count.
    """
    known = {images.picture(key) for key in shown}
    for base in lineage["base"]:
        known |= training_images(base) if base.startswith(PREFIX) else frozenset()
    cache_dir.write_atomic(path(name, "seen"), "\n".join(sorted(known)).encode())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    told = lineage | {"file": file.name, "sha256": digest, "bytes": file.stat().st_size}
    cache_dir.write_atomic(_lineage(name), json.dumps(told, indent=1).encode())
    return PREFIX + name


def path(name: str, ending: str) -> Path:
    """Where a learned backbone's file belongs."""
    return folder() / f"{name}.{ending}"


def names() -> list[str]:
    """What users type, sorted."""
    return sorted(PREFIX + path.stem for path in folder().glob("*.json"))


def unfinished() -> list[str]:
    """Names of runs that were stopped or killed, and wait to be gone on with."""
    return sorted(path.stem for path in folder().glob("*.ckpt"))


def forget_unfinished(name: str) -> None:
    """A run is over, or is not to be gone on with."""
    path(check_syntax(name), "ckpt").unlink(missing_ok=True)


def lineage(name: str) -> dict[str, Any]:
    """Where a learned backbone comes from.

    Raises:
        UnknownNameError: no such one.
    """
    stem = name.removeprefix(PREFIX)
    if not named_folders.is_name(stem) or not _lineage(stem).exists():
        raise unknown_name("learned backbone", stem, [one.removeprefix(PREFIX) for one in names()])
    told: dict[str, Any] = json.loads(_lineage(stem).read_text())
    return told


def held_out_score(told: dict[str, Any]) -> dict[str, Any]:
    """Of a lineage: "data", what was learned from; "worth", a share of what it never saw; "score",
    what that is the share of: recall of pairs, or agreement with judgements."""
    if "judgements" in told:
        return {"data": told["judgements"], "worth": told["agreement"], "score": "agreement"}
    return {"data": told["collection"], "worth": told["aR"]["1"], "score": "aR@1"}


def training_images(name: str) -> frozenset[str]:
    """The pictures that a learned backbone, or one below it, was learned from: `images.picture`s.

    Raises:
        UnknownNameError: no such one.
    """
    stem = name.removeprefix(PREFIX)
    return _seen(stem, lineage(stem)["sha256"], str(folder()))


@lru_cache(maxsize=64)
def _seen(stem: str, _digest: str, _root: str) -> frozenset[str]:
    file = path(stem, "seen")
    return frozenset(file.read_text().split() if file.exists() else ())


def remove(name: str) -> None:
    """Forget a learned backbone; its features are left to the store's owner."""
    told = lineage(name)
    stem = name.removeprefix(PREFIX)
    _lineage(stem).unlink(missing_ok=True)
    for ending in (told["file"].rpartition(".")[2], "curve", "ckpt", "seen"):
        path(stem, ending).unlink(missing_ok=True)


def folder() -> Path:
    return weights.folder() / "learned"


def _lineage(stem: str) -> Path:
    return folder() / f"{stem}.json"
