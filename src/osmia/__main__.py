"""`python -m osmia`."""

from osmia.cli.main import entry

entry()
