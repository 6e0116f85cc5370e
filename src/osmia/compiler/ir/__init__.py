"""The typed intermediate representation: what the frontend makes, the checks read and the LLVM stage lowers."""
