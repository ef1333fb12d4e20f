"""`simcore app` as a process: its address, its limits, and that nothing of it outlives a signal."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import uvicorn
from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from simcore.__main__ import run
from simcore.lab import jobs, log_files
from simcore.lab.library import collections
from simcore.ui import guard, server
from simcore.ui.guard import Guard
from simcore.ui.server import Limits
from tests.conftest import ROOT
from tests.data import icc
from tests.lab.test_jobs import noise, wait
from tests.pages.browser.tab import running
from tests.ui.simulated_visitor import visiting


async def websocket_app(scope, receive, send):
    """Accepts every WebSocket and answers every request."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
    else:
        await PlainTextResponse(dict(scope["headers"]).get(b"origin", b"").decode())(
            scope, receive, send
        )


def client(host="localhost:8501", **options):
    return TestClient(Guard(websocket_app, **options), base_url=f"http://{host}")


OWN = socket.gethostname()
STREAM = "ws://localhost:8501/_stcore/stream"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8501", 200),
        ("127.0.0.1:8501", 200),
        ("[::1]:8501", 200),
        ("192.168.1.20", 200),  # nobody else can own a numeric name
        (f"{OWN}:8501", 200),
        (f"{OWN.upper()}.local", 200),
        ("workshop.example", 200),  # allowed below
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8501", 421),
        ("evil.example:80@localhost", 200),  # a user name in it; the host is localhost
        ("", 421),
        ("[::1", 421),
    ],
)
def test_only_own_names_are_answered(host, status):
    response = client(hosts=["workshop.example"]).get("/", headers={"Host": host})
    assert response.status_code == status
    assert "<script" not in client().get("/", headers={"Host": "<script>x"}).text


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),  # not a browser
        ("http://localhost:8501", True),
        ("http://localhost:8502", False),  # another app of the same computer
        ("http://evil.example", False),
        ("https://workshop.example", True),  # allowed below; a proxy has renamed the host
        ("null", False),
        ("file://", False),
        ("http://[", False),
    ],
)
def test_only_own_pages_are_answered(origin, allowed):
    headers = {} if origin is None else {"Origin": origin}
    tested = client(hosts=["workshop.example"])
    assert tested.get("/", headers=headers).status_code == (200 if allowed else 403)
    if not allowed:
        with pytest.raises(WebSocketDisconnect), tested.websocket_connect(STREAM, headers=headers):
            pass
        return
    with tested.websocket_connect(STREAM, headers=headers):
        pass
    if origin is not None and "workshop" in origin:  # else Streamlit would look up its own address
        assert tested.get("/", headers=headers).text == "https://localhost:8501"


def test_visitors_beyond_the_limit_are_told_so_and_let_in_later():
    tested = client(max_visitors=1)
    page = {"Accept": "text/html"}
    with tested.websocket_connect(STREAM):
        full = tested.get("/", headers=page)
        assert full.status_code == 503
        assert "All places are taken" in full.text
        assert f'http-equiv="refresh" content="{guard.RETRY}"' in full.text
        assert tested.get("/static/x.js").status_code == 200  # for the visitor who is in
        with pytest.raises(WebSocketDisconnect), tested.websocket_connect(STREAM):
            pass
    assert tested.get("/", headers=page).status_code == 200


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "70000"], "There is no port 70000."),
        (["--port", "0"], "There is no port 0."),
        (["--host", "no.such.host.invalid"], "There is no address 'no.such.host.invalid'."),
        (["--host", "a" * 70 + ".example"], "There is no address"),
        (["--host", "203.0.113.5"], "203.0.113.5 is not an address of this computer."),
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence(options, sentence, capsys):
    assert run(["app", *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"simcore: {sentence}")
    assert "--port" in error or "--host" in error


def test_a_taken_port_is_a_sentence(capsys):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        assert run(["app", "--port", str(port)]) == 1
    assert f"Port {port} is taken, perhaps by another simcore app" in capsys.readouterr().err


def test_limits_follow_the_file_descriptors():
    for descriptors in (256, 1024, 4096, 16384):
        limits = Limits.of(descriptors, 400)
        assert 1 <= limits.visitors <= 400
        if limits.visitors > 1:  # scripts and connections of all visitors, and the libraries' files
            assert 3 * limits.visitors + limits.connections + 256 <= descriptors
    assert Limits.of(16384, 400) == Limits(400, 2000, 500)


def test_a_log_never_grows_beyond_its_limit(cache, monkeypatch):
    monkeypatch.setattr(log_files, "MAX_BYTES", 20_000)
    handler = log_files.rotating("app")
    logger = logging.Logger("asyncio")
    logger.addHandler(handler)
    for number in range(2000):  # what asyncio wrote 83,000 times in half a minute
        logger.error("socket.accept() out of system resource %s", number)
    assert len((cache / "logs" / "app.log").read_text().splitlines()) == log_files.PER_MINUTE
    for number in range(2000):
        logger.error(f"{number:040} " + "x" * 60)
    handler.close()
    sizes = [path.stat().st_size for path in (cache / "logs").iterdir()]
    assert len(sizes) == 1 + log_files.BACKUPS
    assert max(sizes) <= 20_000


def test_lines_that_were_left_out_are_counted(monkeypatch):
    throttle = log_files.Throttle(per_minute=2)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    records = [
        logging.makeLogRecord({"name": "x", "msg": "full %s", "args": (n,)}) for n in range(5)
    ]
    assert [throttle.filter(record) for record in records[:4]] == [True, True, False, False]
    now[0] = 61.0
    assert throttle.filter(records[4])
    assert records[4].getMessage() == "full 4 (2 more like this were left out)"


def open_socket(address):
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def handshake(address, header, host=b"127.0.0.1"):
    """The first line of the answer to a WebSocket handshake."""
    lines = [
        b"GET /_stcore/stream HTTP/1.1",
        b"Host: " + host,
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        header,
    ]
    with closing(open_socket(address)) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        return connection.recv(4096).partition(b"\r\n")[0]


def is_free(port):
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGKILL,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_nothing_serves_after_a_signal(tiny, number):
    """Only the process itself gets it, not its group, as from `kill` or a service manager."""
    with running() as app:
        with closing(open_socket(app.address)):
            os.kill(app.process.pid, number)
            assert app.process.wait(30) == (0 if number == signal.SIGINT else -number)
        assert is_free(app.port)


STARTS_A_JOB = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
from simcore.lab import jobs
print(jobs.start(sys.argv[1:]).id, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_jobs_survive_the_process_that_started_them(tiny, tmp_path, number):
    """Also a signal to its whole group, as from a closed terminal; the next app can stop them."""
    folder = noise(tmp_path / "pictures", 300)
    assert run(["collections", "add", "images", str(folder), "--name", "noise"]) == 0
    command = [sys.executable, "-c", STARTS_A_JOB, "extract", "noise", "--models", "hog,texture"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout:
        name = process.stdout.readline().strip()
    os.killpg(process.pid, number)
    process.wait(20)
    end = time.monotonic() + 60
    while jobs.get(name).progress is None and time.monotonic() < end:
        time.sleep(0.05)
    assert jobs.get(name).state == "running"
    jobs.stop(name)
    assert wait(name, "stopped", "done").state == "stopped"


@contextmanager
def served(monkeypatch, asgi=websocket_app, **options):
    """The port of a server with short deadlines, in a thread of this process."""
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.4)
    config = uvicorn.Config(
        asgi, http=server.Connection, ws="websockets-sansio", lifespan="off", log_config=None
    )
    for name, value in options.items():
        setattr(config, name, value)
    listener = server.listen("127.0.0.1", free_port())
    served_by = uvicorn.Server(config)
    thread = threading.Thread(target=served_by.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        served_by.should_exit = True
        thread.join(20)


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


async def reads_body(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await PlainTextResponse("read")(scope, receive, send)


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [],  # an open connection without a byte
        [b"G"] + [b"E"] * 40,  # a byte now and then
        [b"GET / HTTP/1.1\r\n"] + [b"X-A: b\r\n"] * 40,
        [HEAD + b"\r\n", b"the body never comes"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n"] + [b"X-A: b\r\n"] * 40,
    ],
    ids=["silent", "dripping", "endless headers", "body", "second request"],
)
def test_a_connection_without_a_request_is_closed(monkeypatch, parts):
    with served(monkeypatch, reads_body) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        with closing(connection):
            start = time.monotonic()
            connection.settimeout(0.05)
            waiting = list(parts)
            while time.monotonic() - start < 8:
                try:
                    if waiting:
                        connection.sendall(waiting.pop(0))
                    if connection.recv(4096) == b"":
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
            assert time.monotonic() - start < 3


def test_a_slow_body_that_keeps_coming_is_read(monkeypatch):
    with served(monkeypatch, reads_body) as port:
        monkeypatch.setattr(server, "BODY_SECONDS", 1.0)  # a busy computer pauses for long
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        with closing(connection):
            connection.sendall(HEAD + b"\r\n")
            for _ in range(14):  # 1.4 s, more than the deadline, which each piece starts again
                connection.sendall(b"x" * 10)
                time.sleep(0.1)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_connections_beyond_the_limit_get_an_answer(monkeypatch):
    with served(monkeypatch, reads_body, limit_concurrency=3) as port:
        monkeypatch.setattr(server, "HEADER_SECONDS", 10.0)
        held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(3)]
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as fourth:
            assert fourth.recv(4096).startswith(b"HTTP/1.1 503")
            assert fourth.recv(4096) == b""
        for connection in held:
            connection.close()


def test_connections_of_one_address_are_limited_but_not_those_of_this_computer(monkeypatch):
    monkeypatch.setattr(server.Connection, "per_client", 2)
    with served(monkeypatch, reads_body) as port:
        monkeypatch.setattr(server, "HEADER_SECONDS", 10.0)
        address = ("127.0.0.1", port)
        held = [socket.create_connection(address, timeout=10) for _ in range(4)]
        for connection in held[2:]:
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):  # it waits for a request
                connection.recv(1)
            connection.close()
        time.sleep(0.2)
        monkeypatch.setattr(server, "is_loopback", lambda _: False)
        with closing(socket.create_connection(address, timeout=10)) as third:
            assert third.recv(4096).startswith(b"HTTP/1.1 503")
        held[0].close()
        time.sleep(0.2)
        with closing(socket.create_connection(address, timeout=10)) as third:
            third.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert third.recv(4096).startswith(b"HTTP/1.1 200")
        held[1].close()


AUDIT = """
import ipaddress, os, sys
def hook(event, args):
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            open(os.environ["CALLS"], "a").write(f"{event} {address}\\n")
    elif event == "socket.getaddrinfo" and args[0] not in (None, "0.0.0.0", "127.0.0.1"):
        open(os.environ["CALLS"], "a").write(f"{event} {args[0]}\\n")
sys.addaudithook(hook)
"""


class Recorder(BaseHTTPRequestHandler):
    """A proxy that notes each request and refuses it."""

    calls: ClassVar[list[str]] = []

    def do_CONNECT(self):
        self.calls.append(self.path)
        self.send_error(403)

    do_GET = do_POST = do_CONNECT

    def log_message(self, *_):
        pass


def test_the_app_never_calls_out_and_foreign_pages_cannot_freeze_it(tiny, tmp_path, monkeypatch):
    """A refused WebSocket made Streamlit ask the internet for its address, 2 s each."""
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    calls = tmp_path / "calls.txt"
    (tmp_path / "sitecustomize.py").write_text(AUDIT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("CALLS", str(calls))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    async def visit(address):
        async with visiting(address, collection="tiny", models="hog") as visitor:
            assert visitor.errors == []
            assert "simcore_gallery" in visitor.components

    with running("--host", "0.0.0.0") as app:
        asyncio.run(visit(app.address))
        start = time.monotonic()
        for _ in range(15):
            assert b" 403 " in handshake(app.address, b"Origin: http://evil.example")
            assert b" 403 " in handshake(app.address, b"Origin: http://x.example", b"x.example")
        assert time.monotonic() - start < 5  # 30 s before
        foreign = {"Origin": "http://evil.example"}
        for path in ("/_stcore/host-config", "/_stcore/health", "/_stcore/upload_file/a/b"):
            request = urllib.request.Request(app.address + path, headers=foreign)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(request)
    proxy.shutdown()
    proxy.server_close()
    assert Recorder.calls == []
    assert not calls.exists(), calls.read_text()


def test_thumbnails_of_every_kind_of_content_key_are_served(tmp_path):
    from simcore.ui import serve  # starts no server

    def served(key):
        request = Request({"type": "http", "path_params": {"key": key}})
        return asyncio.run(serve.thumb(request)).status_code

    folder = noise(tmp_path / "pictures", 1)
    with Image.open(folder / "0000.jpg") as image:
        image.save(folder / "profile.png", icc_profile=icc.rgb(icc.ADOBE, 2.2))
    for name, options in (("whole", {}), ("trimmed", {"trim": 4})):
        collections.add("images", folder, name=name, **options)
        keys = collections.open_(name).left.keys
        assert any(key.endswith("-icc") for key in keys)
        assert all(served(key) == 200 for key in keys)
    for hostile in ("../../jobs/x", f"{keys[0]}/x", "abc"):
        assert served(hostile) == 404
