"""Prints the OpenAPI document: `python -m outbound_chat.http.openapi` writes `docs/openapi.json`."""

import json
import sys

from outbound_chat.http.app import create_app
from outbound_chat_config import Settings

if __name__ == "__main__":
    sys.stdout.write(json.dumps(create_app(Settings()).openapi(), indent=1, ensure_ascii=False) + "\n")
