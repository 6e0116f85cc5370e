"""Benchmarks: osmia beside its peers, in the same run. `python -m bench` runs them; README.md says what they mean."""
