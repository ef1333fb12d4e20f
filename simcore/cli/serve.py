"""`simcore demo` and `simcore app`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Device
from simcore.errors import BadDataError
from simcore.types import Monitor

Port = Annotated[int, typer.Option(help="Port of the app on this machine.")]

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "simcore" / "ui" / "serve.py"
MIN_IDLE = 15  # seconds; the notice before the page starts over takes ten


def demo(
    serve_app: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Open the app after the table.")
    ] = True,
    port: Port = 8501,
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON; no app.")] = False,
) -> None:
    """Download the emoji collection and small networks, print their recall, open the app."""
    from simcore.lab import demo as lab_demo

    with output.progress() as bar:
        result = lab_demo.prepare(device=device, monitor=Monitor(bar))
    if json:
        output.document(result.to_dict())
        return
    output.table(result.table.to_table())
    output.note(result.remark)
    if serve_app:
        serve(port=port)


def serve(
    port: Port = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts other machines.")
    ] = "127.0.0.1",
    kiosk: Annotated[
        bool,
        typer.Option(
            "--kiosk", help="Workshop mode: collections are read-only and paths are hidden."
        ),
    ] = False,
    idle: Annotated[
        int, typer.Option(help="With --kiosk: idle seconds until the page starts over.")
    ] = 180,
) -> None:
    """Serve the app."""
    raise typer.Exit(run(host=host, port=port, kiosk=idle if kiosk else None))


def run(*, host: str, port: int, kiosk: int | None = None) -> int:
    """Serve the app until it is interrupted.

    Args:
        kiosk: for workshop mode, after how many idle seconds the page starts over.

    Raises:
        BadDataError: the pages are not installed, the port is taken, or there is no collection for
            workshop mode.
    """
    if not SCRIPT.exists():
        raise BadDataError(
            f"The app is not at {SCRIPT}. Its pages are not part of the package: "
            "install it from a clone with `pip install -e .`."
        )
    _check_free(host, port)
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(SCRIPT),
        "--server.address",
        host,
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    environment = dict(os.environ)
    if kiosk is not None:
        _check_kiosk(kiosk)
        environment["SIMCORE_KIOSK"] = str(kiosk)
        command += ["--server.maxUploadSize", "5", "--client.toolbarMode", "minimal"]
    sys.stderr.write(f"The app is at http://{_browser_host(host)}:{port} (stop it with Ctrl+C)\n")
    try:
        return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
    except KeyboardInterrupt:
        return 0


def _browser_host(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host


def _check_kiosk(idle: int) -> None:
    from simcore.lab.library import collections

    if idle < MIN_IDLE:
        raise BadDataError(f"The idle time must be {MIN_IDLE} s or more, got {idle} s.")
    if not collections.names():
        raise BadDataError(
            "Workshop mode needs a collection, because it is read-only. "
            "Run `simcore demo --no-serve` first."
        )


def _check_free(host: str, port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadDataError(
                f"Port {port} is taken or not allowed ({error.strerror}). "
                "Choose another with --port."
            ) from error
