"""Reads the command blocks of the documentation and runs them as a reader would.

A block is fenced as `console`; its commands are the lines that begin with `$ `, the others are
output. A comment `<!-- skip: REASON -->` in the line before a block says why it is not run.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import yaml

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(?:^<!-- skip: (?P<skip>[^\n]+?) -->\n)?^```console\n(?P<body>.*?)^```", re.M | re.S
)
# Runs `simcore` of this interpreter, whatever is installed.
SHELL = 'set -e -o pipefail\nsimcore() { "$PYTHON" -m simcore "$@"; }\n'
SERVERS = ("simcore app", "simcore demo")
TIMEOUT = 1800  # seconds for one command
START = 600  # seconds until the app answers, with the downloads of the demo


@dataclass(frozen=True)
class Block:
    """One block of commands.

    Attributes:
        page: the file, relative to the repository.
        line: of its first line.
        commands: without the prompt.
        skip: why it is not run; empty if it is.
    """

    page: str
    line: int
    commands: tuple[str, ...]
    skip: str


def pages() -> list[Path]:
    """README and the pages of the site in the order of its navigation, without generated ones."""
    settings = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), yaml.BaseLoader)
    listed = [ROOT / "docs" / name for name in _leaves(settings["nav"])]
    return [ROOT / "README.md", *(path for path in listed if path.exists())]


def _leaves(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict | list):
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from _leaves(inner)


def blocks(path: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = path.read_text("utf-8")
    return [
        Block(
            str(path.relative_to(ROOT)),
            text.count("\n", 0, match.start("body")) + 1,
            tuple(line[2:] for line in match["body"].splitlines() if line.startswith("$ ")),
            match["skip"] or "",
        )
        for match in BLOCK.finditer(text)
    ]


def run(commands: Sequence[str], folder: Path, cache: Path) -> None:
    """Run commands one after the other in a folder, and print how long each took.

    Raises:
        AssertionError: one fails, or the app does not answer.
    """
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "SIMCORE_CACHE": str(cache),
        "COLUMNS": "100",
    }
    for command in commands:
        start = time.monotonic()
        if command.startswith(SERVERS) and "--no-serve" not in command:
            _serve(command, folder, environment)
        else:
            done = subprocess.run(
                ["bash", "-c", SHELL + command],
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
                env=environment,
                timeout=TIMEOUT,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        print(f"{time.monotonic() - start:7.1f} s  {command}", flush=True)


def _serve(command: str, folder: Path, environment: dict[str, str]) -> None:
    """Start the app on a free port, wait until it answers, stop it."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = f"{SHELL}{command.partition('#')[0]} --port {port}"
    process = subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + START
        while not _answers(port):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < end, f"{command} does not answer"
            time.sleep(0.5)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10):
            return True
    except OSError:
        return False
