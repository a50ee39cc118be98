"""Makes `python -m outbound_chat.cli` the same as `outbound-chat`."""

from outbound_chat.cli import main

main()
