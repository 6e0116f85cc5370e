"""Attaching a loaded program: one file for each way."""
