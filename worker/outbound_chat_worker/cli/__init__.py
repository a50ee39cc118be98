"""Commands that need the worker's extras; each is registered as an entry point of `outbound_chat.commands`."""
