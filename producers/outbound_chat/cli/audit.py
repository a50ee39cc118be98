"""The command that reads a whole budget and says what does not belong together: audit."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from outbound_chat.cli.jobs import Json
from outbound_chat.cli.output import Exit, out, print_json
from outbound_chat.errors import UnknownBudget
from outbound_chat.findings import sentence
from outbound_chat.store import Store
from outbound_chat.store.auditing import Audited, audit_budget
from outbound_chat_config import load_settings
