"""Rankings by keyboard and touch, and same or different with its timing, in a real Chromium."""

import re

import pytest

from simcore.data.answers import experiment_store
from simcore.lab.library import collections
from simcore.lab.people import experiments
from simcore.lab.people.plans import Condition, Plan
from tests.conftest import draw_pairs
from tests.pages.browser.tab import running, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EXPOSURE, GAP = 400, 150


@pytest.fixture
def many(tmp_path):
    """A collection of ten pairs."""
    draw_pairs(tmp_path / "many", 10)
    collections.add("pairs", tmp_path / "many", name="many")
    return "many"


def begin(visitor, app, name):
    visitor.page.goto(f"{app.address}/experiments?experiment={name}&participant=new")
    visitor.page.get_by_role("button", name=re.compile("tart")).click()


def waits(visitor, number):
    visitor.page.get_by_text(f"Question {number} of").first.wait_for()
    visitor.page.wait_for_selector(".choices button:not([aria-disabled])")


def answers(name):
    return [answer for _, _, answer in experiment_store.answers(experiment_store.get(name))]


def test_rankings_by_keyboard_and_by_touch(many, chromium):
    experiments.create("rank", many, Plan((Condition("random", count=3),), task="rank-8-2"))
    with running() as app:
        ana, ben = visit(chromium, app), visit(chromium, app, has_touch=True)
        for visitor in (ana, ben):
            begin(visitor, app, "rank")
        for number in (1, 2, 3):
            waits(ana, number)
            for key in ("3", "5", "Backspace", "8", "Enter"):
                ana.page.keyboard.press(key)
            waits(ben, number)
            choices = ben.page.locator(".choices button")
            choices.nth(4).tap()
            choices.nth(4).tap()  # takes it back
            assert ben.page.locator(".submit").is_disabled()
            choices.nth(6).tap()
            choices.nth(0).tap()
            ben.page.locator(".submit").tap()
        for visitor in (ana, ben):
            visitor.page.get_by_text("Thank you").wait_for()
            assert visitor.errors == []
    places = [answer.place for answer in answers("rank")]
    assert sorted(places) == [2, 2, 2, 6, 6, 6]
    assert all(answer.second not in (-1, answer.option) for answer in answers("rank"))


def test_same_or_different_is_timed_by_the_browser(many, chromium):
    plan = Plan((Condition("random", count=3),), task="same-different", exposure=EXPOSURE, gap=GAP)
    experiments.create("same", many, plan)
    with running() as app:
        ana = visit(chromium, app)
        begin(ana, app, "same")
        for number, key in enumerate("sd1", start=1):
            ana.page.get_by_text(f"Question {number} of").first.wait_for()
            ana.page.wait_for_selector(".fixation .choices button[aria-disabled]")
            ana.page.keyboard.press(key)  # too early: nothing is to be seen yet
            waits(ana, number)
            ana.page.wait_for_timeout(EXPOSURE + 200)
            assert ana.page.locator(".stage .pic.on").count() == 0
            ana.page.keyboard.press(key)
        ana.page.get_by_text("Thank you").wait_for()
        assert ana.errors == []
    given = answers("same")
    assert [answer.option for answer in given] == [0, 1, 0]
    for answer in given:
        assert EXPOSURE - 20 < answer.exposed < EXPOSURE + 100
        assert answer.seconds > EXPOSURE / 1000  # counted from the second image


@pytest.mark.parametrize(
    ("task", "key", "place"),
    [("mafc", "2", 1), ("two-afc", "ArrowRight", 1), ("odd-one-out", "3", 2)],
)
def test_one_choice_by_keyboard_and_on_a_phone(many, chromium, task, key, place):
    experiments.create(
        "one", many, Plan((Condition("random", count=2),), 4, task=task, exposure=EXPOSURE)
    )
    with running() as app:
        ana, ben = visit(chromium, app), visit(chromium, app, has_touch=True, is_mobile=True)
        ben.page.set_viewport_size({"width": 390, "height": 844})
        for visitor in (ana, ben):
            begin(visitor, app, "one")
            for number in (1, 2):
                waits(visitor, number)
                visitor.page.wait_for_selector(".veiled")  # the pictures are gone again
                if visitor is ana:
                    ana.page.keyboard.press(key)
                else:
                    ben.page.locator(".choices button").first.tap()
            visitor.page.get_by_text("Thank you").wait_for()
            assert visitor.errors == []
            main = visitor.page.locator("[data-testid=stMain]")
            assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    assert [answer.place for answer in answers("one")] == [place, place, 0, 0]
    for answer in answers("one"):
        assert EXPOSURE - 20 < answer.exposed < EXPOSURE + 100
