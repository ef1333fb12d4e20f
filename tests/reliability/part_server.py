"""The app as a process: hostile requests, a full room, and visitors in series."""

import asyncio
import base64
import os
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.reliability import commands
from tests.reliability.part_files import mutate, picture
from tests.reliability.programme import Attempt, Work, part

SECRET = b"the content of a file that no visitor may read"
FOREIGN = [
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", ""),
    *("[::1", "localhost@evil.example", "xn--80ak6aa92e.com", "a" * 5000, "localhost evil", "\x7f"),
]
ORIGINS = ["http://evil.example", "https://localhost.evil.example", "null", "http://[", "file://"]
ROUTES = [
    *("", "static", "app/static", "component", "media", "thumbs", "thumb", "picture", "_stcore"),
    *("_stcore/upload_file", "_stcore/upload_file/x", "_stcore/component", "_stcore/message"),
    *("_stcore/health", "_stcore/stream", "_stcore/bidi-components", "health", "experiments"),
]
STEPS = [
    "..",
    "%2e%2e",
    "..%2f",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "....//",
    "%252e%252e",
    "..%00",
    ".",
]
GOALS = ["secret.txt", "cache/secret.txt", "answers.sqlite", "etc/passwd", "proc/self/environ"]
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "G\0T", "é"]


@dataclass(frozen=True)
class Request:
    """What is sent, and the only statuses that it may get; () for all that are no error."""

    name: str
    content: bytes
    statuses: tuple[int, ...] = ()


def _request(draw: Random, port: int, folder: Path) -> Request:
    kind = draw.randrange(6)
    own = f"127.0.0.1:{port}"
    if kind == 0:
        host = draw.choice(FOREIGN)
        return Request(f"Host {host[:40]!r}", _lines("GET", "/", host), (400, 421, 431))
    if kind == 1:
        origin = draw.choice(ORIGINS)
        path = draw.choice(["/", "/_stcore/stream", "/_stcore/health", "/_stcore/upload_file/a/b"])
        upgrade = {"Origin": origin} | (_upgrade() if "stream" in path else {})
        content = _lines("GET", path, own, upgrade)
        return Request(f"Origin {origin!r} {path}", content, (400, 403))
    if kind == 2:
        steps = draw.choice(STEPS)
        climbed = "/".join([steps] * draw.randrange(1, 12))
        goal = draw.choice([*GOALS, f"{folder}/cache/secret.txt"])
        path = f"/{draw.choice(ROUTES)}/{climbed}/{goal}"
        return Request(path, _lines(draw.choice(METHODS), path, own))
    if kind == 3:
        text = draw.choice(commands.HOSTILE)[:3000]
        query = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
        path = f"/{draw.choice(ROUTES)}?collection={query}&participant={query}"
        return Request(f"query {text[:30]!r}", _lines("GET", path, own))
    if kind == 4:
        headers = {
            draw.choice(["X-A", "Content-Length", "Transfer-Encoding", "Range", "Cookie"]): (
                draw.choice(["-1", "9" * 30, "chunked, chunked", "bytes=-9", "a" * 9000, "\0", "é"])
            )
        }
        path = f"/{draw.choice(ROUTES)}"
        return Request(f"{headers}", _lines(draw.choice(METHODS), path, own, headers, b"body"))
    whole = _lines("GET", "/", own, _upgrade())
    return Request("mutated", mutate(whole, draw))


def _upgrade() -> dict[str, str]:
    key = base64.b64encode(os.urandom(16)).decode()
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "streamlit",
    }


def _lines(
    method: str, path: str, host: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


def _answer(port: int, content: bytes) -> bytes:
    """What the server answers until it closes the connection, pauses, or has sent enough."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(content)
            connection.settimeout(20 if content.endswith(b"\r\n\r\n") else 0.3)
            while len(answer) < 300_000:
                block = connection.recv(65536)
                if not block:
                    break
                answer += block
                connection.settimeout(0.3)
        except OSError:  # it was closed, or the request is not complete
            pass
    return answer


def _fault(request: Request, answer: bytes) -> str:
    words = answer.split(b"\r\n", 1)[0].split(b" ")
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if SECRET in answer or b"root:x:0" in answer or b"SQLite format" in answer:
        return "a file outside was sent"
    if b"Traceback" in answer:
        return "a traceback"
    if status >= 500 and status != 501:
        return f"status {status}"
    if request.statuses and status not in {0, *request.statuses}:
        return f"status {status}"
    return ""


@contextmanager
def _serving(work: Work, *options: str) -> Iterator[object]:
    """The app with the tiny collection and an experiment, and its process."""
    from simcore.lab.people import experiments
    from tests.pages.browser.tab import running

    commands.prepare(work.folder)
    (work.folder / "cache" / "secret.txt").write_bytes(SECRET)
    (work.folder / "secret.txt").write_bytes(SECRET)
    plan = experiments.Plan(experiments.parse(["random"], 6), 5)
    experiments.create("pilot", "tiny", plan)
    with running(*options) as app:
        yield app


@part("hostile HTTP requests: paths, Host, Origin, headers, bytes", seconds=60)
def requests(work: Work) -> Generator[Attempt, None, None]:
    """No file from outside, no error of the server, and it still answers afterwards."""
    from tests.pages.browser.tab import fetch

    with _serving(work, "--kiosk") as app:
        for number in range(work.count(1000)):
            request = _request(work.random, app.port, work.folder)
            fault = _fault(request, _answer(app.port, request.content))
            yield Attempt(f"{number} {request.name[:100]}", fault)
        status, _, _ = fetch(app.address + "/health")
        yield Attempt("afterwards", "" if status == 200 else f"status {status}")


@part("hostile uploads to the server", seconds=30)
def uploads(work: Work) -> Generator[Attempt, None, None]:
    """Without a session nothing is stored, whatever is sent."""
    with _serving(work, "--kiosk") as app:
        for _ in range(work.count(200)):
            data = mutate(picture("PNG"), work.random)
            name = work.random.choice(["a", "..", "%2e%2e%2fa", "a" * 3000, "%00", "é"])
            session = work.random.choice(["a", "..", "%2e%2e", "0" * 32, "%2fetc"])
            length = work.random.choice([len(data), 0, -1, 10**12, len(data) + 9])
            path = f"/_stcore/upload_file/{session}/{name}"
            headers = {"Content-Length": str(length)}
            method = work.random.choice(["PUT", "PUT", "POST", "DELETE"])
            content = _lines(method, path, f"127.0.0.1:{app.port}", headers, data)
            answer = _answer(app.port, content)
            fault = _fault(Request(path, content), answer)
            if answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")) and method == "PUT":
                fault = "stored without a session"
            yield Attempt(f"{method} {path[:60]} {length}", fault)


@part("sessions in a full room, 50 of them answering", seconds=400)
def room(work: Work) -> Generator[Attempt, None, None]:
    """Nobody sees an error, every answer is kept, and descriptors come back."""
    import numpy as np
    import psutil

    from simcore.lab.people import experiments, participation
    from tests.ui import full_room

    with _serving(work, "--kiosk") as app:
        people = work.count(full_room.PARTICIPANTS)
        codes = [participation.join("pilot") for _ in range(people)]
        process = psutil.Process(app.process.pid)
        asyncio.run(full_room.warm_up(app.address))
        time.sleep(5)  # until those who warmed it up are gone
        at_start, memory = process.num_fds(), process.memory_info().rss
        count = work.count(full_room.VISITORS)
        filled = asyncio.run(full_room.fill(app.address, codes, process, count))
        after = full_room.settled(process, at_start)
        grown = (process.memory_info().rss - memory) / 2**20
        log = (work.folder / "cache" / "logs" / "app.log").stat().st_size
    for number in range(count):
        fault = filled.failures[number] if number < len(filled.failures) else ""
        yield Attempt(f"session {number}", fault)
    stored = experiments.listing()[0].answers
    expected = people * full_room.ANSWERS
    yield Attempt("answers", "" if stored == expected else f"{stored} of {expected} are stored")
    back = after <= at_start + 10
    yield Attempt("descriptors", "" if back else f"{at_start} before, {after} after")
    yield Attempt("log", "" if log < 1_000_000 else f"{log:,} bytes")
    median, p95 = np.quantile(filled.seconds, [0.5, 0.95]) if filled.seconds else (0.0, 0.0)
    work.notes.append(
        f"{stored} answers, median {median:.2f} s, 95th percentile {p95:.2f} s; descriptors "
        f"{at_start} before, {filled.most} with all, {after} after; memory {grown:+.0f} MB; "
        f"log {log:,} bytes"
    )


@part("sessions in series", seconds=60)
def series(work: Work) -> Generator[Attempt, None, None]:
    """As many as fit; in the second half, memory does not grow.

    Streamlit keeps a session for two minutes after its page was closed, so descriptors have not
    come back when this part ends; that they do is seen in the full room.
    """
    import numpy as np
    import psutil

    from tests.ui import full_room

    with _serving(work, "--kiosk") as app:
        process = psutil.Process(app.process.pid)
        asyncio.run(full_room.warm_up(app.address))
        samples, count = [], 0
        end = time.monotonic() + 55 * work.scale * work.patience
        while time.monotonic() < end and count < work.count(10_000):
            fault = asyncio.run(full_room.visit(app.address, full_room.PAGES[count % 3]))
            count += 1
            samples.append(process.memory_info().rss / 2**20)
            yield Attempt(f"session {count}", fault)
        quarter = max(1, len(samples) // 4)
        middle, last = np.mean(samples[quarter : 2 * quarter]), np.mean(samples[-quarter:])
    numbers = (
        f"{count} sessions; from their second to their last quarter, memory {middle:.0f} to "
        f"{last:.0f} MB on average"
    )
    work.notes.append(numbers)
    flat = last < middle + max(20, count / 100)
    yield Attempt("memory", "" if flat else numbers)
