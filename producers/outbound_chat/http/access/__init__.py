"""Access control: API keys and their restrictions."""
