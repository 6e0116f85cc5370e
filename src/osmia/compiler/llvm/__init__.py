"""From typed IR to LLVM IR with debug info, as text."""
