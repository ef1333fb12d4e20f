"""A full room: 300 simulated visitors, 50 of whom answer an experiment."""

import asyncio
import time
from contextlib import AsyncExitStack

import numpy as np
import psutil
import pytest

from simcore.lab.people import experiments, participation
from simcore.lab.people.experiments import Plan
from tests.pages.browser.tab import running
from tests.ui.simulated_visitor import visiting

VISITORS, PARTICIPANTS, ANSWERS = 300, 50, 5
THINK = 8.0  # mean seconds between two answers of a person; measured ones take longer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def take_part(address, code, seconds, random):
    """Answer some questions; appends how long each answer took, from the choice to the next."""
    async with visiting(
        address, "experiments", experiment="pilot", participant=code
    ) as participant:
        for _ in range(ANSWERS):
            await asyncio.sleep(random.uniform(0, 2 * THINK))
            number, start = participant.question, time.monotonic()
            await participant.answer(int(random.integers(5)))
            seconds.append(time.monotonic() - start)
            assert participant.errors == []
            assert participant.question != number


async def come(room, address, number):
    """A visitor who opens a page and stays in the room."""
    page = ("", "experiments", "compare")[number % 3]
    visitor = await room.enter_async_context(visiting(address, page, collection="tiny"))
    assert visitor.errors == []


async def fill(address, codes, process):
    """Everybody comes, some answer, everybody leaves; seconds per answer, and descriptors."""
    random, seconds = np.random.default_rng(0), []
    async with AsyncExitStack() as room:
        spectators = range(VISITORS - len(codes))
        for start in range(0, len(spectators), 10):  # ten at a time come through the door
            group = (come(room, address, number) for number in spectators[start : start + 10])
            await asyncio.gather(*group)
        await asyncio.gather(*(take_part(address, code, seconds, random) for code in codes))
        most = process.num_fds()
    return seconds, most


def settled(process, at_start):
    """Descriptors once those of the visitors are back, or after four minutes."""
    end = time.monotonic() + 240
    while process.num_fds() > at_start + 10 and time.monotonic() < end:
        time.sleep(1)
    return process.num_fds()


def test_a_full_room(tiny, cache, record_property):
    plan = Plan(experiments.parse(["random"], 6), 5)
    experiments.create("pilot", tiny, plan)
    codes = [participation.join("pilot") for _ in range(PARTICIPANTS)]
    with running("--kiosk") as app:
        process = psutil.Process(app.process.pid)

        async def warm_up():
            for page in ("", "experiments", "compare"):
                async with visiting(app.address, page, collection="tiny"):
                    pass

        asyncio.run(warm_up())
        time.sleep(5)  # until those who warmed it up are gone
        at_start, memory = process.num_fds(), process.memory_info().rss
        seconds, most = asyncio.run(fill(app.address, codes, process))
        after = settled(process, at_start)
        grown = (process.memory_info().rss - memory) / 2**20
    log = (cache / "logs" / "app.log").stat().st_size
    p95 = float(np.quantile(seconds, 0.95))
    for name, value in {
        "answers": len(seconds),
        "median_s": float(np.median(seconds)),
        "p95_s": p95,
        "descriptors": (at_start, most, after),
        "memory_grown_mb": grown,
        "log_bytes": log,
    }.items():
        record_property(name, value)
        print(name, value)
    assert experiments.listing()[0].answers == len(seconds) == PARTICIPANTS * ANSWERS
    assert p95 < 1.0
    assert after <= at_start + 10
    assert log < 1_000_000
