"""Gauger finds, marks, proves, shares and stops illicit distillation of language models."""

__version__ = "0.1.0"
