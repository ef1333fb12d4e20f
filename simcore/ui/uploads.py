"""Limits and checks for images that visitors upload; work on them stops when they leave."""

from starlette.formparsers import MultiPartParser
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from simcore.errors import SimError
from simcore.lab.library import features
from simcore.types import Monitor
from simcore.ui import kiosk

TYPES = [suffix.removeprefix(".") for suffix in features.IMAGE_SUFFIXES]
MAX_FILES, MAX_MB = kiosk.upload_limits()
# Larger uploads are written to a temporary file while they arrive. Pictures of visitors, photos
# of people among them, stay in memory; a zip of a collection need not.
MultiPartParser.spool_max_size = MAX_MB * 2**20


def visitor_left() -> bool:
    """Whether the tab for which this script runs is gone; False where there is no server."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not runtime.exists():
        return False
    return not runtime.get_instance().is_active_session(context.session_id)


def monitor() -> Monitor:
    """For work on an upload: silent, and stops when its visitor leaves."""
    return Monitor(stop=visitor_left)


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
