"""The backends of `edge.engine`, one a file."""
