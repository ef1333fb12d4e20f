"""Answers of every task as judgement sets, CSV and the formats of others, out and in again."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.data.answers import experiment_store
from simcore.data.judgements import judgement_catalog
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.lab.judgements import sets
from simcore.lab.library import collections
from simcore.lab.people import answer_judgements, exchange, experiments, export, tasks
from simcore.lab.people.plans import Condition, Plan
from tests.conftest import draw_pairs
from tests.lab.people.take_part import attentive, build, questions_of, take_part

pytestmark = pytest.mark.usefixtures("crowd")

VOTERS = 7  # NIGHTS leaves out trials with fewer than six votes


def wish_of(person):
    """A preference between images that differs from person to person."""
    return lambda key: int(key[person : person + 6], 16) / 16**6


def answered(task, name="one", people=VOTERS):
    build(task, name=name)
    for person in range(people):
        attentive(name, wish_of(person))
    return name


def real_answers(name="one"):
    """(question, answer) of everything but catch trials."""
    asked = questions_of(name)
    given = experiment_store.answers(experiment_store.get(name))
    return [(asked[n], answer) for _, n, answer in given if not asked[n].catch]


def keys_of(trials, rows):
    return [tuple(trials.images.keys[i] for i in row) for row in rows.tolist()]


def unpacked(format, tmp_path, name="one", **options):
    exchange.write(name, format, tmp_path / f"{format}.zip", **options)
    with zipfile.ZipFile(tmp_path / f"{format}.zip") as archive:
        archive.extractall(tmp_path / format)
    return tmp_path / format


@pytest.mark.parametrize("task", sorted(tasks.TASKS))
def test_csv_out_and_in_again_is_the_same(task):
    answered(task, people=2)
    text = export.export("one")
    export.read("two", "crowd", text.encode())
    assert export.export("two") == text
    first, second = (experiments.summary(name) for name in ("one", "two"))
    for field in ("task", "choices", "exposure", "gap", "questions", "answers"):
        assert getattr(first, field) == getattr(second, field)
    take_part("two", lambda s: {"place": 0} | ({"second_place": 1} if s.picks == 2 else {}))
    head = next(csv.reader(io.StringIO(text)))
    assert ("task" in head) == (task != "mafc")


def test_a_timed_choice_keeps_its_timing_in_the_csv():
    build("mafc", exposure=300)
    take_part("one", lambda _: {"place": 0, "exposed": 301.25})
    export.read("two", "crowd", export.export("one").encode())
    assert experiments.summary("two").exposure == 300
    exposed = {a.exposed for _, _, a in experiment_store.answers(experiment_store.get("two"))}
    assert exposed == {301.2}


FAULTS = [
    ("rank-8-2", "second", "", "second in line 2 must be a whole number from 1 to 8"),
    ("rank-8-2", "second", "9", "second in line 2 must be a whole number from 1 to 8"),
    ("rank-8-2", "chosen", "SECOND", "chosen and second in line 2 are the same"),
    ("two-afc", "second", "1", "second in line 2 must be empty"),
    ("two-afc", "task", "afc", "task in line 2 must be one of mafc"),
    ("two-afc", "task", "odd-one-out", "odd-one-out has 3 options, but the CSV has 2"),
    ("same-different", "chosen", "3", "chosen in line 2 must be a whole number from 1 to 2"),
    ("same-different", "exposed", "nan", "exposed in line 2 must be a number"),
    ("same-different", "exposure", "-1", "exposure in line 2 must be a whole number"),
    ("odd-one-out", "option_1", "OTHER", "option_1 in line 2 must be the query"),
]


@pytest.mark.parametrize(("task", "column", "value", "says"), FAULTS)
def test_a_csv_with_a_fault_leaves_nothing(task, column, value, says):
    answered(task, people=1)
    lines = list(csv.DictReader(io.StringIO(export.export("one"))))
    first = lines[0]
    other = "03" if first["query"] != "03" else "04"
    first[column] = first["second"] if value == "SECOND" else value.replace("OTHER", other)
    out = io.StringIO()
    writer = csv.DictWriter(out, first)
    writer.writeheader()
    writer.writerows(lines[:1])
    with pytest.raises(BadDataError, match=says):
        export.read("two", "crowd", out.getvalue().encode())
    assert [row.name for row in experiments.listing()] == ["one"]


def test_rows_of_different_tasks_are_refused():
    answered("two-afc", people=1)
    text = export.export("one").replace("two-afc,0,0,2", "two-afc,500,0,2")
    with pytest.raises(BadDataError, match="another task, exposure or gap"):
        export.read("two", "crowd", text.encode())


def test_rankings_become_the_triplets_of_the_thesis():
    answered("rank-8-2", people=3)
    stored = answer_judgements.judgements("one", "said")
    trials = stored.triplets
    assert Counter(trials.group) == {"8rank2 similar": 12, "8rank2 dissimilar": 12}
    assert (trials.vote == 0).all()
    expected_similar, shown = [], {}
    for question, answer in real_answers():
        keys = [key for _, key in question.options]
        expected_similar.append((question.query_key, keys[answer.option], keys[answer.second]))
        shown[question.query_key] = set(keys)
    rows = np.c_[trials.ref, trials.left, trials.right]
    similar = np.array(trials.group) == "8rank2 similar"
    assert Counter(keys_of(trials, rows[similar])) == Counter(expected_similar)
    for (query, first, other), further in zip(
        keys_of(trials, rows[~similar]), stored.alternatives[~similar], strict=True
    ):
        chosen = {
            pair for q, f, s in expected_similar if (q, f) == (query, first) for pair in (f, s)
        }
        assert other in shown[query] - {first}
        assert len({other} | {trials.images.keys[i] for i in further if i >= 0}) == 6
        assert first in chosen
    assert sets.summary("said").alternatives == 6


def test_two_alternatives_become_shares_of_votes():
    answered("two-afc")
    stored = answer_judgements.judgements("one", "said").triplets
    assert set(stored.votes_n) == {VOTERS}
    votes = {}
    for question, answer in real_answers():
        keys = [key for _, key in question.options]
        votes.setdefault((question.query_key, *keys), []).append(answer.option)
    rows = keys_of(stored, np.c_[stored.ref, stored.left, stored.right])
    assert dict(zip(rows, stored.vote, strict=True)) == pytest.approx(
        {trial: np.mean(options) for trial, options in votes.items()}
    )


def test_odd_ones_and_same_or_different_become_trials_of_their_kind():
    answered("odd-one-out", "odd", people=2)
    stored = answer_judgements.judgements("odd", "odd-said").trials
    expected = []
    for question, answer in real_answers("odd"):
        keys = [key for _, key in question.options]
        expected.append((frozenset(keys) - {keys[answer.option]}, keys[answer.option]))
    got = [(frozenset(t[:2]), t[2]) for t in keys_of(stored, stored.items)]
    assert Counter(got) == Counter(expected)
    answered("same-different", "same", people=3)
    pairs = answer_judgements.judgements("same", "same-said").trials
    shares = {}
    for question, answer in real_answers("same"):
        pair = (question.query_key, question.options[0][1])
        shares.setdefault(pair, []).append(answer.option == tasks.SAME)
    rows = keys_of(pairs, np.c_[pairs.first, pairs.second])
    assert dict(zip(rows, pairs.same, strict=True)) == pytest.approx(
        {pair: np.mean(same) for pair, same in shares.items()}
    )
    assert set(pairs.votes_n) == {3}


def test_grades_leave_out_who_failed_catch_trials():
    answered("two-afc", people=2)
    take_part("one", lambda _: {"place": 0})  # fails some catch trials, whatever they are
    asked = questions_of()
    given = experiment_store.answers(experiment_store.get("one"))
    passed = [a.option == asked[n].mate for p, n, a in given if p == 3 and asked[n].catch]
    grade = 100 * np.mean(passed)
    everyone = answer_judgements.judgements("one", "all").triplets.votes_n
    assert set(everyone) == {3}
    strict = answer_judgements.judgements("one", "strict", min_catch=grade + 1)
    assert set(strict.triplets.votes_n) == {2}
    assert any("catch trials" in note for note in strict.notes)
    assert set(answer_judgements.judgements("one", "lax", min_catch=grade).triplets.votes_n) == {3}
    with pytest.raises(BadDataError, match="0 to 100"):
        answer_judgements.judgements("one", "never", min_catch=101)


def psiz_document(folder):
    return [json.loads(file.read_text()) for file in sorted((folder / "train_seqs").iterdir())]


@pytest.mark.parametrize(("task", "kind"), [("rank-8-2", "8rank2"), ("two-afc", "2rank1")])
def test_psiz_sequences_round_trip(task, kind, tmp_path):
    answered(task, people=2)
    take_part("one", lambda s: {"place": 0} | ({"second_place": 1} if s.picks == 2 else {}))
    folder = unpacked("psiz", tmp_path)
    documents = psiz_document(folder)
    assert len(documents) == 3
    for (data,) in (document["data"] for document in documents):
        assert data["n_timestep"] == len(data["sequence"]) == 6
        graded = [s["grade_objective"] for s in data["sequence"] if s["grade_objective"] >= 0]
        assert data["grade"] == np.mean(graded)
        assert {step["kind"] for step in data["sequence"]} == {f"rank:{kind}"}
    assert [document["data"][0]["grade"] for document in documents][:2] == [100, 100]
    own = answer_judgements.judgements("one", "own", min_catch=100)
    read = judgement_catalog.add("psiz", folder, name="read", images=folder / "images")
    if task == "rank-8-2":
        first, second = own.triplets, read.triplets
        similar = [np.array(t.group) == "8rank2 similar" for t in (first, second)]
        rows = [np.c_[t.ref, t.left, t.right] for t in (first, second)]
        assert Counter(keys_of(first, rows[0][similar[0]])) == Counter(
            keys_of(second, rows[1][similar[1]])
        )
    else:
        expected = Counter()
        for question, answer in real_answers():
            keys = [key for _, key in question.options]
            near, far = keys[answer.option], keys[1 - answer.option]
            expected[question.query_key, near, far] += 1
        trials = read.triplets
        got = Counter(keys_of(trials, np.c_[trials.ref, trials.left, trials.right]))
        assert got <= expected
        assert got.total() == 4 * sum(document["data"][0]["grade"] == 100 for document in documents)


def test_psiz_references_are_in_the_order_of_the_screen(tmp_path):
    build("rank-8-2", catch=0)
    screens = take_part("one", lambda _: {"place": 5, "second_place": 0})
    (document,) = psiz_document(unpacked("psiz", tmp_path))
    (data,) = document["data"]
    for screen, step in zip(screens, data["sequence"], strict=True):
        assets = {i["kind"]: i["detail"] for i in step["interactions"]}
        references = [assets[f"content:reference_{n}"] for n in range(8)]
        assert assets["behavior:rank_0"] == references[5]
        assert assets["behavior:rank_1"] == references[0]
        assert len({*references, assets["content:query"]}) == 9
        assert screen.total == 4


def test_nights_round_trip(tmp_path):
    answered("two-afc")
    exchange.write("one", "nights", tmp_path / "nights.zip", with_images=False)
    read = judgement_catalog.add("nights", tmp_path / "nights.zip", name="read").triplets
    own = answer_judgements.judgements("one", "own").triplets
    for trials in (own, read):
        assert set(trials.votes_n) == {VOTERS}
    votes = [
        dict(
            zip(
                keys_of(trials, np.c_[trials.ref, trials.left, trials.right]),
                trials.vote,
                strict=True,
            )
        )
        for trials in (own, read)
    ]
    assert votes[0] == pytest.approx(votes[1])
    assert set(read.group) == {"test_no_imagenet"}


def test_nights_says_which_questions_its_readers_leave_out(tmp_path):
    answered("two-afc", people=2)
    written = exchange.write("one", "nights", tmp_path / "nights.zip")
    assert any("4 of 4 questions have fewer than 6 votes" in note for note in written.notes)
    with pytest.raises(BadDataError, match=r"no usable trial .*4 triplets with fewer than 6 votes"):
        judgement_catalog.add("nights", tmp_path / "nights.zip", name="few")


def test_dreamsim_reads_nights_by_the_position_of_its_columns(tmp_path):
    """DreamSim's TwoAFCDataset takes columns 0, 2, 4, 5, 6 of the rows with enough votes."""
    answered("two-afc")
    folder = unpacked("nights", tmp_path)
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(folder / "data.csv")
    frame = frame[frame["votes"] >= 6]
    frame = frame[(frame["split"] == "test") & (frame["is_imagenet"] == False)]  # noqa: E712
    assert len(frame) == 4
    for row in range(4):
        assert 0 <= np.float32(frame.iloc[row, 2]) <= 1
        for column in (4, 5, 6):
            with Image.open(folder / frame.iloc[row, column]) as picture:
                assert picture.size == (70, 70)


def test_things_triplets_round_trip(tmp_path):
    answered("odd-one-out", people=2)
    folder = unpacked("things", tmp_path)
    read = judgement_catalog.add(
        "things", folder / "triplets.txt", name="read", images=folder / "images"
    ).trials
    own = answer_judgements.judgements("one", "own").trials
    assert keys_of(read, read.items) == keys_of(own, own.items)


@pytest.mark.parametrize("task", ["mafc", "rank-8-2", "two-afc", "odd-one-out"])
def test_cblearn_triplets_round_trip(task, tmp_path):
    answered(task, people=2)
    folder = unpacked("cblearn", tmp_path)
    read = judgement_catalog.add("cblearn", folder, name="read", images=folder / "images").triplets
    assert (read.vote == 0).all()
    expected = []
    for question, answer in real_answers():
        keys = [key for _, key in question.options]
        first, second = keys[answer.option], keys[answer.second] if answer.second >= 0 else None
        if task == "odd-one-out":
            a, b = (key for key in keys if key != first)
            expected += [(a, b, first), (b, a, first)]
            continue
        expected += [(question.query_key, first, key) for key in keys if key != first]
        if second:
            rest = [key for key in keys if key not in (first, second)]
            expected += [(question.query_key, second, key) for key in rest]
    got = keys_of(read, np.c_[read.ref, read.left, read.right])
    assert Counter(got) == Counter(expected)


def outside(package, script, *arguments):
    """The output of a script in an interpreter that has a package; skipped where none has.

    SIMCORE_PYTHON_WITH_<PACKAGE> names the interpreter, since these packages pin older versions of
    NumPy or need TensorFlow.
    """
    variable = f"SIMCORE_PYTHON_WITH_{package.upper()}"
    python = os.environ.get(variable, sys.executable)
    command = [python, "-c", script, *map(str, arguments)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=env, timeout=300
    )
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"{package} is not installed; {variable} can name a Python that has it")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


CBLEARN = """
import json, sys
import numpy as np
from cblearn.preprocessing import triplets_from_multiselect, triplets_from_oddoneout
from cblearn.utils import check_query_response
from cblearn.embedding import SOE
triplets = np.load(sys.argv[1])
asked = np.array(json.loads(sys.argv[2]))
made = (triplets_from_oddoneout(asked, np.full(len(asked), 2)) if sys.argv[3] == "odd-one-out"
        else triplets_from_multiselect(asked, 2, is_ranked=True))
checked = check_query_response(triplets, result_format="list-order")
embedding = SOE(n_components=2, n_init=1, random_state=0).fit(triplets).embedding_
print(json.dumps({"checked": checked.tolist(), "made": made.tolist(), "shape": embedding.shape}))
"""


@pytest.mark.parametrize("task", ["rank-8-2", "odd-one-out"])
def test_cblearn_reads_and_makes_the_same_triplets(task, tmp_path):
    answered(task, people=2)
    folder = unpacked("cblearn", tmp_path, with_images=False)
    names = (folder / "images.txt").read_text().split()
    collection = collections.open_("crowd")
    row_of = {}
    for prefix, side in (("left_", collection.left), ("right_", collection.right)):
        for image, key in zip(side.ids, side.keys, strict=True):
            if f"images/{prefix}{image}.png" in names:
                row_of[key] = names.index(f"images/{prefix}{image}.png")
    asked = []
    for question, answer in real_answers():
        keys = [key for _, key in question.options]
        if task == "odd-one-out":
            others = [key for key in keys if key != keys[answer.option]]
            asked.append([row_of[key] for key in (*others, keys[answer.option])])
        else:
            first, second = keys[answer.option], keys[answer.second]
            rest = [key for key in keys if key not in (first, second)]
            asked.append([row_of[key] for key in (question.query_key, first, second, *rest)])
    result = outside("cblearn", CBLEARN, folder / "triplets.npy", json.dumps(asked), task)
    own = np.load(folder / "triplets.npy").tolist()
    assert result["checked"] == own
    assert sorted(result["made"]) == sorted(own)
    assert result["shape"] == [len(names), 2]


PSIZ = """
import json, sys
from pathlib import Path
from psiz_datasets.utils import parse_rank_timestep
from psiz.data import Rank
parsed = []
for file in sorted(Path(sys.argv[1]).glob("train_seqs/seq_*.json")):
    data = json.loads(file.read_text())["data"][0]
    for step in data["sequence"]:
        shown, outcome, times = parse_rank_timestep(step)
        parsed.append([shown.tolist(), int(outcome), times["total"], data["grade"]])
print(json.dumps(parsed))
"""


def test_psiz_reads_the_sequences(tmp_path):
    answered("rank-8-2", people=2)
    folder = unpacked("psiz", tmp_path, with_images=False)
    lines = (folder / "stimuli.txt").read_text().splitlines()[1:]
    name_of = {int(line.split("|")[0], 36): line.split("|")[1] for line in lines}
    parsed = outside("psiz", PSIZ, folder)
    given = experiment_store.answers(experiment_store.get("one"))
    given = sorted(given, key=lambda row: row[0])  # stable: the order in which each was answered
    asked = questions_of()
    collection = collections.open_("crowd")
    key_of = {
        f"/images/{prefix}{image}.png": key
        for prefix, side in (("left_", collection.left), ("right_", collection.right))
        for image, key in zip(side.ids, side.keys, strict=True)
    }
    # psiz numbers the 56 outcomes of 8rank2 as ordered pairs of positions.
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    assert len(parsed) == len(given) == 12
    for (shown, outcome, milliseconds, grade), (_, number, answer) in zip(
        parsed, given, strict=True
    ):
        keys = [key_of[name_of[stimulus]] for stimulus in shown]
        first, second = pairs[outcome]
        options = [key for _, key in asked[number].options]
        assert keys[0] == asked[number].query_key
        assert (keys[1 + first], keys[1 + second]) == (
            options[answer.option],
            options[answer.second],
        )
        assert (milliseconds, grade) == (1000, 100)


def test_images_without_a_caption_strip_are_written_without_it(tmp_path):
    draw_pairs(tmp_path / "cut", 4)
    collections.add("pairs", tmp_path / "cut", name="cut", trim=10)
    experiments.create("cut", "cut", Plan((Condition("random", count=2),), task="two-afc"))
    take_part("cut", lambda _: {"place": 0})
    folder = unpacked("cblearn", tmp_path, "cut")
    with Image.open(next((folder / "images").iterdir())) as picture:
        assert picture.size == (70, 60)


def test_every_image_has_a_file_name_of_its_own(tmp_path, draw):
    names = ("a b.png", "a_b.png", "A_B.png", "a_b-2.png", "c.jpg.png")
    (tmp_path / "odd").mkdir()
    for seed, name in enumerate(names):
        draw(seed, 20, 20).save(tmp_path / "odd" / name)
    collections.add("images", tmp_path / "odd", name="odd")
    plan = Plan((Condition("random", count=5),), task="odd-one-out")
    experiments.create("odd", "odd", plan)
    take_part("odd", lambda _: {"place": 0})
    folder = unpacked("things", tmp_path, "odd")
    written = sorted(path.name.casefold() for path in (folder / "images").iterdir())
    assert len(set(written)) == len(written) == 5
    read = judgement_catalog.add(
        "things", folder / "triplets.txt", name="read", images=folder / "images"
    ).trials
    own = answer_judgements.judgements("odd", "own").trials
    assert keys_of(read, read.items) == keys_of(own, own.items)


@pytest.mark.parametrize("task", sorted(tasks.TASKS))
def test_an_experiment_without_answers_is_no_judgement_set(task):
    build(task)
    with pytest.raises(BadDataError, match="Nobody has answered"):
        answer_judgements.judgements("one", "said")


def test_formats_that_do_not_fit_are_refused(tmp_path):
    answered("same-different", people=1)
    with pytest.raises(BadDataError, match="nights holds answers to two-afc, not to same"):
        exchange.write("one", "nights", tmp_path / "x.zip")
    with pytest.raises(UnknownNameError, match="format named 'nigths'"):
        exchange.write("one", "nigths", tmp_path / "x.zip")
    with pytest.raises(BadDataError, match="no triplets"):
        answer_judgements.triplets("one")
    build("two-afc", name="empty")
    with pytest.raises(BadDataError, match="Nobody has answered"):
        exchange.write("empty", "nights", tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("name", ["folder", "x" * 300, "a\0b"])
def test_files_that_cannot_be_written_are_a_sentence(name, tmp_path):
    answered("two-afc", people=1)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SimError, match="Cannot write"):
        exchange.write("one", "nights", tmp_path / name)
    assert [path.name for path in tmp_path.glob(".new-*")] == []


def test_exports_by_command(tmp_path, capsys):
    answered("two-afc")
    for format in exchange.formats_of("two-afc"):
        out = tmp_path / f"{format}.zip"
        args = ["experiments", "export", "one", "--format", format, "--out", str(out), "--json"]
        assert run(args) == 0
        document = json.loads(capsys.readouterr().out)["result"]
        assert (document["format"], document["path"]) == (format, str(out))
        assert zipfile.is_zipfile(out)
    assert exchange.to_bytes("one", "nights") == (tmp_path / "nights.zip").read_bytes()
    table = tmp_path / "answers.csv"
    assert run(["experiments", "export", "one", "--out", str(table)]) == 0
    assert table.read_text() == export.export("one")
    capsys.readouterr()
    for args, says in (
        (["--format", "psiz"], "Name its file with --out"),
        (["--format", "psi"], "Did you mean psiz"),
        (["--min-catch", "50"], "has no --min-catch"),
    ):
        assert run(["experiments", "export", "one", *args]) == 1
        assert says in capsys.readouterr().err


HOSTILE = [
    (b"not an array", "no .npy file"),
    (np.zeros((4, 2), np.int64), "shape (T, 3)"),
    (np.zeros((4, 3)), "whole numbers"),
    (np.full((4, 3), 9), "images.txt lists 2 images"),
    (np.full((4, 3), -1), "numbers -1 to -1"),
    (np.array([[None] * 3]), "Python objects"),
]


@pytest.mark.parametrize(("content", "says"), HOSTILE)
def test_damaged_cblearn_arrays_are_refused(content, says, tmp_path, draw):
    if isinstance(content, bytes):
        (tmp_path / "triplets.npy").write_bytes(content)
    else:
        np.save(tmp_path / "triplets.npy", content, allow_pickle=True)
    (tmp_path / "images.txt").write_text("a.png\nb.png\n")
    for name in "ab":
        draw(1, 8, 8).save(tmp_path / f"{name}.png")
    with pytest.raises(BadDataError, match=says.replace("(", r"\(").replace(")", r"\)")):
        judgement_catalog.add("cblearn", tmp_path, name="bad", images=tmp_path)
