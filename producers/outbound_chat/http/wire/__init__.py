"""What goes over the wire: bodies, rows, responses and problems, and their schemas."""
