"""Times per image: measured once per machine, read without a network library."""

import numpy as np
import pytest

from simcore.lab.leaderboard import costs
from simcore.lab.library import collections, models
from simcore.models.extract import processor_load, speed
from simcore.models.extract.processor_load import ProcessorLoad


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


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """Counters of processor time that the test sets: call it with (busy seconds, idle seconds)."""
    path = tmp_path / "stat"
    monkeypatch.setattr(processor_load, "COUNTERS", path)
    monkeypatch.setattr(processor_load.os, "cpu_count", lambda: 2)
    clock = {"now": 0.0, "own": 0.0}
    monkeypatch.setattr(processor_load.time, "monotonic", lambda: clock["now"])
    times = type(processor_load.os.times())
    monkeypatch.setattr(processor_load.os, "times", lambda: times((clock["own"], 0, 0, 0, 0)))
    per_second = processor_load.os.sysconf("SC_CLK_TCK")

    def write(clock_now, own, others):
        clock.update(now=clock_now, own=own)
        user, system = round((own + others) * per_second), 0
        path.write_text(f"cpu  {user} 0 {system} 77 88 0 0 0 999 999\ncpu0 1 2\n")

    return write


def test_load_of_other_programs(counters):
    """In 10 s on 2 cores this program uses 8 s and others 5 s, a quarter of 20."""
    counters(100, own=1, others=50)
    load = ProcessorLoad()
    counters(110, own=9, others=55)
    assert load.others() == pytest.approx(0.25)
    counters(100.05, own=1, others=50)  # too short for counters in hundredths of a second
    assert load.others() is None


def test_unreadable_counters_are_unknown_load(tmp_path, monkeypatch):
    for content in (None, "", "cpu  a b c\n"):
        monkeypatch.setattr(processor_load, "COUNTERS", tmp_path / "stat")
        if content is not None:
            (tmp_path / "stat").write_text(content)
        assert processor_load.others_now() is None


def test_a_time_from_a_busy_processor_is_replaced_once_it_is_quiet(tiny, monkeypatch):
    pictures = costs.sample(collections.open_(tiny).left)
    (info,) = models.listing(["layout"])
    state = {"others": 0.6, "milliseconds": 9.0}
    monkeypatch.setattr(ProcessorLoad, "others", lambda _: state["others"])
    monkeypatch.setattr(speed, "milliseconds_per_image", lambda *_: state["milliseconds"])
    costs.measure("layout", pictures)
    cost = costs.read(info)
    assert (cost.milliseconds, cost.others, cost.is_disturbed) == (9, 0.6, True)
    state["milliseconds"] = 5.0
    costs.measure("layout", pictures)  # still busy
    assert costs.read(info).milliseconds == 9
    state["others"] = 0.02
    costs.measure("layout", pictures)
    cost = costs.read(info)
    assert (cost.milliseconds, cost.others, cost.is_disturbed) == (5, 0.02, False)
    state["milliseconds"] = 4.0
    costs.measure("layout", pictures)  # final
    assert costs.read(info).milliseconds == 5
