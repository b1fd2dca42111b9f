"""``python -m gauger``: the program, where it is not on the path."""

from gauger.app.cli import main

main()
