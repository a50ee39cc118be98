"""How Sphinx builds the site: `make docs`. The navigation is `docs/index.md`, so there is no second list of pages.

The source folder is the repository's root, so that the pages, the README and the files they link to are found by the
same relative links as on a code host. Nothing is fetched when the site is built or read.
"""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.navigation import toctrees

project = "outbound-chat"
# Without these, the year and the version would change pages that nobody touched.
copyright = ""  # noqa: A001 - Sphinx calls it so
html_show_copyright = False
html_show_sphinx = False

root_doc = "docs/index"
include_patterns = ["docs/**.md", "ARCHITECTURE.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True
highlight_language = "none"

html_theme = "furo"
html_title = "outbound-chat"
html_static_path = ["theme/static"]
html_css_files = ["site.css"]
# Leads from the root of the site to its first page.
html_extra_path = ["theme/root"]
html_copy_source = False
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
pygments_style = "default"


_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s#:]+)\)")


def _prepare(_app: Any, page: str, source: list[str]) -> None:
    """Adds the navigation; leaves of a link to a folder, which a code host shows and a site has not, its text."""
    folder = (_ROOT / page).parent
    source[0] = _LINK.sub(lambda link: link["text"] if (folder / link["target"]).is_dir() else link[0], source[0])
    if page == root_doc:
        source[0] += toctrees(source[0])


def setup(app: Any) -> None:
    """Sphinx calls this once."""
    app.connect("source-read", _prepare)
