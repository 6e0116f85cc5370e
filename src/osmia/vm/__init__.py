"""The user-space runtime: the same objects, run without a kernel and without root."""
