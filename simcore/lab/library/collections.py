"""Collections by name: add, open, list and remove them, and list the features they have."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from simcore import memory
from simcore.data import cache_dir, images, state_files, thumbnails
from simcore.data.collections import collection_catalog, tll
from simcore.errors import BadDataError
from simcore.lab.library import features
from simcore.lab.library.features import FeatureCount
from simcore.models import lineage, registry
from simcore.types import JSON, Array, Collection, Monitor, OtherFiles, Reasons, Skipped

KINDS = collection_catalog.KINDS
add = collection_catalog.add
names = collection_catalog.names
remove = collection_catalog.remove
download_tll = tll.download
thumbnail = thumbnails.thumb  # exists for every image of a collection
is_content_key = images.is_content_key


@dataclass(frozen=True)
class CollectionSummary:
    """What is recorded about a collection; reading it opens none of its images.

    Attributes:
        kind, source: which reader added it, and from where.
        created: UTC, ISO 8601.
        trim: rows cut from the bottom of every image, in px.
        ignore_profiles: whether colors are as stored, color profiles ignored.
        profiles: different images with a color profile that changes their colors; None in a
            collection that was added before these were converted.
        paired: whether mates are known.
        rows: pairs, or images where no mates are known; `pairs` is None for the latter.
        images: different images. bytes: of their files.
        votes: whether it has votes. skipped: images left out, and why.
        other_files: what else the source contains, by kind.
        fields: names of what its table says about each image or pair.
    """

    name: str
    kind: str
    source: str
    created: str
    trim: int
    ignore_profiles: bool
    profiles: int | None
    paired: bool
    rows: int
    images: int
    bytes: int
    votes: bool
    credits: tuple[str, ...]
    digest: str
    skipped: tuple[Skipped, ...]
    other_files: tuple[OtherFiles, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def pairs(self) -> int | None:
        """Pairs; None where no mates are known."""
        return self.rows if self.paired else None

    @property
    def size(self) -> str:
        """Its size in words, such as "1,000 pairs"."""
        return f"{self.rows:,} {'pairs' if self.paired else 'images'}"

    @property
    def profiles_text(self) -> str:
        """One sentence on color profiles; "" where no image has one."""
        if not self.profiles:
            return ""
        treatment = "ignored" if self.ignore_profiles else "converted to sRGB"
        noun = "image has a color profile" if self.profiles == 1 else "images have color profiles"
        return f"{self.profiles:,} {noun}, {treatment}."

    def to_dict(self) -> JSON:
        """The document that `simcore collections list --json` prints for it."""
        return asdict(self) | {"pairs": self.pairs}


def upload(data: bytes, kind: str, *, name: str, monitor: Monitor = Monitor()) -> Collection:
    """Add a collection from the bytes of an uploaded zip; its content is not trusted.

    Raises:
        BadDataError: not a zip, too large, or no usable image inside.
    """
    with tempfile.TemporaryDirectory(
        prefix="upload-", dir=cache_dir.subfolder("downloads")
    ) as folder:
        file = Path(folder) / "uploaded.zip"
        cache_dir.write_atomic(file, data)
        return collection_catalog.add(
            kind, file, name=name, source_name="an uploaded zip", monitor=monitor
        )


def open_(name: str) -> Collection:
    """The collection, without the images that turned out to be unreadable at extraction.

    The same object is returned until the collection changes.

    Raises:
        UnknownNameError: no such collection.
    """
    return memory.get(("collection", *version(name)), lambda: _open_readable(name))


def open_as_added(name: str) -> Collection:
    """The collection as it was added, unreadable images included.

    Raises:
        UnknownNameError: no such collection.
    """
    folder, added, _ = version(name)
    return memory.get(("collection as added", folder, added), lambda: collection_catalog.open(name))


def version(name: str) -> tuple[str, int, int]:
    """Changes with a collection: its folder, and when it was added and last marked unreadable."""
    folder = cache_dir.root() / "collections" / name
    files = (folder / "collection.json", _unreadable_file(name))
    added, marked = (file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return str(folder), added, marked


def listing() -> list[CollectionSummary]:
    """One summary per collection."""
    return [summary(name) for name in names()]


def summary(name: str) -> CollectionSummary:
    """What is recorded about a collection.

    Raises:
        UnknownNameError: no such collection.
    """
    added_before: JSON = {
        "ignore_profiles": False,
        "profiles": None,
        "other_files": (),
        "fields": (),
    }
    facts = added_before | collection_catalog.summary(name)
    values = {field.name: facts[field.name] for field in fields(CollectionSummary)}
    values["credits"], values["fields"] = tuple(facts["credits"]), tuple(facts["fields"])
    values["skipped"] = tuple(Skipped(file, reason) for file, reason in facts["skipped"])
    values["other_files"] = tuple(
        OtherFiles(kind, count, tuple(files)) for kind, count, files in facts["other_files"]
    )
    return CollectionSummary(**values)


def feature_counts(name: str) -> list[FeatureCount]:
    """For every backbone with any features of this collection, how many images have them."""
    return features.counts(open_as_added(name))


def extracted_backbones(name: str) -> list[str]:
    """Backbones whose features are complete: networks first, then descriptors, then faces.

    Within these in the registry's order; detectors are left out.

    Raises:
        BadDataError: there is none; names the command that makes them.
    """
    complete = {count.backbone for count in features.counts(open_(name)) if count.complete}
    if not complete:
        raise BadDataError(
            f"No features of collection {name!r} yet. Run `simcore extract {name}` first."
        )
    registered, detectors = registry.names(), set(registry.names("detectors"))
    ordered = [b for b in registered if b in complete] + sorted(complete - set(registered))
    return sorted((b for b in ordered if b not in detectors), key=_display_order)


def _display_order(backbone: str) -> int:
    """Most useful to a newcomer first; most pictures show no face."""
    groups = registry.get(backbone).groups
    return 2 if "faces" in groups else 1 if "handmade" in groups else 0


def default_backbones(name: str) -> list[str]:
    """The backbones used where none are named: all that are extracted but the learned ones.

    A learned backbone has seen some of the pairs, so it is used only where it is named.

    Raises:
        BadDataError: there is none.
    """
    generic = [b for b in extracted_backbones(name) if not b.startswith(lineage.PREFIX)]
    if not generic:
        raise BadDataError(
            f"Only learned backbones are extracted for collection {name!r}. Name them with "
            f"--models, or run `simcore extract {name}` first."
        )
    return generic


def picture(key: str) -> Path:
    """The largest stored picture of an image by its content key: at least its thumbnail."""
    path = thumbnails.large(key)
    return path if path.exists() else thumbnails.thumb(key)


def mark_unreadable(name: str, reasons: dict[str, str]) -> None:
    """Record which content keys could not be turned into features, and why."""
    path = _unreadable_file(name)
    if reasons:
        state_files.write_json(path, reasons)
    elif path.exists():  # in a read-only cache, removing nothing fails too
        with cache_dir.disk_errors(path):
            path.unlink(missing_ok=True)


def unreadable(name: str) -> Reasons:
    """Content keys that could not be turned into features, and why."""
    reasons = state_files.read_json(
        _unreadable_file(name),
        lambda document: {str(key): str(reason) for key, reason in document.items()},
        rebuild=True,  # the next extraction meets the same images
    )
    return reasons or {}


def keys(collection: Collection, rows: Sequence[int] | Array | None = None) -> list[str]:
    """Content keys of both images of some pairs, or of all pairs.

    Raises:
        BadDataError: the collection has no known mates.
    """
    pairs = collection.pairs()
    sides = (pairs.queries, pairs.gallery)
    return [key for s in sides for key in (s if rows is None else s.take(rows)).keys]


def rows_digest(rows: Array) -> str:
    """Names a selection of rows in the digest of the collection that holds only these."""
    return hashlib.sha256(np.asarray(rows, np.int64).tobytes()).hexdigest()[:12]


def _unreadable_file(name: str) -> Path:
    return cache_dir.root() / "collections" / name / "unreadable.json"


def _open_readable(name: str) -> Collection:
    collection, reasons = open_as_added(name), unreadable(name)
    return _without(collection, reasons) if reasons else collection


def _without(collection: Collection, reasons: Reasons) -> Collection:
    """The collection without the pairs that have an image with its key in `reasons`."""
    left, right = collection.left, collection.right
    unreadable = np.zeros(len(left), dtype=bool)
    skipped = []
    for side in [left] if right is None else [left, right]:
        for row, (image, key) in enumerate(zip(side.ids, side.keys, strict=True)):
            if key in reasons:
                unreadable[row] = True
                skipped.append(Skipped(image, reasons[key]))
    rows = np.flatnonzero(~unreadable)
    return replace(
        collection,
        left=left.take(rows),
        right=None if right is None else right.take(rows),
        votes=None if collection.votes is None else collection.votes[rows],
        skipped=collection.skipped + tuple(skipped),
        digest=f"{collection.digest}-{len(rows)}-{rows_digest(rows)}",
    )
