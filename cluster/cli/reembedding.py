"""`doorbell gallery reembed --release NAME`."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from cluster import supervisor
from cluster.cli.access import database
from cluster.cli.keys import AsJson
from serve_apps.database import alone
from serve_apps.settings import load

if TYPE_CHECKING:
    from serve_apps.faces import Face, Image
    from serve_apps.gallery.reembed import Outcome, Progress
    from serve_apps.recognition.decode import Picture
    from serve_apps.recognition.engine import Engine

STOPPED = 130
"""Exit status after Ctrl-C, as a shell gives it."""

WAIT_SECONDS = 0.5


def reembed(
    release: Annotated[str, typer.Option(metavar="NAME", help="The release whose recognizers will use the gallery.")],
    share: Annotated[float, typer.Option(min=0.01, max=1, help="How much of one processor core to take.")] = 0.5,
    wait: Annotated[bool, typer.Option("--wait", help="For the end of another one, instead of failing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Embed every enrolled face for a release; what is done stays done. Status 1 when somebody cannot be embedded."""
    from serve_apps.app import build_gallery
    from serve_apps.gallery.reembed import Reembedding
    from serve_apps.gallery.store import BeingEmbedded
    from serve_apps.gallery.throttle import Throttle
    from serve_apps.recognition.registered import fetched_release, released_engine

    supervisor.inside()  # a rollout's controller that is killed takes it along
    logging.getLogger("serve_apps").addHandler(logging.NullHandler())  # failures are told at the end
    settings = load()
    opened = database(settings)
    gallery = build_gallery(settings)
    with _interrupts() as interrupted, ExitStack() as turn:
        while not turn.enter_context(alone(opened, "reembedding")):
            turn.close()
            if not wait:
                raise BeingEmbedded(
                    "another 'doorbell gallery reembed' is at work on this gallery; --wait waits for it"
                )
            _say_that_it_waits(as_json)
            if interrupted.wait(WAIT_SECONDS):
                return STOPPED
        with _shown(release, as_json) as progress:
            engine = Yielding(lambda: released_engine(settings, fetched_release(settings, release)))
            outcome = Reembedding(gallery, engine).run(progress, interrupted.is_set, Throttle(share))
    report(outcome, release, engine.space, as_json)
    if outcome.without:
        return 1
    return STOPPED if outcome.remaining else 0


def _say_that_it_waits(as_json: bool) -> None:
    if as_json:
        print(json.dumps({"waiting": "for another re-embedding"}), flush=True)
    else:
        print("\rwaiting for another 'doorbell gallery reembed'", end="", file=sys.stderr, flush=True)


class Yielding:
    """An engine on a thread that everything else on the machine comes before.

    The database is written on the caller's thread: a writer that gets no processor would keep others waiting.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine", initializer=yield_to_others)
        self._engine = self._thread.submit(build).result()
        self.space, self.batches = self._engine.space, self._engine.batches

    def faces(self, image: Image) -> list[Face]:
        """As the engine does."""
        return self._thread.submit(self._engine.faces, image).result()

    def faces_of_many(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """As the engine does."""
        return self._thread.submit(self._engine.faces_of_many, pictures).result()


def yield_to_others() -> None:
    """This thread, where the system has priorities for threads, and the ones that it starts."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def report(outcome: Outcome, release: str, space: str, as_json: bool) -> None:
    """What was done, and whom it failed."""
    if as_json:
        print(json.dumps({"release": release, "space": space} | asdict(outcome)))
        return
    print(f"{outcome.embedded} faces embedded in space {space}")
    for failure in outcome.failures:
        print(f"{failure.person}: face {failure.face_id}: {failure.reason}")
    if outcome.partly:
        print(f"recognized by fewer photographs than before: {', '.join(outcome.partly)}")
    if outcome.without:
        print(f"cannot be recognized in the new space: {', '.join(outcome.without)}; enrol other photographs of them")
    if outcome.remaining:
        print(f"stopped; {outcome.remaining} faces remain: run it again to go on")


@contextmanager
def _interrupts() -> Iterator[Event]:
    """Ctrl-C and a termination end the work after the face at hand; a second one ends the process."""
    interrupted = Event()

    def note(number: int, _: FrameType | None) -> None:
        interrupted.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(release: str, as_json: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar with an estimate, or a JSON line for each batch."""
    if as_json:
        yield lambda now: print(json.dumps(asdict(now) | {"seconds_left": seconds_left(now)}), flush=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, transient=True) as bar:
        task = bar.add_task(f"embedding for {release}", total=None)
        yield lambda now: bar.update(task, completed=now.done, total=now.total)


def seconds_left(now: Progress) -> float | None:
    """None before the first face is done."""
    return round((now.total - now.done) / now.rate, 1) if now.rate else None
