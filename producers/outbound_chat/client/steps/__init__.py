"""The methods of the client, written once: each is a generator of script calls, which either client runs."""
