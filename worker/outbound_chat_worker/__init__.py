"""Workers claim jobs, send them through Amazon Connect at the pace of the budget, and record the results.

    celery -A outbound_chat_worker worker          # or: outbound-chat worker --processes 2

Redis holds the jobs; Celery messages only say "budget B has work". Lost and duplicate messages are harmless.
Importing this package reads no settings and connects to nothing.
"""
