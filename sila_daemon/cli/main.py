"""The entry of `sila-daemon`: parses arguments, calls one handler, turns its end into an exit code.

How to add commands is told in `sila_daemon.cli.command_tree`. Start-up stays cheap: nothing but
argparse is imported before the command is known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sila_daemon.cli.command_tree import CommandTree, load_handler
from sila_daemon.cli.output import Output, silence_stdout, standard_output
from sila_daemon.core.errors import SilaError, StorageError

PROGRAM = "sila-daemon"
_DESCRIPTION = "Looks after Sila spaces on this machine and mirrors them to servers."
_INTERNAL_ERROR = 70
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code that commands.md promises."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    output = standard_output(as_json="--json" in words)
    try:
        code = _run(words, output)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence_stdout()  # Whoever read our output has seen enough, as `head` does.
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SilaError as error:
        output.error(error)
        return error.exit_code
    except OSError as error:
        output.error(refused := _refused(error))
        return refused.exit_code
    except Exception as error:
        output.error(_internal_error(error))
        if os.environ.get("SILA_DEBUG"):
            import traceback

            traceback.print_exc()
        return _INTERNAL_ERROR


def _run(words: list[str], output: Output) -> int:
    tree = CommandTree(PROGRAM, _DESCRIPTION)
    tree.parser.add_argument("--version", action="store_true", help="print the version")
    if words == ["--version"]:
        from importlib.metadata import version

        output.line(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    tree.load_groups(words[0] if words else "")
    try:
        parsed = tree.parser.parse_args(tree.completed(words))
    except SystemExit as end:  # After --help.
        return end.code if isinstance(end.code, int) else 0
    return load_handler(parsed.handler)(parsed, output) or 0


def _refused(error: OSError) -> SilaError:
    """Makes a storage failure of what no piece below has put into words."""
    where = f": {error.filename}" if error.filename else ""
    return StorageError(
        f"the system refused: {error.strerror or type(error).__name__}{where}",
        hint="Check the disk and your rights, then try again.",
    )


def _internal_error(error: Exception) -> SilaError:
    """Says where it happened, but not the message, which may hold somebody's secrets."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        module = place.tb_frame.f_globals.get("__name__", "?")
        where = f" in {module}, line {place.tb_lineno}"
    return SilaError(
        f"something went wrong inside {PROGRAM}: {type(error).__name__}{where}",
        hint="This is a bug. Run the command again with SILA_DEBUG=1 to see the details; "
        "they may hold private data, so look before you share them.",
    )
