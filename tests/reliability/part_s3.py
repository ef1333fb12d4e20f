"""S3 interrupted, against a server on this machine; without it, a note says so."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from unittest import mock

import numpy as np

from tests.reliability.part_kills import APPEND, start_and_kill
from tests.reliability.part_parsers import fault_of
from tests.reliability.programme import Attempt, Work, part

MAX_SECONDS = 90.0  # until a lost connection is reported
EXPIRED = b"""<?xml version="1.0"?><Error><Code>ExpiredToken</Code>
<Message>The provided token has expired.</Message></Error>"""


class _Expired(BaseHTTPRequestHandler):
    """Answers as S3 does when a session's credentials have expired."""

    def _refuse(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(EXPIRED)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(EXPIRED)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _refuse

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def _moto() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """moto's S3 over HTTP: its address, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        request = urllib.request.Request(f"{address}/bucket", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        yield address, server
    finally:
        server.kill()
        server.wait(30)


def _credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "made",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _timed(call: Callable[[], object]) -> str:
    """What is wrong with how a call failed: it must be one sentence, in time."""
    from simcore.errors import SimError

    failed: list[str] = []

    def attempt() -> None:
        try:
            call()
        except SimError as error:
            failed.append(str(error))
            raise

    start = time.monotonic()
    fault = fault_of(attempt)
    seconds = time.monotonic() - start
    if not fault and not failed:
        return "no error was reported"
    return fault or (f"took {seconds:.0f} s" if seconds > MAX_SECONDS else "")


def _operations(address: str) -> dict[str, Callable[[], object]]:
    """What users do with a bucket."""
    from simcore.data import images, storage
    from simcore.data.collections import collection_catalog
    from simcore.data.store.feature_key import FeatureKey
    from simcore.data.store.feature_store import FeatureStore
    from simcore.types import Preprocessing

    key = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 8)
    row = [np.zeros((1, 8), np.float32)]
    place = storage.Folder(address)
    return {
        "list": lambda: place.files("x"),
        "read": lambda: place.read("x"),
        "write": lambda: place.write("x", b"x"),
        "remove": lambda: place.remove("x"),
        "store": lambda: FeatureStore(f"{address}/features").append(key, ["a"], row),
        "collection": lambda: collection_catalog.add("images", f"{address}/set", name="away"),
        "picture": lambda: images.read(storage.path(f"{address}/a.png")),
    }


@part("S3: killed writers, a lost connection, expired credentials", seconds=110)
def s3(work: Work) -> Generator[Attempt, None, None]:
    """What was acknowledged is there; everything else is one sentence in time."""
    from simcore import memory
    from simcore.data.store.feature_key import FeatureKey
    from simcore.data.store.feature_store import FeatureStore
    from simcore.types import Preprocessing

    if find_spec("moto") is None:
        work.notes.append("not tried, moto is not installed")
        return
    os.environ["SIMCORE_CACHE"] = str(work.folder / "cache")
    key = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 8)
    expired = ThreadingHTTPServer(("127.0.0.1", 0), _Expired)
    threading.Thread(target=expired.serve_forever, daemon=True).start()
    with mock.patch.dict(os.environ, _credentials(f"http://127.0.0.1:{expired.server_port}")):
        for name, call in _operations("s3://bucket").items():
            yield Attempt(f"expired credentials, {name}", _timed(call))
    expired.shutdown()
    memory.clear()
    with _moto() as (address, server), mock.patch.dict(os.environ, _credentials(address)):
        root = "s3://bucket/features"
        for number in range(work.count(5)):
            delay = 1.5 * work.random.random()
            lines = start_and_kill(APPEND, [root, str(number)], delay)
            absent = FeatureStore(root).missing(key, [f"{number} {row}" for row in lines])
            fault = f"{len(absent)} of {len(lines)} rows lost" if absent else ""
            yield Attempt(f"killed writer {number} after {len(lines)} rows", fault)
        operations = _operations("s3://bucket")
        server.send_signal(signal.SIGKILL)
        server.wait()
        memory.clear()
        for name, call in operations.items():
            yield Attempt(f"lost connection, {name}", _timed(call))
    memory.clear()
