"""Networks, readers, extraction, similarity and training on a CUDA device; one JSON document.

    python -m benchmarks.gpu [--device cuda] [--quick] [--json FILE] [--only networks,...]

Needs PyTorch, torchvision, timm, NumPy, Pillow, pyarrow and pandas, and no network connection:
weights are random and pictures are drawn. What another package would add is skipped with a reason.
`--device cpu --quick` runs every part at a small size, to see that it works.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import gpu_extraction, gpu_networks, gpu_similarity, results_table, runner
from benchmarks.results_table import Line, skipped
from simcore.errors import SimError
from simcore.models import forward

Section = Callable[[str, bool, float], Iterator[Line]]
SECTIONS: dict[str, tuple[Section, float]] = {  # and the share of the time after which it ends
    "extraction": (gpu_extraction.measure, 0.4),
    "similarity": (gpu_similarity.measure, 0.6),
    "networks": (gpu_networks.measure, 0.95),
}
MINUTES = 8.0


def measure(
    device: str, quick: bool, only: Sequence[str] = (), minutes: float = MINUTES
) -> Iterator[Line]:
    """The lines of every section, as they are measured.

    Args:
        only: names of `SECTIONS`; all if empty.
        minutes: what does not begin before is skipped, and the line says so.
    """
    forward.resolve_device(device)  # which also makes fp32 mean fp32, without TF32
    began = time.monotonic()
    for name, (section, share) in SECTIONS.items():
        if only and name not in only:
            continue
        try:
            for line in section(device, quick, began + 60 * minutes * share):
                # What is small meets any aim: that says nothing.
                yield replace(line, aim=None) if quick else line
        except Exception as error:  # the other sections are still worth measuring
            yield skipped(name, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def lines(quick: bool = False) -> list[Line]:
    """All of it, or one line that says that there is no such device."""
    import torch

    if not torch.cuda.is_available():
        return [skipped("everything on a GPU", "no CUDA device here")]
    return list(measure("cuda", quick))


def main() -> None:
    """Run, print each line as it comes, and write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether everything runs")
    parser.add_argument("--only", default="", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--json", type=Path, help="where the document is written")
    args = parser.parse_args()
    only = [name.strip() for name in args.only.split(",") if name.strip()]
    if unknown := set(only) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; choose of {', '.join(SECTIONS)}")
    _check_device(parser, args.device)
    began, load = time.monotonic(), results_table.load()
    print(results_table.machine_text())
    results = []
    for line in measure(args.device, args.quick, only, args.minutes):
        print(results_table.text(line), flush=True)
        results.append(line)
    command = "python -m benchmarks.gpu " + " ".join(sys.argv[1:])
    document = runner.document(results, command.strip(), time.monotonic() - began, load)
    if args.json is not None:
        args.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        print(f"written to {args.json}")


def _check_device(parser: argparse.ArgumentParser, device: str) -> None:
    try:
        forward.resolve_device(device)
    except SimError:
        parser.error("no CUDA device here; use --device cpu --quick to try the script")


if __name__ == "__main__":
    main()
