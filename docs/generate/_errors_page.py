"""The page that the HTTP service serves at `/docs/errors`, from docs/errors.md: problems refer to its rows."""

import re

from markdown_it import MarkdownIt

HTTP = "Codes of HTTP answers"
ATTEMPTS = "Codes of attempts"
SECTIONS = (HTTP, "Codes of a refused request", ATTEMPTS)
"""What those who call over HTTP meet, in the order of the page."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Errors of outbound-chat</title>
<link rel="icon" href="favicon.png">
<link rel="stylesheet" href="errors.css">
</head>
<body>
<h1>Errors</h1>
<p>The <code>type</code> of a problem leads to its row here. <a href="../docs">All paths of the service</a></p>
%s</body>
</html>
"""


def page(text: str) -> str:
    """The whole page, from the text of docs/errors.md."""
    parts = {part.partition("\n")[0]: part for part in text.split("\n## ")}
    return _PAGE % "".join(_section(name, parts[name]) for name in SECTIONS)


def _section(name: str, part: str) -> str:
    # The other pages are not here.
    plain = re.sub(r"\[([^\]]+)\]\([^#)][^)]*\)", r"\1", f"## {part}")
    html = str(MarkdownIt().enable("table").render(plain))
    html = html.replace("<h2>", f'<h2 id="{name.lower().replace(" ", "-")}">')
    html = re.sub(r">\n(?=</?t[dh]|</tr)", ">", html)
    # A code may be of both; `type` of problems names those of HTTP.
    prefix = {HTTP: "", ATTEMPTS: "attempt-"}.get(name)
    if prefix is not None:
        html = re.sub(r"<tr><td><code>(\w+)</code>", rf'<tr id="{prefix}\1"><td><code>\1</code>', html)
    return html
