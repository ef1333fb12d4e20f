"""Every format is read as published, and broken files give one sentence each."""

import io
import json
import tarfile
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.data.fetch import archives, pip_archives
from simcore.data.judgements import bapps, judgement_catalog, psiz, triplet_files
from simcore.data.judgements.trial_draft import image_folder
from simcore.data.judgements.trials import OddOneOut, SameDifferent
from simcore.errors import BadDataError, SimError, UnknownNameError
from simcore.evaluate.judgements import human_ceiling, jnd, two_afc
from simcore.models.distances import pair_distances
from simcore.types import Skipped
from tests.data.judgements.conftest import step

PSIZ = "psiz-datasets==0.2.1"


def test_bapps_from_files_to_a_2afc_score(bapps_tree):
    root = bapps_tree({"cnn": [0.2, 0.8, 1.0, 0.0], "traditional": [0.4, 0.6]})
    judged = judgement_catalog.add("bapps", root, name="mine")
    some = judged.triplets
    assert some.group == ("traditional",) * 2 + ("cnn",) * 4  # the papers' order
    assert some.votes_n.tolist() == [5] * 6
    np.testing.assert_allclose(some.vote, [0.4, 0.6, 0.2, 0.8, 1.0, 0.0], atol=1e-7)
    assert some.images.paths[some.ref[0]].parent.name == "ref"
    assert some.images.paths[some.right[0]].parent.name == "p1"
    both = [
        pair_distances.measure(["pixel-l2"], some.images, some.ref, side)[0]["pixel-l2"]
        for side in (some.left, some.right)
    ]
    left, right = both
    # The fixture spoils the side that fewer people chose, so pixels earn the ceiling.
    assert two_afc.score(left, right, some.vote).value == human_ceiling.ceiling(some.vote).value
    assert human_ceiling.pairwise(some.vote, some.votes_n).value == pytest.approx(
        np.mean([(k * (k - 1) + (5 - k) * (4 - k)) / 20 for k in (2, 3, 1, 4, 5, 0)])
    )


def test_bapps_jnd_from_files_to_a_score(bapps_tree):
    root = bapps_tree({"cnn": [0.0, 1.0, 1 / 3]}, kind="jnd")
    judged = judgement_catalog.add("bapps-jnd", root, name="mine")
    assert isinstance(judged.trials, SameDifferent)
    assert judged.trials.votes_n.tolist() == [3] * 3
    found, _ = pair_distances.measure(
        ["pixel-l2"], judged.trials.images, judged.trials.first, judged.trials.second
    )
    assert 0 < jnd.average_precision(found["pixel-l2"], judged.trials.same).value <= 1
    with pytest.raises(BadDataError, match="same-or-different"):
        judged.triplets  # noqa: B018


def test_two_splits_are_separate_groups(bapps_tree):
    bapps_tree({"cnn": [0.5, 1.0]}, split="train")
    root = bapps_tree({"cnn": [0.2]}, split="val")
    found = bapps.triplets(root)
    assert found.group == ("train/cnn", "train/cnn", "val/cnn")
    assert found.votes_n.tolist() == [2, 2, 5]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda p: np.save(p / "judge/000000.npy", np.array([1.5])),
            "one share between 0 and 1, got 1.5",
        ),
        (lambda p: np.save(p / "judge/000000.npy", np.array([np.nan])), "no single number"),
        (lambda p: np.save(p / "judge/000000.npy", np.zeros(2)), "no single number"),
        (lambda p: (p / "judge/000000.npy").write_bytes(b"x"), "cannot be read as a .npy file"),
        (lambda p: (p / "p1/000001.png").unlink(), "as many files in each.*2 in ref/.*1 in p1/"),
    ],
)
def test_broken_bapps_files_give_one_sentence_and_leave_nothing(bapps_tree, cache, spoil, words):
    root = bapps_tree({"cnn": [0.2, 0.8]})
    spoil(root / "2afc/val/cnn")
    with pytest.raises(BadDataError, match=words):
        judgement_catalog.add("bapps", root, name="mine")
    assert judgement_catalog.names() == []
    assert not any((cache / "trials").iterdir())


def test_truncated_tar_gives_one_sentence(bapps_tree, tmp_path, cache):
    root = bapps_tree({"cnn": [0.2, 0.8]})
    whole = tmp_path / "twoafc_val.tar.gz"
    with tarfile.open(whole, "w:gz") as tar:
        tar.add(root, "dataset")
    assert len(judgement_catalog.add("bapps", whole, name="whole").triplets) == 2
    data = whole.read_bytes()
    for share in (0.3, 0.7, 0.999):
        half = tmp_path / "half.tar.gz"
        half.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(BadDataError, match="not a complete archive"):
            judgement_catalog.add("bapps", half, name="half")
    assert judgement_catalog.names() == ["whole"]
    assert [p.name for p in (cache / "trials").iterdir()] == ["whole"]


def test_unsafe_archives_are_refused(tmp_path):
    for name, link in (("../out.png", False), ("/out.png", False), ("a.png", True)):
        path = tmp_path / "bad.tar"
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info, io.BytesIO())
        with pytest.raises(BadDataError, match=r"Do not trust|link"):
            archives.extract(path, tmp_path / "out", limits=archives.DATASET)
        assert not (tmp_path / "out").exists()
    with zipfile.ZipFile(tmp_path / "big.zip", "w") as file:
        file.writestr("a.csv", "x" * 100)
    limits = replace(archives.DATASET, total=50)
    with pytest.raises(BadDataError, match="more than 50 bytes"):
        archives.extract(tmp_path / "big.zip", tmp_path / "out", limits=limits)


def test_sequences_become_triplets(psiz_folder, bird_images, ranked):
    query_first = step([5, 5, *range(10, 17)], [5, 10])
    small = step([1, 2, 3], [3], kind="rank:2rank1")
    steps = [*ranked(20), query_first, step([*range(1, 10)], [2, 3], catch=100), small]
    root = psiz_folder([(100, steps), (67, ranked(5, 1)), (100, [{"kind": "placeholder"}])])
    trials, notes = psiz.read(root)
    assert len(trials) == 21
    assert "1 sequences with a failed catch trial (5 trials), 2 catch trials, 1 of" in notes[0]
    judged = judgement_catalog.add(
        "birds-16", root, name="birds", images=bird_images, seed=3, keep_alternatives=True
    )
    some = judged.triplets
    assert {g: some.group.count(g) for g in dict.fromkeys(some.group)} == {
        "8rank2 similar": 20,
        "8rank2 dissimilar": 20,
        "2rank1 dissimilar": 1,
    }
    assert some.images.ids[some.ref[40]] == "set/c1/img_001.png"
    assert some.images.ids[some.left[40]] == "set/c3/img_003.png"  # the one that was chosen
    assert (some.vote == 0).all()
    np.testing.assert_array_equal(some.left[:20], some.left[20:40])
    for k in range(20):
        trial = {trials.stimuli[s].lstrip("/") for s in trials.shown[k] if s >= 0}
        far = some.images.ids[some.right[20 + k]]
        alternatives = {some.images.ids[i] for i in judged.alternatives[20 + k] if i >= 0}
        assert far in trial - {some.images.ids[i] for i in (some.left[k], some.right[k])}
        assert len(alternatives) == 5
        assert far not in alternatives
        assert alternatives < trial


def test_zip_of_sequences_is_read_without_extracting(psiz_folder, bird_images, ranked, tmp_path):
    root = psiz_folder([(100, ranked(6))])
    with zipfile.ZipFile(tmp_path / "birds16.zip", "w") as file:
        for path in root.rglob("*.*"):
            file.write(path, path.relative_to(root))
    judged = judgement_catalog.add(
        "birds-16", tmp_path / "birds16.zip", name="b", images=bird_images
    )
    assert len(judged.triplets) == 12
    data = (tmp_path / "birds16.zip").read_bytes()
    (tmp_path / "half.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadDataError, match="cut short or damaged"):
        judgement_catalog.add("birds-16", tmp_path / "half.zip", name="h", images=bird_images)
    assert judgement_catalog.names() == ["b"]


def test_missing_images_are_counted_and_listed(psiz_folder, bird_images, ranked):
    root = psiz_folder([(100, ranked(30))])
    (bird_images / "set/c1/img_001.png").unlink()
    (bird_images / "set/c2/img_002.png").write_bytes(b"no image")
    judged = judgement_catalog.add("birds-16", root, name="birds", images=bird_images)
    assert [s.name for s in judged.skipped] == ["set/c1/img_001.png", "set/c2/img_002.png"]
    assert "1 missing images" in " ".join(judged.notes)
    assert "1 unusable images" in " ".join(judged.notes)
    assert 0 < len(judged.triplets) < 60
    with pytest.raises(BadDataError, match="needs a folder of images"):
        judgement_catalog.add("birds-16", root, name="none")
    with pytest.raises(BadDataError, match="no image below"):
        judgement_catalog.add("birds-16", root, name="none", images=root)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (step([99, *range(2, 10)], [2, 3]), "'PZ001000002R' for content:query.*catalog"),
        (step([*range(1, 10)], [2, 30]), "not among its references"),
        (step([*range(1, 10)], [2, 2]), "not among its references"),
    ],
)
def test_bad_stimulus_gives_one_sentence(psiz_folder, bird_images, bad, words):
    with pytest.raises(BadDataError, match=words):
        judgement_catalog.add("hsj", psiz_folder([(100, [bad])]), name="x", images=bird_images)
    assert judgement_catalog.names() == []


def test_broken_sequences_give_one_sentence(psiz_folder):
    root = psiz_folder([(100, [])])
    with pytest.raises(BadDataError, match="no usable trial"):
        psiz.read(root)
    (root / "train_seqs/seq_0.json").write_text("[1")
    with pytest.raises(BadDataError, match="not a sequence of trials"):
        psiz.read(root)
    (root / "stimuli.txt").unlink()
    with pytest.raises(BadDataError, match=r"one stimuli\.txt .*got 0"):
        psiz.read(root)


@pytest.mark.parametrize(
    ("kind", "count", "catches"), [("birds16_rank2019", 54, 6), ("ilsvrc2012_val_hsj", 122, 8)]
)
def test_the_published_samples_are_read(kind, count, catches, tmp_path):
    try:
        wheel = pip_archives.download_archive(PSIZ)
    except SimError as error:
        pytest.skip(f"no samples: {error}")
    with zipfile.ZipFile(wheel) as file:
        for name in file.namelist():
            head, found, tail = name.partition(f"{kind}/dummy_data/")
            if found and tail and not head.endswith("info/"):
                (tmp_path / tail).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / tail).write_bytes(file.read(name))
    # The samples' catalogues are cut to a few lines; the rest is added as the trials name it.
    with pytest.raises(BadDataError, match="not in the catalog"):
        psiz.read(tmp_path)
    lines = (tmp_path / "stimuli.txt").read_text().splitlines()
    ids = {}
    for path in tmp_path.rglob("*.json"):
        for trial in json.loads(path.read_text())["data"][0]["sequence"]:
            for act in trial["interactions"]:
                if act["detail"].startswith("PZ"):
                    ids[int(act["detail"][5:], 36)] = act["detail"][5:]
    listed = {int(line.split("|")[0], 36) for line in lines[1:]}
    extra = [f"{ids[k]}|/added/{k}.jpg|x|x" for k in sorted(set(ids) - listed)]
    (tmp_path / "stimuli.txt").write_text("\n".join([*lines, *extra]))
    trials, notes = psiz.read(tmp_path)
    assert len(trials) == count
    assert f"{catches} catch trials" in notes[0]
    assert (trials.chosen == 2).all()


def old_file(path, *, text=bytes, stimulus=4):
    """Trials and a catalogue as psiz 0.4 wrote them."""
    shown = np.array(
        [
            [0, 3, 1, 2, stimulus, 5, 6, 7, 8],
            [1, 2, 3, -1, -1, -1, -1, -1, -1],
            [2, 2, 1, 3, 4, 5, 6, 7, 8],
            [3, 1, 2, 4, 5, 6, 7, 8, 9],
        ]
    )
    with h5py.File(path / "obs-118.hdf5", "w") as file:
        file["trial_type"] = np.bytes_("RankObservations") if text is bytes else "RankObservations"
        file["stimulus_set"] = shown
        file["n_select"] = np.array([2, 1, 2, 2])
        file["is_ranked"] = np.ones(4, bool)
        file["weight"] = np.array([1.0, 1.0, 1.0, 0.67])
    names = [f"/set/c{k % 4}/img_{k:03}.png" for k in range(1, 11)]
    with h5py.File(path / "catalog.hdf5", "w") as file:
        file["stimulus_id"] = np.arange(10)
        kind = "S40" if text is bytes else h5py.string_dtype()
        file.create_dataset("stimulus_filepath", data=np.array(names, "S40").astype(kind))
        file["class_id"] = np.zeros(10)


@pytest.mark.parametrize("text", [bytes, str])
def test_hdf5_with_bytes_or_text(tmp_path, bird_images, text):
    old = tmp_path / "old"
    old.mkdir()
    old_file(old, text=text)
    for source in (old, old / "obs-118.hdf5"):
        trials, notes = psiz.read_hdf5(*psiz.find_hdf5(source))
        assert trials.shown[0].tolist() == [0, 3, 1, 2, 4, 5, 6, 7, 8]
        assert trials.chosen.tolist() == [2, 1]
        assert "1 with a failed catch trial, 1 catch trials, 0 of another" in notes[0]
        assert trials.stimuli[3] == "/set/c0/img_004.png"
    judged = judgement_catalog.add("birds-16", old, name="old", images=bird_images)
    assert judged.triplets.group == ("8rank2 similar", "8rank2 dissimilar", "2rank1 dissimilar")
    assert judged.triplets.images.ids[judged.triplets.left[0]] == "set/c0/img_004.png"


def test_broken_hdf5_gives_one_sentence(tmp_path, bird_images):
    old = tmp_path / "old"
    old.mkdir()
    with pytest.raises(BadDataError, match="0 files of trials"):
        psiz.find_hdf5(old)
    old_file(old, stimulus=77)
    with pytest.raises(BadDataError, match=r"Trial 0 .*stimulus 77.*catalog"):
        judgement_catalog.add("hsj", old, name="x", images=bird_images)
    data = (old / "obs-118.hdf5").read_bytes()
    (old / "obs-118.hdf5").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadDataError, match="not a complete HDF5"):
        judgement_catalog.add("hsj", old, name="x", images=bird_images)
    assert judgement_catalog.names() == []


def nights_folder(tmp_path, draw, rows):
    root = tmp_path / "nights"
    for k in range(3):
        for name in (f"ref/000/{k}.png", f"distort/000/{k}_0.png", f"distort/000/{k}_1.png"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            draw(k, 20, 20).save(root / name)
    head = "id,left_vote,right_vote,votes,ref_path,left_path,right_path,prompt,is_imagenet,split"
    lines = [
        f"{k},{left},{right},{votes},ref/000/{k}.png,distort/000/{k}_0.png,distort/000/{k}_1.png,"
        f"a {k},{imagenet},{split}"
        for k, (left, right, votes, imagenet, split) in enumerate(rows)
    ]
    (root / "data.csv").write_text("\n".join([head, *lines]))
    return root


def test_nights(tmp_path, draw):
    root = nights_folder(
        tmp_path,
        draw,
        [(1, 0, 6, "True", "test"), (0, 1, 8, "False", "test"), (0, 1, 5, "True", "train")],
    )
    judged = judgement_catalog.add("nights", root, name="nights")
    assert judged.triplets.vote.tolist() == [0, 1]
    assert judged.triplets.votes_n.tolist() == [6, 8]
    assert judged.triplets.group == ("test_imagenet", "test_no_imagenet")
    assert "1 triplets with fewer than 6" in judged.notes[0]
    (root / "data.csv").write_text("id,ref_path\n1,a.png")
    with pytest.raises(BadDataError, match="no column"):
        triplet_files.nights(root)


def test_things(tmp_path, draw):
    images = tmp_path / "things"
    images.mkdir()
    for k in range(4):
        draw(k, 20, 20).save(images / f"{k}.png")
    table = tmp_path / "val.txt"
    table.write_text("0 1 2\n2 3 0\n")
    judged = judgement_catalog.add("things", table, name="things", images=images)
    assert isinstance(judged.trials, OddOneOut)
    names = [[judged.trials.images.ids[i] for i in row] for row in judged.trials.items]
    assert names == [["0", "1", "2"], ["2", "3", "0"]]
    (tmp_path / "unique_id.txt").write_text("aardvark\nabacus\nacorn\n")
    with pytest.raises(BadDataError, match="object 3 in line 2"):
        triplet_files.things(table, image_folder(images))
    for name in ("aardvark", "abacus_01b", "acorn"):
        draw(9, 20, 20).save(images / f"{name}.png")
    table.write_text("2 0 1\n")
    named = triplet_files.things(table, image_folder(images))
    assert named.ids == ("acorn", "aardvark", "abacus")
    assert [p.stem for p in named.paths] == ["acorn", "aardvark", "abacus_01b"]
    table.write_text("0 1\n")
    with pytest.raises(BadDataError, match="three different object numbers"):
        triplet_files.things(table, image_folder(images))


def test_csv_of_triplets(tmp_path, draw):
    for k in range(3):
        draw(k, 20, 20).save(tmp_path / f"{k}.png")
    table = tmp_path / "mine.csv"
    table.write_text(
        "query,a,b,vote,group,votes\n0.png,1.png,2.png,0.25,x,4\n0.png,2.png,1.png,1,,\n"
    )
    judged = judgement_catalog.add("triplets", table, name="mine")
    assert judged.triplets.vote.tolist() == [0.25, 1]
    assert judged.triplets.group == ("x", "all")
    assert judged.triplets.votes_n.tolist() == [4, 0]
    for cell, words in (("1.2", "0 and 1"), ("much", "0 and 1"), ("", "0 and 1")):
        table.write_text(f"query,a,b,vote\n0.png,1.png,2.png,{cell}\n")
        with pytest.raises(BadDataError, match=f"line 2 of mine.csv.*{words}"):
            judgement_catalog.add("triplets", table, name="bad")
    table.write_text("query,a,b,vote\n../0.png,1.png,2.png,1\n")
    with pytest.raises(BadDataError, match="leads outside"):
        judgement_catalog.add("triplets", table, name="bad")
    assert judgement_catalog.names() == ["mine"]


def test_csv_of_anchors(tmp_path, draw):
    for k in range(3):
        draw(k, 20, 20).save(tmp_path / f"{k}.png")
    table = tmp_path / "mine.csv"
    table.write_text("Negative;group;anchor;positive\n2.png;x;0.png;1.png\n0.png;;1.png;2.png\n")
    judged = judgement_catalog.add("triplets", table, name="mine").triplets
    rows = zip(judged.ref, judged.left, judged.right, strict=True)
    files = [[judged.images.paths[row].stem for row in trial] for trial in rows]
    assert files == [["0", "1", "2"], ["1", "2", "0"]]
    assert judged.vote.tolist() == [0, 0]  # all chose the first, the positive
    assert judged.group == ("x", "all")
    table.write_text("anchor,positive,negative\n0.png,1.png,\n")
    with pytest.raises(BadDataError, match="anchor, positive and negative are needed"):
        judgement_catalog.add("triplets", table, name="bad")


def test_names_are_unique_and_sets_can_be_removed(bapps_tree, cache):
    root = bapps_tree({"cnn": [0.2, 0.8, 0.6], "color": [0.0, 1.0, 1.0]})
    one = judgement_catalog.add("bapps", root, name="one")
    two = judgement_catalog.add("bapps", root, name="two", size=2, seed=1)
    assert judgement_catalog.summary("two").groups == {"cnn": 2, "color": 2}
    assert one.digest != two.digest
    assert judgement_catalog.add("bapps", root, name="again").digest == one.digest
    with pytest.raises(BadDataError, match="already"):
        judgement_catalog.add("bapps", root, name="one")
    with pytest.raises(BadDataError, match="is not a valid name"):
        judgement_catalog.add("bapps", root, name="../x")
    with pytest.raises(UnknownNameError, match="Did you mean bapps"):
        judgement_catalog.add("bap", root, name="x")
    judgement_catalog.remove("one")
    assert judgement_catalog.names() == ["again", "two"]
    with pytest.raises(UnknownNameError):
        judgement_catalog.open("one")
    (cache / "trials/two/trials.parquet").write_bytes(b"x")
    with pytest.raises(BadDataError, match="damaged"):
        judgement_catalog.open("two")


def test_sets_stored_earlier_can_be_opened(tmp_path, cache, draw):
    """The files as they have been since format 1; "others" is the count of alternatives."""
    place = cache / "trials" / "old"
    (place / "made").mkdir(parents=True)
    for k in range(5):
        draw(k, 20, 20).save((place / "made" if k < 3 else tmp_path) / f"{k}.png")
    facts = {
        "format": 1,
        "name": "old",
        "created": "2025-01-31T12:00:00+00:00",
        "kind": "hsj",
        "source": "/data/hsj.zip",
        "shape": "triplets",
        "trials": 2,
        "images": 5,
        "groups": {"8rank2 similar": 1, "8rank2 dissimilar": 1},
        "votes": "human",
        "others": 2,
        "notes": ["2 trials"],
        "credits": ["somebody"],
        "skipped": [["a.png", "no image"]],
        "digest": "0123abcd",
    }
    (place / "judgements.json").write_text(json.dumps(facts))
    paths = [f"made/{k}.png" for k in range(3)] + [str(tmp_path / f"{k}.png") for k in (3, 4)]
    images = {"id": list("abcde"), "path": paths, "key": [f"key{k}" for k in range(5)]}
    pq.write_table(pa.table(images), place / "images.parquet")
    trials = {
        "item0": [0, 0],
        "item1": [1, 1],
        "item2": [2, 3],
        "other0": [3, 4],
        "other1": [4, -1],
    }
    trials |= {"vote": [0.0, 0.25], "votes_n": [1, 4], "group": list(facts["groups"])}
    pq.write_table(pa.table(trials), place / "trials.parquet")
    judged = judgement_catalog.open("old")
    assert judged.alternatives.tolist() == [[3, 4], [4, -1]]
    assert judged.triplets.vote.tolist() == [0.0, 0.25]
    assert judged.triplets.votes_n.tolist() == [1, 4]
    assert all(path.is_file() for path in judged.triplets.images.paths)
    assert judged.triplets.images.trim == 0  # older sets do not say
    assert (judged.digest, judged.kind, judged.credits) == ("0123abcd", "hsj", ("somebody",))
    assert judged.skipped == (Skipped("a.png", "no image"),)
    summary = judgement_catalog.summary("old")
    assert (summary.alternatives, summary.trials, summary.created) == (2, 2, facts["created"])
    assert judgement_catalog.open("old") is judged  # read once
    del facts["groups"]
    (place / "judgements.json").write_text(json.dumps(facts))
    with pytest.raises(BadDataError, match="damaged"):
        judgement_catalog.summary("old")


def test_a_new_set_of_the_same_name_is_read_again(bapps_tree):
    root = bapps_tree({"cnn": [0.2, 0.8, 0.6]})
    first = judgement_catalog.add("bapps", root, name="mine")
    assert judgement_catalog.open("mine") is first
    judgement_catalog.remove("mine")
    second = judgement_catalog.add("bapps", root, name="mine", size=2)
    assert len(judgement_catalog.open("mine").triplets) == 2
    assert judgement_catalog.open("mine") is second
