"""`doorbell serve kuberay`: the present releases as a RayService."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cluster.cli.serve_config import DASHBOARD, present
from cluster.deployment.control import serve_schema, serve_values
from cluster.deployment.kuberay import Incremental, Wanted, WorkerGroup, migration_job, ray_service
from cluster.deployment.kuberay_model import ManifestError, job_problems, manifest_problems
from cluster.deployment.serve_config import generate, state_of
from serve_apps.settings import load

HEAD = """\
# {source}. Checked by `doorbell serve check FILE`; docs/upgrades.md says what has to be there first.
# {gcs}
"""
WITHOUT_REDIS = "Without --redis a head that ends takes its cluster with it: KubeRay makes another, minutes later."
WITH_REDIS = "Ray's state is in Redis: when the head ends, replicas go on, and the next head finds them."


def kuberay(
    image: Annotated[str, typer.Option(help="With a tag or a digest; made from deploy/Dockerfile.")],
    ray_version: Annotated[str, typer.Option(help="Of the image.")] = version("ray"),
    name: Annotated[
        str, typer.Option(help="Of the RayService; its Secrets and its ConfigMap begin with it.")
    ] = "doorbell",
    workers: Annotated[str, typer.Option(metavar="LEAST:MOST", help="Worker pods.")] = "1:8",
    worker_cpus: Annotated[int, typer.Option(min=2, help="Of each.")] = 4,
    worker_memory: Annotated[int, typer.Option(min=2, help="GiB of each.")] = 8,
    incremental: Annotated[bool, typer.Option("--incremental/--new-cluster", help="In steps, or at once.")] = False,
    gateway_class: Annotated[str, typer.Option(help="With --incremental: the GatewayClass.")] = "istio",
    surge: Annotated[int, typer.Option(help="With --incremental: percent of capacity a step.")] = 25,
    step: Annotated[int, typer.Option(help="With --incremental: percent of the traffic a step.")] = 5,
    interval: Annotated[int, typer.Option(help="With --incremental: seconds a step.")] = 60,
    redis: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Keeps Ray's state when the head ends.")
    ] = None,
    service_account: Annotated[str | None, typer.Option(help="With the right to use the bucket.")] = None,
    notices: Annotated[bool, typer.Option(help="The Secret NAME-files has a notices.yaml.")] = False,
    migration: Annotated[bool, typer.Option(help="Print the Job that migrates the database instead.")] = False,
    dashboard: Annotated[str, typer.Option(help="Address of Ray's dashboard.")] = DASHBOARD,
) -> None:
    """Print a RayService with the releases and weights of the cluster, or of the kept state."""
    least, most = pods(workers)
    steps = Incremental(gateway_class, surge, step, interval) if incremental else None
    group = WorkerGroup(least, most, worker_cpus, worker_memory)
    wanted = Wanted(image, ray_version, name, group, steps, redis, service_account, notices)
    if migration:
        job = migration_job(wanted)
        complain(job_problems(job))
        print(yaml.safe_dump(job, sort_keys=False), end="")
        return
    settings = load()
    source, config = at_rest(settings.folder, dashboard, backed_up=bool(settings.backup_url))
    manifest = ray_service(wanted, config)
    complain(manifest_problems(manifest, serve_schema(), serve_values))
    print(HEAD.format(source=source, gcs=WITH_REDIS if redis else WITHOUT_REDIS), end="")
    print(yaml.dump(manifest, Dumper=_Readable, sort_keys=False, width=120), end="")


def at_rest(data: Path, dashboard: str, *, backed_up: bool = False) -> tuple[str, dict[str, Any]]:
    """The present config without a rollout that is under way, and where it is from. Raises ServeError, StateError."""
    source, config = present(data, dashboard, backed_up=backed_up)
    state = state_of(config)
    if state.lease:
        print("doorbell: a rollout is under way; this is its live release with all of the traffic", file=sys.stderr)
    if state.releases[state.live].digest is None:
        live = state.releases[state.live].name
        print(f"doorbell: no digest of {live} is known; the new cluster takes the one of that name", file=sys.stderr)
    return source, generate(config, state.at_rest())


def pods(text: str) -> tuple[int, int]:
    """`LEAST:MOST`, or one number for both. Raises ManifestError."""
    least, _, most = text.partition(":")
    if not least.isascii() or not least.isdigit() or not (most or least).isascii() or not (most or least).isdigit():
        raise ManifestError(f"--workers {text}: give LEAST:MOST, as in 1:8")
    return int(least), int(most or least)


def complain(problems: list[str]) -> None:
    """Raises ManifestError when there is any."""
    if problems:
        raise ManifestError("; ".join(problems))


class _Readable(yaml.SafeDumper):
    """Lines as lines, and each thing written out where it is."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _Readable.represent_text)
