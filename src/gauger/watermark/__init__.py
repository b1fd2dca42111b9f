"""Keyed marks in served text: keys, marking, detection, and whose outputs a model was trained on."""
