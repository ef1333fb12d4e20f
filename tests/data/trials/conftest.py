"""Judgement files drawn here, in the formats of the data sets."""

import json

import numpy as np
import pytest

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def base36(number):
    """Seven digits of base 36, as local ids are written."""
    out = ""
    for _ in range(7):
        number, digit = divmod(number, 36)
        out = DIGITS[digit] + out
    return out


@pytest.fixture
def bapps_tree(tmp_path, draw):
    """`bapps_tree({"cnn": [votes], ...}, split)` -> the dataset folder in the official layout."""

    def make(distortions, split="val", kind="2afc"):
        root = tmp_path / "dataset"
        sides = ("ref", "p0", "p1") if kind == "2afc" else ("p0", "p1")
        for number, (name, votes) in enumerate(distortions.items()):
            place = root / kind / split / name
            judge = place / ("judge" if kind == "2afc" else "same")
            judge.mkdir(parents=True)
            for side in sides:
                (place / side).mkdir()
            for k, vote in enumerate(votes):
                picture = draw(100 * number + k, 32, 32)
                spoiled = {"ref": 0, "p0": 40 * (vote > 0.5), "p1": 40 * (vote <= 0.5)}
                for side in sides:
                    values = np.asarray(picture, int) + 5 * (side != "ref") + spoiled[side]
                    from PIL import Image

                    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(
                        place / side / f"{k:06}.png"
                    )
                np.save(judge / f"{k:06}.npy", np.array([vote], np.float32))
        return root

    return make


def step(shown, picked, *, kind="rank:8rank2", catch=-1, position=0):
    """One trial as a sequence file tells it: query, references, then the choices."""
    asset = [f"PZ001{base36(k)}" for k in shown]
    interactions = [{"kind": "content:query", "detail": asset[0]}]
    interactions += [
        {"kind": f"content:reference_{k}", "detail": a} for k, a in enumerate(asset[1:])
    ]
    interactions += [
        {"kind": f"behavior:rank_{k}", "detail": f"PZ001{base36(p)}"} for k, p in enumerate(picked)
    ]
    return {
        "position": position, "kind": kind, "grade_objective": catch, "response_time_ms": 900,
        "interactions": [*interactions, {"kind": "behavior:submit_response", "detail": "NA"}],
    }  # fmt: skip


@pytest.fixture
def psiz_folder(tmp_path):
    """`psiz_folder([(grade, [steps])], stimuli=60)` -> folder with stimuli.txt and sequences."""

    def make(sequences, stimuli=60):
        root = tmp_path / "psiz"
        (root / "train_seqs").mkdir(parents=True)
        lines = ["local_id|filepath|common_name"]
        lines += [f"{base36(k)}|/set/c{k % 4}/img_{k:03}.png|bird" for k in range(1, stimuli + 1)]
        (root / "stimuli.txt").write_text("\n".join(lines) + "\n")
        for number, (grade, steps) in enumerate(sequences):
            data = {"version": "1", "data": [{"grade": grade, "sequence": steps}]}
            (root / "train_seqs" / f"seq_{number}.json").write_text(json.dumps(data))
        return root

    return make


@pytest.fixture
def bird_images(tmp_path, draw):
    """The images that `psiz_folder` speaks of."""
    root = tmp_path / "birds"
    for k in range(1, 61):
        path = root / "set" / f"c{k % 4}" / f"img_{k:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(k, 24, 24).save(path)
    return root


@pytest.fixture
def ranked():
    """`ranked(n, seed)` -> n 8rank2 steps over stimuli 1 to 60, choices among the references."""

    def make(count, seed=0):
        random = np.random.default_rng(seed)
        steps = []
        for k in range(count):
            shown = (random.permutation(60)[:9] + 1).tolist()
            picked = random.permutation(shown[1:])[:2].tolist()
            steps.append(step(shown, picked, position=k))
        return steps

    return make
