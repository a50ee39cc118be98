"""`make chaos`: strikes a running stack with faults, and shows that nothing is lost and nobody is texted twice."""

import argparse
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import report
from .audit import Outcome
from .campaign import Rigs, draw, run
from .faults import Fault, all_faults

SECONDS_A_FAULT = 12
_CTRL_C = 130


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Strikes running workers, their Redis and their broker with faults, and audits after each. "
        "Ends with 1 when anything was lost, doubled or late.",
    )
    add = parser.add_argument
    add("--faults", type=int, default=210, metavar="N", help="how many to run (%(default)d)")
    add("--only", metavar="KIND[/NAME]", help="only these")
    add("--seed", type=int, default=1, help="decides the order (%(default)d)")
    add("--broker", choices=("redis", "other", "rabbitmq"), default="redis", help="Celery's broker (%(default)s)")
    add("--list", action="store_true", help="show the faults and end")
    add("--json", type=Path, metavar="FILE", help="write every outcome to this file")
    add("--markdown", type=Path, metavar="FILE", help="write the table to this file")
    options = parser.parse_args(arguments)
    if options.faults < 1:
        parser.error("--faults is at least 1")
    return options


def _chosen(only: str | None) -> list[Fault]:
    faults = [fault for fault in all_faults() if only in (None, fault.kind, fault.name, f"{fault.kind}/{fault.name}")]
    if not faults:
        raise SystemExit(f"there is no fault {only!r}; see --list")
    possible = [fault for fault in faults if not fault.needs()]
    for fault in faults:
        if why := fault.needs():
            report.say(f"left out: {fault.kind}/{fault.name}: {why}")
    return possible


def _run(options: argparse.Namespace, outcomes: list[Outcome]) -> None:
    drawn = draw(_chosen(options.only), options.faults, options.seed)
    report.say(f"{len(drawn)} faults, about {len(drawn) * SECONDS_A_FAULT / 60:.0f} minutes; seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="outbound-chat-chaos-") as folder:
        rigs = Rigs(Path(folder), options.seed)
        try:
            for outcome in run(drawn, rigs, broker="" if options.broker == "redis" else options.broker):
                outcomes.append(outcome)
                style = "dim" if outcome.held else "red"
                report.say(f"{len(outcomes):4} of {len(drawn)}  {report.describe(outcome)}", style)
        finally:
            rigs.close()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Exit code 0: all promises kept, 1: not, 130: Ctrl-C."""
    options = _options(arguments)
    if options.list:
        for fault in all_faults():
            print(f"{fault.kind}/{fault.name}: {' '.join((fault.strike.__doc__ or '').split())}")  # noqa: T201
        raise SystemExit(0)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    outcomes: list[Outcome] = []
    try:
        _run(options, outcomes)
        code = int(not all(outcome.held for outcome in outcomes))
    except KeyboardInterrupt:
        code = _CTRL_C
    finally:
        report.show(outcomes)
        if options.json:
            report.write_json(outcomes, options.seed, options.json)
        if options.markdown:
            report.write_markdown(outcomes, options.markdown)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
