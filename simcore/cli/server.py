"""Starting the app: Streamlit in a process of its own, with our settings."""

import os
import subprocess
import sys
from pathlib import Path

from simcore.errors import BadDataError

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "pages" / "serve.py"


def run(*, host: str, port: int) -> int:
    """Serve the app until it is interrupted.

    Raises:
        BadDataError: the pages are not beside the package, or the port is taken.
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
    sys.stderr.write(f"The app is at http://{_shown(host)}:{port} (stop it with Ctrl+C)\n")
    try:
        return subprocess.run(command, check=False, cwd=ROOT, env=os.environ).returncode
    except KeyboardInterrupt:
        return 0


def _shown(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host


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
