"""`doorbell-edge`: run a box, check it, enrol it, replay a folder of images, look into a spool."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Annotated, Any

import typer

from edge.agent import Agent
from edge.camera import checked_camera_id
from edge.drivers.replay import Replay
from edge.errors import Unusable
from edge.health.watchdog import watched
from edge.log import log_to_stderr
from edge.report import LoggedOutcomes, PrintedOutcomes
from edge.settings import read_key, read_settings
from edge.spool.cli import spool_app
from edge.spool.queue import Spool
from edge.wiring import agent_of, agent_of_replay

app = typer.Typer(help="The camera box at a door.", add_completion=False, pretty_exceptions_enable=False)
app.add_typer(spool_app, name="spool")

_USAGE_STATUS = 2
_INTERRUPTED_STATUS = 130

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Config = Annotated[Path, typer.Option("--config", help="The settings of this box, a YAML file.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; what a person can put right becomes one line on stderr and status 2."""
    # Until a command knows better: what it prints is for programs, and a warning is no part of it.
    log_to_stderr(as_json=False, level=logging.WARNING)
    try:
        status = app(args=arguments, prog_name="doorbell-edge", standalone_mode=False)
    except typer.Abort:
        sys.exit(_INTERRUPTED_STATUS)
    except Unusable as error:
        sys.exit(_complaint(str(error)))
    except typer.TyperException as error:
        sys.exit(_complaint(f"{' '.join(error.format_message().split()).rstrip('.')} ; see doorbell-edge --help"))
    sys.exit(status or 0)


@app.command()
def run(config: Config, as_json: AsJson = False) -> int:
    """Watch the door until stopped; frames that wait for the network stay in the spool."""
    log_to_stderr(as_json, logging.INFO)
    settings = read_settings(config)
    with (
        agent_of(settings, LoggedOutcomes()) as agent,
        _stopped_by_signals(agent),
        watched(agent.stuck_s),
    ):
        agent.run()
    return 0


@app.command()
def check(config: Config, as_json: AsJson = False) -> int:
    """Tell in one screen what works and what to do about what does not; status 1 when something does not."""
    from edge.health.check import findings_of, printed

    log_to_stderr(as_json, logging.CRITICAL)
    settings = read_settings(config)
    return printed(findings_of(settings), as_json=as_json)


@app.command()
def enroll(
    gateway: Annotated[str, typer.Option(help="Address of the gateway.")],
    code: Annotated[str, typer.Option(help="The one-time code of `doorbell devices enroll`.")],
    key_file: Annotated[Path, typer.Option(help="Where this box keeps its key.")],
    ca_file: Annotated[Path | None, typer.Option(help="Authorities that may have signed the certificate.")] = None,
    certificate_file: Annotated[Path | None, typer.Option(help="What this box shows of itself.")] = None,
    certificate_key_file: Annotated[Path | None, typer.Option(help="The key of that certificate.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put the new key in the place of an old one.")] = False,
) -> None:
    """Trade a one-time code for a key of this box's own."""
    from edge.upload.enrolment import enrol_into

    name = enrol_into(
        key_file,
        gateway,
        code,
        replace=replace,
        ca_file=ca_file,
        certificate_file=certificate_file,
        certificate_key_file=certificate_key_file,
    )
    print(f"enrolled as {name}; the key is in {key_file}")


@app.command()
def unit(config: Config = Path("/etc/doorbell-edge/edge.yaml")) -> None:
    """Print the systemd unit of this installation."""
    from edge.health.unit import unit as unit_of

    print(unit_of(config), end="")


@app.command()
def bench(
    as_json: AsJson = False,
    spool: Annotated[Path | None, typer.Option(help="Measure the disk under this folder.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long each part takes, about.")] = 10.0,
) -> int:
    """Measure this box: trigger to first byte sent, frames onto the disk, memory, idle processor time."""
    from rich.console import Console

    from edge.bench.agent import measured, printed_bench

    log_to_stderr(as_json, logging.CRITICAL)
    progress = Console(stderr=True, quiet=not sys.stderr.isatty()).print
    return printed_bench(measured(spool, seconds, progress), as_json=as_json)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="Images: .jpg, .jpeg, .png, .webp.")],
    gateway: Annotated[str, typer.Option(help="Address of the gateway.")],
    camera: Annotated[str, typer.Option(help="The camera id to post as.")],
    as_json: AsJson = False,
    spool: Annotated[Path | None, typer.Option(help="Keep frames here until answered; without it, nowhere.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0, help="Seconds between frames; without it, each waits for the one before.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Give up after so many seconds without an answer.")] = 30.0,
    key_file: Annotated[Path | None, typer.Option(help="Holds the API key; else DOORBELL_EDGE_KEY.")] = None,
) -> int:
    """Post every image of a folder as a door would, and print each answer as it comes."""
    log_to_stderr(as_json, logging.ERROR)
    checked_camera_id(camera)
    source = Replay(folder, interval or 0.0)
    outcomes = PrintedOutcomes((file.name for file in source.files), as_json=as_json)
    key = read_key(key_file)
    options: dict[str, Any] = {"patience_s": timeout, "one_by_one": interval is None}
    with (
        _spool_or_temporary(spool) as queue,
        agent_of_replay(source, camera, gateway, key, queue, outcomes, **options) as agent,
        _stopped_by_signals(agent),
    ):
        agent.run()
    return _replayed(outcomes, len(source.files), spool)


def _replayed(outcomes: PrintedOutcomes, frames: int, spool: Path | None) -> int:
    key_refused = outcomes.key_refused
    failed = outcomes.finish()
    if not failed:
        return 0
    if key_refused:
        way_out = "the gateway refused the key, check DOORBELL_EDGE_KEY or --key-file"
    elif spool:
        way_out = f"they wait in {spool}" if outcomes.unanswered else f"see doorbell-edge spool refused --spool {spool}"
    else:
        way_out = "check the gateway and replay the folder again"
    _complaint(f"{failed} of {frames} frames without an event ; {way_out}")
    return 1


@contextmanager
def _spool_or_temporary(folder: Path | None) -> Iterator[Spool]:
    if folder is not None:
        with Spool(folder) as spool:
            yield spool
        return
    with tempfile.TemporaryDirectory(prefix="doorbell-edge-") as temporary, Spool(Path(temporary)) as spool:
        yield spool


@contextmanager
def _stopped_by_signals(agent: Agent) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the agent after the frame in hand; a second signal kills, which loses nothing."""

    def stop(number: int, at: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        # The interrupted thread may hold the very locks that stopping takes, so another one has to do it.
        Thread(target=agent.stop).start()

    before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {
        number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _complaint(line: str) -> int:
    print(f"doorbell-edge: {line}", file=sys.stderr)
    return _USAGE_STATUS


if __name__ == "__main__":
    main()
