"""The pages below /ui that every rule is tried on, by their paths; `{name}` is an id of `stack.Seed`.

A page is added by its line.
"""

PAGES = (
    "",
    "login",
    "batches",
    "batches/{batch}",
    "batches/{hostile}",
    "jobs/{sent}",
    "jobs/{failed}",
    "jobs/{refused}",
    "jobs/{held}",
    "dead",
    "actions",
    "holds",
    "suppression",
    "webhooks",
    "workers",
    "keys",
    "send",
    "upload",
    "audit",
)

HOSTILE = {
    "batches": "batches",
    "batches/{hostile}": "a batch",
    "jobs/{refused}": "a code",
    "holds": "a reason",
    "keys": "a key",
    "workers": "a worker",
}
"""Pages that show `stack.HOSTILE`, and what it is there."""
