"""What one actor of a Ray cluster does: networks loaded once, then unit after unit of images."""

import json
import os
import secrets
import socket
from typing import Any

from simcore.data import storage
from simcore.data.store import fragments
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import SimError
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.types import ImageSet

TRIES = 3  # workers that may die over one unit


class Worker:
    """An actor: loads the networks once, then makes unit after unit."""

    def __init__(self, told: dict[str, Any], token: str) -> None:
        """Looks whether it is at home here: the same store, the same weights."""
        self.wrong = ""
        self.told, self.host, self.folder = told, socket.gethostname(), f"run-{token}"
        try:
            self._prepare(token)
        except SimError as error:
            self.wrong = f"{self.host}: {error}"

    def _prepare(self, token: str) -> None:
        place = storage.Folder(self.told["root"])
        if place.read(f"{self.folder}/began") != token.encode():
            raise SimError(
                f"found another store at {place.address} than the driver's; expected one that all "
                "machines share; set SIMCORE_STORE to s3://... or to a shared folder"
            )
        self.store = FeatureStore(self.told["root"])
        self.specs = [registry.get(name) for name in self.told["tables"]]
        if self.told["device"] == "cpu":
            import torch

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1") or 1))
        self.embeds, self.unavailable = extraction.loaded(self.specs, self.told["device"])
        for spec in self.specs:
            here = extraction.feature_key(spec, self.told["precision"]).table
            if spec.name in self.embeds and here != self.told["tables"][spec.name]:
                raise SimError(
                    f"found other weights or another version of {spec.name} than the driver's; "
                    "expected the same; copy the driver's weights folder, update simcore"
                )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """One unit, as JSON in and JSON out."""
        return {"result": [json.dumps(self._unit(json.loads(str(batch["unit"][0]))))]}

    def _unit(self, unit: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"number": unit["number"], "wrong": self.wrong}
        paths = [storage.path(one) for one in unit["paths"]]
        if not self.wrong and not any(storage.is_remote(p) or p.exists() for p in paths):
            told["wrong"] = (
                f"{self.host}: found none of the pictures, such as {paths[0]}; expected them where "
                "the driver has them; use object storage or a shared folder"
            )
        told["wrong"] = told["wrong"] or self._tried(unit["number"])
        if told["wrong"]:
            return told
        images = ImageSet(tuple(unit["ids"]), tuple(paths), tuple(unit["keys"]), self.told["trim"])
        sink = fragments.Fragments(self.store)
        try:
            computed, skipped = extraction.extract_into(
                images,
                [spec for spec in self.specs if spec.name in self.embeds],
                {name: set(keys) for name, keys in unit["todo"].items()},
                self.embeds,
                sink=sink,
                device=self.told["device"],
                precision=self.told["precision"],
            )
        except SimError as error:
            return told | {"wrong": f"{self.host}: {error}"}
        return told | {
            "fragments": sink.written,
            "computed": computed,
            "skipped": [[one.name, one.reason] for one in skipped],
            "unavailable": self.unavailable,
        }

    def _tried(self, number: int) -> str:
        """Remembers that a unit is begun; a sentence where it has ended too many workers."""
        begun = [name for name, _ in self.store.place.files(self.folder)]
        if sum(name.startswith(f"{number}-") for name in begun) >= TRIES:
            return (
                f"images number {number} of the run ended {TRIES} workers; expected ones that fit "
                "in memory; look at the last of them, or use --engine local"
            )
        self.store.place.write(f"{self.folder}/{number}-{secrets.token_hex(8)}", b"-")
        return ""
