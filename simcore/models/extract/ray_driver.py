"""Extraction on many processes or machines: Ray Data distributes units of images to actors.

    driver: units -> actors: decode, networks, Lance fragments -> driver: one commit for many units

Rows are invisible until the driver commits them, and it commits each unit once, whatever Ray
repeats: the units of a worker that dies are embedded by another. A driver that dies loses the rows
since its last commit; the next run finds what is stored and continues. Actors run the same code as
the local engine.
"""

import logging
import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from simcore.data.store import fragments
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.models import forward
from simcore.models.extract import extraction, extraction_run
from simcore.models.extract.extraction import ExtractionReport
from simcore.models.extract.ray_worker import Unit, UnitResult, Worker, WorkerSettings
from simcore.models.spec import BackboneSpec
from simcore.types import ImageSet, Monitor, Skipped

UNIT_IMAGES = 512  # images that an actor takes at a time; at most these are computed twice
COMMIT_IMAGES = 20_000  # at most these are lost with a driver
COMMIT_SECONDS = 300.0
ACTOR_CPUS = 2
UNITS_PER_ACTOR = 8  # at least, so that all actors are busy to the end


def run(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    *,
    store: FeatureStore,
    address: str = "",
    workers: int = 0,
    monitor: Monitor = Monitor(),
) -> ExtractionReport:
    """As `extraction.extract`, on a Ray cluster that can reach the store and the images.

    Args:
        address: of a cluster, "auto" for the one on this machine; "" is RAY_ADDRESS, or processes
            on this machine that end with the run.
        workers: actors; 0 means one per GPU, or one per two cores if there is no GPU.

    Raises:
        BadDataError: Ray or pylance is not installed. SimError: no cluster at the address, it does
            not reach store or images, its weights differ, or an image ends every worker.
    """
    start_time = time.monotonic()
    fragments.check_installed()
    with _cluster(address) as ray:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        device = "cuda" if gpus else "cpu"
        precision = forward.resolve_precision("auto", device)
        keys = {spec.name: extraction.feature_key(spec, precision) for spec in specs}
        damaged = tuple(filter(None, map(store.mend, keys.values())))
        todo = {name: store.missing(key, images.keys) for name, key in keys.items()}
        committer = Committer(store, keys, todo, monitor)
        cpus = int(ray.cluster_resources().get("CPU", 1))
        actors = workers or gpus or max(1, cpus // ACTOR_CPUS)
        units = split_into_units(images, todo, actors)
        if units:
            for key in keys.values():
                store.create_table(key)
            actors = min(actors, len(units))
            settings = WorkerSettings(
                store.place.address,
                device,
                precision,
                {name: key.table for name, key in keys.items()},
                images.trim,
                secrets.token_hex(16),
            )
            resources = {"num_gpus": 1} if gpus else {"num_cpus": max(1, min(cpus // actors, 8))}
            committer.commit_all(_results(store, units, settings, actors, resources))
    usable = [name for name in keys if name not in committer.unavailable]
    return ExtractionReport(
        {name: committer.done[name] for name in usable},
        {name: len(images) - len(todo[name]) for name in usable},
        tuple(committer.skipped),
        committer.unavailable,
        time.monotonic() - start_time,
        damaged,
    )


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """A quiet connection to Ray without usage statistics, closed when the block ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        from ray.data import DataContext
    except ImportError as error:
        raise BadDataError(
            '--engine ray needs Ray, which is not installed. Run `pip install -e ".[ray]"`.'
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    connect = not ray.is_initialized()
    target = address or os.environ.get("RAY_ADDRESS", "") or "local"
    if connect:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if target == "local":
            options["include_dashboard"] = False
        try:
            ray.init(address=target, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise SimError(
                f"No Ray cluster answers at {target!r} ({reason}). Start one with "
                "`ray start --head`, set its RAY_AUTH_MODE and RAY_AUTH_TOKEN, or omit --address."
            ) from error
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with redirect_stdout(sys.stderr):  # Ray prints that a worker died; stdout is for results
        try:
            yield ray
        finally:
            if connect:
                ray.shutdown()


def split_into_units(
    images: ImageSet, todo: Mapping[str, Sequence[str]], actors: int
) -> list[Unit]:
    """Images whose features are missing, each content key once, in units for actors.

    Args:
        todo: backbone -> keys whose features are missing.
    """
    missing = {name: set(keys) for name, keys in todo.items()}
    missing_somewhere = set().union(*missing.values())
    first_rows: dict[str, int] = {}
    for row, key in enumerate(images.keys):
        if key in missing_somewhere:
            first_rows.setdefault(key, row)
    rows = list(first_rows.values())
    size = max(1, min(UNIT_IMAGES, len(rows) // (UNITS_PER_ACTOR * actors)))
    units = []
    for number, start in enumerate(range(0, len(rows), size)):
        part = images.take(rows[start : start + size])
        paths = tuple(str(path) for path in part.paths)
        part_todo = {name: [k for k in part.keys if k in keys] for name, keys in missing.items()}
        units.append(Unit(number, part.ids, paths, part.keys, part_todo))
    return units


def _results(
    store: FeatureStore,
    units: Sequence[Unit],
    settings: WorkerSettings,
    actors: int,
    resources: dict[str, Any],
) -> Iterator[UnitResult]:
    """The results of the actors, unit by unit, as they arrive."""
    import ray

    store.place.write(f"{settings.run_folder}/began", settings.token.encode())
    try:
        rows = [{"unit": unit.to_json()} for unit in units]
        results = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            batch_size=1,
            fn_constructor_args=(settings,),
            compute=ray.data.ActorPoolStrategy(size=actors),
            **resources,
        )
        for row in results.iter_rows():
            yield UnitResult.from_json(row["result"])
    except ray.exceptions.RayError as error:
        raise SimError(_cluster_error(error)) from error
    finally:
        with suppress(SimError):
            store.place.remove(settings.run_folder)


def _cluster_error(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[-1] if lines else type(error).__name__)[:200]
    return (
        f"The cluster stopped working ({reason}). All workers need the same version of simcore and "
        "its packages. Finished features are stored; run the same command again to continue."
    )


class Committer:
    """Commits the fragments that actors wrote, and counts images.

    Attributes:
        done: backbone -> images whose rows have arrived.
        skipped: images that could not be used. unavailable: backbone -> why it cannot be loaded.
    """

    def __init__(
        self,
        store: FeatureStore,
        feature_keys: Mapping[str, FeatureKey],
        todo: Mapping[str, Sequence[str]],
        monitor: Monitor,
    ) -> None:
        self.store, self.feature_keys, self.monitor = store, feature_keys, monitor
        self.total = {name: len(keys) for name, keys in todo.items()}
        self.done = dict.fromkeys(feature_keys, 0)
        self.skipped: list[Skipped] = []
        self.unavailable: dict[str, str] = {}
        self._received: set[int] = set()  # numbers of units
        self._pending: dict[str, list[str]] = {}  # table -> fragments to commit
        self._pending_images = 0
        self._start_time = self._commit_time = time.monotonic()

    def commit_all(self, results: Iterable[UnitResult]) -> None:
        """Commit results as they arrive, until they end or the run is asked to stop.

        Raises:
            SimError: a worker reported an error; what arrived before it is committed.
        """
        try:
            for result in results:
                self._receive(result)
                overdue = time.monotonic() - self._commit_time > COMMIT_SECONDS
                if self._pending_images >= COMMIT_IMAGES or overdue:
                    self._commit()
                if self.monitor.stopped:
                    break
        finally:
            self._commit()
        for name, key in self.feature_keys.items():
            if self.done[name] > extraction_run.CHUNK_IMAGES:
                self.store.compact(key)

    def _receive(self, result: UnitResult) -> None:
        if result.error:
            raise SimError(result.error)
        if result.number in self._received:  # Ray ran the unit twice; only the first counts
            for key in self.feature_keys.values():
                fragments.delete(self.store, key, result.fragments.get(key.table, []))
            return
        self._received.add(result.number)
        for table, descriptions in result.fragments.items():
            self._pending.setdefault(table, []).extend(descriptions)
        self._pending_images += max(result.computed.values(), default=0)
        self.skipped += [Skipped(name, reason) for name, reason in result.skipped]
        self.unavailable |= result.unavailable
        for name, count in result.computed.items():
            self.done[name] += count
            if self.total[name]:
                rate = self.done[name] / max(time.monotonic() - self._start_time, 1e-6)
                self.monitor.report(name, self.done[name], self.total[name], rate)

    def _commit(self) -> None:
        for key in self.feature_keys.values():
            fragments.commit(self.store, key, self._pending.pop(key.table, []))
        self._pending_images, self._commit_time = 0, time.monotonic()
