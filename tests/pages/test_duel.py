"""Beat the machine as a page: its form, the wall, the phone, and who you look like."""

import pytest

from simcore.data.answers import experiment_store
from simcore.lab.library import collections
from simcore.lab.people import duel_scores, duels
from simcore.ui.duel import join_address, look_alike
from tests.conftest import MODELS
from tests.pages.test_analysis_pages import at_address
from tests.pages.test_people_pages import words

DUEL = "duel"


@pytest.fixture
def duel(tiny):
    return duels.create("party", tiny, duels.make_plan(questions=3, choices=3), backbones=MODELS)


def html(at):
    """All that the page draws as HTML of its own."""
    return " ".join(element.proto.body for element in at.get("html"))


def answer(experiment, code, right):
    questions = experiment_store.questions(experiment_store.get(experiment))
    while screen := duels.seat(experiment, code).screen:
        (question,) = (q for q in questions if q.number == screen.number)
        place = screen.choices.index(question.options[question.mate][1])
        place = place if right else (place + 1) % len(screen.choices)
        duels.answer(experiment, code, screen.number, place=place, seconds=1)


def begin():
    duels.start("party", duels.host_key("party"))


def test_without_a_collection(app):
    at = at_address(app, DUEL)
    assert not at.exception
    assert "needs a collection of pairs" in words(at)


def test_the_form_makes_a_duel_and_opens_its_wall(app, tiny):
    at = at_address(app, DUEL)
    assert at.text_input(key="duel_name").value == "duel1"
    at.number_input(key="duel_count").set_value(2)
    at.number_input(key="duel_choices").set_value(3)
    at.button[0].click().run()
    assert not at.exception
    (group,) = duels.groups()
    assert (group.duel, group.collection, group.questions, group.choices) == ("duel1", tiny, 2, 3)
    assert at.query_params["view"] == "wall"
    assert "Scan the code" in html(at)


def test_too_few_pairs_are_said(app, tiny):
    at = at_address(app, DUEL)
    at.number_input(key="duel_count").set_value(50)
    at.button[0].click().run()
    assert "Ask at most that many" in words(at)
    assert at.code[0].value == "simcore duel new duel1 tiny --questions 50"
    assert duels.groups() == []


def test_the_wall_from_the_first_player_to_the_next_group(app, duel):
    at = at_address(app, DUEL, experiment="party", view="wall")
    assert 'src="data:image/svg+xml' in html(at)
    assert "Phones cannot reach this address" in html(at)  # the server of tests is this computer's
    assert "0</span> players have joined" in html(at)
    assert all(machine.name in html(at) for machine in duel.machines)
    assert 'class="bars"' not in html(at), "machines' scores are shown once people play"
    at.button(key="duel_leave_waiting").click().run()
    experiment, code = duels.join("party")
    answer(experiment, code, right=True)
    at.run()
    assert "1 player · 3 answers" in html(at)
    assert "100 %" in html(at)
    at.button(key="duel_leave_running").click().run()
    assert "1 of 1 player" in html(at)
    at.button(key="duel_leave_ended").click().run()
    assert not at.exception
    assert duels.current("party").number == 2
    assert "have joined" in html(at)
    assert "Best other group so far: number 1, 100 % right" in html(at)


def test_an_unknown_duel_is_said(app, duel):
    assert "No duel named" in words(at_address(app, DUEL, experiment="praty", view="wall"))
    assert "No participant" in words(
        at_address(app, DUEL, experiment="party", participant="nobody")
    )


def test_a_phone_joins_waits_answers_and_sees_its_score(app, duel):
    at = at_address(app, DUEL, experiment="party", participant="new")
    at.button(key="duel_join").click().run()
    code = at.query_params["participant"]
    assert at.title[0].value == "You are player 1"
    begin()
    at = at_address(app, DUEL, experiment="party", participant=code)
    assert not at.exception
    assert "Question 1 of 3" in str(at.get("progress")[0].proto.text)
    answer("party", code, right=True)
    at.run()
    assert at.title[0].value == "3 of 3 right"
    assert "You answer most like" in words(at)
    score = duel_scores.player("party", code)
    named = [machine.name for machine in score.most_alike]
    assert all(name in words(at) for name in named)


def test_a_player_who_came_too_late_is_told(app, duel):
    experiment, code = duels.join("party")
    begin()
    duels.end("party", duels.host_key("party"))
    at = at_address(app, DUEL, experiment=experiment, participant=code)
    assert at.title[0].value == "Your group is done"
    at = at_address(app, DUEL, experiment="party", participant="new")
    at.button(key="duel_join").click().run()
    assert "next one" in words(at)


def test_the_page_offers_the_duel_that_is_open(app, duel):
    at = at_address(app, DUEL)
    assert "party** waits for players" in words(at)
    at.button(key="duel_join_open").click().run()
    assert at.title[0].value == "You are player 1"


def test_lookalikes_come_one_by_one_and_the_sum_last(app, tiny, draw, encode, monkeypatch):
    monkeypatch.setattr(look_alike, "SECONDS", 0.0)
    at = at_address(app, DUEL, view="look-alike")
    assert "in no file" in words(at)
    at.get_by_key("look_alike_source").set_value("upload").run()
    at.file_uploader[0].upload("me.png", encode(draw(3)), "image/png").run()
    assert not at.exception
    assert not at.error
    page = html(at)
    assert page.count("<figcaption>") == 4
    assert page.index("The sum of all three: d") < page.index("hog: d")  # newest first
    at.button(key="look_alike_next").click().run()
    assert "<figcaption>" not in html(at)


@pytest.mark.parametrize(
    ("page_url", "listens_on", "short"),
    [
        ("http://192.168.1.5:8501/duel?view=wall", "0.0.0.0", "192.168.1.5:8501/duel"),
        ("https://lab.example/duel", "127.0.0.1", "lab.example/duel"),
        ("https://lab.example/apps/duel/", "127.0.0.1", "lab.example/apps/duel"),
        ("http://localhost:8501/duel", "192.168.1.7", "192.168.1.7:8501/duel"),
        ("http://localhost:8501/duel", "0.0.0.0", "10.1.2.3:8501/duel"),
        ("http://[fd00::5]:8501/duel", "::", "[fd00::5]:8501/duel"),
    ],
)
def test_the_address_is_one_that_phones_can_reach(page_url, listens_on, short, monkeypatch):
    monkeypatch.setattr(join_address, "own_address", lambda: "10.1.2.3")
    address = join_address.make("party", page_url=page_url, listens_on=listens_on)
    assert (address.short, address.reachable) == (short, True)
    scheme = page_url.partition(":")[0]
    assert address.url == f"{scheme}://{short}?experiment=party&participant=new"


def test_an_address_that_phones_cannot_reach_is_said():
    address = join_address.make(
        "party", page_url="http://localhost:8501/duel", listens_on="127.0.0.1"
    )
    assert not address.reachable


def test_the_qr_code_contains_the_address():
    cv2 = pytest.importorskip("cv2", reason="OpenCV reads the code")
    import numpy as np
    import segno

    url = "http://192.168.1.5:8501/duel?experiment=party&participant=new"
    modules = np.array([list(row) for row in segno.make(url, error="m", micro=False).matrix])
    picture = np.pad(np.where(modules, 0, 255).astype(np.uint8), 4, constant_values=255)
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(np.kron(picture, np.ones((8, 8), np.uint8)))
    assert text == url
    assert join_address.qr_code(url).startswith("data:image/svg+xml")


def test_an_invitation_to_the_experiment_leads_to_the_duel(app, duel):
    at = at_address(app, "experiments", experiment="party", participant="new")
    assert not at.exception
    assert at.button(key="duel_join").label == "Join"


@pytest.mark.parametrize(
    ("page", "params", "key"),
    [
        ("duel", {}, "duel_collection"),
        ("duel", {"view": "look-alike"}, "look_alike_collection"),
        ("experiments", {"view": "new"}, "building_c"),
        ("experiments", {"view": "import"}, "importing_c"),
    ],
)
def test_forms_start_with_the_collection_of_the_page_before(
    app, tiny, pairs_folder, page, params, key
):
    collections.add("pairs", pairs_folder, name="another")
    at = app(collection=tiny)  # Explore
    at.switch_page(f"pages/{page}.py")
    at.query_params.clear()
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    assert collections.names() == ["another", tiny]
    assert at.selectbox(key=key).value == tiny
