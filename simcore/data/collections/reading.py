"""Every image of a new collection decoded once, in threads: its key, size and thumbnail."""

from dataclasses import dataclass
from pathlib import Path

from simcore.data import images, thumbs
from simcore.data.collections.found import each
from simcore.errors import BadImageError
from simcore.types import OnProgress


@dataclass(frozen=True)
class Seen:
    """What one look at a file told; `wrong` is a sentence where it cannot be used.

    Attributes:
        key: content key. width, height: px after trimming. size: bytes of the file.
    """

    key: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    wrong: str = ""


def read_all(paths: list[Path], trim: int, on_progress: OnProgress | None) -> dict[Path, Seen]:
    """A look at each file.

    Raises:
        SimError: the disk is full; a bad image raises nothing.
    """

    def look(path: Path) -> Seen:
        try:
            data = images.read(path)
            image = images.load(data, trim=trim, name=path.name)
        except BadImageError as error:
            return Seen(wrong=str(error))
        key = images.key(data, trim)
        thumbs.make_thumb(key, image)
        return Seen(key, image.shape[1], image.shape[0], len(data))

    return dict(zip(paths, each(look, paths, "reading images", on_progress), strict=True))
