"""Kind `tll`: Totally-Looks-Like in every form in which it is passed around (rosenfeld2018)."""

from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import cache_dir, csv_files, images
from simcore.data.collections import pair_folders
from simcore.data.collections.collection_draft import (
    CollectionDraft,
    DraftRow,
    drop_repeated,
    list_images,
    map_in_threads,
)
from simcore.data.collections.collection_draft import relative_names as inner_names
from simcore.data.fetch import archives
from simcore.errors import BadDataError, BadImageError, SimError
from simcore.types import Monitor, Skipped

PAGE = "https://sites.google.com/view/totally-looks-like-dataset"
DRIVE = {
    "left.zip": "1jvkbTr_giSP3Ru8OwGNCg6B4PvVbcO34",
    "right.zip": "1EzBZUb_mh_Dp_FKD0P4XiYYSd0QBH5zW",
}
CREDITS = (
    "Totally-Looks-Like: Rosenfeld, Solbach and Tsotsos 2018; pictures from totallylookslike.com, "
    "rights with their authors",
)
PAGE_SIZE = (401, 271)  # width, height of a composite page, px
CAPTION = 26  # rows of text at its bottom
_FORMS = (
    "expected left/ and right/ (or left.zip and right.zip) with equal file names, "
    f"a folder of composite pages of {PAGE_SIZE[0]} x {PAGE_SIZE[1]} pixels, "
    "or train.csv with train/left and train/right"
)


def find(folder: Path, work: Path, *, monitor: Monitor = Monitor()) -> CollectionDraft:
    """Pairs in whichever form lies in the folder.

    Args:
        folder: where it lies; a single folder inside it is entered.
        work: what has to be made (unpacked zips, halves of pages) goes here.

    Raises:
        BadDataError: none of the three forms is there.
    """
    if not folder.is_dir():
        raise BadDataError(f"found no folder {folder}; {_FORMS}; check the path")
    inner = _entered(folder)
    sides = [_side(inner, side, work, monitor) for side in ("left", "right")]
    if (inner / "train.csv").is_file() and (inner / "train").is_dir():
        found = _kaggle(inner)
    elif sides[0] is not None and sides[1] is not None:
        found = pair_folders.match_sides(sides[0], sides[1])
    elif sides == [None, None]:
        found = _pages(inner, work, monitor)
    else:
        there, absent = ("left", "right") if sides[0] is not None else ("right", "left")
        raise BadDataError(f"found {there} without {absent} in {inner}; {_FORMS}; add {absent}")
    found.credits = CREDITS
    return found


def _entered(folder: Path) -> Path:
    for _ in range(3):
        inside = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name in {"left", "right"}:
            break
        folder = inside[0]
    return folder


def _side(folder: Path, side: str, work: Path, monitor: Monitor) -> Path | None:
    """The folder of one side, unpacked where it is a zip; None where there is neither."""
    if (folder / side).is_dir():
        return _single(folder / side, side)
    if not (folder / f"{side}.zip").is_file():
        return None
    archives.extract(folder / f"{side}.zip", work / side, monitor=monitor)
    return _single(work / side, side)


def _single(folder: Path, side: str) -> Path:
    """left/ inside left/, as the official zips unpack."""
    return folder / side if (folder / side).is_dir() else folder


def _kaggle(folder: Path) -> CollectionDraft:
    """train.csv with ids, train/left and train/right with the files."""
    skipped: list[Skipped] = []
    lines = csv_files.read_rows(folder / "train.csv", ("left", "right"))
    there = [
        {path.stem: path for path in list_images(folder / "train" / side, skipped)}
        for side in ("left", "right")
    ]
    rows = []
    for number, line in enumerate(lines, 2):
        ids = [Path(line[side]).stem for side in ("left", "right")]
        absent = [
            f"train/{side}/{name}"
            for side, name, known in zip(("left", "right"), ids, there, strict=True)
            if name not in known
        ]
        if absent:
            reason = f"found no file {' and '.join(absent)}; expected both; add the file"
            skipped.append(Skipped(f"line {number}: {ids[0]}, {ids[1]}", reason))
        else:
            rows.append(DraftRow(ids[0], there[0][ids[0]], ids[1], there[1][ids[1]]))
    return CollectionDraft(drop_repeated(rows, skipped), skipped)


def _pages(folder: Path, work: Path, monitor: Monitor) -> CollectionDraft:
    """Composite pages: the last column dropped, split in two, the caption's rows cut off."""
    skipped: list[Skipped] = []
    pictures = list_images(folder, skipped)
    pages = [path for path in pictures if _size(path) == PAGE_SIZE]
    if not pages:
        there = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
        listing = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "")
        raise BadDataError(
            f"found {listing or 'nothing'} in {folder} ({len(pictures)} images, none of them a "
            f"page); {_FORMS}; arrange it so"
        )
    stems = [path.stem for path in pages]
    if len(set(stems)) < len(stems):
        stems = [name.replace("/", "-") for name in inner_names(pages, folder)]
    names = dict(zip(pages, stems, strict=True))
    for path in sorted(set(pictures) - set(pages)):
        reason = f"{path.name} is no page of {PAGE_SIZE[0]} x {PAGE_SIZE[1]} pixels"
        skipped.append(Skipped(path.stem, f"{reason}; expected the others' size; left out"))
    for side in ("left", "right"):
        (work / side).mkdir(parents=True, exist_ok=True)

    def split(path: Path) -> DraftRow:
        try:
            page = images.load(path)
        except BadImageError:  # whoever decodes the row will say so; its place in the order stays
            return DraftRow(names[path], path, names[path], path)
        height, half = page.shape[0] - CAPTION, page.shape[1] // 2
        targets = [work / side / f"{names[path]}.png" for side in ("left", "right")]
        for target, start in zip(targets, (0, half), strict=True):
            cut = np.ascontiguousarray(page[:height, start : start + half])
            with cache_dir.disk_errors(target):
                Image.fromarray(cut).save(target, compress_level=3)
        return DraftRow(names[path], targets[0], names[path], targets[1])

    return CollectionDraft(list(map_in_threads(split, pages, "splitting pages", monitor)), skipped)


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path, formats=images.FORMATS) as image:
            return image.size
    except Exception:  # whatever it is, it is no page
        return None


def download(target: Path, *, monitor: Monitor = Monitor()) -> Path:
    """Fetches the two official zips into `target` with gdown (the optional extra `download`).

    Raises:
        SimError: the disk is full, or gdown is absent or cannot reach them; says what to download
            by hand and where to put it.
    """
    with cache_dir.disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in DRIVE if not (target / name).is_file()]
    for done, name in enumerate(wanted):
        monitor.report(f"fetching {name}", done, len(wanted))
        part = target / f".new-{name}"
        try:
            import gdown

            address = f"https://drive.google.com/uc?id={DRIVE[name]}"
            with cache_dir.disk_errors(target):
                got = gdown.download(address, str(part), quiet=True)
                if not got or not part.is_file() or part.read_bytes()[:2] != b"PK":
                    raise ValueError("what came is no zip file")
                part.replace(target / name)
        except Exception as error:
            part.unlink(missing_ok=True)
            if isinstance(error, SimError):
                raise
            reason = " ".join(str(error).split())[:120]
            raise SimError(
                f"{name} cannot be downloaded ({reason}); expected gdown installed and Google "
                f"Drive within reach; download {' and '.join(wanted)} by hand from {PAGE} "
                f"and put them into {target}"
            ) from error
    return target
