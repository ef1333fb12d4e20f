"""Downloads from a real server on this machine: resumed, checked, or reported clearly."""

import hashlib
import http.server
import multiprocessing
import threading
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest

from simcore.data import cache_dir, file_locks
from simcore.data.fetch import downloads, https, pip_archives
from simcore.errors import BadDataError, MissingWeightsError, SimError, Stopped
from simcore.models import registry, weights
from simcore.models.spec import WeightFile
from simcore.types import Monitor

CONTENT = bytes(range(256)) * 4096
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /file with ranges; breaks off half-way while `cut`; /hub/... like a model hub.

    /page is a web page, /unversioned has no version, /away redirects.
    """

    requests: list[str]
    gated = cut = False
    delay = 0.0
    content = CONTENT
    etag = '"1"'

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
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/file")
            return self.end_headers()
        if self.headers.get("If-Range", self.etag) != self.etag:
            del self.headers["Range"]
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(self.content):
            return self._end(416)
        sent = self.content[start:]
        self.send_response(206 if self.headers.get("Range") else 200)
        self.send_header("Content-Length", str(len(sent)))
        if start:
            last = len(self.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(self.content)}")
        if self.path == "/page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if self.path == "/file":
            self.send_header("ETag", self.etag)
        if self.path.startswith("/hub/"):
            self.send_header("X-Repo-Commit", "abc")
            self.send_header("X-Linked-Etag", f'"{SHA}"')
            self.send_header("ETag", '"short"')
            self.send_header("X-Linked-Size", str(len(CONTENT)))
        self.end_headers()
        if body:
            time.sleep(self.delay)
            self.wfile.write(sent[: len(sent) // 2] if self.cut else sent)
        return None

    def _end(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("gated", "cut", "delay", "content", "etag"):
        monkeypatch.setattr(Handler, name, getattr(Handler, name))
    Handler.requests = []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def source(url="", hub="", sha=SHA):
    return downloads.Source(url, hub, sha, "file.bin", "Get it by hand.")


def file_names(folder):
    """Files in a folder, without the cache of the test that is beside them."""
    return [path.name for path in folder.iterdir() if path.is_file()]


def test_a_file_is_downloaded_and_checked(server, tmp_path):
    seen = []
    found = downloads.fetch(
        source(f"{server}/file"), tmp_path / "f.bin", monitor=Monitor(seen.append)
    )
    assert found.read_bytes() == CONTENT
    assert seen[-1].done == seen[-1].total == len(CONTENT)
    assert file_names(tmp_path) == ["f.bin"]


def interrupt(server, target, sha):
    """Download the first half of /file; returns the half."""
    Handler.cut = True
    with pytest.raises(MissingWeightsError, match="was interrupted at"):
        downloads.fetch(source(f"{server}/file", sha=sha), target)
    Handler.cut = False
    (part,) = target.parent.glob(".f.bin.*.part")
    assert part.stat().st_size == len(CONTENT) // 2
    return part


@pytest.mark.parametrize("sha", [SHA, SHA[:8], ""], ids=["digest", "prefix", "no digest"])
def test_an_interrupted_download_is_resumed(server, tmp_path, sha):
    target = tmp_path / "f.bin"
    interrupt(server, target, sha)
    assert downloads.fetch(source(f"{server}/file", sha=sha), target).read_bytes() == CONTENT
    assert Handler.requests[-1] == f"GET /file bytes={len(CONTENT) // 2}-"
    assert file_names(tmp_path) == ["f.bin"]


def test_a_file_that_changed_meanwhile_is_not_mixed(server, tmp_path):
    """Without a digest, only the server's version tells whether both halves belong together."""
    target = tmp_path / "f.bin"
    interrupt(server, target, "")
    Handler.content, Handler.etag = CONTENT[::-1], '"2"'
    fetched = downloads.fetch(source(f"{server}/file", sha=""), target)
    assert fetched.read_bytes() == CONTENT[::-1]
    assert file_names(tmp_path) == ["f.bin"]


def test_a_part_of_an_unknown_version_is_not_used(server, tmp_path):
    target = tmp_path / "f.bin"
    Handler.cut = True
    for _ in range(2):
        with pytest.raises(MissingWeightsError, match="was interrupted at"):
            downloads.fetch(source(f"{server}/unversioned", sha=""), target)
    assert len(file_names(tmp_path)) == 1, "parts do not pile up"
    Handler.cut = False
    downloads.fetch(source(f"{server}/unversioned", sha=""), target)
    assert Handler.requests[-1] == "GET /unversioned"


def test_a_complete_part_is_used(server, tmp_path):
    part = interrupt(server, tmp_path / "f.bin", SHA)
    part.write_bytes(CONTENT)
    assert downloads.fetch(source(f"{server}/file"), tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_web_page_and_a_file_of_another_size_are_refused(server, tmp_path):
    with pytest.raises(MissingWeightsError, match="is a web page"):
        downloads.fetch(source(f"{server}/page", sha=""), tmp_path / "f.bin")
    sized = downloads.Source(f"{server}/file", "", "", "file.bin", "", size=5)
    with pytest.raises(BadDataError, match="bytes instead of 5"):
        downloads.fetch(sized, tmp_path / "f.bin")
    assert not (tmp_path / "f.bin").exists()


def test_redirects_are_followed_but_not_away_from_https(server, tmp_path):
    assert downloads.fetch(source(f"{server}/away"), tmp_path / "f.bin").read_bytes() == CONTENT
    secure = urllib.request.Request("https://example.org/file")
    with pytest.raises(urllib.error.URLError, match="without encryption"):
        https.KeepHttps().redirect_request(secure, None, 302, "", {}, "http://example.org/file")


def _fetch_in_process(url, sha, target, queue):
    try:
        downloads.fetch(source(url, sha=sha), target)
        queue.put("")
    except Exception as error:
        queue.put(repr(error))


@pytest.mark.parametrize("sha", [SHA, ""], ids=["digest", "no digest"])
def test_processes_that_fetch_at_once_download_once(server, tmp_path, sha):
    """The server sends a different file each time: a mixture would be neither."""
    target, context = tmp_path / "f.bin", multiprocessing.get_context("fork")
    Handler.delay, queue = 0.3, context.Queue()
    arguments = (f"{server}/file", sha, target, queue)
    processes = [context.Process(target=_fetch_in_process, args=arguments) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries of earlier tests warn of forks
        for process in processes:
            process.start()
    assert [queue.get(timeout=30) for _ in processes] == ["", "", ""]
    for process in processes:
        process.join()
    assert Handler.requests.count("GET /file") == 1
    assert target.read_bytes() == CONTENT
    assert file_names(tmp_path) == ["f.bin"]


def test_waiting_for_another_process_can_be_stopped(server, tmp_path):
    target = tmp_path / "f.bin"
    with file_locks.exclusive(target), pytest.raises(Stopped):
        downloads.fetch(source(f"{server}/file"), target, monitor=Monitor(stop=lambda: True))


def test_a_file_with_another_digest_is_refused(server, tmp_path):
    with pytest.raises(BadDataError, match=r"instead of 000000"):
        downloads.fetch(source(f"{server}/file", sha="0" * 64), tmp_path / "f.bin")
    assert not file_names(tmp_path)


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


@pytest.fixture
def unknown(server):
    """A file whose SHA-256 no one publishes."""
    return WeightFile("unknown.pth", url=f"{server}/file")


def test_a_file_without_a_digest_needs_consent_and_is_pinned(unknown):
    with pytest.raises(MissingWeightsError, match="`--trust`"):
        weights.fetch(unknown)
    assert not Handler.requests, "the server is not even asked"
    assert weights.needs_consent(unknown)
    weights.fetch(unknown, trust=True)
    assert weights.expected_digest(unknown) == SHA
    assert not weights.needs_consent(unknown)

    weights.path(unknown).unlink()
    Handler.content = CONTENT[::-1]
    for trust in (False, True):
        with pytest.raises(BadDataError, match="instead of"):
            weights.fetch(unknown, trust=trust)
    Handler.content = CONTENT
    assert weights.fetch(unknown).read_bytes() == CONTENT


def test_a_pinned_file_that_changes_on_disk_is_refused_and_mended(unknown):
    location = weights.fetch(unknown, trust=True)
    location.write_bytes(b"something else")
    with pytest.raises(BadDataError, match="has changed since it was first used"):
        weights.path(unknown)
    assert weights.fetch(unknown).read_bytes() == CONTENT


def test_a_file_that_was_put_there_is_pinned_when_it_is_first_used(unknown):
    place = weights.folder() / unknown.file
    place.write_bytes(b"mine")
    assert weights.expected_digest(unknown) == ""
    weights.path(unknown)
    assert weights.expected_digest(unknown) == real_digest(b"mine")
    place.write_bytes(b"another")
    with pytest.raises(BadDataError, match="pass it to `simcore models add-weights`"):
        weights.path(unknown)


def test_a_file_that_is_added_is_pinned_anew_or_nothing_changes(unknown, tmp_path):
    weights.fetch(unknown, trust=True)
    (tmp_path / "new").write_bytes(b"new")

    def add_in_vain():
        with weights.adding(unknown, tmp_path / "new") as location:
            assert location.read_bytes() == b"new"
            raise ValueError("does not fit")

    with pytest.raises(ValueError, match="does not fit"):
        add_in_vain()
    assert weights.path(unknown).read_bytes() == CONTENT
    with weights.adding(unknown, tmp_path / "new"):
        pass
    assert weights.path(unknown).read_bytes() == b"new"
    assert file_names(weights.folder()) == ["unknown.pth"]


def test_a_cache_that_cannot_be_written_is_used(unknown, monkeypatch):
    (weights.folder() / unknown.file).write_bytes(b"mine")

    def refuse(*_):
        raise SimError("The cache is not writable.")

    monkeypatch.setattr(cache_dir, "write_atomic", refuse)
    assert weights.path(unknown).read_bytes() == b"mine"


def test_a_prefix_of_a_digest_needs_consent_as_well(server):
    prefixed = WeightFile("prefixed.pth", sha256=SHA[:8], url=f"{server}/file")
    with pytest.raises(MissingWeightsError, match="`--trust`"):
        weights.fetch(prefixed)
    weights.fetch(prefixed, trust=True)
    assert weights.expected_digest(prefixed) == SHA


def test_a_hub_s_digest_is_pinned(hub):
    file = WeightFile("hub.bin", hub="owner/name")
    assert not weights.needs_consent(file)
    weights.fetch(file)
    assert weights.expected_digest(file) == SHA
    (weights.folder() / file.file).unlink()
    other = WeightFile("hub.bin", sha256="0" * 64, hub="owner/name")
    with pytest.raises(BadDataError, match="has changed on the hub"):
        weights.fetch(other)


def test_no_source_in_the_registry_is_unencrypted():
    files = [file for name in registry.names() for file in registry.get(name).weights]
    assert len(files) > 50
    assert not [file.url for file in files if file.url and not file.url.startswith("https://")]


def real_digest(content):
    return hashlib.sha256(content).hexdigest()


def test_weights_are_inside_the_cache():
    assert Path(weights.folder()).is_relative_to(cache_dir.subfolder("weights").parent)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'["text", ""]', b"null"])
def test_a_damaged_pin_is_no_first_use(unknown, content):
    """Otherwise damage would let another file pass in silence."""
    location = weights.fetch(unknown, trust=True)
    pin = weights.folder() / ".pins" / f"{unknown.file}.json"
    pin.write_bytes(content)
    location.write_bytes(b"another file")
    for use in (weights.path, lambda file: weights.fetch(file, trust=True)):
        with pytest.raises(BadDataError, match=r"damaged .*Delete it to accept the present"):
            use(unknown)
    assert weights.needs_consent(unknown)
    assert weights.file_digest(unknown) == real_digest(b"another file")
    pin.unlink()
    assert weights.path(unknown) == location


def test_a_damaged_digest_is_computed_again(unknown):
    location = weights.fetch(unknown, trust=True)
    (stored,) = (weights.folder() / ".digests").glob("*.json")
    for content in (b"", b"[[], 3]", b'[["x"], "00"]', b"\0" * 50):
        stored.write_bytes(content)
        assert weights.path(unknown) == location
        assert weights.file_digest(unknown) == SHA
