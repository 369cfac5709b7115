"""`doorbell serve config` and `doorbell serve check`: the way by plain `serve deploy`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cluster.cli.registered import registry
from cluster.deployment.control import (
    DashboardUnreachable,
    Serve,
    ServeNotRunning,
    serve_schema,
    serve_values,
)
from cluster.deployment.kept import kept, state_file
from cluster.deployment.kuberay_model import manifest_problems
from cluster.deployment.serve_config import generate
from cluster.deployment.shipped import shipped
from cluster.deployment.strict import members, problems
from cluster.deployment.token import token_of
from cluster.preflight import Ports
from cluster.releases.manifest import ReleaseError
from serve_apps.settings import load

app = typer.Typer(help="Serve's config: made, and checked strictly.", no_args_is_help=True)
DASHBOARD = f"http://127.0.0.1:{Ports().dashboard}"


@app.command()
def config(
    output: Annotated[Path | None, typer.Option(help="Write it there instead of printing it.")] = None,
    dashboard: Annotated[str, typer.Option(help="Address of Ray's dashboard.")] = DASHBOARD,
) -> None:
    """Print what `serve deploy` takes for the present state: the cluster's, or the kept, or the shipped one."""
    settings = load()
    source, found = present(settings.folder, dashboard, backed_up=bool(settings.backup_url))
    text = f"# {source}\n" + yaml.safe_dump(found, sort_keys=False)
    if output is None:
        print(text, end="")
    else:
        output.write_text(text)
        print(f"{output}: {source}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Serve config, or a RayService with one in it.")],
    as_json: Annotated[bool, typer.Option("--json", help="The problems as one JSON object.")] = False,
) -> int:
    """Find every misspelt key and wrong value before Serve is given a config; status 2 when there is one."""
    found = problems_of(file)
    if as_json:
        print(json.dumps({"file": str(file), "problems": found}))
    elif found:
        print("\n".join(f"{file}: {line}" for line in found), file=sys.stderr)
    else:
        print(f"{file}: nothing is wrong")
    return 2 if found else 0


def present(data: Path, dashboard: str, *, backed_up: bool = False) -> tuple[str, dict[str, Any]]:
    """Where the present config comes from, and the config; without a cluster, one that takes snapshots if `backed_up`.

    Raises ServeError for a cluster that refuses to tell.
    """
    if (data / "ray_token").exists():
        try:
            with Serve(dashboard, token_of(data)) as serve:
                return f"as deployed in the cluster of {dashboard}", serve.config()
        except (DashboardUnreachable, ServeNotRunning) as error:
            print(f"doorbell: {error}; the config is that of the next start", file=sys.stderr)
    file = state_file(data)
    template = shipped(backed_up=backed_up)
    if state := kept(file):
        return f"from the state kept in {file}", generate(template, state.at_rest())
    return "as shipped: no cluster is up and no state is kept", template


def problems_of(file: Path) -> list[str]:
    """One line each. Raises OSError."""
    try:
        found = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [f"is no YAML: {' '.join(str(error).split())}"]
    if isinstance(found, Mapping) and found.get("kind") == "RayService":
        return manifest_problems(found, serve_schema(), serve_values)
    return [*problems(found, serve_schema(), serve_values), *_releases_of(found)]


def _releases_of(config: object) -> Iterator[str]:
    """Releases that the registry does not have, or has with another digest; without a registry nothing is said."""
    try:
        known = registry() if registry().names() else None
    except ReleaseError:
        return
    for number, application in members(config, "applications") if known else ():
        arguments = application.get("args")
        if not isinstance(arguments, Mapping) or not isinstance(name := arguments.get("release"), str):
            continue
        try:
            digest = known.manifest(name).digest if known else ""
        except ReleaseError as error:
            yield f"applications[{number}].args.release: {error}"
            continue
        if arguments.get("digest") not in (None, digest):
            yield f"applications[{number}].args.digest: the registry's {name} has another one, {digest}"
