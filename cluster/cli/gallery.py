"""`doorbell gallery check` and `doorbell gallery reembed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.reembedding import reembed
from cluster.security.keyring import Keyring, master_key
from serve_apps.database import connect
from serve_apps.settings import load

app = typer.Typer(help="The gallery's saved index, and its embeddings for another release.", no_args_is_help=True)
app.command()(reembed)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A saved index; all of the data folder's.")
    ] = None,
) -> None:
    """Read a saved index to its end and say whether every byte is the one that was written."""
    from serve_apps.gallery.keeper import APPROXIMATE_FROM
    from serve_apps.gallery.saved import SavedIndex

    settings = load()
    assert settings.master_key_file is not None
    files = [file] if file else sorted(settings.index_folder.glob("*.index"))
    if not files:
        print(f"no index is saved in {settings.index_folder}; a gallery of fewer than {APPROXIMATE_FROM:,} needs none")
        return
    keyring = Keyring(connect(settings.keyring_url), master_key(settings.master_key_file))
    for path in files:
        with SavedIndex(path, keyring.file_key) as saved:
            saved.check()
            header = saved.header
        print(f"{path}: whole; {header.embeddings} embeddings of {header.space}, gallery version {header.version}")
