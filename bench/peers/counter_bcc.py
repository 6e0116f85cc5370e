"""The counter with BCC: compile, load, attach to the named interface, print the counts, end."""

import sys

from bcc import BPF

TEXT = """
BPF_PERCPU_ARRAY(counts, u32, 1);

int xdp_map_counter(struct xdp_md *ctx) {
    int index = 0;
    u32 *counter = counts.lookup(&index);
    if (!counter)
        return XDP_ABORTED;
    *counter += 1;
    return XDP_PASS;
}
"""

interface = sys.argv[1]
bpf = BPF(text=TEXT)
bpf.attach_xdp(interface, bpf.load_func("xdp_map_counter", BPF.XDP), 0)
values = list(bpf["counts"][0])
print(*values, "total:", sum(values))
bpf.remove_xdp(interface, 0)
