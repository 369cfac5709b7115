"""A cluster that a measurement has to itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import rmtree

from rich.console import Console

from cluster.cli.access import temporary_key
from cluster.cli.up import build_graphs, prepare
from cluster.launcher import local_cluster
from cluster.preflight import Ports, free_port
from cluster.sample_run import enrol_samples
from cluster.security.api_keys import Scope
from cluster.temporary import temp_folder
from serve_apps.settings import load


@contextlib.contextmanager
def cluster_of_its_own(
    ports: Ports | None = None, rushes: str = "", furnish: Callable[[Path], Mapping[str, str]] | None = None
) -> Iterator[tuple[str, str]]:
    """Address and key of a cluster with the sample people, on the data folder's disk; gone afterwards.

    `rushes` is the name of a file in that folder that may come to say which rushes are expected. `furnish` puts
    something into that folder before anything is started, and says with which settings.
    """
    weights = load().weights_folder
    weights.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=weights.parent) as folder:
        Path(folder, "weights").symlink_to(weights)
        for name in [name for name in os.environ if name.endswith(("_URL", "_FILE")) and name.startswith("DOORBELL_")]:
            del os.environ[name]
        os.environ["DOORBELL_DATA"] = folder
        if rushes:
            os.environ["DOORBELL_RUSHES_FILE"] = str(Path(folder, rushes))
        os.environ.update(furnish(Path(folder)) if furnish else {})
        settings = load()
        prepare(settings)
        build_graphs(settings)
        say = Console(stderr=True).print
        with (
            local_cluster(
                settings.folder, ports or free_ports(), say, backed_up=bool(settings.backup_url), rest="before"
            ) as url,
            temporary_key("bench", frozenset({Scope.FRAMES, Scope.PEOPLE})) as key,
        ):
            enrol_samples(url, key)
            say("measuring …")
            yield url, key
        rmtree(temp_folder(settings.folder), ignore_errors=True)  # Ray's logs stay where something failed


def free_ports() -> Ports:
    """Ports that nobody listens on."""
    ports: set[int] = set()
    while len(ports) < 4:
        ports.add(free_port())
    return Ports(*ports)
