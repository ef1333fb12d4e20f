"""A full room: 300 simulated visitors, 50 of whom answer an experiment."""

import asyncio
import time

import numpy as np
import psutil
import pytest

from simcore.lab.people import experiments, participation
from simcore.lab.people.experiments import Plan
from tests.pages.browser.tab import running
from tests.ui import full_room
from tests.ui.full_room import ANSWERS, PARTICIPANTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_full_room(tiny, cache, record_property):
    plan = Plan(experiments.parse(["random"], 6), 5)
    experiments.create("pilot", tiny, plan)
    codes = [participation.join("pilot") for _ in range(PARTICIPANTS)]
    with running("--kiosk") as app:
        process = psutil.Process(app.process.pid)
        asyncio.run(full_room.warm_up(app.address))
        time.sleep(5)  # until those who warmed it up are gone
        at_start, memory = process.num_fds(), process.memory_info().rss
        room = asyncio.run(full_room.fill(app.address, codes, process))
        after = full_room.settled(process, at_start)
        grown = (process.memory_info().rss - memory) / 2**20
    log = (cache / "logs" / "app.log").stat().st_size
    p95 = float(np.quantile(room.seconds, 0.95))
    for name, value in {
        "answers": len(room.seconds),
        "median_s": float(np.median(room.seconds)),
        "p95_s": p95,
        "descriptors": (at_start, room.most, after),
        "memory_grown_mb": grown,
        "log_bytes": log,
    }.items():
        record_property(name, value)
        print(name, value)
    assert room.failures == []
    assert experiments.listing()[0].answers == len(room.seconds) == PARTICIPANTS * ANSWERS
    assert p95 < 1.0
    assert after <= at_start + 10
    assert log < 1_000_000
