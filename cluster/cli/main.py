"""`doorbell`: one command line, `doorbell NOUN VERB`.

What a person can put right is one line on stderr and exit status 2; status 1 says that the command ran and the
answer is no.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    os.umask(0o077)  # what is made here holds keys and names
    try:
        sys.exit(_written(_run(arguments)))
    except ModuleNotFoundError as error:
        way_out = "run 'make install' or pip install 'doorbell-cluster[cluster]'"
        sys.exit(_complaint(f"the Python module '{error.name}' is missing; {way_out}"))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(arguments: Sequence[str] | None) -> int:
    # Imported here, so that a library that is not installed is one clear line too.
    import typer
    from sqlalchemy.exc import DBAPIError

    try:
        return _command(list(sys.argv[1:] if arguments is None else arguments))
    except typer.TyperException as error:
        said = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        if not said and context is not None:
            print(context.get_help())
            return 2
        return _complaint(f"{said}; see doorbell --help")
    except _expected() as error:
        return _complaint(" ".join(str(error).split()))
    except DBAPIError as error:
        return _complaint(f"the database refused: {' '.join(str(error.orig).split())}")
    except OSError as error:
        return _complaint(f"{error.filename or 'the system'}: {error.strerror or error}")


def _written(status: int) -> int:
    """The status, once all output is; that nobody reads it to its end, as with `| head`, is no fault."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more as it ends
        return 1  # as Typer has it for a reader that goes in the middle
    return status


def _command(arguments: list[str]) -> int:
    import typer

    from cluster.cli import commands
    from cluster.cli.finite import only_finite

    command = only_finite(typer.main.get_command(commands.app(*arguments[:1])))
    return command.main(args=arguments, prog_name="doorbell", standalone_mode=False) or 0


def _expected() -> tuple[type[Exception], ...]:
    """Asked for when something was raised, and not before."""
    from cluster.cli.expected import EXPECTED

    return EXPECTED


def _complaint(line: str) -> int:
    print(f"doorbell: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
