"""Extraction on many processes or machines: Ray Data hands out units of images to actors.

    driver: units -> actors: decode, networks, Lance fragments -> driver: one commit for many units

Nothing of a unit is visible before the driver commits it, and the driver commits a unit once,
whatever Ray repeated: a worker that dies loses the units in its hands, which another makes again. A
driver that dies loses what came since its last commit; the next run finds what is there and goes
on. What is run is the very code of the local engine.
"""

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from simcore.data.store import fragments
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.models import forward
from simcore.models.extract import extraction
from simcore.models.extract.extraction import Report
from simcore.models.extract.ray_worker import Worker
from simcore.models.spec import BackboneSpec
from simcore.types import ImageSet, Monitor, Skipped

UNIT_IMAGES = 512  # images that an actor takes at a time; at most these are made twice
COMMIT_IMAGES = 20_000  # and at most these are lost with a driver
COMMIT_SECONDS = 300.0
ACTOR_CPUS = 2
SHARES = 8  # units an actor, at least, so that all are busy to the end


def run(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    *,
    store: FeatureStore,
    address: str = "",
    workers: int = 0,
    monitor: Monitor = Monitor(),
) -> Report:
    """As `extract.extract`, by a Ray cluster; store and pictures must be reachable from all of it.

    Args:
        address: of a cluster, "auto" for the one here; "" is RAY_ADDRESS, or one of this machine's
            processes for this run alone.
        workers: actors; 0 means a GPU each, or two cores each where there is no GPU.

    Raises:
        BadDataError: Ray or pylance is not installed. SimError: no cluster at the address, it does
            not reach store or pictures, its weights are others, or an image kills every worker.
    """
    began = time.monotonic()
    fragments.check_installed()
    with _cluster(address) as ray:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        place = "cuda" if gpus else "cpu"
        kind = forward.resolve_precision("auto", place)
        slots = {spec.name: extraction.feature_key(spec, kind) for spec in specs}
        todo = {name: store.missing(slot, images.keys) for name, slot in slots.items()}
        driver = _Driver(store, slots, todo, monitor)
        cpus = int(ray.cluster_resources().get("CPU", 1))
        actors = workers or gpus or max(1, cpus // ACTOR_CPUS)
        units = list(_units(images, todo, actors))
        if units:
            for slot in slots.values():
                store.create_table(slot)
            actors = min(actors, len(units))
            told = {
                "root": store.place.address,
                "device": place,
                "precision": kind,
                "tables": {name: slot.table for name, slot in slots.items()},
                "trim": images.trim,
            }
            share = {"num_gpus": 1} if gpus else {"num_cpus": max(1, min(cpus // actors, 8))}
            driver.take(_results(store, units, told, actors, share))
    return Report(
        {name: driver.done[name] for name in slots if name not in driver.unavailable},
        {name: len(images) - len(todo[name]) for name in slots if name not in driver.unavailable},
        tuple(driver.skipped),
        driver.unavailable,
        time.monotonic() - began,
    )


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """A connection to Ray that says nothing, phones nobody and ends with the run."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        from ray.data import DataContext
    except ImportError as error:
        raise BadDataError(
            'found no Ray; expected it for --engine ray; run pip install -e ".[ray]"'
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mine = not ray.is_initialized()
    where = address or os.environ.get("RAY_ADDRESS", "") or "local"
    if mine:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if where == "local":
            quiet["include_dashboard"] = False
        try:
            ray.init(address=where, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            fact = " ".join(str(error).split())[:120]
            raise SimError(
                f"found no Ray cluster at {where!r} ({fact}); expected one that runs; start it "
                "with `ray start --head`, set the RAY_AUTH_MODE and RAY_AUTH_TOKEN that it has, or "
                "leave --address out"
            ) from error
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with redirect_stdout(sys.stderr):  # Ray prints that a worker died; stdout is for results
        try:
            yield ray
        finally:
            if mine:
                ray.shutdown()


def _units(images: ImageSet, todo: dict[str, list[str]], actors: int) -> Iterator[dict[str, Any]]:
    """What an actor takes at a time: some images, and which backbones lack them."""
    lacking = {name: set(keys) for name, keys in todo.items()}
    any_of = set().union(*lacking.values())
    rows = {key: row for row, key in reversed(list(enumerate(images.keys))) if key in any_of}
    wanted = sorted(rows.values())
    size = max(1, min(UNIT_IMAGES, len(wanted) // (SHARES * actors)))
    for number, start in enumerate(range(0, len(wanted), size)):
        part = images.take(wanted[start : start + size])
        yield {
            "number": number,
            "ids": part.ids,
            "paths": [str(path) for path in part.paths],
            "keys": part.keys,
            "todo": {n: [key for key in part.keys if key in keys] for n, keys in lacking.items()},
        }


def _results(
    store: FeatureStore, units: list[dict], told: dict[str, Any], actors: int, share: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What the actors give back, unit by unit, as it comes."""
    import ray

    token = secrets.token_hex(16)
    store.place.write(f"run-{token}/began", token.encode())
    try:
        rows = [{"unit": json.dumps(unit)} for unit in units]
        made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            batch_size=1,
            fn_constructor_args=(told, token),
            compute=ray.data.ActorPoolStrategy(size=actors),
            **share,
        )
        for row in made.iter_rows():
            yield json.loads(row["result"])
    except ray.exceptions.RayError as error:
        raise SimError(_ended(error)) from error
    finally:
        with suppress(SimError):
            store.place.remove(f"run-{token}")


def _ended(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fact = (lines[-1] if lines else type(error).__name__)[:200]
    return (
        f"the cluster could not go on ({fact}); expected workers that live, with simcore and its "
        "packages in the same version; what was finished is kept, run the same command again"
    )


class _Driver:
    """Commits what comes back, and keeps count."""

    def __init__(
        self,
        store: FeatureStore,
        slots: dict[str, FeatureKey],
        todo: dict[str, list[str]],
        monitor: Monitor,
    ) -> None:
        self.store, self.slots, self.monitor = store, slots, monitor
        self.total = {name: len(keys) for name, keys in todo.items()}
        self.done = dict.fromkeys(slots, 0)
        self.skipped: list[Skipped] = []
        self.unavailable: dict[str, str] = {}
        self._seen: set[int] = set()
        self._waiting: dict[str, list[str]] = {}
        self._images = 0
        self._began = self._committed = time.monotonic()

    def take(self, results: Iterator[dict[str, Any]]) -> None:
        """Everything that comes, until it ends or somebody asks to stop."""
        try:
            for result in results:
                self._one(result)
                late = time.monotonic() - self._committed > COMMIT_SECONDS
                if self._images >= COMMIT_IMAGES or late:
                    self._commit()
                if self.monitor.stopped:
                    break
        finally:
            self._commit()
        for name, slot in self.slots.items():
            if self.done[name] > extraction.CHUNK_IMAGES:
                self.store.compact(slot)

    def _one(self, result: dict[str, Any]) -> None:
        if result["wrong"]:
            raise SimError(result["wrong"])
        if result["number"] in self._seen:  # Ray made it twice; the first counts
            for slot in self.slots.values():
                fragments.delete(self.store, slot, result["fragments"].get(slot.table, []))
            return
        self._seen.add(result["number"])
        for table, made in result["fragments"].items():
            self._waiting.setdefault(table, []).extend(made)
        self._images += max(result["computed"].values(), default=0)
        self.skipped += [Skipped(what, reason) for what, reason in result["skipped"]]
        self.unavailable |= result["unavailable"]
        for name, count in result["computed"].items():
            self.done[name] += count
            if self.total[name]:
                rate = self.done[name] / max(time.monotonic() - self._began, 1e-6)
                self.monitor.report(name, self.done[name], self.total[name], rate)

    def _commit(self) -> None:
        for slot in self.slots.values():
            fragments.commit(self.store, slot, self._waiting.pop(slot.table, []))
        self._images, self._committed = 0, time.monotonic()
