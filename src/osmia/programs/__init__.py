"""Programs: the decorators that declare them, the handles that run them, and `load()`."""
