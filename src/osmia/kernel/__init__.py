"""The only caller of bpf(2): system calls, what their errors mean, and handles over file descriptors."""
