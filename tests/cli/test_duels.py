"""`simcore duel`, as typed."""

import json

from simcore.__main__ import run
from simcore.lab.people import duels


def result(capsys, *words):
    capsys.readouterr()
    assert run(["duel", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["result"]


def test_a_duel_from_its_making_to_the_next_group(tiny, capsys):
    made = result(capsys, "new", "party", tiny, "--questions", "3", "--models", "hog,color")
    assert (made["state"], made["questions"]) == ("waiting", 3)
    assert [machine["name"] for machine in made["machines"]] == ["hog", "color", "best sum"]
    assert made["wall"] == duels.wall_path("party")
    assert made["wall"].startswith("/duel?experiment=party&view=wall&host=")
    assert result(capsys, "start", "party")["state"] == "running"
    experiment, code = duels.join("party")
    screen = duels.seat(experiment, code).screen
    duels.answer(experiment, code, screen.number, place=0, seconds=1)
    live = result(capsys, "show", "party")
    assert (live["players"], live["answers"], live["state"]) == (1, 1, "running")
    assert run(["duel", "show", "party"]) == 0
    printed = capsys.readouterr().out
    assert "party, group 1 (running); players: 1, answers: 1" in printed
    assert "people" in printed
    assert result(capsys, "end", "party")["state"] == "ended"
    assert result(capsys, "next-group", "party")["experiment"] == "party-2"
    for command in ("start", "end", "next-group"):
        assert run(["duel", command, "party"]) == 0
    assert run(["duel", "new", "other", tiny, "--questions", "2"]) == 0
    assert "/duel?experiment=other" in capsys.readouterr().err
    assert run(["duel", "show", "absent"]) == 1
