"""Losses of a run on its way, for whoever watches it: one small file beside what it makes."""

import json

from simcore.data import home
from simcore.models import learned

Curve = dict[str, list[float]]


def write(save: str, losses: list[float], checks: list[float]) -> None:
    """Losses on the pairs learned from and on those that say when to stop, so far."""
    text = json.dumps({"loss": losses, "check": checks})
    home.write(learned.place(save, "curve"), text.encode())


def read(save: str) -> Curve:
    """{"loss", "check"} of a run so far; empty where there is none of that name.

    Raises:
        BadDataError: the name is not allowed.
    """
    place = learned.place(learned.allowed(save), "curve")
    found: Curve = {"loss": [], "check": []}
    return json.loads(place.read_text()) if place.exists() else found
