"""Parts of ``bench/radioactivity.py``: a synthetic teacher, small students, the tests of them, and their drawing."""
