"""The only place where things are wired: the command line."""
