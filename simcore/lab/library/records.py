"""What a result is about: the data and the networks behind its numbers, by name and digest."""

from collections.abc import Iterable
from dataclasses import dataclass

from simcore.data.judgements import judgement_catalog
from simcore.errors import UnknownNameError
from simcore.lab.library import collections, features
from simcore.models import registry, weights
from simcore.results import Result
from simcore.types import Collection


@dataclass(frozen=True)
class DataRecord(Result):
    """A collection or a set of judgements; the digest changes with its content."""

    name: str
    digest: str


@dataclass(frozen=True)
class BackboneRecord(Result):
    """A backbone as it was used.

    Attributes:
        version: of the code that computes its features; None for a distance between two images.
        weights: digest of its weight files; empty if it has none.
        precision: "fp32" or "bf16" of its features of the collection; None where these are not
            complete.
    """

    name: str
    version: int | None
    weights: str
    precision: str | None


def data(name: str) -> DataRecord | None:
    """The collection of a name, else the set of judgements, else None."""
    if name in collections.names():
        return DataRecord(name, collections.summary(name).digest)
    if name in judgement_catalog.names():
        return DataRecord(name, judgement_catalog.summary(name).digest)
    return None


def backbones(names: Iterable[str], record: DataRecord | None) -> tuple[BackboneRecord, ...]:
    """One record per backbone or distance; groups are expanded.

    Args:
        names: as users type them; an unknown name is recorded without version.
        record: the collection whose features were used, if it is one.
    """
    collection = None
    if record is not None and record.name in collections.names():
        collection = collections.open_(record.name)
    expanded: list[str] = []
    for name in names:
        try:
            expanded += registry.expand_groups([name])
        except UnknownNameError:
            expanded.append(name)  # a distance between two images, or a misspelled name
    return tuple(_backbone(name, collection) for name in dict.fromkeys(expanded))


def _backbone(name: str, collection: Collection | None) -> BackboneRecord:
    try:
        spec = registry.get(name)
    except UnknownNameError:
        return BackboneRecord(name, None, "", None)
    key = None if collection is None else features.collection_key(collection, name)
    precision = None if key is None else key.precision
    return BackboneRecord(name, spec.version, weights.fingerprint(spec), precision)
