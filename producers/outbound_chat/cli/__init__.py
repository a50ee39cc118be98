"""The command line, `outbound-chat` (extra `[cli]`): each command parses, calls the client once, and prints.

Exit codes: 0 done; 1 done, but something ended other than sent, or rows were rejected; 2 wrong input or settings;
3 Redis can't be reached or refuses; 4 no result in time; 5 no such job or batch; 6 the output can't be written.
"""

import sys


def main() -> None:
    """Runs the command line on `sys.argv`, and ends the process with its exit code."""
    try:
        from outbound_chat.cli.streams import take_streams  # noqa: PLC0415  # Ctrl-C may come while it is loaded

        take_streams()
        from outbound_chat.cli.app import run  # noqa: PLC0415  # the extra may be missing

        run()
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.exit("outbound-chat: the command line needs its extra; run: pip install 'outbound-chat[cli]'")
    except KeyboardInterrupt:
        # Nothing has begun. Later each command handles Ctrl-C itself, and ends with the same code.
        sys.exit(130)
