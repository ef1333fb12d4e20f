"""Kind `tll`: Totally-Looks-Like in every form in which it is distributed (rosenfeld2018)."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import cache_dir, csv_files, file_locks, image_names, images
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
from simcore.data.image_names import ImageIndex
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
    "The dataset consists of left/ and right/ (or left.zip and right.zip) with equal file names, "
    f"of composite pages of {PAGE_SIZE[0]} x {PAGE_SIZE[1]} pixels, "
    "or of train.csv with train/left and train/right."
)


def read(
    folder: Path, work: Path, *, ignore_profiles: bool = False, monitor: Monitor = Monitor()
) -> CollectionDraft:
    """The pairs of a folder that has the dataset in one of its three forms.

    Args:
        folder: the dataset, or a folder with nothing else in it.
        work: new files (extracted zips, halves of pages) are written here.
        ignore_profiles: leave the colors of pages with a color profile as they are stored.

    Raises:
        BadDataError: the folder has none of the three forms.
    """
    if not folder.is_dir():
        raise BadDataError(f"There is no folder {folder}. {_FORMS}")
    inner = _innermost(folder)
    unpacked = CollectionDraft([])
    sides = [_side(inner, side, work, unpacked, monitor) for side in ("left", "right")]
    if (inner / "train.csv").is_file() and (inner / "train").is_dir():
        draft = _read_kaggle(inner)
    elif sides[0] is not None and sides[1] is not None:
        draft = pair_folders.match_sides(sides[0], sides[1])
    elif sides == [None, None]:
        draft = _read_pages(inner, work, ignore_profiles, monitor)
    else:
        present, absent = ("left", "right") if sides[0] is not None else ("right", "left")
        raise BadDataError(f"{inner} has {present} without {absent}. {_FORMS}")
    draft.credits = CREDITS
    draft.accounted |= unpacked.accounted
    draft.ignored += unpacked.ignored
    return draft


def _innermost(folder: Path) -> Path:
    """The folder itself, or the only folder inside it, up to three levels deep."""
    for _ in range(3):
        inside = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name in {"left", "right"}:
            break
        folder = inside[0]
    return folder


def _side(
    folder: Path, side: str, work: Path, draft: CollectionDraft, monitor: Monitor
) -> Path | None:
    """The folder of one side, extracted from its zip if need be; None if both are absent.

    Args:
        draft: the zip, and what is not extracted from it, are added to it.
    """
    if (folder / side).is_dir():
        return _skip_repeated(folder / side, side)
    archive = folder / f"{side}.zip"
    if not archive.is_file():
        return None
    extracted = archives.extract(archive, work / side, monitor=monitor)
    draft.ignored += tuple(f"{archive.name}/{name}" for name in extracted.ignored)
    draft.accounted.add(archive)
    return _skip_repeated(work / side, side)


def _skip_repeated(folder: Path, side: str) -> Path:
    """The official zips extract to left/ inside left/."""
    return folder / side if (folder / side).is_dir() else folder


def _read_kaggle(folder: Path) -> CollectionDraft:
    """train.csv with ids, train/left and train/right with the files."""
    table = folder / "train.csv"
    draft = CollectionDraft([], accounted={table})
    lines = csv_files.read_rows(table, ("left", "right"))
    matches = {}
    for side in ("left", "right"):
        place = folder / "train" / side
        index = ImageIndex(place, list_images(place, draft))
        matches[side] = index.find_all(line[side] for line in lines if line[side])
    rows = []
    for line in lines:
        label = f"line {line.line}: {line['left']}, {line['right']}"
        if not (line["left"] and line["right"]):
            draft.skipped.append(Skipped(label, "A cell is empty. Write an id into it."))
            continue
        left, right = (matches[side][line[side]] for side in ("left", "right"))
        if problem := left.problem or right.problem:
            side = "left" if left.problem else "right"
            draft.skipped.append(Skipped(label, f"In train/{side}: {problem}"))
        else:
            ids = [image_names.stem(image_names.nfc(line[side])) for side in ("left", "right")]
            rows.append(DraftRow(ids[0], left.path, ids[1], right.path))
    draft.rows = drop_repeated(rows, draft.skipped)
    return draft


def _read_pages(
    folder: Path, work: Path, ignore_profiles: bool, monitor: Monitor
) -> CollectionDraft:
    """Composite pages, split in two halves; the last column and the caption are cut off."""
    draft = CollectionDraft([])
    pictures = list_images(folder, draft)
    pages = [path for path in pictures if _size(path) == PAGE_SIZE]
    if not pages:
        entries = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
        listing = ", ".join(entries[:5]) + (", ..." if len(entries) > 5 else "")
        raise BadDataError(
            f"{folder} contains {listing or 'nothing'} ({len(pictures)} images, none of them a "
            f"page). {_FORMS}"
        )
    stems = [image_names.stem(image_names.nfc(path.name)) for path in pages]
    if len(set(stems)) < len(stems):
        stems = [name.replace("/", "-") for name in inner_names(pages, folder)]
    if len(set(stems)) < len(stems):  # "a/b" beside "a-b"; equal names would share their halves
        stems = [f"{number:05}-{stem}" for number, stem in enumerate(stems)]
    names = dict(zip(pages, stems, strict=True))
    for path in sorted(set(pictures) - set(pages)):
        reason = f"{path.name} is not a page of {PAGE_SIZE[0]} x {PAGE_SIZE[1]} pixels."
        draft.skipped.append(Skipped(path.stem, reason))
    draft.accounted.update(pictures)
    for side in ("left", "right"):
        (work / side).mkdir(parents=True, exist_ok=True)

    def split(path: Path) -> DraftRow:
        try:
            page = images.load(path, ignore_profile=ignore_profiles)
        except BadImageError:  # decoding the row reports it; its position in the order stays
            return DraftRow(names[path], path, names[path], path)
        height, half = page.shape[0] - CAPTION, page.shape[1] // 2
        targets = [work / side / f"{names[path]}.png" for side in ("left", "right")]
        for target, start in zip(targets, (0, half), strict=True):
            cut = np.ascontiguousarray(page[:height, start : start + half])
            with cache_dir.disk_errors(target):
                Image.fromarray(cut).save(target, compress_level=3)
        return DraftRow(names[path], targets[0], names[path], targets[1])

    draft.rows = list(map_in_threads(split, pages, "splitting pages", monitor))
    return draft


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path, formats=images.FORMATS) as image:
            return image.size
    except Exception:  # not a readable image, so not a page
        return None


def download(target: Path, *, monitor: Monitor = Monitor()) -> Path:
    """Download the two official zips to `target` with gdown (the optional extra `download`).

    Raises:
        SimError: the disk is full, or gdown is not installed or cannot reach them; the message
            names the files to download in a browser, and where to put them.
    """
    with cache_dir.disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    missing = [name for name in DRIVE if not (target / name).is_file()]
    for done, name in enumerate(missing):
        monitor.report(f"fetching {name}", done, len(missing))
        file = target / name
        try:
            import gdown

            address = f"https://drive.google.com/uc?id={DRIVE[name]}"
            with file_locks.exclusive(file, monitor):
                if file.is_file():
                    continue  # another process was faster
                with cache_dir.atomic_path(file) as draft:
                    downloaded = gdown.download(address, str(draft), quiet=True)
                    if not downloaded or not zipfile.is_zipfile(draft):  # its end was read
                        raise ValueError("the download is not a complete zip file")
        except SimError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:120]
            raise SimError(
                f"{name} cannot be downloaded ({reason}). Install gdown, or download "
                f"{' and '.join(missing)} in a browser from {PAGE} and put them into {target}."
            ) from error
    return target
