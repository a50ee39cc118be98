"""Workers: they claim jobs, send them through Amazon Connect at the pace of the budget, and record what happened.

    celery -A outbound_chat_worker worker          # or: outbound-chat worker --processes 2

Redis holds the jobs; Celery only carries "budget B has work". A lost message loses nothing, a duplicate is harmless.
Importing this package reads no settings and connects to nothing.
"""
