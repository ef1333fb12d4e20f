"""Downloads from a real server on this machine: resumed, checked, or reported clearly."""

import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from simcore.data import cache_dir
from simcore.data.fetch import downloads, pip_archives
from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import weights
from simcore.models.spec import WeightFile
from simcore.types import Monitor

CONTENT = bytes(range(256)) * 4096
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /file with ranges; /cut breaks off half-way; /hub/... like a model hub."""

    requests: list[str]
    gated = False

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, *, body=True):
        self.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if self.path.startswith("/hub/") and self.gated:
            return self._end(403)
        if self.path.startswith("/hub/") and not self.path.endswith("pytorch_model.bin"):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            return self.end_headers()
        if self.path == "/none":
            return self._end(404)
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(CONTENT):
            return self._end(416)
        sent = CONTENT[start:]
        self.send_response(206 if self.headers.get("Range") else 200)
        self.send_header("Content-Length", str(len(sent)))
        if self.path.startswith("/hub/"):
            self.send_header("X-Repo-Commit", "abc")
            self.send_header("X-Linked-Etag", f'"{SHA}"')
            self.send_header("ETag", '"short"')
            self.send_header("X-Linked-Size", str(len(CONTENT)))
        self.end_headers()
        if body:
            self.wfile.write(sent[: len(sent) // 2] if self.path == "/cut" else sent)
        return None

    def _end(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests, Handler.gated = [], False
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def source(url="", hub="", sha=SHA):
    return downloads.Source(url, hub, sha, "file.bin", "Get it by hand.")


def test_a_file_is_downloaded_and_checked(server, tmp_path):
    seen = []
    found = downloads.fetch(
        source(f"{server}/file"), tmp_path / "f.bin", monitor=Monitor(seen.append)
    )
    assert found.read_bytes() == CONTENT
    assert seen[-1].done == seen[-1].total == len(CONTENT)
    assert not list(tmp_path.glob("*.part"))


def test_an_interrupted_download_is_resumed(server, tmp_path):
    target = tmp_path / "f.bin"
    with pytest.raises(MissingWeightsError, match="was interrupted at"):
        downloads.fetch(source(f"{server}/cut"), target)
    half = (tmp_path / "f.bin.part").stat().st_size
    assert half == len(CONTENT) // 2
    assert downloads.fetch(source(f"{server}/file"), target).read_bytes() == CONTENT
    assert Handler.requests[-1] == f"GET /file bytes={half}-"


def test_a_complete_part_is_used(server, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(CONTENT)
    assert downloads.fetch(source(f"{server}/file"), tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_file_with_another_digest_is_refused(server, tmp_path):
    with pytest.raises(BadDataError, match=r"instead of 000000"):
        downloads.fetch(source(f"{server}/file", sha="0" * 64), tmp_path / "f.bin")
    assert not list(tmp_path.iterdir())


def test_an_unreachable_source_says_what_to_do(server, tmp_path):
    with pytest.raises(MissingWeightsError, match=r"answers 404\. Get it by hand"):
        downloads.fetch(source(f"{server}/none"), tmp_path / "f.bin")
    with pytest.raises(MissingWeightsError, match="No network"):
        downloads.fetch(source("http://127.0.0.1:1/file"), tmp_path / "f.bin")
    assert downloads.size(source("http://127.0.0.1:1/file")) == 0
    assert downloads.size(source(f"{server}/file")) == len(CONTENT)


@pytest.fixture
def hub(server, monkeypatch):
    from huggingface_hub import constants

    template = f"{server}/hub/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return server


def test_the_first_existing_file_of_a_hub_repository_is_downloaded(hub, tmp_path):
    hub_file = source(hub="owner/name", sha="")
    assert downloads.size(hub_file) == len(CONTENT)
    assert downloads.fetch(hub_file, tmp_path / "m").read_bytes() == CONTENT
    assert any("model.safetensors" in line for line in Handler.requests)
    assert "pytorch_model.bin" in Handler.requests[-1]


def test_a_hub_that_needs_a_login_or_lacks_the_file(hub, tmp_path):
    with pytest.raises(MissingWeightsError, match=r"has none of other\.bin"):
        downloads.fetch(source(hub="owner/name/other.bin"), tmp_path / "m")
    Handler.gated = True
    with pytest.raises(MissingWeightsError, match="answers 403"):
        downloads.fetch(source(hub="owner/name"), tmp_path / "m")


def test_files_in_the_caches_of_libraries_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = WeightFile(
        "torchvision/net-0123abcd.pth", sha256=SHA[:8], url="https://x.y/net-0123abcd.pth"
    )
    assert not weights.ready(kept)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "net-0123abcd.pth").write_bytes(CONTENT)
    assert weights.path(kept).read_bytes() == CONTENT


def test_a_digest_is_computed_again_only_if_the_file_changes(monkeypatch):
    file = WeightFile("hand.pth")
    place = weights.folder() / "hand.pth"
    place.write_bytes(b"one")
    first = weights.file_digest(file)
    calls = []
    real = pip_archives.file_digest
    monkeypatch.setattr(pip_archives, "file_digest", lambda p: calls.append(p) or real(p))
    assert weights.file_digest(file) == first
    assert not calls
    place.write_bytes(b"another")
    assert weights.file_digest(file) != first
    assert len(calls) == 1
    place.unlink()
    assert weights.file_digest(file) == real_digest(b"another"), "features outlive their weights"


def real_digest(content):
    return hashlib.sha256(content).hexdigest()


def test_weights_are_inside_the_cache():
    assert Path(weights.folder()).is_relative_to(cache_dir.subfolder("weights").parent)
