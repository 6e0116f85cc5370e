"""BCC's ring buffer with a callback that decodes each event, as its documentation has it: ns of CPU a record."""

import os
import sys
import time

from bcc import BPF

sys.path.insert(0, sys.argv[1])

from osmia.kernel.program import KernelProgram
from osmia.kinds import KINDS

RECORDS = 40_000
TEXT = """
struct event { u64 number; u32 cpu; u32 length; };
BPF_RINGBUF_OUTPUT(events, 256);
int writes(struct xdp_md *ctx)
{
    struct event event = {};
    for (int number = 0; number < 100; number++) {
        event.number = number;
        events.ringbuf_output(&event, sizeof(event), 0);
    }
    return 2;
}
"""

b = BPF(text=TEXT)
# A descriptor of its own: BCC closes its one.
program = KernelProgram(os.dup(b.load_func("writes", BPF.XDP).fd), "writes", KINDS["xdp"])
taken = [0]


def take(_context: object, data: object, _size: int) -> None:
    """Decode one event and read a field, as BCC's examples do."""
    event = b["events"].event(data)
    taken[0] += event.number >= 0


b["events"].open_ring_buffer(take)
for _ in range(RECORDS // 100):
    program.test_run(bytes(64), 1)
start = time.thread_time()
b.ring_buffer_consume()
print((time.thread_time() - start) * 1e9 / taken[0])
sys.stdout.flush()
