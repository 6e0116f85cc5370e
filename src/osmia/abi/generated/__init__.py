"""What tools/generate_abi.py makes from a kernel's BTF. Nothing here is edited by hand."""
