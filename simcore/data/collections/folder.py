"""Kind `images`: any folder of images, without known mates."""

from pathlib import Path

from simcore.data.collections.found import Found, Row, files, names
from simcore.types import Skipped


def find(folder: Path) -> Found:
    """All images under a folder, sub-folders too; ids are paths without the ending.

    Raises:
        BadDataError: no such folder.
    """
    skipped: list[Skipped] = []
    paths = files(folder, skipped)
    rows = [Row(name, path) for name, path in zip(names(paths, folder), paths, strict=True)]
    return Found(rows, skipped)
