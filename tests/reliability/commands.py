"""Every command of simcore with its parameters, and one that is run with hostile text."""

import io
import json
import os
import signal
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random

import typer

from simcore.__main__ import run
from simcore.cli.main import INTERNAL_ERROR, app

MAX_SECONDS = 60.0  # of one command on a dozen tiny images; numba may compile meanwhile
# They serve, download or start processes; their options are parsed as all others.
NOT_RUN = {("app",), ("demo",), ("bench",), ("models", "fetch"), ("collections", "download")}
# Values with which a command gets beyond its arguments; by command, or by parameter.
VALID: dict[str, str] = {
    "name": "tiny",
    "collection": "tiny",
    "first": "a",
    "second": "b",
    "id": "a",
    "models": "hog,color",
    "nets": "alex",
    "backbone": "hog",
    "by": "hog",
    "paradigm": "pairs",
    "save": "new",
    "paper": "rosenfeld2018",
    "file": "file.csv",
    "folder": "out",
}
OF_COMMAND: dict[str, dict[str, str]] = {
    "collections add": {"kind": "images", "path": "pictures", "name": "new"},
    "judgements add": {"kind": "triplets", "path": "pictures", "name": "new"},
    "judgements sample": {"name": "sampled", "what": "triplets"},
    "experiments new": {"name": "asked"},
    "experiments import": {"name": "asked"},
    "models list": {"only": ""},
}
HOSTILE = [
    *("", " ", "\0", "a\0b", "\n", "\r\n", "\t", "\udcff", "\ud83d", "\u202e", "\ufeff"),
    *("nan", "inf", "-inf", "1e999", "-1", "0", "1", "1.9", "9" * 20, "9" * 400, "0x10", "١"),
    *("1,nan", "inf,1", ",,,", "1,,2", "-1,5", "1e400", "2**9", "True", "null", "None", "{}", "[]"),
    *("a" * 300, "a" * 100_000, "é" * 200, "日本 🐧", "a/b", "..", ".", "-", "--", "--json", "-k"),
    *(
        "%s%n",
        "{0}",
        "$(id)",
        "`id`",
        "'; DROP TABLE answers; --",
        "=1+1",
        "@SUM(1)",
        "<b>",
        "[red]",
    ),
    *("@", "@offline,", "@all@", "hog@", "@hog", "hog,hog", "learned:", "learned:x", "timm:"),
    *("timm:../x", "torchvision:x", "open_clip:/", "faces:", "faces:faces:hog", "hog[", "hog[1+2"),
    *("alex[layer2:max]", "imported:x", "unseen:", "unseen:x", "csls+csls", "s3://", "s3:///x"),
    *("http://127.0.0.1:1/", "sqlite://", "con.png", "x.zip", "nowhere/x", "/dev/full", "file://x"),
]


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name in code, its option ("" for an argument), and what it is."""

    name: str
    option: str
    required: bool
    flag: bool


@dataclass(frozen=True)
class Command:
    """One command, such as ("evaluate", "recall")."""

    path: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def line(self, hostile: Parameter, value: str) -> list[str]:
        """A command line with valid values where they are needed and a hostile one."""
        words = " ".join(self.path)
        valid = VALID | OF_COMMAND.get(words, {})
        options, arguments = [], []
        for parameter in self.parameters:
            own = value if parameter is hostile else valid.get(parameter.name, "x")
            if parameter.flag:
                continue
            if not parameter.option:
                arguments.append(own)
            elif parameter is hostile or parameter.required or parameter.name in {"models", "id"}:
                options.append(f"{parameter.option}={own}")
        if words == "learn adaptation":
            options = ["--runs=1", "--epochs=1", *options]
        return [*self.path, *options, "--json", "--", *arguments]


def commands() -> list[Command]:
    """All commands that can be run here, with the parameters that take a value."""
    return [
        command
        for command in _leaves(typer.main.get_command(app), ())
        if command.path not in NOT_RUN
    ]


def _leaves(node: object, path: tuple[str, ...]) -> list[Command]:
    if hasattr(node, "commands"):
        return [
            leaf for name, child in node.commands.items() for leaf in _leaves(child, (*path, name))
        ]
    parameters = [
        Parameter(
            p.name,
            p.opts[0] if p.param_type_name == "option" else "",
            p.required,
            bool(getattr(p, "is_flag", False)),
        )
        for p in node.params
        if p.name != "help"
    ]
    return [Command(path, tuple(parameters))]


class _DeadlineError(BaseException):
    """A command took too long; no handler of the program catches it."""


def _stop(*_: object) -> None:
    raise _DeadlineError


def attempt(line: list[str], folder: Path, seconds: float = MAX_SECONDS) -> str:
    """Run a command line in a folder of its own; what is wrong with how it ended, or ""."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with chdir(folder), redirect_stdout(out), redirect_stderr(err):
            code = run(line)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "simcore" in frame.filename] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return f"{type(error).__name__} at {place}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return _fault(code, *(_content(stream) for stream in (out, err)))


def _content(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()


def _fault(code: int, printed: str, notes: str) -> str:
    if code == INTERNAL_ERROR:
        return " ".join(notes.partition("simcore: Sorry")[2].partition("Please")[0].split())
    if code not in {0, 1, 2, 143}:
        return f"exit status {code}"
    if "Traceback" in notes + printed:
        return "a traceback"
    if printed:
        try:
            json.loads(printed)
        except ValueError:
            return f"no JSON: {printed[:100]!r}"
    return ""


def prepare(folder: Path, *, features: bool = True) -> Path:
    """A cache with a tiny collection in `folder`, and a working folder; sets SIMCORE_CACHE."""
    from simcore.lab.library import collections, extraction
    from tests.conftest import make_pairs

    os.environ["SIMCORE_CACHE"] = str(folder / "cache")
    for name in ("SIMCORE_DATABASE_URL", "SIMCORE_STORE", "SIMCORE_SEARCH"):
        os.environ.pop(name, None)
    make_pairs(folder / "pairs")
    collections.add("pairs", folder / "pairs", name="tiny")
    if features:
        extraction.extract("tiny", ["hog", "color", "layout"])
    work = folder / "work"
    (work / "pictures").mkdir(parents=True)
    (work / "file.csv").write_text("id,wins,fails\na,1,2\n")
    return work


def random_text(random: Random) -> str:
    """A hostile value, or a random mixture of them."""
    if random.random() < 0.5:
        return random.choice(HOSTILE)
    length = random.randrange(1, 12)
    parts = ["hog", "color", "learned:", *"09.-,:@[]+e= \0é"]
    letters = [chr(random.randrange(1, 0xD800)) for _ in range(4)]
    return "".join(random.choice(parts + letters) for _ in range(length))
