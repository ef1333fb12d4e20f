"""Files that several tests of collections need."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simcore.types import Collection

Draw = Callable[..., Image.Image]


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def zipped(folder: Path, target: Path, below: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, below + path.relative_to(folder).as_posix())
    return target


def reasons(collection: Collection) -> dict[str, str]:
    return {skipped.name: skipped.reason for skipped in collection.skipped}


@pytest.fixture
def pages(tmp_path: Path, draw: Draw) -> Path:
    """Three composite pages of 401 x 271."""
    root = tmp_path / "pages" / "Images"
    root.mkdir(parents=True)
    for seed in range(3):
        draw(seed, 401, 271).save(root / f"{seed:05d}.png")
    return root.parent
