"""The code generator's process: reads modules in LLVM's assembly from stdin, writes objects to stdout.

It runs as a script of its own (`python -I -S worker_main.py DIRECTORY`), with nothing but llvmlite on its path, and
ends on end of file. A module that LLVM cannot take may end it at once; whoever asked reads why on its stderr.
"""

from __future__ import annotations

import os
import select
import sys

# How long it waits for more work before it leaves.
IDLE_SECONDS = 10.0


def main() -> None:
    """Serve until end of file, or until nothing has come for a while."""
    sys.path.append(sys.argv[1])
    import llvmlite.binding as llvm  # noqa: PLC0415 - found only after the line above

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # Closed forms of loops need 128-bit products, which BPF does not have.
    llvm.set_option("osmia", "-replexitval=never")
    # A loop that ends at `counter == end` in place of `counter < end` has no bound for older verifiers.
    llvm.set_option("osmia", "-disable-lftr")
    # Loop strength reduction counts in a second register, which the verifier cannot relate to the first.
    llvm.set_option("osmia", "-disable-lsr")
    # LLVM would end the process over a stack that is too large for the kernel: osmia looks at the code and says so.
    llvm.set_option("osmia", "-bpf-stack-size=65536")
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        head = requests.readline()
        if not head:
            return
        cpu, form, length = head.decode().split()
        text = requests.read(int(length)).decode()
        try:
            status, data = "ok", compile_module(llvm, text, cpu, form)
        except RuntimeError as problem:
            status, data = "error", str(problem).encode()
        answers.write(f"{status} {len(data)}\n".encode() + data)
        answers.flush()


def compile_module(llvm, text: str, cpu: str, form: str) -> bytes:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """One module, with plain O2: the verifier needs what O2 keeps and O0 loses."""
    machine = llvm.Target.from_triple("bpfel").create_target_machine(cpu=cpu, opt=2, codemodel="default")
    module = llvm.parse_assembly(text, llvm.create_context())
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    if form == "ll":
        return str(module).encode()
    if form == "asm":
        return str(machine.emit_assembly(module)).encode()
    return bytes(machine.emit_object(module))


if __name__ == "__main__":
    main()
    # Unloading LLVM takes longer than the kernel needs to clean up.
    sys.stdout.flush()
    os._exit(0)
