"""Every page without a violation of axe-core's rules, in light and dark."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VERSION = "4.10.3"
PLACE = ROOT / "cache" / "libraries" / "axe"
# The box of a file uploader is Streamlit's, and has contradictory roles.
STREAMLITS_OWN = '[data-testid="stFileUploaderDropzone"]'
PAGES = sorted(path.stem for path in ROOT.glob("pages/*.py"))
VIEWS = ["map?view=morph&method=pca&models=hog,color"]  # with controls that the page hides at first


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, from npm; it is installed once, below the cache of the tests."""
    file = PLACE / "node_modules" / "axe-core" / "axe.min.js"
    if not file.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, so axe-core cannot be fetched")
        PLACE.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", f"axe-core@{VERSION}"]
        try:
            subprocess.run(command, cwd=PLACE, check=True, capture_output=True, timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm could not install axe-core: {error}")
    return Path(file).read_text("utf-8")


def violations(page, axe: str) -> list[str]:
    """Rule, element and reason of each violation."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(axe)
    context = f"{{ exclude: [['{STREAMLITS_OWN}']] }}"
    report = page.evaluate(f"axe.run({context}, {{ resultTypes: ['violations'] }})")
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][:160]}"
        for rule in report["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", [*PAGES, *VIEWS])
def test_axe_reports_nothing(visitor, axe, name):
    page = visitor.page
    address = "" if name == "explore" else name
    visitor.open(f"{visitor.home}/{address}{'&' if '?' in name else '?'}collection=tiny")
    problems = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        visitor.settle()
        problems[scheme] = violations(page, axe)
    assert problems == {"light": [], "dark": []}


def test_a_visitor_can_ask_for_less_motion(visitor):
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    visitor.open(visitor.home)
    durations = page.locator("button, [role=progressbar], .stApp").evaluate_all(
        "nodes => nodes.map(n => parseFloat(getComputedStyle(n).transitionDuration))"
    )
    assert max(durations) < 0.001
