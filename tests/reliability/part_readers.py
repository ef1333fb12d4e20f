"""Archives, tables, vectors, judgement files, weight files and uploads, through their readers."""

import gzip
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import chdir
from pathlib import Path
from random import Random

import numpy as np

from tests.reliability import commands
from tests.reliability.part_files import mutate, picture
from tests.reliability.part_parsers import fault_of
from tests.reliability.programme import Attempt, Work, part

NAMES = [
    *("a.png", "left/a.png", "../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "a/../../b.png"),
    *("a.png/", "./", "", ".", "..", "\0.png", "a\0.png", "\udcff.png", "é.png", "e\u0301.png"),
    *("A.PNG", "a.png ", "con.png", "a" * 300 + ".png", "a/" * 200 + "a.png", "//a.png", "~/a.png"),
]


def _tar(draw: Random, picture_bytes: bytes) -> bytes:
    """A tar with members of every type under hostile names."""
    out = io.BytesIO()
    types = [tarfile.REGTYPE] * 6 + [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        *(tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z"),
    ]
    with tarfile.open(fileobj=out, mode="w", format=draw.choice([0, 1, 2])) as archive:
        for _ in range(draw.randrange(1, 5)):
            member = tarfile.TarInfo(draw.choice(NAMES).replace("\0", "0")[:95])
            member.type, member.mode = draw.choice(types), draw.choice([0o644, 0o7777, 0])
            member.linkname = draw.choice(["/etc/passwd", "../../secret", "a.png", ""])
            member.uid, member.mtime = draw.choice([0, 2**20]), draw.choice([0, 2**31])
            member.size = len(picture_bytes) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(picture_bytes))
    return out.getvalue()


def _zip(draw: Random, picture_bytes: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(draw.randrange(1, 5)):
            entry = zipfile.ZipInfo(draw.choice(NAMES).encode("utf-8", "replace").decode() or "x")
            entry.compress_type = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            entry.external_attr = draw.choice([0o100644, 0o120777, 0o20644, 0o10644, 0o40755]) << 16
            archive.writestr(entry, draw.choice([picture_bytes, bytes(3_000_000), b"../secret"]))
    return out.getvalue()


def _escaped(folder: Path, before: set[Path]) -> str:
    """What an extraction left outside its folder, or put into it other than files."""
    target = folder / "out"
    strange = [
        path.name
        for path in target.rglob("*")
        if path.is_symlink() or not (path.is_file() or path.is_dir())
    ]
    outside = set(folder.parent.rglob("*")) - before
    outside = {path for path in outside if path != target and target not in path.parents}
    return "; ".join([*strange, *(f"outside: {path}" for path in sorted(outside))])


@part("hostile zip and tar archives through the extractor", seconds=60)
def archive_files(work: Work) -> Generator[Attempt, None, None]:
    """Hostile members and mutations; nothing is written elsewhere, no link and no device."""
    from simcore.data.fetch import archives

    folder = work.folder / "deep" / "inner"
    folder.mkdir(parents=True)
    content = picture("PNG")
    for number in range(work.count(1500)):
        draw = work.random
        kind = ("zip", "tar", "tar.gz")[number % 3]
        data = _zip(draw, content) if kind == "zip" else _tar(draw, content)
        data = mutate(data, draw) if number % 2 else data
        if kind == "tar.gz":
            data = gzip.compress(data, 1)
            data = mutate(data, draw) if number % 4 == 3 else data
        source = folder / f"archive.{kind}"
        source.write_bytes(data)
        before = set(work.folder.rglob("*"))
        limits = archives.DATASET if draw.random() < 0.5 else archives.UPLOAD
        fault = fault_of(lambda s=source, m=limits: archives.extract(s, folder / "out", limits=m))
        fault = fault or _escaped(folder, before)
        shutil.rmtree(folder / "out", ignore_errors=True)
        source.unlink()
        yield Attempt(f"{kind} {number}", fault)


def _vectors() -> dict[str, bytes]:
    """Small files of vectors of each kind."""
    from simcore.data import vector_files

    values = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    table = vector_files.VectorTable(("a", "b", "c", "d"), values)
    contents = {}
    for suffix in vector_files.KINDS:
        path = Path(f"vectors{suffix}")
        vector_files.write(path, table)
        contents[suffix] = path.read_bytes()
    return contents


@part("damaged and hostile tables and vectors through their readers", seconds=60)
def tables(work: Work) -> Generator[Attempt, None, None]:
    """Lists of pairs, votes, trials and vectors, in four encodings."""
    from simcore.data import csv_files, vector_files
    from simcore.data.collections import pair_folders, votes
    from simcore.data.collections.collection_draft import DraftRow
    from simcore.data.judgements import trial_draft, triplet_files

    for name in "abc":
        (work.folder / f"{name}.png").write_bytes(picture("PNG"))
    with chdir(work.folder):
        vectors = _vectors()
    rows = [DraftRow(name, work.folder / f"{name}.png") for name in "abc"]
    texts: dict[str, tuple[str, Callable[[Path], object]]] = {
        "pairs": ("left,right\na.png,b.png\nb.png,c.png\n", pair_folders.match_listed),
        "votes": ("id,wins,fails\na,1,2\nb,0,3\n", lambda path: votes.attach(list(rows), path, [])),
        "triplets": (
            "query,a,b,vote\na.png,b.png,c.png,0.5\n",
            lambda path: triplet_files.triplets(path, trial_draft.image_folder(work.folder)),
        ),
        "rows": ("id,wins\na,1\n", lambda path: csv_files.read(path, ("id",))),
    }
    kinds = [*texts, *vectors]
    for number in range(work.count(2000)):
        kind = kinds[number % len(kinds)]
        if kind in texts:
            text, read = texts[kind]
            encoding = work.random.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
            text = text.replace(",", work.random.choice([",", ";", "\t"]))
            path, data = work.folder / "table.csv", text.encode(encoding)
        else:
            path, data, read = work.folder / f"vectors{kind}", vectors[kind], vector_files.read
        path.write_bytes(mutate(data, work.random))
        yield Attempt(f"{kind} {number}", fault_of(lambda read=read, path=path: read(path)))


@part("damaged sequences and HDF5 files of trials", seconds=60)
def judgements(work: Work) -> Generator[Attempt, None, None]:
    """In processes of their own, which a C library might end; a batch of 100 counts by its end."""
    from tests.data.judgements.conftest import base36, step
    from tests.data.judgements.test_hostile_files import fuzz, trials_file

    sequences = work.folder / "psiz"
    (sequences / "train_seqs").mkdir(parents=True)
    lines = [f"{base36(k)}|/set/c{k % 4}/img_{k:03}.png|bird" for k in range(1, 61)]
    (sequences / "stimuli.txt").write_text(
        "\n".join(["local_id|filepath|common_name", *lines]) + "\n"
    )
    steps = [step(list(range(k, k + 9)), [k + 1, k + 2]) for k in (1, 7, 20)]
    document = {"version": "1", "data": [{"grade": 100, "sequence": steps}]}
    (sequences / "train_seqs" / "seq_0.json").write_text(json.dumps(document))
    sources = [sequences, trials_file(work.folder / "old")]
    for number in range(work.count(20)):
        source, count, fault = sources[number % 2], 100, ""
        try:
            fuzz(source, count, seed=number)
        except AssertionError as error:
            fault = str(error).strip()[-200:]
        yield Attempt(f"{source.name} {number}", fault)
        for _ in range(count - 1):
            yield Attempt(f"{source.name} {number}")


@part("damaged weight files through every loader", seconds=60)
def weight_files(work: Work) -> Generator[Attempt, None, None]:
    """PyTorch of two formats, safetensors, TorchScript, MATLAB of two versions, adapters."""
    from tests.models.test_damaged_weight_files import CONTAINERS, damaged

    whole = {}
    for name, (write, _) in CONTAINERS.items():
        path = work.folder / "whole"
        write(path)
        whole[name] = path.read_bytes()
    path, names = work.folder / "damaged", list(CONTAINERS)
    for number in range(work.count(1600)):
        name = names[number % len(names)]
        path.write_bytes(damaged(whole[name], np.random.default_rng(work.random.randrange(2**32))))
        load = CONTAINERS[name][1]
        yield Attempt(f"{name} {number}", fault_of(lambda load=load: load(path)))


@part("damaged pictures through uploads and their features", seconds=60)
def uploads(work: Work) -> Generator[Attempt, None, None]:
    """As a page receives them: checked, decoded, embedded and compared."""
    from simcore import memory
    from simcore.lab import recipes
    from simcore.lab.search import search
    from simcore.lab.search.search import Query
    from simcore.recipe import Question
    from simcore.ui import uploads as ui_uploads

    commands.prepare(work.folder)
    question = Question("tiny", tuple(recipes.parse(["color"])))
    kinds = {kind: picture(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")}

    def search_with(data: bytes) -> object:
        image = ui_uploads.receive("upload.png", data, 0)
        return search.search(question, Query(image=image))

    for number in range(work.count(800)):
        kind = list(kinds)[number % len(kinds)]
        data = mutate(kinds[kind], work.random) if number % 9 else work.random.randbytes(300)
        yield Attempt(f"{kind} {number}", fault_of(lambda data=data: search_with(data)))
        if number % 100 == 99:
            memory.clear()
