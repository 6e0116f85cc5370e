"""Tools that ship with osmia, compiled: programs written with the public API alone."""
