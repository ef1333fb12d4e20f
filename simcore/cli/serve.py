"""`simcore demo` and `simcore app`."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Device, Json, table_files
from simcore.errors import BadDataError, unknown_name

Port = Annotated[int, typer.Option(help="Port of the app on this machine.")]

Environment = Mapping[str, str]  # variables that the server reads
MIN_IDLE = 15  # seconds; the notice before the page starts over takes ten


@table_files
def demo(
    serve_app: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Open the app after the table.")
    ] = True,
    port: Port = 8501,
    device: Device = "auto",
    seconds: Annotated[bool, typer.Option("--seconds", help="Also print where time went.")] = False,
    json: Json = False,
) -> None:
    """Download the emoji collection and small networks, print their recall, open the app.

    With --json, the app is not opened.
    """
    from simcore.lab import demo as lab_demo
    from simcore.lab import jobs
    from simcore.lab.search import precompute

    in_job = jobs.in_job()
    with output.monitor() as monitor:
        result = lab_demo.prepare(
            device=device, monitor=monitor.part(0, 0.7) if in_job else monitor
        )
        if in_job:  # pages are open already and can use the demo meanwhile
            precompute.run(lab_demo.NAME, monitor=monitor.part(0.7, 1))
    output.show(result, result.table.to_table(), json=json)
    if json:
        return
    output.note(result.remark)
    if seconds:
        output.table(result.to_stages_table())
    if serve_app:
        jobs.start(["extract", lab_demo.NAME])  # what pages open with; the features are there
        run("127.0.0.1", port, {})


def serve(
    *,
    port: Port = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts other machines.")
    ] = "127.0.0.1",
    kiosk: Annotated[
        bool,
        typer.Option(
            "--kiosk", help="Workshop mode: visitors only look and answer; no paths are shown."
        ),
    ] = False,
    idle: Annotated[
        int, typer.Option(help="With --kiosk: idle seconds until the page starts over.")
    ] = 180,
    collection: Annotated[
        str, typer.Option(help="With --kiosk: the collection that pages start with.")
    ] = "",
    max_visitors: Annotated[
        int, typer.Option(min=1, max=2000, help="Visitors at the same time; others must wait.")
    ] = 400,
    max_per_client: Annotated[
        int,
        typer.Option(
            min=10,
            max=10_000,
            help="Connections of one address at the same time; this computer's own are not "
            "counted. A browser opens about five.",
        ),
    ] = 500,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name by which the app may be called, as behind a proxy; can be repeated. "
            "Numeric addresses and this computer's names need none."
        ),
    ] = None,
) -> None:
    """Serve the app until Ctrl+C. Background jobs that it started continue; see `simcore jobs`."""
    environment = _kiosk_environment(idle, collection) if kiosk else {}
    run(
        host,
        port,
        environment,
        max_visitors=max_visitors,
        max_per_client=max_per_client,
        allowed_hosts=allow_host or [],
    )


def run(
    host: str,
    port: int,
    environment: Environment,
    *,
    max_visitors: int = 400,
    max_per_client: int = 500,
    allowed_hosts: Sequence[str] = (),
) -> None:
    """Serve the app until it is interrupted.

    Args:
        environment: further variables, which switch workshop mode on.
        max_visitors: at the same time; fewer where the system allows too few open files.

    Raises:
        SimError: the pages are not installed. BadDataError: the address cannot be used.
    """
    from simcore.lab import app_files
    from simcore.ui import server

    app_files.root()  # raises before the port is taken
    listener = server.listen(host, port)
    limits = server.Limits.of(server.raise_descriptor_limit(), max_visitors, max_per_client)
    os.environ.update({**environment, **server.settings(limits, allowed_hosts)})
    sys.stderr.write(f"The app is at http://{_browser_host(host)}:{port} (stop it with Ctrl+C)\n")
    if limits.visitors < max_visitors:
        sys.stderr.write(
            f"At most {limits.visitors} visitors at once, since this system allows few open "
            "files; `ulimit -n 8192` before the start allows more.\n"
        )
    # Five images of 5 MB are the most that a page takes from a visitor.
    options = {"server_maxUploadSize": 5, "client_toolbarMode": "minimal"} if environment else {}
    with suppress(KeyboardInterrupt):
        server.run(listener, limits, options)


def _browser_host(host: str) -> str:
    if host in {"127.0.0.1", "0.0.0.0", "::", "::1", ""}:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _kiosk_environment(idle: int, collection: str) -> Environment:
    """The variables of workshop mode, after its settings are checked."""
    from simcore.lab.library import collections

    if idle < MIN_IDLE:
        raise BadDataError(f"The idle time must be {MIN_IDLE} s or more, got {idle} s.")
    names = collections.names()
    if not names:
        raise BadDataError(
            "Workshop mode needs a collection, because it is read-only. "
            "Run `simcore demo --no-serve` first."
        )
    if collection and collection not in names:
        raise unknown_name("collection", collection, names)
    return {"SIMCORE_KIOSK": str(idle), "SIMCORE_KIOSK_COLLECTION": collection}
