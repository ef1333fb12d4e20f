"""Copies of image files that another folder owns."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def copy_below(paths: Sequence[Path], source: Path, target: Path) -> tuple[Path, ...]:
    """Copy the files below `source` to the same places below `target`; others stay where they are.

    Returns:
        The paths, in their order.
    """

    def copy(path: Path) -> Path:
        if not path.is_relative_to(source):
            return path
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        return copied

    return tuple(copy(path) for path in paths)
