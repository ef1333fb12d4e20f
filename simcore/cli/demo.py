"""`simcore demo` and `simcore app`."""

from typing import Annotated

import typer

from simcore.cli import evaluate, show
from simcore.cli.options import Device

Port = Annotated[int, typer.Option(help="Port of the app on this machine.")]


def demo(
    serve_app: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Open the app behind the table.")
    ] = True,
    port: Port = 8501,
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON; no app.")] = False,
) -> None:
    """Fetch the emoji collection and small networks, extract, print recall, open the app."""
    from simcore.lab import demo as made

    with show.progress() as bar:
        found = made.prepare(device=device, on_progress=bar)
    if json:
        show.document(found.json())
        return
    evaluate.print_recall(found.table)
    show.note(found.remark)
    if serve_app:
        serve(port=port)


def serve(
    port: Port = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    kiosk: Annotated[
        bool,
        typer.Option(
            "--kiosk", help="Workshop mode: collections are not changed, no paths are shown."
        ),
    ] = False,
    idle: Annotated[
        int, typer.Option(help="With --kiosk: seconds without anybody until the page starts over.")
    ] = 180,
) -> None:
    """Open the app in the browser."""
    from simcore.cli import server

    raise typer.Exit(server.run(host=host, port=port, kiosk=idle if kiosk else None))
