"""Marks where text is made: adapters between the pure core and the hosts that generate.

A file here is one host, or what several share. Torch, transformers and vLLM are extras: a module that needs one imports
it at its top, and nothing imports that module before it is wanted.
"""
