"""Who may do what: API keys, and what each of them is restricted to."""
