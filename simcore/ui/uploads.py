"""Limits and checks for pictures that visitors upload."""

from simcore.errors import SimError
from simcore.lab.library import features
from simcore.ui import kiosk

TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
MOST_FILES, MOST_MB = kiosk.uploads()


def check(name: str, data: bytes, trim: int) -> bytes:
    """The bytes, once the engine has read them as a picture.

    Raises:
        SimError: too large, or no picture; the sentence names the file.
    """
    if len(data) > MOST_MB * 2**20:
        raise SimError(
            f"{name} is left out: found {len(data) / 2**20:.0f} MB; expected {MOST_MB} or less; "
            "make it smaller"
        )
    try:
        features.decode(data, trim=trim)
    except SimError as error:
        raise SimError(f"{name} is left out: {error}") from error
    return data
