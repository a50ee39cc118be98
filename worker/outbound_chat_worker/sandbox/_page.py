"""The inbox as a page: what was sent, for a person with a browser. It needs nothing from elsewhere.

All that came in is escaped, and the policy allows this page's own script and style only.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
"""

import base64
import hashlib
from html import escape

from outbound_chat.model.times import when
from outbound_chat_worker.sandbox._http import HttpResponse
from outbound_chat_worker.sandbox._ledger import Ledger
from outbound_chat_worker.sandbox._messages import messages
from outbound_chat_worker.sandbox._reports import SandboxMessage

PATHS = frozenset({"/", "/inbox"})
_SHOWN = 200
_MOST_SHOWN = 2_000
"""Characters of the attributes of a message; the inbox on the command line has them all."""

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .45rem .7rem .45rem 0; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere } td:nth-child(3) { white-space: pre-wrap; min-width: 14rem; width: 40% }
td:last-child { min-width: 11rem }
@media (max-width: 48rem) {
  thead { display: none } table, tbody, tr, td { display: block }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0 }
  td, td:nth-child(n) { border: 0; min-width: 0; padding: .15rem 0; width: auto }
}
p, small, th { opacity: .7 } .n { white-space: nowrap; overflow-wrap: normal }
.refused { color: light-dark(#b3261e, #ff8a80) } .open { color: light-dark(#1b6e3c, #7fd69b) }
"""
_SCRIPT = """
let seen = document.querySelector("main").innerHTML;
async function look() {
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("main").innerHTML;
    if (now !== seen) document.querySelector("main").innerHTML = seen = now;
    document.querySelector("#away").hidden = true;
  } catch { document.querySelector("#away").hidden = false }
}
setInterval(() => document.hidden || look(), 2000);
"""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_source(_SCRIPT)}; style-src {_source(_STYLE)}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def inbox_page(ledger: Ledger) -> HttpResponse:
    """Returns the page with the last messages, the newest first."""
    total = ledger.inbox.total
    found = list(messages(ledger, max(0, total - _SHOWN), _SHOWN))
    rows = "".join(map(_row, reversed(found))) or '<tr><td colspan="5">No message yet.</td></tr>'
    more = f", the last {len(found)} are shown" if total > len(found) else ""
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox inbox</title><style>{_STYLE}</style></head><body>
<h1>Sandbox inbox</h1><p id="away" class="refused" hidden>The sandbox does not answer.</p><main>
<p>{total:,} messages{more}. Nothing was sent to anybody.</p>
<table><thead><tr><th>Time<th>Number<th>Text<th>Flow and attributes<th>State</tr></thead><tbody>{rows}</tbody></table>
</main><script>{_SCRIPT}</script></body></html>
"""
    return HttpResponse(body=page.encode(errors="replace"), headers=_HEADERS)


def _row(message: SandboxMessage) -> str:
    parts = f"{message.parts} part{'' if message.parts == 1 else 's'}" if message.parts else ""
    lines = "\n".join(f"{name} = {value}" for name, value in message.attributes.items())
    attributes = f"<br>{escape(lines[:_MOST_SHOWN])}{'…' * (len(lines) > _MOST_SHOWN)}".replace("\n", "<br>")
    code = "" if message.code == "accepted" else f"<br><small>{escape(message.code)}</small>"
    return (
        f'<tr><td class="n">{when(message.at, brief=True)}<td class="n">{escape(message.to)}'
        f"<br><small>{escape(message.channel)} {parts}</small><td>{escape(message.text)}"
        f"<td><small>{escape(message.flow)}{attributes}</small>"
        f'<td class="{message.state}">{message.state}{code}</tr>'
    )
