"""Small judgement files in the formats of the data sets."""

import json
import shutil

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


def step(shown, picked, *, kind="rank:8rank2", catch=-1, position=0):
    """One trial as in a sequence file: query, references, then the choices."""
    asset = [f"PZ001{base36(k)}" for k in shown]
    interactions = [{"kind": "content:query", "detail": asset[0]}]
    interactions += [
        {"kind": f"content:reference_{k}", "detail": a} for k, a in enumerate(asset[1:])
    ]
    interactions += [
        {"kind": f"behavior:rank_{k}", "detail": f"PZ001{base36(p)}"} for k, p in enumerate(picked)
    ]
    return {
        "position": position,
        "kind": kind,
        "grade_objective": catch,
        "response_time_ms": 900,
        "interactions": [*interactions, {"kind": "behavior:submit_response", "detail": "NA"}],
    }


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
    """The images that the trials of `psiz_folder` show."""
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


@pytest.fixture(scope="session")
def known_cache(tmp_path_factory):
    """A cache with the set "known" of three photographs, made once per session."""
    from simcore.data.judgements import known_order
    from simcore.lab.judgements import sets

    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder))
        patch.setattr(known_order, "PHOTOS", dict(list(known_order.PHOTOS.items())[:3]))
        sets.open_("known")
    return folder


@pytest.fixture
def known(known_cache, cache):
    """The set "known", in this test's own cache."""
    from simcore.lab.judgements import sets

    shutil.copytree(known_cache, cache, dirs_exist_ok=True)
    return sets.open_("known")
