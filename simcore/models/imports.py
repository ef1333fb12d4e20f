"""Imported backbones: features that were computed elsewhere, known by name.

A small JSON file per backbone says how its vectors are compared and which state of them is
current; the vectors are in the feature store, under a key that changes with that state.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from simcore.data import cache_dir, named_folders
from simcore.errors import BadDataError, unknown_name
from simcore.models import registry
from simcore.models.spec import BackboneSpec, Embedder
from simcore.results import Result
from simcore.types import Metric, Preprocessing

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
    """Names of all imported backbones, sorted."""
    folder = cache_dir.root() / "imported"
    return sorted(p.stem for p in folder.glob("*.json") if named_folders.is_name(p.stem))


def read(name: str) -> ImportedBackbone:
    """An imported backbone.

    Raises:
        UnknownNameError: there is none of that name. BadDataError: its file is damaged.
    """
    file = _file(name)
    if not named_folders.is_name(name) or not file.is_file():
        raise unknown_name("imported backbone", name, names())
    try:
        return ImportedBackbone(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise BadDataError(f"{file} is damaged. Import the features of {name} again.") from error


def save(backbone: ImportedBackbone) -> None:
    """Make a state of a backbone's vectors the current one."""
    cache_dir.write_atomic(_file(backbone.name), json.dumps(asdict(backbone)).encode())


def remove(name: str) -> ImportedBackbone:
    """Forget an imported backbone; returns what it was, so that its table can be dropped.

    Raises:
        UnknownNameError: there is none of that name.
    """
    backbone = read(name)
    _file(name).unlink(missing_ok=True)
    return backbone


def next_digest(previous: str, content: bytes) -> str:
    """The digest after some vectors were added to, or replaced in, the state `previous`."""
    return hashlib.sha256(previous.encode() + content).hexdigest()[:16]


def _file(name: str) -> Path:
    return cache_dir.root() / "imported" / f"{name}.json"
