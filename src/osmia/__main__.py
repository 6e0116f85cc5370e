"""`python -m osmia`."""

from osmia.cli.interrupt import end_at_once

end_at_once()

from osmia.cli.main import entry  # noqa: E402 - the line above is for the time that this one takes

entry()
