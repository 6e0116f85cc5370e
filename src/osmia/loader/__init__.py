"""Bringing what an object says into a kernel."""
