"""From Python functions to a standard BPF object: source, frontend, typed IR, checks, LLVM IR, worker process, ELF."""
