"""Imported backbones: features that were computed elsewhere, known by name.

A small JSON file per backbone says how its vectors are compared and which state of them is
current; the vectors are in the feature store, under a key that changes with that state.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from simcore import memory
from simcore.data import cache_dir, named_folders, state_files
from simcore.errors import BadDataError, unknown_name
from simcore.models import registry
from simcore.models.spec import BackboneSpec, Embedder
from simcore.results import Result
from simcore.types import JSON, Metric, Preprocessing

GROUP = "imported"


@dataclass(frozen=True)
class ImportedBackbone(Result):
    """Features that were computed elsewhere.

    Attributes:
        name: what users type.
        dim: D.
        metric: how they are compared by default.
        digest: of the current vectors; part of the key of their table.
        source: where they came from, for people.
    """

    name: str
    dim: int
    metric: Metric
    digest: str
    source: str = ""

    @property
    def spec(self) -> BackboneSpec:
        """The backbone; it has features, but no network."""
        return BackboneSpec(
            name=self.name,
            dim=self.dim,
            load=self._load,
            # Raw images: the vectors depend on no preprocessing and no precision of ours.
            preprocessing=Preprocessing(resize=None, crop=None, raw=True),
            metric=self.metric,
            groups=(GROUP,),
            description=f"Imported from {self.source}." if self.source else "Imported.",
            digest=self.digest,
            only_stored=(
                f"{self.name} has imported features only. Import those of the other images as well."
            ),
        )

    def _load(self, device: str) -> Embedder:
        raise BadDataError(self.spec.only_stored)


def check_name(name: str) -> str:
    """The name, if imported features may have it.

    Raises:
        BadDataError: not a valid name, or that of another backbone.
    """
    named_folders.check_name(name)
    if name in registry.names():
        raise BadDataError(f"{name!r} is a backbone of simcore. Choose another name.")
    return name


def names() -> list[str]:
    """Names of all imported backbones whose descriptions can be read, sorted."""
    return sorted(name for name in _stems() if _is_readable(name))


def exists(name: str) -> bool:
    """Whether there is an imported backbone of a name, if only a damaged one."""
    return named_folders.is_name(name) and _file(name).is_file()


def read(name: str) -> ImportedBackbone:
    """An imported backbone.

    Raises:
        UnknownNameError: there is none of that name. BadDataError: its file is damaged.
    """
    file = _file(name)
    backbone = None
    if named_folders.is_name(name):
        advice = f"Import the features of {name} again."
        backbone = state_files.read_json(file, _parse, advice=advice)
    if backbone is None:
        raise unknown_name("imported backbone", name, names())
    return backbone


def damaged() -> list[str]:
    """Names of imported backbones whose descriptions cannot be read, sorted."""
    return sorted(name for name in _stems() if not _is_readable(name))


def _stems() -> list[str]:
    folder = cache_dir.root() / "imported"
    return [path.stem for path in folder.glob("*.json") if named_folders.is_name(path.stem)]


def _is_readable(name: str) -> bool:
    try:
        stat = _file(name).stat()
    except OSError:
        return False

    def parses() -> bool:
        try:
            read(name)
        except BadDataError:
            return False
        return True

    key = ("imported backbone", str(_file(name)), stat.st_mtime_ns, stat.st_size)
    readable: bool = memory.get(key, parses)
    return readable


def _parse(document: JSON) -> ImportedBackbone:
    """A stored description; its digest becomes part of a table's name.

    Raises:
        TypeError, ValueError, KeyError: it is none.
    """
    backbone = ImportedBackbone(**document)
    texts = (backbone.name, backbone.digest, backbone.source)
    if not all(isinstance(text, str) for text in texts) or not isinstance(backbone.dim, int):
        raise TypeError("its values are of other types")
    if backbone.metric not in get_args(Metric) or not named_folders.is_name(backbone.digest):
        raise ValueError("its values are no metric and no digest")
    return backbone


def save(backbone: ImportedBackbone) -> None:
    """Make a state of a backbone's vectors the current one."""
    state_files.write_json(_file(backbone.name), asdict(backbone))


def remove(name: str) -> None:
    """Forget an imported backbone, also a damaged one; its table stays.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if not exists(name):
        raise unknown_name("imported backbone", name, _stems())
    _file(name).unlink(missing_ok=True)


def next_digest(previous: str, content: bytes) -> str:
    """The digest after some vectors were added to, or replaced in, the state `previous`."""
    return hashlib.sha256(previous.encode() + content).hexdigest()[:16]


def _file(name: str) -> Path:
    return cache_dir.root() / "imported" / f"{name}.json"
