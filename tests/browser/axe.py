"""Runs axe in a tab, as axe-playwright-python does: by the debugger, so that the policy of the page stays on."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def violations(tab: "Page", *rules: str) -> list[str]:
    """What axe finds by all of its rules, or by these: the rule, and the elements that break it."""
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415  # only `make ui` installs it

    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE_SCRIPT)
    script = "options => axe.run(options).then(results => results.violations)"
    found: list[dict[str, Any]] = tab.evaluate(script, {"runOnly": list(rules)} if rules else {})
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]
