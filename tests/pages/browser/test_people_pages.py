"""Experiments and Review in a real Chromium: two participants at once, and undo."""

import re

import pytest

from simcore.data.answers import experiment_store
from simcore.lab.library import collections, extraction
from simcore.lab.people import analysis, experiments, participation, review
from simcore.lab.people.experiments import Plan
from tests.pages.browser.tab import running, visit

pytestmark = pytest.mark.browser


@pytest.fixture
def hard(hard_folder):
    """Six pairs that hardly any backbone finds."""
    collections.add("pairs", hard_folder, name="hard")
    extraction.extract("hard", ["color"])
    return "hard"


def begin(visitor, app, name):
    visitor.page.goto(f"{app.address}/experiments?experiment={name}&participant=new")
    visitor.page.get_by_role("button", name=re.compile("tart")).click()
    waits(visitor, 1)
    return visitor.address["participant"]


def waits(visitor, number):
    """Wait until question `number` is there and can be answered."""
    visitor.page.get_by_text(f"Question {number} of").first.wait_for()
    visitor.page.wait_for_selector(".choices button:not([aria-disabled])")


def choose(visitor, number, key):
    """Answer question `number`, once more where the server was away when we did."""
    for _ in range(5):
        if key:
            visitor.page.keyboard.press(key)
        else:
            visitor.page.locator(".choices button").nth(2).click()
        for _ in range(80):
            if visitor.page.get_by_text(f"Question {number} of").count() == 0:
                return
            visitor.page.wait_for_timeout(100)
    raise AssertionError(f"question {number} stayed")


@pytest.mark.slow
def test_two_participants_at_once_with_a_pause_and_a_killed_server(hard, chromium):
    plan = Plan(experiments.parse(["random"], 5), 3, catch=1, consent="We keep your choices.")
    experiments.create("both", hard, plan)
    with running() as app:
        ana, ben = visit(chromium, app), visit(chromium, app, color_scheme="dark")
        ana.page.goto(f"{app.address}/experiments?experiment=both&participant=new")
        ana.page.get_by_text("We keep your choices.").wait_for()
        assert ana.page.get_by_role("link", name="Explore").count() == 0  # the questions alone
        codes = [begin(visitor, app, "both") for visitor in (ana, ben)]
        seen = {}
        for number in range(1, 7):
            for visitor, code in zip((ana, ben), codes, strict=True):
                waits(visitor, number)
                screen = participation.screen("both", code)
                seen[code, screen.number] = screen
                choose(visitor, number, "2" if visitor is ana else "")
            if number == 2:
                waits(ana, 3)
                ana.page.keyboard.press("p")
                ana.page.get_by_role("heading", name="Paused").wait_for()
                assert ana.page.locator(".choices").count() == 0
                ana.page.reload()  # the address resumes
            if number == 3:
                for visitor in (ana, ben):
                    waits(visitor, 4)
                app.kill()
                app.start()
                ana.page.reload()  # the other's open tab finds the new server by itself
        for visitor in (ana, ben):
            visitor.page.get_by_text("Thank you").wait_for()
            assert visitor.away == []
    given = experiment_store.answers(experiment_store.get("both"))
    assert len(given) == 12
    questions = {q.number: q for q in experiment_store.questions(experiment_store.get("both"))}
    people = {experiment_store.attendance("both", code).participant.number: code for code in codes}
    for person, number, answer in given:
        screen = seen[people[person], number]
        chosen = questions[number].options[answer.option][1]
        assert screen.choices[answer.place] == chosen
        assert answer.place == (1 if people[person] == codes[0] else 2)
        assert 0 < answer.seconds < 60
    assert analysis.analyze("both", ["color"]).participants == 2


@pytest.mark.slow
def test_an_experiment_is_built_invited_to_and_read_off_in_the_browser(hard, chromium):
    with running() as app:
        maker = visit(chromium, app)
        maker.open(f"{app.address}/experiments?view=new")
        maker.page.get_by_label("Name", exact=True).fill("made here")
        maker.page.get_by_role("button", name="Build").click()
        maker.page.get_by_text("is not a valid name").wait_for()
        maker.page.get_by_label("Name", exact=True).fill("made-here")
        maker.page.get_by_role("spinbutton", name="Questions per condition").fill("3")
        maker.page.get_by_role("spinbutton", name="Choices").fill("4")
        maker.page.get_by_role("button", name="Build").click()
        maker.page.get_by_text("Send this address").wait_for()
        assert maker.address == {"view": "invite", "experiment": "made-here"}
        code = begin(visit(chromium, app), app, "made-here")
        participation.answer(
            "made-here", code, participation.screen("made-here", code).number, place=0, seconds=1
        )
        maker.page.get_by_role("radio", name="Results").click()
        maker.page.get_by_text("Agreement among people").wait_for()
        maker.settle()
        with maker.page.expect_download() as waiting:
            maker.page.get_by_text("Answers as CSV").click()
        assert waiting.value.suggested_filename == "made-here.csv"
        wrong = '[data-testid="stException"], [data-testid="stAlertContentError"]'
        assert maker.page.locator(wrong).count() == 0


def test_review_by_keyboard_alone_with_undo(hard, chromium):
    with running() as app:
        ana = visit(chromium, app)
        page = ana.page
        ana.open(f"{app.address}/review?collection=hard&models=color&annotator=Ana&after=stay")
        ana.until(lambda: "query" in ana.address)
        first = ana.address["query"]
        shape = page.locator('.st-key-reviewing_tag_shape button[kind="primary"]')
        page.keyboard.press("2")
        shape.wait_for()
        page.keyboard.press("a")
        page.locator('.st-key-reviewing_accept button[kind="primary"]').wait_for()
        bar = page.locator(".st-key-reviewing_keys").bounding_box()
        assert bar["y"] + bar["height"] <= page.viewport_size["height"], "always in view"
        page.keyboard.press("n")
        ana.until(lambda: ana.address["query"] != first)
        assert shape.count() == 0
        second = ana.address["query"]
        page.keyboard.press("0")
        page.locator('.st-key-reviewing_tag_bad-pair button[kind="primary"]').wait_for()
        page.keyboard.press("u")
        page.locator('.st-key-reviewing_tag_bad-pair button[kind="secondary"]').wait_for()
        assert ana.address["query"] == second
        page.keyboard.press("u")  # back to the first, where the other mate is taken back
        ana.until(lambda: ana.address["query"] == first)
        page.locator('.st-key-reviewing_accept button[kind="secondary"]').wait_for()
        shape.wait_for()
        said = review.current_reviews("hard")
        (one,) = (who["Ana"] for who in said.values())
        assert (one.tags, one.accepted) == ({"shape"}, set())
        page.get_by_role("radio", name="Results").click()
        page.get_by_text("Backbones by tag").wait_for()
        ana.settle()
        page.get_by_text("1 of 6").wait_for()
        page.reload()
        page.get_by_text("Backbones by tag").wait_for()
        assert ana.address["view"] == "results"
        assert ana.away == []
