"""The checks of `doctor`, with a module per subject: what is wrong, and what to do."""
