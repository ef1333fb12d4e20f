"""Times per image: measured once per machine, read without a network library."""

import numpy as np

from simcore.lab.leaderboard import costs
from simcore.lab.library import collections, models
from simcore.models.extract import speed


def test_measured_once_and_read(tiny, monkeypatch):
    pictures = costs.sample(collections.open_(tiny).left)
    assert len(pictures) == 6
    assert pictures[0].dtype == np.uint8
    (info,) = models.listing(["layout"])
    assert costs.read(info).milliseconds is None
    costs.measure("layout", pictures)
    cost = costs.read(info)
    assert cost.milliseconds > 0
    assert "cores" in cost.machine
    assert (cost.parameters, cost.bytes) == (0, 0)
    monkeypatch.setattr(speed, "milliseconds_per_image", lambda *_: 1 / 0)
    costs.measure("layout", pictures)  # stored, so not measured again


def test_the_time_is_that_of_one_image(tiny, monkeypatch):
    """A clock that advances by the number of images: two units each."""
    from simcore.models import forward, registry

    clock = [0.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: clock[0])

    def slow(_embed, spec, prepared, *_):
        clock[0] += 0.002 * len(prepared)
        return [np.zeros((1, spec.dim), np.float32)] * len(prepared)

    monkeypatch.setattr(forward, "forward", slow)
    pictures = costs.sample(collections.open_(tiny).left)
    assert round(speed.milliseconds_per_image(registry.get("layout"), pictures, "cpu"), 6) == 2


def test_missing_weights_have_no_time(tiny):
    pictures = costs.sample(collections.open_(tiny).left)
    costs.measure("vgg16", pictures)
    (info,) = models.listing(["vgg16"])
    cost = costs.read(info)
    assert cost.milliseconds is None
    assert cost.bytes > 0
