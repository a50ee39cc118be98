"""What a user would pick instead of outbound-chat, each written in a page as a competent user would write it.

All do the same job: a checked StartOutboundChatContact over HTTP, with the job's id as ClientToken, and a result that
callers poll by id. Modules here import nothing of outbound-chat, save `outbound.py`, since each runs in its own process
and one in an environment of its own.
"""
