"""Experiments: drawn as the plan says, taken part in, analyzed, out to CSV and in again."""

import csv
import io

import numpy as np
import pytest

from simcore.__main__ import run
from simcore.data.answers import experiment_store
from simcore.data.judgements import judgement_catalog
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.lab.library import collections, extraction, features
from simcore.lab.people import analysis, experiments, export, participation
from simcore.lab.people.experiments import Condition, Plan
from simcore.sim import metrics

pytestmark = pytest.mark.usefixtures("tiny")


def build(name="one", **options):
    usual = {"conditions": experiments.parse(["random", "hog"], 3), "choices": 3, "catch": 1}
    return experiments.create(name, "tiny", Plan(**(usual | options)))


def everything(name, code, pick):
    """Answer all; `pick(screen)` gives the place."""
    while screen := participation.screen(name, code):
        place = pick(screen)
        assert participation.answer(name, code, screen.number, place=place, seconds=1.5).new


def key_of(name):
    """{question number: content key of its mate}."""
    return {
        q.number: q.options[q.mate][1]
        for q in experiment_store.questions(experiment_store.get(name))
    }


def test_questions_follow_the_plan():
    experiment = build()
    asked = experiment_store.questions(experiment)
    assert [q.condition for q in asked] == ["random"] * 3 + ["hog"] * 3 + ["catch"]
    collection = collections.open_("tiny")
    assert len({q.query for q in asked if not q.catch}) == 6  # conditions ask about other pairs
    for question in asked:
        assert len({key for _, key in question.options}) == 3
        row = collection.left.row_of[question.query]
        if question.catch:
            assert question.options[question.mate][1] == question.query_key
            assert collection.right.keys[row] not in {key for _, key in question.options}
        else:
            assert question.options[question.mate] == [
                collection.right.ids[row],
                collection.right.keys[row],
            ]


def test_distractors_of_a_backbone_are_its_nearest():
    collection = collections.open_("tiny")
    left, right = (features.for_side(collection, side, "color") for side in collection.sides())
    values = metrics.pairwise(left, right, "cosine")
    experiment = build(conditions=(Condition("color", count=6),), choices=4)
    for question in experiment_store.questions(experiment):
        if question.catch:
            continue
        row = collection.left.row_of[question.query]
        nearest = {collection.right.keys[i] for i in np.argsort(-values[row])[:4]}
        shown = {key for _, key in question.options}
        mate = collection.right.keys[row]
        assert mate in shown
        assert len(shown - nearest) == (mate not in nearest)


def test_the_seed_decides():
    plans = [Plan(experiments.parse(["random"], 5), 4, 2, seed) for seed in (0, 0, 1)]
    drawn = [
        [(q.query, q.options, q.mate) for q in experiments.draw("tiny", plan)] for plan in plans
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_right_answer_is_at_every_place_for_somebody():
    build(conditions=experiments.parse(["random"], 6), catch=0)
    right = key_of("one")
    seen = []
    for _ in range(20):
        code = participation.join("one")

        def note(screen):
            seen.append(screen.choices.index(right[screen.number]))
            return 0

        everything("one", code, note)
    counts = np.bincount(seen, minlength=3)
    assert counts.min() > 20  # of 120, about 40 each


def test_participants_see_other_orders_and_go_on_where_they_stopped():
    build(conditions=experiments.parse(["random"], 6), catch=0)
    first, second = participation.join("one"), participation.join("one")
    orders = []
    for code in (first, second):
        order = []
        everything("one", code, lambda screen, order=order: order.append(screen.number) or 1)
        orders.append(order)
    assert sorted(orders[0]) == sorted(orders[1]) == [1, 2, 3, 4, 5, 6]
    assert orders[0] != orders[1]
    third = participation.join("one")
    screen = participation.screen("one", third)
    assert (screen.done, screen.total) == (0, 6)
    assert participation.answer("one", third, screen.number, place=2, seconds=0.5).new
    assert not participation.answer(
        "one", third, screen.number, place=0, seconds=0.5
    ).new  # sent twice
    after = participation.screen("one", third)
    assert after.done == 1
    assert after.number != screen.number
    assert participation.screen("one", third) == after


@pytest.mark.parametrize(
    ("number", "place", "seconds", "says"),
    [
        (99, 0, 1, "has no question 99"),
        (1, 3, 1, "Choice 4 is not on the screen"),
        (1, -1, 1, "Choice 0 is not on the screen"),
        (1, 0, float("nan"), "seconds, not nan"),
        (1, 0, -1, "seconds, not -1"),
        (1, 0, 1e9, "0 to 86400 seconds"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(number, place, seconds, says):
    build()
    code = participation.join("one")
    with pytest.raises(BadDataError, match=says):
        participation.answer("one", code, number, place=place, seconds=seconds)
    assert experiment_store.answers(experiment_store.get("one")) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"choices": 10}, "2 to 9 choices, not 10"),
        ({"choices": 7}, "Only 0 queries of 'tiny' .all. have 7 distinct choices"),
        ({"conditions": experiments.parse(["random"], 7)}, "Only 6 queries"),
        ({"conditions": experiments.parse(["hgo"], 1)}, "Did you mean hog"),
        ({"conditions": experiments.parse(["texture"], 1)}, "simcore extract tiny"),
        ({"conditions": ()}, "conditions, not 0"),
        ({"conditions": experiments.parse(["hog", "hog"], 1)}, "condition is given twice"),
        ({"catch": 7}, "7 catch trials need as many queries"),
        ({"seed": -1}, "seed must be .* not -1"),
        ({"consent": "x" * 6000}, "consent text has 6,000"),
    ],
)
def test_a_plan_that_cannot_be_is_a_sentence_and_leaves_nothing(options, says):
    with pytest.raises(SimError, match=says):
        build(**options)
    assert experiments.listing() == []


def test_names():
    build("fine")
    for bad in ("", "A", "../x", "fine", "x" * 65):
        with pytest.raises(BadDataError, match="name"):
            build(bad)
    experiments.remove("fine")
    with pytest.raises(UnknownNameError):
        participation.screen("fine", "x")


def perfect(name):
    right = key_of(name)
    code = participation.join(name)
    everything(name, code, lambda s: s.choices.index(right[s.number]))


def careless(name, seed):
    random = np.random.default_rng(seed)
    everything(name, participation.join(name), lambda s: int(random.integers(len(s.choices))))


def wrong(name):
    right = key_of(name)

    def miss(screen):
        return next(i for i, key in enumerate(screen.choices) if key != right[screen.number])

    everything(name, participation.join(name), miss)


def test_analysis_of_answers_that_are_known():
    build()
    perfect("one")
    perfect("one")
    wrong("one")
    told = analysis.analyze("one", ["hog", "color"]).to_dict()
    assert (told["questions"], told["participants"], told["answers"]) == (6, 3, 18)
    overall = told["conditions"][-1]
    assert [c["condition"] for c in told["conditions"]] == ["random", "hog", "all"]
    assert overall["human"]["value"] == pytest.approx(2 / 3)
    assert overall["majority"] == pytest.approx(2 / 3)
    # Without oneself, each of the two right ones sees one right and one wrong answer.
    assert overall["ceiling"]["value"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    people = {row["participant"]: row for row in told["people"]}
    assert people[1]["right"] == 6
    assert people[3] == {
        "participant": 3,
        "label": "",
        "answers": 6,
        "right": 0,
        "catch_answered": 1,
        "catch_passed": 0,
        "median_seconds": 1.5,
        "grade": 0.0,
    }
    assert sum(told["places"]["counts"]) == 18
    for row in told["asked"]:
        assert row["counts"][row["mate"]] == 2
        assert sum(row["counts"]) == 3
    shares = [row["majority"] for row in told["asked"]]
    assert shares == sorted(shares, reverse=True)
    awake = analysis.analyze("one", [], passed_catch=True).to_dict()
    assert awake["left_out"] == [3]
    assert awake["conditions"][-1]["human"]["value"] == 1
    assert awake["agreement"]["unanimous"] == 1


def test_without_mates_nothing_is_right_but_people_may_agree(pairs_folder):
    collections.add("images", pairs_folder / "left", name="loose")
    extraction.extract("loose", ["color"])
    plan = Plan(experiments.parse(["random", "color"], 3), 3, catch=1)
    asked = experiment_store.questions(experiments.create("free", "loose", plan))
    assert [q.mate for q in asked][:6] == [-1] * 6
    for question in asked[:6]:
        assert question.query_key not in {key for _, key in question.options}
    for _ in range(2):
        everything("free", participation.join("free"), lambda s: s.choices.index(min(s.choices)))
    told = analysis.analyze("free", ["color"]).to_dict()
    assert told["agreement"]["unanimous"] == 1
    assert told["agreement"]["correlation"] is None
    assert set(told["agreement"]["right"]) == {None}
    for row in told["conditions"]:
        assert row["human"] is None
        assert row["ceiling"]["value"] == 1
        (machine,) = row["machines"]
        assert machine["right"] is machine["ci95"] is None
        assert 0 <= machine["with_people"]["value"] <= 1
    assert [row["right"] for row in told["people"]] == [None, None]
    text = export.export("free")
    export.read("again", "loose", text.encode())
    assert export.export("again") == text
    assert export.triplets("free").count("\n") > 1
    assert run(["experiments", "analyze", "free"]) == 0


def test_machines_choose_the_nearest_of_the_options():
    build(catch=0)
    perfect("one")
    told = analysis.analyze("one").to_dict()
    collection = collections.open_("tiny")
    asked = experiment_store.questions(experiment_store.get("one"))
    for machine in told["conditions"][-1]["machines"]:
        left, right = (
            features.for_side(collection, s, machine["model"]) for s in collection.sides()
        )
        values = metrics.pairwise(left, right, "cosine")
        hits = 0
        for question in asked:
            row = collection.left.row_of[question.query]
            columns = [collection.right.ids.index(shown) for shown, _ in question.options]
            hits += int(np.argmax(values[row, columns])) == question.mate
        assert machine["right"] == pytest.approx(hits / len(asked))
        assert machine["with_people"]["value"] == pytest.approx(hits / len(asked))
    assert {m["model"] for m in told["conditions"][0]["machines"]} == {"hog", "layout", "color"}


def test_analysis_of_little_is_honest():
    build()
    with pytest.raises(BadDataError, match="Nobody has answered"):
        analysis.analyze("one").to_dict()
    code = participation.join("one")
    while (screen := participation.screen("one", code)) and screen.number == 7:  # the catch trial
        participation.answer("one", code, 7, place=0, seconds=1)
    participation.answer("one", code, screen.number, place=0, seconds=1)
    told = analysis.analyze("one", []).to_dict()
    assert told["agreement"]["alpha"] is None
    assert told["agreement"]["questions"] == 0
    assert told["conditions"][-1]["ceiling"] is None
    empty = [c for c in told["conditions"] if not c["answers"]]
    assert [c["human"] for c in empty] == [None]


def test_csv_out_and_in_gives_the_same_analysis():
    build(consent="Please.")
    perfect("one")
    careless("one", 1)
    text = export.export("one")
    head = next(csv.reader(io.StringIO(text)))
    assert head[:5] == ["question", "condition", "catch", "query", "mate"]
    experiments.create("empty", "tiny", Plan(experiments.parse(["random"], 2)))
    for name, document in (("two", text), ("three", export.export("empty"))):
        export.read(name, "tiny", document.encode())
        assert export.export(name) == document
    same = [analysis.analyze(name, ["hog"]).to_dict() for name in ("one", "two")]
    for told in same:
        del told["experiment"]
    assert same[0] == same[1]
    everything("three", participation.join("three"), lambda _: 0)  # and it can be answered here


ROW = "1,random,0,a,1,a,b,c,1,2,3,1.0,2.0"
HEAD = (
    "question,condition,catch,query,mate,option_1,option_2,option_3,"
    "participant,chosen,place,seconds,answered"
)


FAULTS = [
    ("", "has the columns none"),
    ("a,b\n1,2\n", "has the columns a, b. It needs question"),
    (HEAD + "\n", "no rows"),
    (HEAD + "\n1,2\n", "Line 2 of the CSV has 2 cells, but the header has 13"),
    (HEAD + "\n" + ROW.replace(",a,b,c,", ",a,b,zzz,"), "'zzz' in line 2"),
    (HEAD + "\n" + ROW.replace("0,a,", "0,../a,"), "'../a' in line 2"),
    (HEAD + "\n" + ROW.replace(",a,b,c,", ",a,b,b,"), "image appears twice"),
    (HEAD + "\n" + ROW.replace("1,2,3,1.0", "1,4,3,1.0"), "chosen in line 2 must be .* not '4'"),
    (HEAD + "\n" + ROW.replace("1,2,3,1.0", "1,2,0,1.0"), "place in line 2 must be .* not '0'"),
    (HEAD + "\n" + ROW.replace("1.0,2.0", "nan,2.0"), "seconds in line 2 must be .* not 'nan'"),
    (HEAD + "\n" + ROW.replace("1.0,2.0", ",2.0"), "seconds in line 2 must be .* not ''"),
    (HEAD + "\n" + ROW.replace("c,1,2", "c,5.61E+23,2"), "line 2: .* a spreadsheet rounded"),
    (HEAD + "\n" + ROW.replace("c,1,2", "c,a\x07,2"), "line 2: .* printable"),
    (HEAD + "\n" + ROW.replace("c,1,2", f"c,{'x' * 101},2"), "line 2: .* 1 to 100"),
    (HEAD + "\n" + "٣" + ROW[1:], "question in line 2 must be"),
    (HEAD + "\n" + ROW + "\n" + ROW, "a second answer of participant 1"),
    (HEAD + "\n" + ROW + "\n" + ROW.replace(",0,a,1,", ",0,a,2,"), "differs from its earlier rows"),
    (HEAD + "\n" + ROW.replace("random", "x" * 501), "longer than 500 characters"),
    (HEAD + "\n" + ROW.replace("random", '"'), "quotation mark that is never closed"),
    (HEAD + "\n" + ROW.replace("random", ""), "condition in line 2"),
    (HEAD.replace("option_3", "option_7") + "\n" + ROW, "has the columns"),
]


def test_a_csv_with_a_fault_is_a_sentence_and_leaves_nothing():
    for text, says in FAULTS:
        with pytest.raises(BadDataError, match=says):
            export.read("bad", "tiny", text.encode())
        assert [row.name for row in experiments.listing()] == [], says


def test_hostile_bytes_are_a_sentence(monkeypatch):
    for data in (b"\xff\xfe\x00", b"\x00" * 100, ("x," * 70_000).encode(), b'"' + b"x" * 200_000):
        with pytest.raises(BadDataError):
            export.read("bad", "tiny", data)
    monkeypatch.setattr(export, "MAX_BYTES", 10)
    with pytest.raises(BadDataError, match="at most 0 MB"):
        export.read("bad", "tiny", (HEAD + "\n" + ROW).encode())
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    monkeypatch.setattr(export, "MAX_ROWS", 2)
    with pytest.raises(BadDataError, match="more than 2 lines"):
        export.read("bad", "tiny", (HEAD + "\n" + ROW + "\n" + ROW).encode())
    with pytest.raises(UnknownNameError):
        export.read("bad", "nowhere", b"")
    assert [row.name for row in experiments.listing()] == []


def test_triplets_count_who_chose_which_of_two():
    build(conditions=experiments.parse(["random"], 1), catch=0)
    (question,) = experiment_store.questions(experiment_store.get("one"))
    perfect("one")
    perfect("one")
    wrong("one")
    rows = list(csv.DictReader(io.StringIO(export.triplets("one"))))
    mate = question.options[question.mate][0]
    votes = {}
    for row in rows:
        assert row["query"] == f"left/{question.query}.png"
        a, b = (row[c].removeprefix("right/").removesuffix(".png") for c in "ab")
        votes[a, b] = (float(row["vote"]), int(row["votes"]))
    assert len(votes) == 3  # all three were compared: two with the mate, and the two others
    with_mate = {pair: vote for pair, vote in votes.items() if mate in pair}
    assert sorted(n for _, n in with_mate.values()) == [2, 3]
    for (_, b), (share, n) in with_mate.items():
        assert share == pytest.approx((2 if b == mate else n - 2) / n, abs=1e-5)


def test_pictures_larger_than_a_thumbnail_are_shown_large(tmp_path, draw):
    for side in ("left", "right"):
        (tmp_path / "big" / side).mkdir(parents=True)
        for seed in range(4):
            draw(seed + 10 * (side == "right"), 1300, 900).save(
                tmp_path / "big" / side / f"{seed}.png"
            )
    collections.add("pairs", tmp_path / "big", name="big")
    experiment = experiments.create("large", "big", Plan((Condition("random", count=2),), 3))
    from PIL import Image

    for question in experiment_store.questions(experiment):
        with Image.open(collections.picture(question.query_key)) as picture:
            assert max(picture.size) == 1024


def test_texts_that_look_like_formulas_survive_a_round_trip():
    formula = '=HYPERLINK("http://evil.example")'
    text = HEAD + "\n" + ROW.replace("random", '"' + formula.replace('"', '""') + '"')
    stored = export.read("one", "tiny", text.encode())
    assert stored.plan["conditions"] == [{"name": formula}]
    exported = export.export("one")
    assert "1,\"'=HYPERLINK(" in exported
    export.read("two", "tiny", exported.encode("utf-16"))
    assert export.export("two") == exported
    assert run(["experiments", "export", "two", "--json"]) == 0


def test_ids_of_another_unicode_form_are_recognized(tmp_path, draw):
    for side in ("left", "right"):
        (tmp_path / "p" / side).mkdir(parents=True)
        for k, name in enumerate(("é", "b", "c")):
            draw(k, 20, 20).save(tmp_path / "p" / side / f"{name}.png")
    collections.add("pairs", tmp_path / "p", name="accents")
    text = HEAD + "\n" + ROW.replace(",a,1,a,b,c,", ",e\u0301,1,e\u0301,b,c,") + "\n"
    export.read("one", "accents", text.encode())
    (question,) = experiment_store.questions(experiment_store.get("one"))
    assert question.query == question.options[0][0] == "é"


def test_exported_triplets_name_every_file_by_a_path_of_its_own(tmp_path, draw):
    for k, name in enumerate(("x/in/1.png", "y/in/1.png", "y/in/2.png", "3.png")):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(k, 20, 20).save(tmp_path / "p" / name)
    collections.add("images", tmp_path / "p", name="nested")
    row = ROW.replace(",a,1,a,b,c,", ",3,1,x/in/1,y/in/1,y/in/2,")
    export.read("one", "nested", (HEAD + "\n" + row).encode())
    (tmp_path / "p" / "t.csv").write_text(export.triplets("one"))
    stored = judgement_catalog.add("triplets", tmp_path / "p" / "t.csv", name="again")
    images = stored.triplets.images
    names = ("p/3.png", "x/in/1.png", "y/in/1.png", "y/in/2.png")
    keys = dict(zip(names, collections.open_("nested").left.keys, strict=True))
    assert dict(zip(images.ids, images.keys, strict=True)) == keys


PROLIFIC = (
    "5f3c1e0a9b8d7c6e5f4a3b2c",
    "6123456789012345678901e5",
    "Zoe\u0301-1",
    "007",
    "2026-01-02",
)


def test_participants_have_ids_of_any_form_and_keep_them():
    rows = [ROW.replace("c,1,2", f"c,{person},2") for person in PROLIFIC]
    export.read("one", "tiny", "\n".join([HEAD, *rows]).encode())
    exported = list(csv.DictReader(io.StringIO(export.export("one"))))
    expected = {"5f3c1e0a9b8d7c6e5f4a3b2c", "6123456789012345678901e5", "Zo\xe9-1", "007"}
    assert {row["participant"] for row in exported} == expected | {"2026-01-02"}
    people = analysis.analyze("one", []).people
    assert [(row.participant, row.label) for row in people][:2] == [
        (1, PROLIFIC[0]),
        (2, PROLIFIC[1]),
    ]
    export.read("two", "tiny", export.export("one").encode())
    assert export.export("two") == export.export("one")


def test_a_participant_who_comes_from_elsewhere_resumes_under_the_same_id():
    build()
    code = participation.join("one", "5f3c1e0a9b8d7c6e5f4a3b2c")
    assert participation.join("one", "5f3c1e0a9b8d7c6e5f4a3b2c") == code
    assert participation.join("one", "another") != code
    with pytest.raises(BadDataError, match="printable"):
        participation.join("one", "x" * 1000)


def test_what_a_spreadsheet_does_to_a_table_changes_no_answer(tmp_path, draw):
    for side in ("left", "right"):
        (tmp_path / "p" / side).mkdir(parents=True)
        for k in range(3):
            draw(k + 10 * (side == "right"), 20, 20).save(tmp_path / "p" / side / f"0000{k}.png")
    collections.add("pairs", tmp_path / "p", name="numbered")
    row = "1,03-Jan,0,00000,1,00000,00001,00002,4,2,3,1.250,2.0"
    export.read("plain", "numbered", f"{HEAD}\n{row}\n".encode())
    cells = dict(zip(HEAD.split(","), row.split(","), strict=True))
    numbers = {name: f"{cells[name]}.0" for name in ("question", "mate", "participant", "chosen")}
    images = {"query": "0", "option_1": "0", "option_2": "1.0", "option_3": "2"}
    saved = cells | numbers | images | {"seconds": "1,250", "answered": "2,0", "catch": "FALSE"}
    columns = sorted(HEAD.split(","))
    text = ";".join(f'"{name}"' for name in columns) + "\r\n"
    text += ";".join(f'"{saved[name]}"' for name in columns) + "\r\n"
    export.read("saved", "numbered", b"\xef\xbb\xbf" + text.encode())
    assert export.export("saved") == export.export("plain")
