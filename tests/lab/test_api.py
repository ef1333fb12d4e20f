"""The public Python API: its documentation runs as written, its numbers are the commands'."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

import simcore as sc
from simcore.__main__ import run
from simcore.errors import BadDataError, BadImageError, ShapeError, UnknownNameError
from simcore.lab import work_estimates
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import extraction
from simcore.models import own_modules
from simcore.recipe import Gate, Part, Question, Recipe
from tests.conftest import draw, draw_pairs

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, simcore\n"
        "assert 'recall' in dir(simcore)\n"
        "print([m for m in ('numpy', 'torch', 'pandas', 'lancedb', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented():
    text = (DOCS / "python.md").read_text()
    for name in sc.__all__:
        assert getattr(sc, name).__doc__
        assert re.search(rf"\b{name}\b", text), name
    with pytest.raises(AttributeError, match="recal"):
        sc.recal  # noqa: B018


class Net(torch.nn.Module):
    def forward(self, images):
        return images[:, :, ::8, ::8].flatten(1)


@pytest.mark.slow
def test_the_documentation_runs_as_written(tmp_path, monkeypatch):
    """With descriptors instead of the network, whose weights a machine may not have."""
    monkeypatch.chdir(tmp_path)
    draw_pairs(tmp_path / "folder", 40)
    draw(3).save("query.jpg")
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    transform = transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()])
    names = {"L": vectors, "R": vectors + 0.01, "module": Net(), "transform": transform}
    try:
        for block in BLOCKS:
            exec(block.replace("mobilenetv2", "layout"), names)
        pairs = names["pairs"]
        assert [row.hits(1) for row in sc.recall(pairs, "my-net").rows] == [40]
        assert sc.recall(pairs, ["my-net2", "learned:m"]).to_frame().shape == (2, 5)
    finally:
        own_modules.forget("my-net2")


def test_the_notebook_has_the_same_code_and_was_executed():
    notebook = json.loads((DOCS / "python.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    for line in "".join(BLOCKS).splitlines():
        assert line in code, line
    assert all(cell["execution_count"] for cell in cells)
    assert sum(bool(cell["outputs"]) for cell in cells) >= len(cells) - 1  # all but the import
    assert not any(out["output_type"] == "error" for cell in cells for out in cell["outputs"])


def test_numbers_are_those_of_the_commands(tiny, capsys):
    recipe = sc.zsum("hog", "color", weights=(1, 0.5))
    table = sc.recall(tiny, ["hog", recipe], k=(1, 2))
    args = ["evaluate", "recall", tiny, "--models", "hog,color", "--combine", "zsum"]
    assert run([*args, "--weights", "1,0.5", "--k", "1,2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["result"]["rows"]
    mine = table.to_dict()["rows"]
    assert mine == [printed[0], printed[2]]
    matrix = sc.similarity(tiny, recipe)
    assert matrix.values.dtype == np.float32
    by_hand = (matrix.values >= np.diag(matrix.values)[:, None]).sum(axis=1)
    ranks = sc.ranks(tiny, recipe)
    assert ranks.ranks.tolist() == by_hand.tolist()
    np.testing.assert_allclose(ranks.scores, np.diag(matrix.values), rtol=1e-5)
    assert list(matrix.to_frame().index) == list(ranks.query_ids)
    comparison = sc.compare(tiny, "hog", "color").comparisons[0]
    hits = [sc.ranks(tiny, name).ranks == 1 for name in ("hog", "color")]
    assert comparison.difference == pytest.approx(hits[0].mean() - hits[1].mean())


def test_recipes_with_the_same_label_are_compared_and_told_apart(tiny):
    """Two gated recipes with the same cue differ only in numbers that a label leaves out."""
    extraction.extract(tiny, ["cues"])
    parts = Part("hog"), Part("color")
    one, two = (
        Recipe(parts, "gated", gates=(Gate("bars", change),)) for change in ((9.0, 0), (0, 9.0))
    )
    assert one.label == two.label
    labels = [f"{one.label} [1]", f"{one.label} [2]"]
    (row,) = sc.compare(tiny, one, two).comparisons
    assert [row.test.a, row.test.b] == labels
    singles = [Recipe((part,)) for part in parts]
    question = Question(tiny, (*singles, one, two))
    named = [(row.a, row.b) for row in combinations.compare(question).comparisons]
    assert tuple(labels) in named
    assert len(named) == 4 * 3 / 2
    rows = recall.associative_recall(question, sizes=(2,)).recipes
    assert [row.recipe for row in rows] == ["hog", "color", *labels]
    several = Question(tiny, (Recipe((Part("hog", "l2"),)), Recipe((Part("hog", "l1"),))))
    assert len(combinations.compare(several).comparisons) == 1


@pytest.mark.parametrize("k", [1.5, 2.0, 0])
def test_a_cut_off_that_is_no_whole_number_is_refused(tiny, k):
    with pytest.raises(BadDataError, match="k must be"):
        sc.recall(tiny, "hog", k=(k,))
    with pytest.raises(BadDataError, match="k must be"):
        sc.search(tiny, sc.open_collection(tiny).left.ids[0], "hog", k=k)


def test_a_query_may_be_an_id_a_path_bytes_or_an_image(tiny):
    pairs = sc.open_collection(tiny)
    path = pairs.left.paths[2]
    queries = [pairs.left.ids[2], path, str(path), path.read_bytes(), Image.open(path)]
    hits = [sc.search(pairs, query, "hog", k=3) for query in queries]
    assert len({tuple(hit.result.ids) for hit in hits}) == 1
    page = hits[0]._repr_html_()
    assert page.count("<img") == 3
    assert "data:image/webp;base64," in page
    with pytest.raises(BadImageError, match="There is no file"):
        sc.search(pairs, "no-such-file.jpg", "hog")


def test_what_cannot_be_compared_is_an_error(tiny):
    with pytest.raises(BadDataError, match="two different"):
        sc.compare(tiny, "hog", "hog")
    with pytest.raises(BadDataError, match="at least one"):
        sc.recall(tiny, [])
    with pytest.raises(BadDataError, match="at least one"):
        sc.zsum()
    assert sc.plain_sum("hog") == sc.zsum("hog")


def test_a_map_is_a_figure_with_every_image(tiny, monkeypatch):
    figure = sc.map(tiny, "hog", method="pca")
    assert sum(len(trace.x) for trace in figure.data) == 12
    assert [trace.name for trace in figure.data] == ["left (6)", "right (6)"]
    monkeypatch.setattr(work_estimates, "MAX_SECONDS", 0.0)  # pages do not wait, this call does
    assert sc.map(tiny, "hog", method="pca", color="found").data


def pearson(queries, gallery):
    left, right = (x - x.mean(axis=1, keepdims=True) for x in (queries, gallery))
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right)]
    return (left @ right.T) / np.maximum(lengths[0] * lengths[1].T, 1e-9)


def test_a_metric_of_ones_own_is_used_and_another_one_under_its_name_is_not_mixed_up(tiny):
    collection = sc.open_collection(tiny)
    count = len(collection.left)
    random = np.random.default_rng(3)
    left, right = random.normal(3, 1, (2, count, 12)).astype(np.float32)
    sc.import_features(tiny, "drawn", left=left, right=right)
    name = sc.metric("pearson", pearson)
    similarity = sc.similarity(tiny, sc.zsum("drawn", metric=name))
    expected = np.corrcoef(left, right)[:count, count:]
    np.testing.assert_allclose(similarity.values, expected, atol=1e-5)
    assert sc.zsum("drawn", metric="pearson") == sc.zsum("drawn", metric=name)
    ranks = 1 + (expected > np.diag(expected)[:, None]).sum(1)
    assert sc.recall(tiny, sc.zsum("drawn", metric=name)).rows[0].hits(1) == (ranks == 1).sum()
    hits = sc.search(tiny, collection.left.ids[0], sc.zsum("drawn", metric=name), k=1)
    assert hits.result.ids[0] == collection.right.ids[expected[0].argmax()]
    opposite = sc.metric("pearson", lambda queries, gallery: -pearson(queries, gallery))
    assert opposite != name
    similarity = sc.similarity(tiny, sc.zsum("drawn", metric="pearson"))
    np.testing.assert_allclose(similarity.values, -expected, atol=1e-5)
    sc.recall(tiny, sc.zsum("drawn", "hog", metric=name))


def test_metrics_of_ones_own_that_cannot_be_used(tiny):
    with pytest.raises(BadDataError, match="built-in metric"):
        sc.metric("cosine", pearson)
    with pytest.raises(BadDataError, match="letters, digits"):
        sc.metric("a/b", pearson)
    with pytest.raises(UnknownNameError):
        sc.zsum("hog", metric="spearman")
    wrong = sc.metric("wrong", lambda queries, gallery: queries @ queries[:1].T)
    with pytest.raises(ShapeError, match="one row per query"):
        sc.similarity(tiny, sc.zsum("hog", metric=wrong))
