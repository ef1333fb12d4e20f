"""Libraries cache below our folder where they could not write otherwise."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from simcore.data import cache_dir, library_caches

VARIABLES = ("NUMBA_CACHE_DIR", "HF_HOME", "TORCH_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


def test_only_numba_moves_where_the_home_is_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    library_caches.redirect()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).is_relative_to(cache_dir.root())
    assert not set(VARIABLES[1:]) & set(os.environ)


def test_all_move_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TORCH_HOME", "chosen")
    library_caches.redirect()
    for name in ("NUMBA_CACHE_DIR", "HF_HOME", "MPLCONFIGDIR"):
        assert Path(os.environ[name]).is_relative_to(cache_dir.root())
    assert os.environ["TORCH_HOME"] == "chosen"


def test_compiled_code_of_others_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    library_caches.redirect()
    folder = Path(os.environ.pop("NUMBA_CACHE_DIR"))
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    library_caches.redirect()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_a_cache_that_cannot_be_created_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIMCORE_CACHE", str(tmp_path / "file" / "cache"))
    library_caches.redirect()
    assert "NUMBA_CACHE_DIR" not in os.environ


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("setpriv") and hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="needs setpriv and root to become another user",
)
def test_a_map_on_a_read_only_installation_without_a_home(tiny: str, cache: Path) -> None:
    for path in (cache, *cache.rglob("*")):
        os.chown(path, 65534, 65534)
    shared = cache.relative_to(tempfile.gettempdir()).parents  # the last one is the folder itself
    for path in list(shared)[:-1]:
        (Path(tempfile.gettempdir()) / path).chmod(0o755)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    command += ["-m", "simcore", "map", tiny, "--models", "hog", "--method", "umap", "--json"]
    environment = os.environ | {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert list((cache / "libraries").glob("numba-65534/**/*.nbi"))
