"""Text files are read in any Unicode form, and only if they are files."""

import os
import threading
from pathlib import Path

import pytest

from simcore.data import text_files
from simcore.errors import BadDataError


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_any_unicode_form(encoding: str, tmp_path: Path) -> None:
    text = "left,right\nimg/é.png,日本.png\n"
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert text_files.read_text(tmp_path / "a.csv", 1000) == text


def test_other_encodings_are_not_guessed() -> None:
    with pytest.raises(BadDataError, match=r"Line 3 of a\.csv is not UTF-8 text\. Save it as UTF"):
        text_files.decode("a,b\nc,d\né,f\n".encode("cp1252"), "a.csv")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe blocks and a device never ends."""
    os.mkfifo(tmp_path / "pipe")
    errors = []

    def read() -> None:
        for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "absent"):
            with pytest.raises(BadDataError, match=r"not a regular file|cannot be read"):
                text_files.read_bytes(path, 10)
            errors.append(path)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(5)
    assert len(errors) == 4
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(BadDataError, match="a has more than 10 bytes"):
        text_files.read_bytes(tmp_path / "a", 10)
