"""Where the app's own files are: app.py, pages/ and assets/."""

from functools import cache
from importlib import metadata
from pathlib import Path

from simcore.errors import SimError

_TREE = Path(__file__).resolve().parents[2]


@cache
def root() -> Path:
    """The folder with app.py: the source tree, or where a wheel put it (share/simcore).

    Raises:
        SimError: there is none.
    """
    if (_TREE / "app.py").is_file():
        return _TREE
    for file in metadata.files("simcore") or []:
        if file.parts[-3:] == ("share", "simcore", "app.py"):
            return Path(str(file.locate())).resolve().parent
    raise SimError("The app's pages are not installed. Install simcore again.")
