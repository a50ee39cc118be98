"""The command line, `outbound-chat` (extra `[cli]`): each command parses, calls the client once, and prints.

`docs/cli.md` has the exit codes and the form of `--json`.
"""

import json
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
        sentence = f"the command line needs {error.name}; run: pip install 'outbound-chat[cli]'"
        if "--json" in sys.argv:
            fault = {"code": "missing_extra", "message": sentence}
            sys.stdout.write(json.dumps({"data": None, "errors": [fault]}) + "\n")
        sys.stderr.write(f"error: {sentence}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        # Nothing has begun. Later each command handles Ctrl-C itself, and ends with the same code.
        sys.exit(130)
