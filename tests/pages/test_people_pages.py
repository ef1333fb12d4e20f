"""Experiments and Review as pages: what they say when there is nothing, little, or nonsense."""

import re

import plotly.offline
import pytest

from simcore.lab.judgements import sets
from simcore.lab.people import analysis, experiments, export, participation, review
from simcore.lab.people.experiments import Plan
from simcore.ui.commands import Command
from simcore.ui.experiments import experiment_results
from tests.pages.test_analysis_pages import at_address

EXPERIMENTS, REVIEW = "experiments", "review"


def words(at):
    """All that a page says in sentences."""
    kinds = (at.error, at.warning, at.info, at.success, at.markdown, at.caption)
    return " ".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


@pytest.fixture
def pilot(tiny):
    plan = Plan(experiments.parse(["random", "color"], 2), 3, catch=1, consent="Agreed.")
    experiments.create("pilot", tiny, plan)
    return "pilot"


def take_part(name, place=0):
    code = participation.join(name)
    while screen := participation.screen(name, code):
        participation.answer(name, code, screen.number, place=place, seconds=1)


def test_without_anything(app):
    assert "no collection yet" in words(at_address(app, EXPERIMENTS))
    assert "no collection of pairs" in words(at_address(app, REVIEW))


def test_building(app, tiny):
    at = at_address(app, EXPERIMENTS)
    at.text_input(key="building_name").input("first")
    at.number_input(key="building_count").set_value(3)
    at.number_input(key="building_many").set_value(3)
    at.button[0].click().run()
    assert not at.exception
    assert [row.name for row in experiments.listing()] == ["first"]
    assert "Send this address" in words(at)
    assert at.code[0].value.endswith("?experiment=first&participant=new")


@pytest.mark.parametrize(
    ("name", "count", "says"),
    [("Bad Name", 3, "Use 1 to 64"), ("fine", 500, "Ask at most that many")],
)
def test_a_plan_that_cannot_be_is_said(app, tiny, name, count, says):
    at = at_address(app, EXPERIMENTS)
    at.text_input(key="building_name").input(name)
    at.number_input(key="building_count").set_value(count)
    at.button[0].click().run()
    assert says in words(at)
    assert [row.name for row in experiments.listing()] == []


def test_results_of_nobody_one_and_several(app, pilot):
    assert "Nobody has answered" in words(
        at_address(app, EXPERIMENTS, experiment=pilot, view="results")
    )
    for _ in range(2):
        take_part(pilot)
        at = at_address(app, EXPERIMENTS, experiment=pilot, view="results")
        assert not at.exception
        assert not at.error
    assert at.metric[1].value == "2"
    table = at.dataframe[0].value
    assert list(table["condition"]) == ["random", "color", "all"]
    at.number_input(key="findings_grade").set_value(100).run()
    assert not at.exception


def test_answers_are_kept_as_judgements_by_a_button(app, pilot):
    take_part(pilot)
    at = at_address(app, EXPERIMENTS, experiment=pilot)
    at.button(key="experiments_keep_pilot").click().run()
    assert not at.exception
    assert not at.error
    assert export.existing_sets(pilot) == [pilot]
    assert sets.summary(pilot).votes == "human"
    at.button(key="experiments_keep_pilot").click().run()
    assert export.existing_sets(pilot) == [pilot, "pilot-2"]


def test_results_without_mates(app, pairs_folder):
    from simcore.lab.library import collections, extraction

    collections.add("images", pairs_folder / "left", name="loose")
    extraction.extract("loose", ["color"])
    experiments.create("free", "loose", Plan(experiments.parse(["color"], 3), 3))
    take_part("free")
    take_part("free", 1)
    at = at_address(app, EXPERIMENTS, experiment="free", view="results")
    assert not at.exception
    assert not at.error
    assert "no right answer" in words(at)
    at = at_address(app, EXPERIMENTS, view="new")
    assert at.selectbox(key="building_s_False").options == ["all: every pair"]


def test_the_report_is_one_file_with_its_pictures(pilot):
    take_part(pilot)
    take_part(pilot, 1)
    result = analysis.analyze(pilot, ["color"])
    told = result.to_dict()
    text = experiment_results.report(pilot, result, Command(("<analyze>",))).decode()
    assert text.count("src='data:image/webp;base64,") == sum(
        1 + len(row["options"]) for row in told["asked"]
    )
    assert text.count("figure class=mate") == len(told["asked"])
    assert "&lt;analyze&gt;" in text
    words_alone = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)=['\"](?!data:)", words_alone)
    own_text = text.replace(plotly.offline.get_plotlyjs(), "")
    assert own_text.count("Plotly.newPlot(") == 5


def test_import_by_the_page(app, pilot):
    from simcore.lab.people import export

    take_part(pilot)
    text = export.export(pilot)
    at = at_address(app, EXPERIMENTS, view="import")
    for name, data in (("broken", text.replace("random", "")), ("copied", text)):
        at.text_input(key="importing_name").input(name)
        at.file_uploader(key="importing_file").upload("x.csv", data.encode())
        at.button[0].click().run()
        assert not at.exception
        if name == "broken":
            assert "condition in line 2" in words(at)
    assert [row.name for row in experiments.listing()] == ["copied", "pilot"]


def test_a_link_to_nowhere_is_said(app, pilot):
    assert "No experiment named" in words(
        at_address(app, EXPERIMENTS, experiment="nothing")
    ).replace("\\", "")
    at = at_address(app, EXPERIMENTS, experiment=pilot, participant="wrong-code")
    assert "Start again" in words(at)
    assert "No experiment named" in words(
        at_address(app, EXPERIMENTS, experiment="none", participant="new")
    )


def test_who_agrees_begins(app, pilot):
    at = at_address(app, EXPERIMENTS, experiment=pilot, participant="new")
    assert at.text[0].value == "Agreed."
    at.button(key="sitting_begin").click().run()
    assert not at.exception
    assert experiments.listing()[0].participants == 1
    assert at.query_params["participant"] != ["new"]


def test_review_needs_a_name_and_failures(app, tiny):
    at = at_address(app, REVIEW, collection=tiny, models="hog")
    assert "no failures to review" in words(at)
    review.add_review(tiny, "a", "Ana", "tag", "shape")
    at = at_address(app, REVIEW, collection=tiny, models="hog,color", view="results")
    assert not at.exception
    assert at.metric[0].value == "1 of 6"
    assert list(at.dataframe[1].value["tag"]) == ["shape"]


def test_review_by_buttons(app, hard_folder):
    from simcore.lab.library import collections, extraction

    collections.add("pairs", hard_folder, name="hard")
    extraction.extract("hard", ["color"])
    at = at_address(app, REVIEW, collection="hard", models="color")
    assert "Enter your name" in words(at)
    assert at.button(key="reviewing_tag_pose").disabled
    ana = {"collection": "hard", "models": "color", "annotator": "Ana"}
    at = at_address(app, REVIEW, **ana, after="stay")
    at.button(key="reviewing_tag_pose").click().run()
    at.text_input(key="reviewing_own").input("Zig Zag").run()
    at.button(key="reviewing_copy").click().run()
    (one,) = (said["Ana"] for said in review.current_reviews("hard").values())
    assert (one.tags, len(one.copies)) == ({"pose", "zig zag"}, 1)
    for _ in range(3):
        at.button(key="reviewing_undo").click().run()
    assert review.current_reviews("hard") == {}
    at.button(key="reviewing_undo").click().run()
    assert "to undo" in words(at)
    at.button(key="reviewing_seen").click().run()
    assert "Failure **2**" in words(at)
    assert not at.exception
    at = at_address(app, REVIEW, **ana)
    place = at.query_params["query"]
    at.button(key="reviewing_tag_bad pair").click().run()
    assert at.query_params["query"] != place, "the next case follows a tag"
    assert "without 1 bad pair" in words(at)
    at.button(key="reviewing_right").click().run()
    assert "Rank **2**" in words(at) or "Rank **3**" in words(at)
