"""Where the app's own files are: app.py, pages/ and assets/."""

import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from simcore.errors import SimError

_BESIDE_PACKAGE = Path(__file__).resolve().parents[2]
_SHARE = Path("share", "simcore")  # where a wheel puts them, below the prefix


@cache
def root() -> Path:
    """The folder with app.py: the source tree, or where a wheel put it.

    Raises:
        SimError: there is none.
    """
    for folder in _candidates():
        if (folder / "app.py").is_file():
            return folder
    raise SimError("The app's pages are not installed. Install simcore again.")


def _candidates() -> Iterator[Path]:
    yield _BESIDE_PACKAGE
    yield _BESIDE_PACKAGE / _SHARE  # pip install --target
    for file in metadata.files("simcore") or []:
        if file.parts[-3:] == (*_SHARE.parts, "app.py"):
            yield Path(str(file.locate())).resolve().parent
    yield Path(sysconfig.get_path("data")) / _SHARE
