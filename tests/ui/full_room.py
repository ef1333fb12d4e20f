"""A full room of simulated visitors, some of whom answer an experiment; and visitors in series."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

from tests.ui.simulated_visitor import visiting

VISITORS, PARTICIPANTS, ANSWERS = 300, 50, 5
THINK = 8.0  # mean seconds between two answers of a person; measured ones take longer
PAGES = ("", "experiments", "compare")


@dataclass
class Room:
    """What happened while everybody was there.

    Attributes:
        seconds: of each answer, from the choice to the next question.
        failures: one text per visitor for whom something went wrong.
        most: file descriptors of the server when all had come.
    """

    seconds: list[float]
    failures: list[str]
    most: int = 0


async def _take_part(address, code, room, random):
    """Answer some questions."""
    async with visiting(
        address, "experiments", experiment="pilot", participant=code
    ) as participant:
        for _ in range(ANSWERS):
            await asyncio.sleep(random.uniform(0, 2 * THINK))
            number, start = participant.question, time.monotonic()
            await participant.answer(int(random.integers(5)))
            room.seconds.append(time.monotonic() - start)
            _check(participant)
            if participant.question == number:
                raise AssertionError(f"question {number} came again")


async def _come(stack, address, number):
    """A visitor who opens a page and stays."""
    page = PAGES[number % len(PAGES)]
    _check(await stack.enter_async_context(visiting(address, page, collection="tiny")))


def _check(visitor):
    if visitor.errors:
        raise AssertionError("; ".join(visitor.errors))


async def _gather(room, visits):
    for outcome in await asyncio.gather(*visits, return_exceptions=True):
        if outcome is not None:
            room.failures.append(f"{type(outcome).__name__}: {outcome}")


async def fill(address, codes, process, visitors=VISITORS):
    """Everybody comes, those with codes answer, everybody leaves."""
    random, room = np.random.default_rng(0), Room([], [])
    async with AsyncExitStack() as stack:
        spectators = range(visitors - len(codes))
        for start in range(0, len(spectators), 10):  # ten at a time come through the door
            group = spectators[start : start + 10]
            await _gather(room, (_come(stack, address, number) for number in group))
        await _gather(room, (_take_part(address, code, room, random) for code in codes))
        room.most = process.num_fds()
    return room


async def visit(address, page):
    """One visitor who opens a page and leaves; what was wrong, or ""."""
    try:
        async with visiting(address, page, collection="tiny") as visitor:
            _check(visitor)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def warm_up(address):
    """Let each page be drawn once."""
    for page in PAGES:
        await visit(address, page)


def settled(process, at_start, seconds=240):
    """Descriptors once those of the visitors are back, or after some minutes."""
    end = time.monotonic() + seconds
    while process.num_fds() > at_start + 10 and time.monotonic() < end:
        time.sleep(1)
    return process.num_fds()
