"""Boards against plain NumPy; resumed and stored runs; files, merges, and hostile files."""

import base64
import json
import math
import shutil
import zlib
from dataclasses import replace

import numpy as np
import pytest

from simcore import memory
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.lab.evaluate import recall
from simcore.lab.judgements import agreement, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.leaderboard import board_files, costs, evaluation, task_sources
from simcore.lab.leaderboard.board_entries import Cost
from simcore.lab.leaderboard.evaluation import LeaderboardQuestion
from simcore.lab.library import collections, features, vectors
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.types import Monitor
from tests.conftest import cache_below, draw_pairs

PAIRS = 30
MODELS = ("hog", "layout", "color")


@pytest.fixture(autouse=True)
def instant(monkeypatch):
    """Times are measured in a test of their own."""
    monkeypatch.setattr(costs, "measure", lambda *_: None)


@pytest.fixture(scope="module")
def noisy_cache(tmp_path_factory):
    """A cache with pairs and random features; hog finds most mates, color few."""
    root = tmp_path_factory.mktemp("noisy")
    draw_pairs(root / "noisy", PAIRS)
    with cache_below(root) as folder:
        collections.add("pairs", root / "noisy", name="noisy")
        add_random_features()
    return folder


@pytest.fixture
def noisy(noisy_cache, cache):
    """The pairs in this test's own cache."""
    shutil.copytree(noisy_cache, cache, dirs_exist_ok=True)
    return "noisy"


def add_random_features():
    collection, random = collections.open_("noisy"), np.random.default_rng(0)
    for strength, name in zip((3.0, 2.0, 1.2), MODELS, strict=True):
        dim = registry.get(name).dim
        left = random.normal(size=(PAIRS, dim))
        right = strength / np.sqrt(dim) * left + random.normal(size=(PAIRS, dim))
        key = extraction.feature_key(registry.get(name), "fp32")
        for side, values in ((collection.left, left), (collection.right, right)):
            rows = [row[None].astype(np.float32) for row in values]
            FeatureStore.shared().append(key, list(side.keys), rows)


def triplets(tmp_path, name, draw):
    """A small set of judgements: three of four people choose the left image."""
    folder = tmp_path / name
    folder.mkdir()
    for number in range(6):
        draw(number, 40, 40).save(folder / f"{number}.png")
    rows = "".join(
        f"{r}.png,{(r + 1) % 6}.png,{(r + 2 + k) % 6}.png,0.25,4,g{k}\n"
        for r in range(6)
        for k in range(2)
    )
    (folder / "triplets.csv").write_text("query,a,b,vote,votes,group\n" + rows)
    sets.add("triplets", folder, name=name)
    return name


def plain_ranks(collection, model, metric, center=False):
    """(2, Q) ranks in plain NumPy, by the definition."""
    left, right = (
        features.for_side(collection, side, model).values.astype(float)
        for side in collection.sides()
    )
    if center:
        mean = np.concatenate([left, right]).mean(axis=0)
        left, right = left - mean, right - mean
    if metric == "l1":
        matrix = -np.abs(left[:, None] - right[None]).sum(axis=2)
    else:
        a, b = (s / np.linalg.norm(s, axis=1, keepdims=True) for s in (left, right))
        matrix = a @ b.T
    return np.stack([(m >= np.diag(m)[:, None]).sum(axis=1) for m in (matrix, matrix.T)])


def test_scores_against_numpy(noisy):
    board = evaluation.run(LeaderboardQuestion((noisy,), MODELS, post=("none", "center")))
    collection = collections.open_(noisy)
    assert len(board.entries) == 3 * 2 * 2  # cosine and l1, with and without centering
    for number, entry in enumerate(board.entries):
        ranks = plain_ranks(collection, entry.backbone, entry.metric, entry.post == "center")
        expected = {
            "noisy:recall@1": np.mean(ranks[0] == 1),
            "noisy:recall@10": np.mean(ranks[0] <= 10),
            "noisy:aR@1": np.mean(ranks.min(axis=0) == 1),
        }
        scores = {name: rows[number].value for name, rows in board.scores.items()}
        assert scores == pytest.approx(expected), entry.label


def plain_places(hits, draws=3000):
    """Ranks, their intervals, and exact McNemar with Holm, one after the other."""
    random = np.random.default_rng(1)
    means = hits.mean(axis=1)
    rank = [1 + sum(other > mine for other in means) for mine in means]
    sampled = []
    for _ in range(draws):
        sample = hits[:, random.integers(0, hits.shape[1], hits.shape[1])].mean(axis=1)
        sampled.append([1 + sum(other > mine + 1e-12 for other in sample) for mine in sample])
    low, high = np.quantile(sampled, [0.025, 0.975], axis=0, method="inverted_cdf")
    best = int(np.argmax(means))
    p = {}
    for row in range(len(hits)):
        b = int((hits[best] > hits[row]).sum())
        c = int((hits[row] > hits[best]).sum())
        tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
        p[row] = min(1.0, 2 * tail) if row != best and b != c else 1.0
    others = sorted((row for row in p if row != best), key=p.get)
    running = 0.0
    for place, row in enumerate(others):
        running = max(running, min(1.0, p[row] * (len(others) - place)))
        p[row] = running
    return rank, low, high, [p[row] for row in range(len(hits))]


def test_places_against_a_plain_bootstrap_and_mcnemar(noisy):
    board = evaluation.run(LeaderboardQuestion((noisy,), MODELS, post=("none",)))
    hits = np.stack([(entry.outcomes[board.tasks[0].digest][0] == 1) for entry in board.entries])
    rank, low, high, p = plain_places(hits.astype(float))
    places = board.places()
    assert [places[n].rank for n in range(len(hits))] == rank
    assert np.abs([places[n].low for n in range(len(hits))] - low).max() <= 1  # other draws
    assert np.abs([places[n].high for n in range(len(hits))] - high).max() <= 1
    assert [places[n].p for n in range(len(hits))] == pytest.approx(p)
    assert [places[n].level_with_best for n in range(len(hits))] == [value > 0.05 for value in p]


def test_agreement_is_that_of_evaluate_triplets(tiny, tmp_path, draw):
    name = triplets(tmp_path, "judged", draw)
    board = evaluation.run(LeaderboardQuestion((tiny, name), ("hog", "color")))
    table = agreement.table(JudgementQuestion(name, ("hog", "color"), ("cosine", "l1")))
    expected = {(row.models[0], row.metric): row.overall for row in table.rows}
    scores = board.scores[f"{name}:agreement"]
    assert len(scores) == 4  # none with post-processing, which needs a gallery
    for number, score in scores.items():
        entry = board.entries[number]
        overall = expected[entry.backbone, entry.metric]
        assert (score.value, score.low, score.high) == pytest.approx(
            (overall.value, overall.low, overall.high)
        )
    assert board.tasks[1].ceiling == pytest.approx(0.75)
    assert f"{name}: people's own votes reach 75.0 %." in board.to_table().notes


def test_a_stopped_run_keeps_its_cells(noisy, monkeypatch):
    question = LeaderboardQuestion((noisy,), MODELS)
    calls = []
    stop = Monitor(calls.append, lambda: calls[-1:] > [] and enough())
    original = recall.outcomes_of_each
    computed = []

    def counting(asked, *, monitor):
        computed.append(asked.recipes[0])
        return original(asked, monitor=monitor)

    def enough():
        return len(computed) >= 5

    monkeypatch.setattr(recall, "outcomes_of_each", counting)
    with pytest.raises(Stopped, match="Start again to resume"):
        evaluation.run(question, monitor=stop)
    stored = evaluation.stored(question)
    done = [entry for entry in stored.entries if entry.outcomes]
    assert 2 <= len(done) < len(stored.entries)
    plan = evaluation.plan(question)
    cells = plan.cells
    assert cells == len(stored.entries) - len(done)
    evaluation.run(question)
    assert evaluation.plan(question).cells == 0
    assert all(entry.outcomes for entry in evaluation.stored(question).entries)


def test_a_run_stops_within_a_cell_and_shows_its_progress(noisy):
    """Ranks among a million pairs take minutes; whoever stops does not wait for them."""
    reports = []

    def is_ranking():
        return any(report.stage == "ranks of mates" for report in reports)

    question = LeaderboardQuestion((noisy,), MODELS, ("cosine",), ("none",))
    with pytest.raises(Stopped, match="Start again to resume"):
        evaluation.run(question, monitor=Monitor(reports.append, is_ranking))
    assert not any(entry.outcomes for entry in evaluation.stored(question).entries)
    assert 0.8 < reports[-1].overall < 0.9  # half of the first of three cells


def test_all_backbones_have_a_row_and_what_is_missing_a_reason(tiny):
    question = LeaderboardQuestion((tiny,), ("@all",), post=("none",))
    board = evaluation.stored(question)
    names = {entry.backbone for entry in board.entries}
    assert set(registry.names()) - set(registry.names("detectors")) == names
    missing = {entry.backbone: entry.reason(board.tasks[0]) for entry in board.missing}
    assert "weight file" in missing["resnet50-stages" if "resnet50-stages" in missing else "vgg16"]
    assert missing["texture"] == "features are not extracted yet"


def test_imported_features_take_part(tiny):
    collection = collections.open_(tiny)
    sides = [np.eye(6, 8, dtype=np.float32) + shift for shift in (0, 0.01)]
    vectors.import_features(collection.name, "mine", left=sides[0], right=sides[1])
    board = evaluation.run(LeaderboardQuestion((tiny,), ("mine", "hog"), post=("none",)))
    mine = board.entries[0]
    assert board.scores["tiny:recall@1"][0].value == 1
    assert mine.cost.dim == 8
    assert mine.cost.parameters is None
    assert mine.license == "license unknown"


def test_learned_backbones_have_no_rank_where_they_were_trained(tiny, monkeypatch):
    monkeypatch.setattr(task_sources.provenance, "trained_here", lambda _: ["hog"])
    board = evaluation.run(LeaderboardQuestion((tiny,), ("hog", "color"), post=("none",)))
    ranked = {board.entries[number].backbone for number in board.places()}
    assert ranked == {"color"}
    assert "trained on some of these images: hog" in " ".join(board.to_table().notes)


def test_pareto_front(noisy):
    board = evaluation.run(LeaderboardQuestion((noisy,), MODELS, post=("none",)))
    front = board.pareto("", "dim")
    scores = board.scores[board.column().name]
    points = {n: (board.entries[n].cost.dim, scores[n].value) for n in scores}
    beaten = {
        n
        for n, (dim, score) in points.items()
        for other, (price, value) in points.items()
        if other != n and price <= dim and value >= score and (price, value) != (dim, score)
    }
    assert {points[n] for n in front} == {points[n] for n in set(points) - beaten}
    with pytest.raises(UnknownNameError):
        board.pareto("", "weight")


def test_only_one_row_per_backbone(noisy):
    board = evaluation.run(LeaderboardQuestion((noisy,), MODELS))
    best = board.only(best=True)
    assert sorted(entry.backbone for entry in best.entries) == sorted(MODELS)
    scores = board.scores["noisy:recall@1"]
    for number, entry in enumerate(best.entries):
        others = [
            scores[n].value for n, e in enumerate(board.entries) if e.backbone == entry.backbone
        ]
        assert best.scores["noisy:recall@1"][number].value == max(others)


@pytest.fixture
def board(noisy):
    return evaluation.run(LeaderboardQuestion((noisy,), MODELS, post=("none",)))


def test_a_file_gives_the_same_board(board, tmp_path):
    path = tmp_path / "board.json"
    path.write_text(board_files.dump(board))
    again = board_files.read(path)
    assert again.to_dict() == board.to_dict()
    assert "noisy/left" not in path.read_text()  # no names of files


def test_boards_of_two_caches_merge_by_content(tmp_path, monkeypatch, draw):
    """Each cache has the same pictures under other backbones; no image is in the files."""
    draw_pairs(tmp_path / "pictures", 12)
    boards, files = [], []
    for number, models in enumerate((("hog",), ("layout", "color"))):
        monkeypatch.setenv("SIMCORE_CACHE", str(tmp_path / f"cache-{number}"))
        memory.clear()
        collections.add("pairs", tmp_path / "pictures", name="ours")
        (tmp_path / str(number)).mkdir()
        judged = triplets(tmp_path / str(number), "votes", draw)
        board = evaluation.run(LeaderboardQuestion(("ours", judged), models, post=("none",)))
        boards.append(board)
        files.append(board_files.load(board_files.dump(board).encode(), "file"))
    merged = board_files.merge(files)
    assert [task.name for task in merged.tasks] == ["ours", "votes"]
    assert {entry.backbone for entry in merged.entries} == {"hog", "layout", "color"}
    scores = {
        (column, entry.label): merged.scores[column][number].value
        for column in merged.scores
        for number, entry in enumerate(merged.entries)
        if number in merged.scores[column]
    }
    own = {
        (column, entry.label): board.scores[column][number].value
        for board in boards
        for column in board.scores
        for number, entry in enumerate(board.entries)
        if number in board.scores[column]
    }
    assert scores == pytest.approx(own)
    assert len({column for column, _ in scores}) == 4  # recall@1, recall@10, aR@1, agreement


def test_two_halves_merge_into_the_whole(noisy):
    """As two laboratories: one has hog and layout, the other layout and color."""
    halves = [
        board_files.load(
            board_files.dump(
                evaluation.run(LeaderboardQuestion((noisy,), models, post=("none",)))
            ).encode(),
            "half",
        )
        for models in (("hog", "layout"), ("layout", "color"))
    ]
    merged = board_files.merge(halves)
    together = evaluation.run(LeaderboardQuestion((noisy,), MODELS, post=("none",)))
    assert merged.to_table() == together.to_table()


def test_the_notes_say_how_times_were_measured(board):
    quiet, busy, elsewhere = (
        replace(entry, cost=cost)
        for entry, cost in zip(
            board.entries[:3],
            (
                Cost(milliseconds=5.0, machine="A", others=0.02),
                Cost(milliseconds=9.0, machine="A", others=0.5),
                Cost(milliseconds=7.0, machine="B"),
            ),
            strict=True,
        )
    )
    (note,) = (n for n in replace(board, entries=(quiet,)).remarks if "Times" in n)
    assert note == "Times per image: the fastest of three passes on A."
    both = replace(board, entries=(quiet, replace(busy, backbone="other"), elsewhere))
    both = board_files.load(board_files.dump(both).encode(), "file")
    (note,) = (n for n in both.remarks if "Times" in n)
    assert "on A; on B. Compare only those of one machine." in note
    assert "1 of 3 were measured while other programs used up to 50 % of the processor" in note


def test_other_weights_are_another_row(board):
    other = json.loads(board_files.dump(board))
    for row in other["rows"]:
        if row["backbone"] == "hog":
            row["features"] = "hog-0000000000000000"
    merged = board_files.merge([board, board_files.load(json.dumps(other).encode(), "b")])
    hogs = [entry.backbone for entry in merged.entries if entry.backbone.startswith("hog")]
    assert len(set(hogs)) == 2
    assert "hog #0000" in hogs


def test_differing_outcomes_are_noted_and_the_first_counts(board):
    other = json.loads(board_files.dump(board))
    digest = board.tasks[0].digest
    ones = np.ones(2 * PAIRS, "<u4").tobytes()
    other["rows"][0]["outcomes"][digest] = base64.b64encode(zlib.compress(ones)).decode()
    merged = board_files.merge([board, board_files.load(json.dumps(other).encode(), "b")])
    assert merged.scores["noisy:recall@1"][0].value == board.scores["noisy:recall@1"][0].value
    assert "differ in hog" in merged.notes[-1]


def _packed(values, dtype):
    return base64.b64encode(zlib.compress(np.asarray(values, dtype).tobytes())).decode()


DAMAGE = {
    "no document": lambda d: [],
    "another format": lambda d: d | {"format": "x"},
    "a later version": lambda d: d | {"version": 2},
    "no tasks": lambda d: {k: v for k, v in d.items() if k != "tasks"},
    "tasks that are text": lambda d: d | {"tasks": "x"},
    "too many rows": lambda d: d | {"rows": [1] * 6000},
    "a huge task": lambda d: _task(d, items=10**12),
    "a negative count": lambda d: _task(d, items=-1),
    "a count that is text": lambda d: _task(d, items="30"),
    "an infinite ceiling": lambda d: _task(d, ceiling=1e400),
    "a ceiling above 1": lambda d: _task(d, ceiling=2),
    "a control character": lambda d: _task(d, name="a\u001b[31m"),
    "a digest that is a path": lambda d: _task(d, digest="../../x"),
    "an unknown kind": lambda d: _task(d, kind="x"),
    "a short array": lambda d: _task(d, group=_packed([0] * 3, "<u4")),
    "no base64": lambda d: _task(d, group="@@@"),
    "a bomb": lambda d: _task(d, group=_packed(np.zeros(10**7), "<u4")),
    "a rank of 0": lambda d: _outcome(d, _packed([0] * 60, "<u4")),
    "a rank beyond the gallery": lambda d: _outcome(d, _packed([99] * 60, "<u4")),
    "an unknown metric": lambda d: _row(d, metric="x"),
    "costs that are text": lambda d: _row(d, cost={**d["rows"][0]["cost"], "dim": "x"}),
    "an outcome of no task": lambda d: _row(d, outcomes={"0" * 32: ""}),
}


def _task(document, **changes):
    document["tasks"][0] |= changes
    return document


def _row(document, **changes):
    document["rows"][0] |= changes
    return document


def _outcome(document, packed):
    return _row(document, outcomes={document["tasks"][0]["digest"]: packed})


def test_hostile_files_are_refused_with_a_sentence(board, tmp_path):
    good = board_files.dump(board)
    for kind, damage in DAMAGE.items():
        data = json.dumps(damage(json.loads(good))).encode()
        with pytest.raises(BadDataError, match="is not a usable leaderboard") as caught:
            board_files.load(data, "board.json")
        assert str(caught.value).count("\n") == 0, kind
    for data in (
        b"",
        b"\x00\xff",
        b"[" * 10**6,
        b'{"format": NaN}',
        good[: len(good) // 2].encode(),
    ):
        with pytest.raises(BadDataError, match="is not a usable leaderboard"):
            board_files.load(data, "board.json")
    with pytest.raises(BadDataError, match="no file"):
        board_files.read(tmp_path / "absent.json")
    with pytest.raises(BadDataError, match="no file"):
        board_files.read(tmp_path)


def test_names_are_checked(tiny):
    with pytest.raises(UnknownNameError, match="Did you mean tiny"):
        evaluation.run(LeaderboardQuestion(("tinny",)))
    with pytest.raises(UnknownNameError, match="column"):
        evaluation.run(LeaderboardQuestion((tiny,), by="x"))
    with pytest.raises(UnknownNameError, match="backbone"):
        evaluation.run(LeaderboardQuestion((tiny,), ("hogg",)))
    with pytest.raises(BadDataError):
        evaluation.run(LeaderboardQuestion(()))


def test_costs_without_weights(tiny):
    board = evaluation.run(LeaderboardQuestion((tiny,), ("hog",), post=("none",)))
    assert board.entries[0].cost == Cost(1764, 0, 0, None, "")


def test_the_notes_say_where_rows_have_no_score(tiny, tmp_path, draw):
    judged = triplets(tmp_path, "votes", draw)
    board = evaluation.run(LeaderboardQuestion((tiny, judged), ("hog",)))
    assert len(board.entries) == 4
    (note,) = (text for text in board.remarks if "no score" in text)
    assert note == "votes: no score for 2 (post-processing needs a gallery) of 4 rows."
