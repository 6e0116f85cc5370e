"""Virtual machines that run commands of this checkout on other kernels."""
