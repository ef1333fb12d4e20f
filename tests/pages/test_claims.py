"""The page Claims: what is computed, a claim's universes, links."""

import pytest

from simcore.lab.claims import claims_evaluation
from simcore.lab.claims.claims_evaluation import ClaimsQuestion


@pytest.fixture
def tested(tiny, monkeypatch):
    """The prepared collection with the claims of one paper tested, few samples each."""
    monkeypatch.setattr(claims_evaluation, "MAIN_DRAWS", 20)
    monkeypatch.setattr(claims_evaluation, "CELL_DRAWS", 20)
    claims_evaluation.run(ClaimsQuestion(tiny, judgements=(), papers=("rosenfeld2019",)))
    return tiny


def test_without_a_collection_there_is_a_sentence(app):
    at = app("pages/claims.py")
    assert not at.exception
    assert "no collection of pairs" in at.info[0].value


def test_before_the_first_test_there_is_a_button_and_the_command(tiny, app):
    at = app("pages/claims.py", collection=tiny, judgements="none")
    assert not at.exception
    report = claims_evaluation.stored(ClaimsQuestion(tiny, judgements=()))
    assert at.button[0].label == f"Test {report.testable} claims"
    assert f"simcore claims {tiny}" in at.code[0].value


def test_claims_can_be_read_before_they_are_tested(tiny, app):
    at = app("pages/claims.py", collection=tiny, judgements="none", paper="margaritescu2024")
    assert not at.exception
    claims = [claim for claim in claims_evaluation.CLAIMS if claim.paper == "margaritescu2024"]
    table = at.dataframe[0].value
    assert list(table["tested"]) == [claim.tested for claim in claims]
    assert claims[0].tested in at.header[0].value.replace("\\", "")
    shown = [text.value.replace("\\", "") for text in at.markdown]
    assert any(claims[0].sentence in text for text in shown)


def test_no_text_of_a_row_is_longer_than_its_cell(tiny, app):
    """Cells are drawn on a canvas, which cuts texts without a way to read on."""
    report = claims_evaluation.stored(ClaimsQuestion(tiny, judgements=()))
    assert max(len(verdict.claim.tested) for verdict in report.verdicts) <= 3 * 65
    places = [f"{each.claim.paper}, {each.claim.place}" for each in report.verdicts]
    assert max(map(len, places)) <= 3 * 28
    reason = report.verdicts[0].reason or "Not tested yet"
    at = app("pages/claims.py", collection=tiny, judgements="none")
    assert any(reason.lower() in text.value.replace("\\", "").lower() for text in at.markdown)


def test_what_makes_more_claims_testable_is_a_button(tiny, app):
    at = app("pages/claims.py", collection=tiny, judgements="none")
    (network,) = [each for each in at.button if each.key == "claims_step_extract"]
    assert network.label.startswith("Extract mobilenetv2")


def test_verdicts_and_the_claim_of_a_link(tested, app):
    at = app(
        "pages/claims.py",
        collection=tested,
        judgements="none",
        paper="rosenfeld2019",
        claim="any-two",
    )
    assert not at.exception
    report = claims_evaluation.stored(ClaimsQuestion(tested, judgements=()))
    untested = sum(verdict.is_untested for verdict in report.verdicts)
    holds, fails, undecided = report.counts.values()
    assert [(m.label, m.value) for m in at.metric] == [
        ("Holds", str(holds)),
        ("Fails", str(fails)),
        ("Cannot be decided here", str(undecided - untested)),
        ("Not tested yet", str(untested)),
    ]
    rows = at.dataframe[0].value
    assert len(rows) == sum(v.claim.paper == "rosenfeld2019" for v in report.verdicts)
    verdict = next(v for v in report.verdicts if v.claim.id == "any-two")
    assert verdict.claim.tested in at.header[0].value.replace("\\", "")
    assert len(at.dataframe[1].value) == len(verdict.cells) > 1


def test_a_bad_link_gets_a_warning(tested, app):
    at = app("pages/claims.py", collection=tested, paper="rosenfeld2008")
    assert not at.exception
    assert "rosenfeld2018" in at.warning[0].value.replace("\\", "")
