"""The pump: claims jobs of one budget, calls Connect, and records the results."""
