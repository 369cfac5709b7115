"""What a release must stand before anything of it is started, and what is said when the database goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError

from cluster.cli.gallery_embedding import embedding
from cluster.cli.registered import licences, registry, trusted
from cluster.deployment.history import RolloutError
from cluster.deployment.running import TakenBack
from cluster.releases.folder import open_release
from cluster.releases.manifest import ReleaseError
from serve_apps.settings import Settings

EVERY_SECONDS = 0.5


def check(name: str, settings: Settings) -> Iterator[str]:
    """Signature, digests, licences, and the gallery in its embedding space: says what it does. Raises TakenBack."""
    yield from meanwhile(lambda: _verify(name, settings), f"checking signature, digests and licences of {name}")
    yield from embedding(name)


def meanwhile(work: Callable[[], object], what: str) -> Iterator[str]:
    """What is done, at least twice a second until it is. Raises what the work raises."""
    with ThreadPoolExecutor(1, thread_name_prefix="check") as pool:
        running = pool.submit(work)
        while not running.done():
            yield what
            wait([running], EVERY_SECONDS)
        running.result()


def _verify(name: str, settings: Settings) -> None:
    try:
        folder = registry().fetch(name, settings.releases_cache)
        open_release(folder, trusted(settings), licences(settings))
    except ReleaseError as error:
        raise TakenBack(str(error)) from None


@contextmanager
def database_may_go() -> Iterator[None]:
    """Raises RolloutError when it does: the leases of the gateways' weights end without it."""
    try:
        yield
    except (InterfaceError, OperationalError) as error:  # the others are answers of a database that is there
        said = " ".join(str(error.orig).split())
        raise RolloutError(
            f"the database went away ({said}); the live release keeps the traffic, or has it again when the share of "
            "the new one ends; with the database back, 'doorbell release resume' goes on, or takes it back with --back"
        ) from error
