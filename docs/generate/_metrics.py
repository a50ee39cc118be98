"""The table of metrics in docs/http.md, from what the service tells."""

from docs.generate._tables import Table
from outbound_chat.http.metrics import Metrics
from outbound_chat.http.store_metrics import store_text
from outbound_chat.model.operations import BudgetStatus

_BUDGET = BudgetStatus(
    webhooks={"waiting": 1},
    name="main",
    rate=1.0,
    ceiling=1.0,
    burst=1,
    workers=1,
    pumps=1,
    accepted=0,
    counts={"waiting": 0, "sent": 0},
    oldest_due=None,
    holds=(),
)


def table() -> Table:
    """Every metric; labels and meaning are kept as the page words them."""
    own = Metrics()
    own.count_request("GET", "/", 200, 0.1)
    lines = (own.text() + store_text([_BUDGET])).decode().splitlines()
    helps = [line.split(maxsplit=3)[2:] for line in lines if line.startswith("# HELP") and "_created" not in line]
    rows = [{"metric": f"`{name}`", "labels": "", "meaning": said} for name, said in helps]
    return Table("http.md", "### Metrics", rows, frozenset({"labels", "meaning"}))
