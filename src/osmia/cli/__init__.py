"""The commands of osmia."""
