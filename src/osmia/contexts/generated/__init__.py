"""What tools/generate_helpers.py makes from the table of helpers. Nothing here is edited by hand."""
