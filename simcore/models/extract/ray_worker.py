"""An actor of a Ray cluster: loads the networks once, then embeds one unit of images at a time."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from typing import Any

from simcore.data import storage
from simcore.data.store import fragments
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.types import ImageSet

MAX_ATTEMPTS = 3  # workers that may die on one unit


@dataclass(frozen=True)
class WorkerSettings:
    """What the driver tells all workers of a run.

    Attributes:
        root: address of the feature store.
        device, precision: of the networks.
        tables: backbone -> name of its table in the store; the workers' names must be the same.
        trim: rows cut from the bottom of each image, px.
        token: a secret that the driver wrote into its store, by which workers recognize it.
    """

    root: str
    device: str
    precision: str
    tables: dict[str, str]
    trim: int
    token: str

    @property
    def run_folder(self) -> str:
        """The run's folder in the store, for notes about units."""
        return f"run-{self.token}"


@dataclass(frozen=True)
class Unit:
    """Images that an actor embeds at a time.

    Attributes:
        ids, paths, keys: of the images.
        todo: backbone -> keys whose features are missing.
    """

    number: int
    ids: tuple[str, ...]
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    todo: dict[str, list[str]]

    def to_json(self) -> str:
        """The unit as a JSON document."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, document: str) -> "Unit":
        """The unit of a JSON document."""
        fields = json.loads(document)
        lists = {name: tuple(fields[name]) for name in ("ids", "paths", "keys")}
        return cls(**(fields | lists))


@dataclass(frozen=True)
class UnitResult:
    """What an actor returns for a unit.

    Attributes:
        error: a message that ends the run, or "".
        fragments: table -> descriptions of the fragments that were written.
        computed: backbone -> number of images.
        skipped: (image id, reason) of images that could not be used.
        unavailable: backbone -> why it could not be loaded.
    """

    number: int
    error: str = ""
    fragments: dict[str, list[str]] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    unavailable: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The result as a JSON document."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, document: str) -> "UnitResult":
        """The result of a JSON document."""
        fields = json.loads(document)
        skipped = tuple((name, reason) for name, reason in fields["skipped"])
        return cls(**(fields | {"skipped": skipped}))


class Worker:
    """An actor: loads the networks once, then embeds unit after unit."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Load the networks, and check that store and weights are the driver's."""
        self.settings, self.host, self.error = settings, socket.gethostname(), ""
        try:
            self._prepare()
        except SimError as error:
            self.error = f"{self.host}: {error}"

    def _prepare(self) -> None:
        settings = self.settings
        folder = storage.Folder(settings.root)
        if folder.read(f"{settings.run_folder}/began") != settings.token.encode():
            raise SimError(
                f"The feature store at {folder.address} is not the driver's. "
                "Set SIMCORE_STORE to s3://... or to a folder that all machines share."
            )
        self.store = FeatureStore(settings.root)
        self.specs = [registry.get(name) for name in settings.tables]
        if settings.device == "cpu":
            import torch

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1") or 1))
        self.embedders, self.unavailable = extraction.load_all(self.specs, settings.device)
        for spec in self.specs:
            table = extraction.feature_key(spec, settings.precision).table
            if spec.name in self.embedders and table != settings.tables[spec.name]:
                raise SimError(
                    f"{spec.name} has other weights or another version than on the driver. "
                    "Copy the driver's weights folder, or update simcore."
                )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Embed one unit; JSON in and JSON out, as Ray Data passes columns of text."""
        unit = Unit.from_json(str(batch["unit"][0]))
        return {"result": [self._embed(unit).to_json()]}

    def _embed(self, unit: Unit) -> UnitResult:
        paths = [storage.path(path) for path in unit.paths]
        error = self.error
        if not error and not any(storage.is_remote(p) or p.exists() for p in paths):
            error = (
                f"{self.host}: none of the images can be read here, for example {paths[0]}. "
                "Put the images into object storage or a shared folder."
            )
        error = error or self._count_attempt(unit.number)
        if error:
            return UnitResult(unit.number, error)
        sink = fragments.Fragments(self.store)
        try:
            computed, skipped = extraction.extract_into(
                ImageSet(unit.ids, tuple(paths), unit.keys, self.settings.trim),
                [spec for spec in self.specs if spec.name in self.embedders],
                unit.todo,
                self.embedders,
                sink=sink,
                device=self.settings.device,
                precision=self.settings.precision,
            )
        except SimError as failure:
            return UnitResult(unit.number, f"{self.host}: {failure}")
        return UnitResult(
            unit.number,
            fragments=sink.written,
            computed=computed,
            skipped=tuple((image.name, image.reason) for image in skipped),
            unavailable=self.unavailable,
        )

    def _count_attempt(self, number: int) -> str:
        """Note that a unit is begun; returns an error if it has ended too many workers."""
        folder = self.settings.run_folder
        attempts = [name for name, _ in self.store.place.files(folder)]
        if sum(name.startswith(f"{number}-") for name in attempts) >= MAX_ATTEMPTS:
            return (
                f"The images of unit {number} ended {MAX_ATTEMPTS} workers, perhaps because they "
                "do not fit in memory. Run with --engine local to find the image."
            )
        self.store.place.write(f"{folder}/{number}-{secrets.token_hex(8)}", b"-")
        return ""
