"""`doorbell bench NAME`."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measurements beside a peer.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measurements beside a peer."""
