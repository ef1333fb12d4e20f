"""Starting the app: Streamlit in a process of its own, with our settings."""

import os
import subprocess
import sys
from pathlib import Path

from simcore.errors import BadDataError

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "pages" / "serve.py"


LEAST_IDLE = 15  # seconds; the notice before starting over takes ten


def run(*, host: str, port: int, kiosk: int | None = None) -> int:
    """Serve the app until it is interrupted.

    Args:
        kiosk: for workshop mode, after how many seconds without anybody the page starts over.

    Raises:
        BadDataError: the pages are not beside the package, or the port is taken; for workshop mode
            also, that there is no collection to look at.
    """
    if not SCRIPT.exists():
        raise BadDataError(
            f"found no app at {SCRIPT}; expected the repository's pages beside the package, "
            "so install it from a clone with `pip install -e .`"
        )
    _check_free(host, port)
    command = [
        sys.executable, "-m", "streamlit", "run", str(SCRIPT),
        "--server.address", host, "--server.port", str(port), "--server.headless", "true",
    ]  # fmt: skip
    environment = dict(os.environ)
    if kiosk is not None:
        _check_kiosk(kiosk)
        environment["SIMCORE_KIOSK"] = str(kiosk)
        command += ["--server.maxUploadSize", "5", "--client.toolbarMode", "minimal"]
    sys.stderr.write(f"The app is at http://{_shown(host)}:{port} (stop it with Ctrl+C)\n")
    try:
        return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
    except KeyboardInterrupt:
        return 0


def _shown(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host


def _check_kiosk(idle: int) -> None:
    from simcore.lab import collections

    if idle < LEAST_IDLE:
        raise BadDataError(f"found an idle time of {idle} s; expected {LEAST_IDLE} or more")
    if not collections.names():
        raise BadDataError(
            "found no collection; workshop mode only looks and adds none, so expected one; "
            "run `simcore demo --no-serve` first"
        )


def _check_free(host: str, port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadDataError(
                f"found port {port} taken or not allowed ({error.strerror}); "
                "choose another with --port"
            ) from error
