"""BTF, the type information of BPF: reading it, fixing it up for the kernel, and writing it as text."""
