"""Damaged and hostile judgement files end in one sentence: never a crash, a hang or a guess."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcore.data.judgements import bapps, psiz, triplet_files
from simcore.data.judgements.trial_draft import image_folder
from simcore.errors import BadDataError

ROOT = Path(__file__).parents[3]
# How many; the long run is part of the reliability report.
COUNTS = pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])

# HDF5 is read by a C library, which a damaged file might crash: the loop runs in a process of its
# own, whose exit status tells.
FUZZ = """
import sys, random, pathlib
from simcore.data.judgements import psiz
from simcore.errors import SimError
source, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
whole = {path: path.read_bytes() for path in files}
draw = random.Random(int(sys.argv[3]))
outcomes = {"read": 0, "refused": 0}
for _ in range(count):
    path = draw.choice(files)
    data = bytearray(whole[path])
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(data))
        kind = draw.randrange(4)
        if kind == 0:
            data[at] = draw.randrange(256)
        elif kind == 1:
            del data[at : at + draw.randrange(1, 64)]
        elif kind == 2:
            marks = b'{}[]",:0123456789-e. nulltrue|\\n\\xff'
            data[at:at] = bytes(draw.choices(marks, k=draw.randrange(1, 9)))
        else:
            data[at : at + 8] = draw.choice((b"\\xff" * 8, bytes(8), b"\\x7f" + b"\\xff" * 7))
        data = data or bytearray(b"x")
    path.write_bytes(data)
    try:
        psiz.read(source)
        outcomes["read"] += 1
    except SimError as error:
        assert str(error).endswith((".", "trials.")), error
        outcomes["refused"] += 1
    path.write_bytes(whole[path])
print(outcomes["read"], outcomes["refused"])
"""


def fuzz(source: Path, count: int, seed: int = 0) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(source), str(count), str(seed)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read, refused = map(int, done.stdout.split())
    return read, refused


def trials_file(path: Path) -> Path:
    """Two trials and a catalog as psiz 0.4 wrote them."""
    path.mkdir()
    shown = np.array([[0, 3, 1, 2, 4, 5, 6, 7, 8], [1, 2, 3, -1, -1, -1, -1, -1, -1]])
    with h5py.File(path / "obs.hdf5", "w") as file:
        file["stimulus_set"] = shown
        file["n_select"] = np.array([2, 1])
        file["is_ranked"] = np.ones(2, bool)
        file["weight"] = np.ones(2)
    with h5py.File(path / "catalog.hdf5", "w") as file:
        file["stimulus_id"] = np.arange(10)
        file["stimulus_filepath"] = np.array([f"/a/{k}.png" for k in range(10)], "S12")
    return path


@COUNTS
def test_mutated_sequences(psiz_folder, ranked, count):
    root = psiz_folder([(100, ranked(3)), (100, ranked(2, 1))])
    read, refused = fuzz(root, count)
    assert read + refused == count
    assert min(read, refused) > count / 20


@COUNTS
def test_mutated_zip(psiz_folder, ranked, tmp_path, count):
    root = psiz_folder([(100, ranked(3))])
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in root.rglob("*.*"):
            file.write(path, path.relative_to(root))
    read, refused = fuzz(tmp_path / "t.zip", count)
    assert read + refused == count


@COUNTS
def test_mutated_hdf5(tmp_path, count):
    read, refused = fuzz(trials_file(tmp_path / "old"), count)
    assert read + refused == count
    assert min(read, refused) > count / 20


def spoil(folder: Path, name: str, value: object) -> Path:
    with h5py.File(folder / "obs.hdf5", "a") as file:
        del file[name]
        file[name] = value
    return folder


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("stimulus_set", np.full((2, 9), 2.9), "must hold whole numbers"),
        ("stimulus_set", np.full((2, 9), np.nan), "must hold whole numbers"),
        ("stimulus_set", np.array([[0, -1, 1, 2, 4, 5, 6, 7, 8]] * 2), "after its padding"),
        ("stimulus_set", np.zeros((2, 0)), "differ in length"),
        ("n_select", np.array([2.5, 1.0]), "must hold whole numbers"),
        ("n_select", np.array([[2, 1]]), "differ in length"),
        ("weight", np.array([b"1", b"1"]), "must hold numbers"),
        ("stimulus_set", h5py.ExternalLink("other.hdf5", "/x"), "Do not trust this file"),
        ("stimulus_set", h5py.SoftLink("/weight"), "Do not trust this file"),
    ],
)
def test_hdf5_with_other_content(tmp_path, name, value, words):
    with pytest.raises(BadDataError, match=words):
        psiz.read(spoil(trials_file(tmp_path / "old"), name, value))


def test_hdf5_reads_no_other_file_and_allocates_no_claim(tmp_path):
    """A dataset may claim any size, or that its bytes are in /etc/passwd."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(144))
    folder = trials_file(tmp_path / "old")
    with h5py.File(folder / "obs.hdf5", "a") as file:
        del file["stimulus_set"]
        file.create_dataset("stimulus_set", (2, 9), "i8", external=[(str(secret), 0, 144)])
    with pytest.raises(BadDataError, match=r"stimulus_set of obs\.hdf5 is not a dataset of this"):
        psiz.read(folder)
    with h5py.File(folder / "obs.hdf5", "a") as file:
        del file["stimulus_set"]
        file.create_dataset("stimulus_set", (2 * 10**9, 9), "i8", chunks=(1000, 9))
    with pytest.raises(BadDataError, match="has 144,000,000,000 bytes"):
        psiz.read(folder)


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        (lambda d: d["data"].append(7), "does not hold lists of trials"),
        (lambda d: d["data"][0].update(grade=float("nan")), "must be 0 to 100, got nan"),
        (lambda d: d["data"][0].update(grade=10**400), "must be 0 to 100"),
        (lambda d: d["data"][0].update(grade=True), "must be 0 to 100, got True"),
        (lambda d: d["data"][0].update(sequence={"a": 1}), "does not hold lists of trials"),
        (lambda d: d["data"][0]["sequence"][0].update(interactions=5), "lists of trials"),
    ],
)
def test_sequences_with_other_content(psiz_folder, ranked, spoiled, words):
    root = psiz_folder([(100, ranked(2))])
    path = root / "train_seqs/seq_0.json"
    document = json.loads(path.read_text())
    spoiled(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadDataError, match=words):
        psiz.read(root)


def test_deeply_nested_json_and_a_second_catalog(psiz_folder, ranked):
    root = psiz_folder([(100, ranked(2))])
    (root / "train_seqs/seq_1.json").write_text("[" * 100_000)
    with pytest.raises(BadDataError, match="is not a sequence of trials"):
        psiz.read(root)
    (root / "train_seqs/stimuli.txt").write_text("local_id|filepath\n")
    with pytest.raises(BadDataError, match=r"one stimuli\.txt .* got 2"):
        psiz.read(root)


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 5000 + ")" * 5000 + "}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", b"cos\nsystem\n"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", b"123"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", bytes(8)),
        b"\x93NUMPY\x09\x00",
        bytes(20_000),
    ],
)
def test_hostile_votes(bapps_tree, content):
    root = bapps_tree({"cnn": [0.2, 0.8]})
    (root / "2afc/val/cnn/judge/000000.npy").write_bytes(content)
    with pytest.raises(BadDataError, match=r"\.npy"):
        bapps.triplets(root)


def test_patches_are_matched_by_name(bapps_tree):
    """With one file gone in two folders the counts agree, but the trials do not."""
    root = bapps_tree({"cnn": [0.2, 0.8, 1.0]})
    place = root / "2afc/val/cnn"
    for name in ("ref/000000.png", "p0/000001.png", "p1/000001.png", "judge/000002.npy"):
        (place / name).unlink()
    with pytest.raises(BadDataError, match=r"with equal names, .* and no ref/000000"):
        bapps.triplets(root)


def test_objects_follow_one_way_of_naming(tmp_path, draw):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("dog.png", "1.png", "2.png"):
        draw(1, 20, 20).save(images / name)
    (images / "unique_id.txt").write_text("dog\ncat\nowl\n")
    (tmp_path / "val.txt").write_text("0 1 2\n")
    draft = triplet_files.things(tmp_path / "val.txt", image_folder(images))
    assert set(draft.problems) == {"cat", "owl"}  # 1.png may be anything


def test_a_bom_and_semicolons_in_trials(tmp_path, draw):
    for k in range(3):
        draw(k, 20, 20).save(tmp_path / f"{k}.png")
    content = "sep=;\r\nquery;a;b;vote\r\n\r\n0.png;1.png;2.png;nan\r\n"
    (tmp_path / "t.csv").write_bytes(content.encode("utf-16"))
    with pytest.raises(BadDataError, match=r"line 4 of t\.csv .* got 'nan'"):
        triplet_files.triplets(tmp_path / "t.csv")


def test_votes_of_a_zip_of_pickles_are_not_loaded(bapps_tree):
    root = bapps_tree({"cnn": [0.2]})
    out = io.BytesIO()
    np.savez(out, a=np.array([1.0]))
    (root / "2afc/val/cnn/judge/000000.npy").write_bytes(out.getvalue())
    with pytest.raises(BadDataError, match=r"cannot be read as a \.npy file"):
        bapps.triplets(root)
