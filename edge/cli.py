"""`doorbell-edge`: run a box, replay a folder of images, look into a spool."""

from __future__ import annotations

import json
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

import structlog
import typer

from edge.agent import Agent
from edge.camera import checked_camera_id
from edge.drivers.replay import Replay
from edge.errors import SettingsInvalid, Unusable
from edge.frame_file import read_header
from edge.report import LoggedOutcomes, PrintedOutcomes
from edge.set_aside import listed
from edge.settings import read_key, read_settings
from edge.spool import DAMAGED, REFUSED, Spool, entries_in
from edge.wiring import agent_of, agent_of_replay

app = typer.Typer(help="The camera box at a door.", add_completion=False, pretty_exceptions_enable=False)
spool_app = typer.Typer(help="Look at the frames on disk; safe while an agent runs.")
app.add_typer(spool_app, name="spool")

_USAGE_STATUS = 2

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
SpoolFolder = Annotated[Path | None, typer.Option("--spool", help="The spool folder.")]
Config = Annotated[Path | None, typer.Option("--config", help="The settings that name the spool folder.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; what a person can put right becomes one line on stderr and status 2."""
    try:
        status = app(args=arguments, prog_name="doorbell-edge", standalone_mode=False)
    except Unusable as error:
        sys.exit(_complaint(str(error)))
    except typer.TyperException as error:
        sys.exit(_complaint(f"{' '.join(error.format_message().split()).rstrip('.')} ; see doorbell-edge --help"))
    sys.exit(status or 0)


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", help="The settings of this box, a YAML file.")],
    as_json: AsJson = False,
) -> int:
    """Watch the door until stopped; frames that wait for the network stay in the spool."""
    _log_to_stderr(as_json, logging.INFO)
    with agent_of(read_settings(config), LoggedOutcomes()) as agent, _stopped_by_signals(agent):
        agent.run()
    return 0


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
    _log_to_stderr(as_json, logging.ERROR)
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


@spool_app.command("list")
def spool_list(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the frames that wait, oldest first."""
    for entry in entries_in(_spool_folder(spool, config)):
        header = read_header(entry.path) or {}
        told = {name: header.get(name) for name in ("camera_id", "captured_at", "trigger", "label")}
        _print_row({"frame_id": entry.frame_id, **told, "bytes": entry.size}, as_json)


@spool_app.command("damaged")
def spool_damaged(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the files whose checksum was wrong."""
    for row in listed(_spool_folder(spool, config) / DAMAGED):
        _print_row(row, as_json)


@spool_app.command("refused")
def spool_refused(spool: SpoolFolder = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the frames the gateway will never accept, with its reasons."""
    for row in listed(_spool_folder(spool, config) / REFUSED):
        _print_row(row, as_json)


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


def _spool_folder(spool: Path | None, config: Path | None) -> Path:
    if spool is not None:
        return spool
    if config is not None:
        return read_settings(config).spool.folder
    raise SettingsInvalid("no spool named", "give --spool FOLDER or --config edge.yaml")


def _print_row(row: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(row) if as_json else "  ".join(str(value) for value in row.values() if value is not None))


def _log_to_stderr(as_json: bool, level: int) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if as_json else structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each line: a stream bound now may be closed or replaced later.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _complaint(line: str) -> int:
    print(f"doorbell-edge: {line}", file=sys.stderr)
    return _USAGE_STATUS


if __name__ == "__main__":
    main()
