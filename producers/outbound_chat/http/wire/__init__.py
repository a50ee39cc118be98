"""Bodies, rows, responses and problems as they go over the wire, and their schemas."""
