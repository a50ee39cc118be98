"""The checks of `doctor`, with a module per subject."""
