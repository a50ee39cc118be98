"""Bodies, rows, responses and problems as they are sent, and their schemas."""
