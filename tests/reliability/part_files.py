"""Damaged and hostile files through the public readers, and damage to the program's own files."""

import io
import random
import shutil
import zipfile
from collections.abc import Callable, Generator
from contextlib import chdir
from pathlib import Path

import numpy as np

from simcore import memory
from tests.reliability import commands, isolation
from tests.reliability.programme import Attempt, Work, part

Bytes = Callable[[], bytes]


def mutate(content: bytes, draw: random.Random) -> bytes:
    """One to four random damages: flipped, lost, repeated and foreign bytes, numbers at limits."""
    data = bytearray(content)
    for _ in range(draw.randrange(1, 5)):
        if not data:
            return bytes(data)
        start = draw.randrange(len(data))
        end = min(len(data), start + draw.randrange(1, 1 + max(1, len(data) // 4)))
        kind = draw.randrange(7)
        if kind == 0:
            data[start] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[start:]
        elif kind == 2:
            del data[start:end]
        elif kind == 3:
            data[start:end] = bytes(end - start)
        elif kind == 4:
            data[start:start] = data[start:end] * draw.randrange(1, 4)
        elif kind == 5:
            data[start : start + 4] = draw.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80"])
        else:
            text = draw.choice(commands.HOSTILE)
            data[start:start] = text[:300].encode("utf-8", "replace")
    return bytes(data)


def picture(kind: str) -> bytes:
    """A small drawn picture as a file of a kind."""
    from tests.conftest import draw

    out = io.BytesIO()
    draw(3, 40, 30).save(out, kind)
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for side in ("left", "right"):
            for name in ("a", "b"):
                archive.writestr(f"{side}/{name}.png", picture("PNG"))
    return out.getvalue()


def _votes() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([0.5], np.float32))
    return out.getvalue()


# File name, its valid content, and the command that reads it; NEW is a name that is not taken.
READERS: list[tuple[str, Bytes, list[str]]] = [
    *(
        (
            f"query.{kind.lower()}",
            lambda kind=kind: picture(kind),
            ["search", "tiny", "--models=hog"],
        )
        for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
    ),
    ("pairs.zip", _archive, ["collections", "add", "pairs", "pairs.zip", "--name=NEW"]),
    (
        "pairs.csv",
        lambda: b"left,right\npictures/a.png,pictures/b.png\npictures/b.png,pictures/c.png\n",
        ["collections", "add", "pairs", "pairs.csv", "--name=NEW"],
    ),
    (
        "votes.csv",
        lambda: b"id,wins,fails\na,10,2\nb,0,3\nc,5,5\n",
        ["collections", "add", "pairs", "../pairs", "--votes=votes.csv", "--name=NEW"],
    ),
    (
        "triplets.csv",
        lambda: b"query,a,b,vote\na.png,b.png,c.png,0.5\nb.png,c.png,a.png,1\n",
        ["judgements", "add", "triplets", "triplets.csv", "--images=pictures", "--name=NEW"],
    ),
    (
        "triplets.txt",
        lambda: b"0 1 2\n1 2 0\n2 0 1\n",
        ["judgements", "add", "things", "triplets.txt", "--images=pictures", "--name=NEW"],
    ),
    (
        "dataset/val/cnn/judge/000000.npy",
        _votes,
        ["judgements", "add", "bapps", "dataset", "--name=NEW"],
    ),
    (
        "answers.csv",
        lambda: (Path("valid-answers.csv")).read_bytes(),
        ["experiments", "import", "NEW", "tiny", "answers.csv"],
    ),
]


@part("damaged and hostile files through the public readers", seconds=45)
def files(work: Work) -> Generator[Attempt, None, None]:
    """Mutations of a valid picture, archive, table and vote file of each kind."""
    folder = commands.prepare(work.folder)
    for name in "abc":
        shutil.copy(work.folder / "pairs" / "left" / f"{name}.png", folder / "pictures")
    for side in ("ref", "p0", "p1"):
        target = folder / "dataset" / "val" / "cnn" / side
        target.mkdir(parents=True)
        shutil.copy(folder / "pictures" / "a.png", target / "000000.png")
    (folder / "dataset" / "val" / "cnn" / "judge").mkdir()
    _store_answers(folder)
    with chdir(folder), isolation.no_processes():
        for number in range(work.count(1300)):
            name, valid, line = READERS[number % len(READERS)]
            (folder / name).write_bytes(mutate(valid(), work.random))
            words = [word.replace("NEW", f"new{number}") for word in line]
            if words[0] == "search":
                words.append(f"--image={name}")
            yield Attempt(f"{name} {number}", commands.attempt([*words, "--json"], folder))
            memory.clear()


def _store_answers(folder: Path) -> None:
    from simcore.lab.people import experiments, export, participation

    plan = experiments.Plan((experiments.Condition("random", count=3),), choices=3)
    experiments.create("valid", "tiny", plan)
    code = participation.join("valid")
    while (screen := participation.screen("valid", code)) is not None:
        participation.answer("valid", code, screen.number, place=0, seconds=1.0)
    (folder / "valid-answers.csv").write_text(export.export("valid"))


WATCHERS = [
    ["collections", "list"],
    ["evaluate", "recall", "tiny", "--models=hog,color", "--combine=zsum"],
    ["map", "tiny", "--models=hog", "--method=pca"],
    ["evaluate", "duplicates", "tiny", "--by=hog"],
    ["jobs"],
    ["models", "list"],
    ["learn", "list"],
    ["judgements", "list"],
    ["experiments", "list"],
    ["collections", "add", "images", "pictures", "--name=again"],
]


@part("damage to the program's own files", seconds=45)
def own_files(work: Work) -> Generator[Attempt, None, None]:
    """Each file of a cache is emptied, cut, overwritten; commands still end in a sentence."""
    folder = commands.prepare(work.folder)
    shutil.copy(work.folder / "pairs" / "left" / "a.png", folder / "pictures")
    cache = work.folder / "cache"
    _fill(cache, folder)
    whole = work.folder / "whole"
    _close()
    shutil.copytree(cache, whole)
    paths = [
        path.relative_to(whole)
        for path in sorted(whole.rglob("*"))
        if path.is_file() and path.relative_to(whole).parts[0] not in {"thumbs", "backups"}
    ]
    damages: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("emptied", lambda _: b""),
        ("cut", lambda data: data[: len(data) // 2]),
        ("zeros", lambda data: bytes(len(data))),
        ("text", lambda _: b"[1, 2"),
        ("another document", lambda _: b'{"a": null}'),
        ("mutated", lambda data: mutate(data, work.random)),
    ]
    tries = [(path, *damage) for path in paths for damage in damages]
    work.random.shuffle(tries)
    with isolation.no_processes():
        for path, kind, damage in tries[: work.count(len(tries))]:
            _close()
            shutil.rmtree(cache)
            shutil.copytree(whole, cache)
            (cache / path).write_bytes(damage((whole / path).read_bytes()))
            faults = [
                f"simcore {' '.join(line)}: {fault}"
                for line in work.random.sample(WATCHERS, 4)
                if (fault := commands.attempt([*line, "--json"], folder))
            ]
            yield Attempt(f"{path} {kind}", "; ".join(faults))


def _close() -> None:
    from simcore.data.answers import database

    memory.clear()
    database.close()


def _fill(cache: Path, folder: Path) -> None:
    """Let the cache contain each kind of file."""
    from simcore.lab.library import collections, duplicates

    for line in (
        *WATCHERS[:-1],
        ["learn", "adaptation", "tiny", "--models=hog", "--runs=1", "--epochs=1", "--save=learned"],
    ):
        commands.attempt(line, folder)
    _store_answers(folder)
    collections.mark_unreadable("tiny", {"0" * 32: "no image"})
    duplicates.store_verdicts("tiny", frozenset({("a", "b")}))
    job = cache / "jobs" / "20250101-000000-a"
    job.mkdir(parents=True)
    (job / "job.json").write_text('{"args": ["extract", "tiny"], "started": 1.0, "pid": 99999}')
    (job / "progress.json").write_text('{"stage": "hog", "done": 1, "total": 2, "rate": 0.0}')
    (job / "end.json").write_text('{"code": 0}')
