"""Source archives from the package indexes in pip's configuration, as plain bytes (PEP 503).

`pip download` would run the setup code of an archive to read its metadata; this runs nothing.
"""

import errno
import hashlib
import html
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from simcore.data.fetch.https import KeepHttps

OnBytes = Callable[[int, int], None]  # bytes so far, total

_CHUNK = 1 << 20


@dataclass(frozen=True)
class _PipSettings:
    """The settings of pip that say where packages come from."""

    indexes: list[str]
    links: list[str]
    cert: list[str]
    proxy: list[str]


def fetch_source(name: str, release: str, folder: Path, on_bytes: OnBytes) -> str:
    """Download a project's source archive into `folder`; returns the error message, or "".

    Args:
        name, release: the project and its exact version.
        on_bytes: called with (bytes so far, total bytes).

    Raises:
        OSError: the disk is full or not writable.
    """
    reason = ""
    file_name = re.compile(
        re.escape(_normalize(name)).replace(r"\-", "[-_.]+")
        + "-"
        + re.escape(release)
        + r"\.(tar\.gz|zip|tgz|tar\.bz2)$",
        re.IGNORECASE,
    )
    settings = _pip_settings()
    pages = [f"{index.rstrip('/')}/{_normalize(name)}/" for index in settings.indexes]
    for page in [*pages, *settings.links]:
        try:
            for link in _links(page, settings):
                url, _, fragment = link.partition("#")
                file = urllib.parse.unquote(url.rpartition("/")[2])
                if file_name.match(file):
                    _fetch(url, folder / file, settings, on_bytes)
                    _check(folder / file, fragment)
                    return ""
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            reason = f"{type(error).__name__}: {error}"[:200]
    return reason


def _check(path: Path, fragment: str) -> None:
    kind, _, digest = fragment.partition("=")
    if kind == "sha256" and _digest(path) != digest:
        path.unlink()
        raise ValueError("the file has another sha256 than the index says")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _normalize(name: str) -> str:
    """A project's name as PEP 503 spells it.

    >>> _normalize("Face_Recognition.Models")
    'face-recognition-models'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip_settings() -> _PipSettings:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    values: dict[str, list[str]] = {}
    for line in output.splitlines():
        path, _, value = line.partition("=")
        if path.partition(".")[0] in {"global", "download", ":env:"}:
            values[path.rpartition(".")[2]] = value.strip().strip("'\"").split()
    main = [] if values.get("no-index") else values.get("index-url") or _default_index()
    return _PipSettings(
        indexes=[_to_url(i) for i in (*main, *values.get("extra-index-url", []))],
        links=[_to_url(i) for i in values.get("find-links", [])],
        cert=values.get("cert", []),
        proxy=values.get("proxy", []),
    )


def _default_index() -> list[str]:
    """The index that pip uses if no setting names one, from pip's own help text."""
    command = [sys.executable, "-m", "pip", "download", "--help"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.findall(r"\(default\s+(https://[^\s)]+)\)", " ".join(output.split()))[:1]


def _to_url(place: str) -> str:
    return place if "://" in place else Path(place).expanduser().absolute().as_uri()


def _open(url: str, settings: _PipSettings) -> IO[bytes]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))
        return (path / "index.html" if path.is_dir() else path).open("rb")
    if parts.scheme not in {"https", "http"}:
        raise ValueError(f"addresses of the kind {parts.scheme}: are not supported")
    context = ssl.create_default_context(cafile=next(iter(settings.cert), None))
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPSHandler(context=context),
        KeepHttps(),
    ]
    if settings.proxy:
        proxy = settings.proxy[0]
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    request = urllib.request.Request(urllib.parse.urlunsplit(_without_user(parts)))
    request.add_header("Accept", "text/html, */*;q=0.1")
    if parts.username:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        user = urllib.parse.unquote(parts.username)
        password = urllib.parse.unquote(parts.password or "")
        passwords.add_password(None, request.full_url, user, password, is_authenticated=True)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    response: IO[bytes] = urllib.request.build_opener(*handlers).open(request, timeout=60)
    return response


def _without_user(parts: urllib.parse.SplitResult) -> urllib.parse.SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])


def _links(page: str, settings: _PipSettings) -> list[str]:
    parts = urllib.parse.urlsplit(page)
    folder = Path(urllib.request.url2pathname(parts.path))
    if parts.scheme == "file" and folder.is_dir() and not (folder / "index.html").exists():
        return [path.as_uri() for path in sorted(folder.iterdir())]
    with _open(page, settings) as response:
        text = response.read(50 << 20).decode("utf-8", "replace")
    links = re.findall(r"<a\s[^>]*?href\s*=\s*[\"']([^\"']+)[\"']", text, re.IGNORECASE)
    return [urllib.parse.urljoin(page, html.unescape(link)) for link in links]


def _fetch(url: str, target: Path, settings: _PipSettings, on_bytes: OnBytes) -> None:
    with _open(url, settings) as source, target.open("wb") as sink:
        headers = getattr(source, "headers", None)
        total = int(headers.get("Content-Length") or 0) if headers is not None else 0
        done = 0
        while block := source.read(_CHUNK):
            sink.write(block)
            done += len(block)
            on_bytes(done, max(total, done))
        if total and done != total:
            raise ValueError(f"the connection ended after {done:,} of {total:,} bytes")
