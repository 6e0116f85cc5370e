"""The kernel's ABI as data: constants, contexts, flags, and the instructions of BPF."""
