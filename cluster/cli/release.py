"""`doorbell release pack|list|show|diff|verify`."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.cli.keys import AsJson
from cluster.cli.registered import licences, registered, registry, scratch, trusted
from cluster.cli.release_recipe import Wanted, base, changed
from cluster.releases.diff import differences, fields, must_reembed
from cluster.releases.folder import open_release
from cluster.releases.manifest import Manifest, ReleaseError
from cluster.releases.pack import pack
from cluster.releases.recipes import RECIPES
from cluster.releases.registry import Registry, RegistryUnavailable
from cluster.releases.signing import make_signing_key
from serve_apps.settings import load

app = typer.Typer(help="Releases: what recognizes, as a signed folder.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A release, as listed.")]


@app.command("pack")
def pack_release(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the release is called; never used twice.")],
    recipe: Annotated[str | None, typer.Option(help=f"What it is made of: {', '.join(RECIPES)}.")] = None,
    like: Annotated[str | None, typer.Option("--from", metavar="RELEASE", help="Or: made as this one.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Largest distance of one person's embeddings.")] = None,
    margin: Annotated[float | None, typer.Option(help="How much farther the next person must be.")] = None,
    long_side: Annotated[int | None, typer.Option(help="Pixels that a frame is reduced to for detection.")] = None,
    weights: Annotated[list[str] | None, typer.Option(metavar="ROLE=FILE", help="Another weight file.")] = None,
    licence: Annotated[list[str] | None, typer.Option(help="Its licence (SPDX), one for each --weights.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Where it is from, one for each --weights.")] = None,
    space: Annotated[str | None, typer.Option(help="The embedding space; needed with another embedder.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="MODULE:NAME", help="An engine of your own.")] = None,
    card: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML: summary, training_data, limits, …")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a release, sign it and put it into the registry."""
    settings = load()
    key, public = settings.release_signing_key_file, settings.release_keys_file
    assert key is not None
    assert public is not None
    wanted = Wanted(threshold, margin, long_side, weights or [], licence or [], source or [], space, engine, card)
    with base(recipe, like) as (made_of, files), scratch(settings) as folder:
        new, sources = changed(made_of, files, wanted)
        make_signing_key(key, public)
        packed = pack(folder, name, new, sources, datetime.now(UTC), key, licences(settings))
        release = open_release(packed, trusted(settings), licences(settings))
        registry().put(packed)
    if as_json:
        print(json.dumps(_shown(release.manifest) | {"signed_by": release.signed_by}))
        return
    print(f"{name} is packed: {release.manifest.engine}, space {release.manifest.space}, signed by {release.signed_by}")


@app.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """Every release in the registry."""
    releases = registry()
    rows = [_row(releases, name) for name in releases.names()]
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("no release yet; 'doorbell release pack NAME --recipe yunet-sface' makes one")
        return
    columns = [Column(name, overflow="fold") for name in ("name", "created", "engine", "space", "threshold", "digest")]
    table = Table(*columns, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for row in rows:
        if "problem" not in row:
            table.add_row(*(escape(str(cell)) for cell in (row | {"created_at": row["created_at"][:10]}).values()))
    Console().print(table)
    for row in rows:
        if "problem" in row:
            print(f"{row['name']} cannot be used: {row['problem']}")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """What a release says of itself; `verify` says whether it is true."""
    manifest = registry().manifest(name)
    if as_json:
        print(json.dumps(_shown(manifest)))
        return
    print(f"{manifest.name}, digest {manifest.digest}")
    for field, value in fields(manifest):
        print(f"  {field}: {value}")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A release.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """What differs between two releases, and whether the gallery must be embedded again."""
    old, new = registry().manifest(before), registry().manifest(after)
    found, again = differences(old, new), must_reembed(old, new)
    if as_json:
        rows = [dataclasses.asdict(difference) for difference in found]
        print(json.dumps({"before": before, "after": after, "must_reembed": again, "differences": rows}))
        return
    for difference in found:
        print(f"{difference.field}: {_or_nothing(difference.before)} -> {_or_nothing(difference.after)}")
    print(
        f"the embedding space changes from {old.space} to {new.space}: the gallery must be embedded again"
        if again
        else "the embedding space is the same: the gallery stays as it is"
    )


@app.command()
def verify(name: Name, as_json: AsJson = False) -> None:
    """Read a release to its end: signature, every byte of every file, licences."""
    with registered(name) as release:
        manifest, signed_by = release.manifest, release.signed_by
    if as_json:
        print(json.dumps({"name": name, "digest": manifest.digest, "signed_by": signed_by}))
        return
    print(f"{name} is whole: signed by {signed_by}, {len(manifest.weights)} weight files as they were packed")


def _row(releases: Registry, name: str) -> dict[str, Any]:
    try:
        manifest = releases.manifest(name)
    except RegistryUnavailable:
        raise
    except ReleaseError as error:  # one bad release must not hide the others
        return {"name": name, "problem": str(error)}
    return {
        "name": name,
        "created_at": manifest.created_at.isoformat(timespec="seconds"),
        "engine": manifest.engine,
        "space": manifest.space,
        "threshold": manifest.thresholds.threshold,
        "digest": manifest.digest[:12],
    }


def _shown(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(mode="json") | {"digest": manifest.digest}


def _or_nothing(value: Any) -> Any:
    return "nothing" if value is None else value
