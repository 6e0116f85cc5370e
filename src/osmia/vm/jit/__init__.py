"""The engine that makes native code of programs with LLVM."""
