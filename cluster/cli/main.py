"""`doorbell`: one command line, `doorbell NOUN VERB`.

What a person can put right is one line on stderr and exit status 2; status 1 says that the command ran and the
answer is no.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

app = typer.Typer(
    help="The doorbell cluster.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    try:
        # The commands are imported here so that a library that is not installed is one clear line too.
        from cluster.cli import commands
        from cluster.cli.expected import EXPECTED

        commands.register(app)
        status = app(args=arguments, prog_name="doorbell", standalone_mode=False)
    except ModuleNotFoundError as error:
        sys.exit(_complaint(f"the Python module '{error.name}' is missing; run 'make install'"))
    except typer.TyperException as error:
        said = " ".join(error.format_message().split()).rstrip(".")
        sys.exit(_complaint(f"{said}; see doorbell --help"))
    except EXPECTED as error:
        sys.exit(_complaint(" ".join(str(error).split())))
    sys.exit(status or 0)


def _complaint(line: str) -> int:
    print(f"doorbell: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
