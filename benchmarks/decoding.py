"""Decoding JPEG: ours against Pillow alone and faster decoders, on small files and photographs.

    python -m benchmarks.decoding [--images FOLDER]

Small files are those of a folder (`SIMCORE_BENCH_IMAGES` names one too), else drawn as large as
TLL's; photographs of 12 megapixels are drawn. Times are of the processor, all threads together.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.results_table import Line, number, show
from benchmarks.synthetic_images import draw, photograph
from simcore.data import images, network_input
from simcore.types import Array, Preprocessing

HOW = Preprocessing()
ROUNDS = 5
Decode = Callable[[bytes], Array]


def pillow(data: bytes) -> Array:
    """As a script would: open, convert, array."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def pillow_scaled(data: bytes) -> Array:
    """Pillow's draft: the decoder leaves out what a small picture does not show."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (512, 512))
    return np.asarray(image.convert("RGB"))


def others() -> dict[str, Decode]:
    """What else decodes a JPEG."""
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    def torchvision(data: bytes) -> Array:
        raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return decode_jpeg(raw, mode=ImageReadMode.RGB).permute(1, 2, 0).numpy()

    return {
        "Pillow alone": pillow,
        "torchvision": torchvision,
        "simplejpeg alone": simplejpeg.decode_jpeg,
    }


def milliseconds(decoders: dict[str, Callable[[bytes], object]], files: Sequence[bytes]) -> dict:
    """Of the processor for one file: the middle of some rounds, the ways in turn."""
    samples: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(ROUNDS):
        for name, decode in decoders.items():
            decode(files[0])
            began = time.process_time()
            for data in files:
                decode(data)
            samples[name].append(1e3 * (time.process_time() - began) / len(files))
    return {name: statistics.median(times) for name, times in samples.items()}


def apart(one: Decode, other: Decode, files: Sequence[bytes]) -> str:
    """How far two decoders' pixels are apart, in words."""
    most = max(int(np.abs(one(d).astype(int) - other(d).astype(int)).max()) for d in files)
    return "the same pixels" if most == 0 else f"pixels differ by up to {most} of 255"


def compare(what: str, files: Sequence[bytes]) -> list[Line]:
    """Ours against each of the others: the whole picture."""
    decoders = others()
    took = milliseconds({"ours": images.load, **decoders}, files)
    return [
        Line(
            f"decoding {what}",
            took["ours"],
            "ms CPU",
            f"{name}: {number(took[name])} ms",
            took["ours"] / took[name],
            note=apart(images.load, decoder, files[:20]),
        )
        for name, decoder in decoders.items()
    ]


def scaled(size: str, files: Sequence[bytes]) -> list[Line]:
    """A photograph made ready for a network, against decoding it at a part of its size."""

    def turbo_scaled(data: bytes) -> Array:
        return simplejpeg.decode_jpeg(data, min_height=256, min_width=256)

    decoders: dict[str, Decode] = {
        "Pillow's draft": pillow_scaled,
        "simplejpeg scaled": turbo_scaled,
    }

    def ready(decode: Decode) -> Decode:
        return lambda data: network_input.prepare(decode(data), HOW)

    took = milliseconds(
        {
            "ours": ready(images.load),
            **{name: ready(decoder) for name, decoder in decoders.items()},
        },
        files,
    )
    return [
        Line(
            f"{size} decoded and scaled to 224 px",
            took["ours"],
            "ms CPU",
            f"{name}: {number(took[name])} ms",
            took["ours"] / took[name],
            note=apart(ready(images.load), ready(decoder), files),
        )
        for name, decoder in decoders.items()
    ]


def small(folder: str, count: int) -> tuple[str, list[bytes]]:
    """What the small files are, and their bytes."""
    if folder:
        paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
        return f"JPEG files of {Path(folder).name}", [p.read_bytes() for p in paths[:count]]
    with tempfile.TemporaryDirectory() as place:
        return "JPEG files of 200 x 245", [p.read_bytes() for p in draw(Path(place), count).paths]


def measure(folder: str, *, quick: bool = False) -> list[Line]:
    """All of it."""
    description, files = small(folder, 5 if quick else 200)
    photographs = [photograph(seed, 0.1 if quick else 1.0) for seed in range(1 if quick else 3)]
    size = "0.12 megapixels" if quick else "12 megapixels"
    return [
        *compare(description, files),
        *compare(f"photographs of {size}", photographs),
        *scaled(size, photographs),
    ]


def lines(quick: bool = False) -> list[Line]:
    """With the files that the environment names, or drawn ones."""
    return measure(os.environ.get("SIMCORE_BENCH_IMAGES", ""), quick=quick)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", default=os.environ.get("SIMCORE_BENCH_IMAGES", ""))
    show(measure(parser.parse_args().images))


if __name__ == "__main__":
    main()
