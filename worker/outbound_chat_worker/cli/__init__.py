"""Commands that need the worker's extras, registered as entry points of `outbound_chat.commands`."""
