"""Many thousand mutations of small inputs through the parsers, without a command around them."""

import traceback
from collections.abc import Callable, Generator

from tests.reliability import commands
from tests.reliability.part_files import mutate, picture
from tests.reliability.programme import Attempt, Work, part


def fault_of(call: Callable[[], object]) -> str:
    """What escaped from a call, other than a sentence for the user."""
    from simcore.errors import SimError

    try:
        call()
    except SimError:
        return ""
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} at {frame.name}:{frame.lineno}"
    return ""


@part("mutated pictures through the decoder", seconds=60)
def pictures(work: Work) -> Generator[Attempt, None, None]:
    """Each becomes pixels or a sentence."""
    from simcore.data import images

    kinds = {kind: picture(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")}
    names = list(kinds)
    for number in range(work.count(4000)):
        kind = names[number % len(names)]
        path = work.folder / f"picture.{kind.lower()}"
        path.write_bytes(mutate(kinds[kind], work.random))
        yield Attempt(f"{kind} {number}", fault_of(lambda path=path: images.load(path)))


@part("hostile text through the parsers of names and recipes", seconds=40)
def texts(work: Work) -> Generator[Attempt, None, None]:
    """Backbones, combinations, weights, conditions, names."""
    from simcore.data import named_folders
    from simcore.lab import recipes
    from simcore.lab.people import experiments

    def recipe(text: str) -> object:
        return recipes.parse([text, "hog"], text[:4], weights=[1.0, 2.0], metric=text[:6])

    def backbone(text: str) -> object:
        return recipes.parse([text], "none", weights=[], metric="own")

    parsers: list[Callable[[str], object]] = [
        recipe,
        backbone,
        named_folders.check_name,
        lambda text: experiments.parse([text, "face@tlld"], 3),
        lambda text: experiments.Plan(experiments.parse([text], 3), consent=text),
    ]
    for number in range(work.count(5000)):
        parser = parsers[number % len(parsers)]
        text = commands.random_text(work.random)
        yield Attempt(f"{text[:40]!r}", fault_of(lambda parser=parser, text=text: parser(text)))


@part("damaged state files through their reader", seconds=40)
def state(work: Work) -> Generator[Attempt, None, None]:
    """Damage is refused, or set aside; nothing else escapes."""
    import numpy as np

    from simcore.data import state_files

    path = work.folder / "state"
    state_files.write_json(path, {"args": ["extract", "tiny"], "started": 1.5, "pid": 12})
    document = path.read_bytes()
    state_files.write_arrays(path, {"at": np.ones((5, 2), np.float32), "cluster": np.arange(5)})
    arrays = path.read_bytes()
    for number in range(work.count(4000)):
        path.write_bytes(mutate(arrays if number % 2 else document, work.random))
        read = state_files.read_arrays if number % 2 else state_files.read_json
        rebuild = number % 4 > 1
        yield Attempt(
            f"state file {number}",
            fault_of(lambda read=read, rebuild=rebuild: read(path, dict, rebuild=rebuild)),
        )
