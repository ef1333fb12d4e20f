"""Lint, format and wording are part of the tests; types are checked by mypy, see CONTRIBUTING."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Phrases that a reader of English would stumble over, with what to write instead.
CALQUES = {
    r"\bnot to be had\b": "unavailable",
    r"\bhow sure one can be\b": "confidence interval",
    r"\bis flattered\b": "is optimistically biased",
    r"\bcould not be told\b": "is not significant",
    r"\bplaces? that answer\b": "corresponding regions",
    r"\bhide parts\b": "occlusion",
    r"(?<!barlow )\btwins?\b": "near-duplicate",
    r"\blifts?\b": "post-processing",
    r"\bsittings?\b": "session",
    r"\bparting\b": "disagreement",
    r"\binnocent\b|\bguilty\b": "unseen",
    r"\bgoes on\b|\bgo on\b": "resumes, continues",
    r"\bis told where\b|\bhas not (?:a|an|any)\b": "receives; has no",
    r"\bwhich it cannot have\b": "which is not permitted",
    r"\bthings? that simcore does\b": "operation",
    r"\bsingle persons\b": "single participants",
    r"\bnobody has run\b|\bnot tried\b": "untested",
    r"\bin silence\b": "silently",
    r"\bshall\b": "will, must",
    r"\bby hand\b": "manually; or name the command",
    r"\btake[ns]? away\b": "export; subtract",
    r"\bstands? in\b|\blies? in\b": "is in",
    r"\bas good as\b": "equal to",
    r"\bwhat is (?:there|ready|left)\b": "name the thing",
    r"\bnobody (?:asked|knows|finds)\b": "unknown; found by no backbone",
    r"\bin a room full of people\b": "in workshops",
    r"\ban? \w+ a (?:row|core|line|page|process|paper|file|image|pair|side)\b": "one ... per ...",
    r"\bfound .{0,80}; expected\b": "say what is wrong, then what to do",
    r"\bkeeps? the interpreter\b|\blets? go of the interpreter\b": "holds, releases the GIL",
    r"\blooks? at every object\b": "garbage collection",
    r"\bcentring\b|\bcentred\b": "centering, centered",
}


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."]],
    ids=["lint", "format"],
)
def test_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def texts(path: Path) -> list[tuple[int, str]]:
    """(line, text) of what a file says: string literals of Python, all lines of other files."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        return list(enumerate(source.splitlines(), 1))
    return [
        (node.lineno, " ".join(node.value.split()))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_the_wording_is_plain_english():
    files = [ROOT / "app.py", ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    files += [*ROOT.glob("pages/*.py"), *ROOT.glob("simcore/**/*.py")]
    files += ROOT.glob("simcore/ui/components/*.js")
    stumbles = [
        f"{path.relative_to(ROOT)}:{line}: {hit[0]!r}; write {better!r}"
        for path in files
        for line, text in texts(path)
        for phrase, better in CALQUES.items()
        if (hit := re.search(phrase, text, re.IGNORECASE))
    ]
    assert not stumbles, "\n".join(stumbles)


def test_pages_holds_pages_only():
    """One file per page of the menu; shared parts are in simcore/ui."""
    listed = set(re.findall(r'"pages/(\w+)\.py"', (ROOT / "app.py").read_text("utf-8")))
    assert {path.stem for path in ROOT.glob("pages/*")} - {"__pycache__"} == listed
