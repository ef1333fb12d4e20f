"""`simcore collections add` names everything that it does not use."""

import json
import shutil

from simcore.__main__ import run


def test_other_files_are_named(pairs_folder, capsys):
    (pairs_folder / "notes.txt").write_text("x")
    shutil.copy(pairs_folder / "left" / "a.png", pairs_folder / "left" / "z")
    assert run(["collections", "add", "pairs", str(pairs_folder), "--name", "six"]) == 0
    err = capsys.readouterr().err
    assert "six: 6 pairs" in err
    assert "left out z: It is on the left only" in err
    assert "not used: 1 .txt file: notes.txt" in err
    assert run(["collections", "list", "--json"]) == 0
    (summary,) = json.loads(capsys.readouterr().out)["result"]
    assert summary["other_files"] == [{"kind": ".txt", "count": 1, "names": ["notes.txt"]}]


def test_a_cut_off_is_not_rounded(tiny, capsys):
    for k in ("1.5", "inf", "", "2,nan"):
        assert run(["evaluate", "recall", tiny, "--k", k]) == 1
        assert "--k" in capsys.readouterr().err
