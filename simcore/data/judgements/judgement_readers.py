"""The kinds of files that hold judgements, and how each is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from simcore.data.collections.collection_draft import other_files
from simcore.data.fetch import archives
from simcore.data.image_names import ImageIndex
from simcore.data.judgements import bapps, known_order, psiz, triplet_files, triplet_sets
from simcore.data.judgements.trial_draft import TrialDraft, image_folder
from simcore.data.judgements.trials import Votes
from simcore.errors import BadDataError
from simcore.types import Monitor

_ROADS_CREDITS = (
    "trials: Roads and Mozer 2019 (Birds-16), Roads and Love 2021 (ImageNet-HSJ), CC-BY 4.0 "
    "(osf.io/cn2s3); the images are CUB-200 and ILSVRC-2012 and have terms of their own",
)


@dataclass(frozen=True)
class ReadOptions:
    """How the files of a set are read; each reader uses what applies to it.

    Attributes:
        work: folder for files that the reader makes.
        images: the folder of images, where the files hold none.
        seed: of every draw.
        min_catch: lowest percentage of catch trials that must be passed.
        keep_alternatives: keep the further images of 8rank2 trials.
        monitor: progress and stop.
    """

    work: Path
    images: Path | None = None
    seed: int = 0
    min_catch: int = 100
    keep_alternatives: bool = False
    monitor: Monitor = Monitor()


@dataclass(frozen=True)
class Reader:
    """How one kind of files becomes trials.

    Attributes:
        description: what the files are.
        read: (folder or file, options) -> trials.
        needs_images: the files hold no images, so a folder of images must be given.
        needs_source: the trials are read from files.
        votes: where the answers come from.
    """

    description: str
    read: Callable[[Path, ReadOptions], TrialDraft]
    needs_images: bool = False
    needs_source: bool = True
    votes: Votes = "human"


def _make_known(_source: Path, options: ReadOptions) -> TrialDraft:
    return known_order.find(options.work / "made", seed=options.seed, monitor=options.monitor)


def _read_published_rankings(source: Path, options: ReadOptions) -> TrialDraft:
    return replace(_read_rankings(source, options), credits=_ROADS_CREDITS)


def _read_rankings(source: Path, options: ReadOptions) -> TrialDraft:
    images = _image_folder(options)
    trials, notes = psiz.read(source, min_catch=options.min_catch)
    draft = triplet_sets.from_rankings(
        trials,
        images.find_all,
        seed=options.seed,
        keep_alternatives=options.keep_alternatives,
    )
    return replace(draft, notes=notes)


def _read_table(source: Path, options: ReadOptions) -> TrialDraft:
    table = source
    if source.is_dir():
        tables = sorted(source.rglob("*.csv"))
        if len(tables) != 1:
            raise BadDataError(f"{source} must hold one CSV file, got {len(tables)}.")
        table = tables[0]
    return triplet_files.triplets(table, _image_folder(options) if options.images else None)


def _image_folder(options: ReadOptions) -> ImageIndex:
    assert options.images is not None  # `read` refuses it for readers that need images
    return image_folder(options.images)


READERS: Mapping[str, Reader] = {  # kind -> its reader
    "known": Reader(
        "photographs distorted by known amounts; made here, needs no file",
        _make_known,
        needs_source=False,
        votes="known order",
    ),
    "bapps": Reader(
        "BAPPS 2AFC in the official layout: 2afc/val/NAME/ref, p0, p1, judge",
        lambda source, _: bapps.triplets(source),
    ),
    "bapps-jnd": Reader(
        "BAPPS JND in the official layout: jnd/val/NAME/p0, p1, same",
        lambda source, _: bapps.jnd(source),
    ),
    "hsj": Reader(
        "ImageNet-HSJ trials (psiz zip, or the older HDF5), with a folder of images",
        _read_published_rankings,
        needs_images=True,
    ),
    "birds-16": Reader(
        "Birds-16 trials (psiz zip, or the older HDF5), with a folder of images",
        _read_published_rankings,
        needs_images=True,
    ),
    "nights": Reader(
        "NIGHTS in DreamSim's layout: data.csv, ref/, distort/",
        lambda source, _: triplet_files.nights(source),
    ),
    "things": Reader(
        "THINGS odd-one-out trials: three numbers per line, the odd one last; with a folder of "
        "images",
        lambda source, options: triplet_files.things(source, _image_folder(options)),
        needs_images=True,
    ),
    "psiz": Reader(
        "other ranking trials as psiz-datasets stores them, with a folder of images",
        _read_rankings,
        needs_images=True,
    ),
    "cblearn": Reader(
        "a .npy of cblearn's list-order triplets beside images.txt, with a folder of images",
        lambda source, options: triplet_files.cblearn(source, _image_folder(options)),
        needs_images=True,
    ),
    "triplets": Reader(
        "a CSV query,a,b,vote[,group][,votes] or anchor,positive,negative of paths", _read_table
    ),
}


def read(kind: str, source: Path | None, options: ReadOptions) -> TrialDraft:
    """The trials in a folder, a file or an archive of one kind, a key of `READERS`.

    Raises:
        BadDataError: a file is not of that kind, or something that it needs is missing.
    """
    path, ignored = _prepare_source(kind, source, options)
    draft = READERS[kind].read(path, options)
    notes = tuple(f"not used: {files}" for files in other_files(ignored))
    return replace(draft, notes=(*draft.notes, *notes))


def _prepare_source(
    kind: str, source: Path | None, options: ReadOptions
) -> tuple[Path, tuple[str, ...]]:
    """The folder or file to read, and files of an archive that were ignored.

    An archive is extracted, unless psiz reads inside its zip.
    """
    reader = READERS[kind]
    if not reader.needs_source:
        return options.work, ()  # the reader makes its files there
    if source is None or not source.exists():
        raise BadDataError(
            f"There is nothing at {source or 'the path, which is empty'}. Give "
            f"{reader.description}."
        )
    ignored: tuple[str, ...] = ()
    if source.is_file() and archives.is_archive(source) and not reader.needs_images:
        folder = options.work / "files"
        ignored = archives.extract(
            source, folder, limits=archives.DATASET, monitor=options.monitor
        ).ignored
        source = folder
    if reader.needs_images and options.images is None:
        raise BadDataError(
            f"{source.name} needs a folder of images, since {kind} trials hold none. Name it with "
            "--images."
        )
    return source, ignored
