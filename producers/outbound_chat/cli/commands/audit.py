"""The command that reads a whole budget and reports what does not add up: audit."""

from collections.abc import Mapping
from typing import Annotated

import typer

from outbound_chat.cli.errors import Exit
from outbound_chat.cli.options import Json
from outbound_chat.cli.output import number_of, out, print_json
from outbound_chat.cli.progress import spinner
from outbound_chat.cli.tables import make_table, print_table
from outbound_chat.model.consistency import sentence
from outbound_chat.store import Store
from outbound_chat.store.inspection import Audited, audit_budget
from outbound_chat_config import NotConfigured, Settings, load_settings

Budget = Annotated[str | None, typer.Option(help="Only this budget; all by default.", show_default=False)]


def audit(*, budget: Budget = None, as_json: Json = False) -> None:
    """Check that the data in Redis is consistent.

    Reads all records and changes nothing. Exits with 1 if something is wrong.

    $ outbound-chat audit --budget main
    """
    settings = load_settings()
    found = {name: _audited(settings, name) for name in _chosen(settings, budget)}
    if as_json:
        print_json(
            [
                {"budget": name, "records": one.jobs, "lanes": one.lanes, "findings": one.findings}
                for name, one in found.items()
            ]
        )
    else:
        print_audits(found)
    if any(one.findings for one in found.values()):
        raise typer.Exit(Exit.NOT_ALL_SENT)


def _chosen(settings: Settings, budget: str | None) -> list[str]:
    if budget is not None and budget not in settings.budgets:
        known = ", ".join(sorted(settings.budgets))
        raise NotConfigured(f'budget "{budget}" is not configured; known budgets: {known}')
    return [budget] if budget else sorted(settings.budgets)


def _audited(settings: Settings, budget: str) -> Audited:
    found = Audited()
    with Store.from_settings(settings) as store, spinner("{task.description}") as progress:
        bar = progress.add_task(budget, total=None)
        for found in audit_budget(store, store.keys(budget)):
            progress.update(bar, description=f"{budget}: {found.jobs:,} records, {found.lanes:,} lanes")
    return found


def print_audits(audits: Mapping[str, Audited]) -> None:
    """Prints a table of the budgets, and one of what does not add up."""
    budgets = make_table("budget", "records", "lanes", "result", numbers=("records", "lanes"))
    findings = make_table("budget", "finding", "what does not add up", folds={"what does not add up": 30})
    for name, one in audits.items():
        result = number_of(len(one.findings), "finding") if one.findings else "all adds up"
        budgets.add_row(name, f"{one.jobs:,}", f"{one.lanes:,}", result)
        for found in one.findings:
            findings.add_row(name, found.kind, sentence(found.kind, found.of, found.number))
    print_table(budgets)
    if findings.rows:
        out.print()
        print_table(findings)
