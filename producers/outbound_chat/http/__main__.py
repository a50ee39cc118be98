"""Runs one of several processes of a service: `python -m outbound_chat.http LISTENER PIPE`; see `processes`."""

import sys

from outbound_chat.http.server import serve_on

serve_on(int(sys.argv[1]), int(sys.argv[2]))
