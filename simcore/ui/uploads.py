"""Limits and checks for images that visitors upload."""

from simcore.errors import SimError
from simcore.lab.library import features
from simcore.ui import kiosk

TYPES = [suffix.removeprefix(".") for suffix in features.IMAGE_SUFFIXES]
MAX_FILES, MAX_MB = kiosk.upload_limits()


def receive(name: str, data: bytes, trim: int) -> bytes:
    """The bytes of an upload, after its size is checked and it was decoded as an image.

    Args:
        trim: rows to cut from the bottom, as from the images of the collection, in px.

    Raises:
        SimError: too large, or no image; the sentence names the file.
    """
    if len(data) > MAX_MB * 2**20:
        size = len(data) / 2**20
        raise SimError(f"{name} is left out: it has {size:.0f} MB, and the limit is {MAX_MB} MB.")
    try:
        features.decode(data, trim=trim)
    except SimError as error:
        raise SimError(f"{name} is left out: {error}") from error
    return data
