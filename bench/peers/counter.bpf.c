// The kernel side of examples/xdp_map_counter.py in C: what clang makes of the same program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} PKT_CNT_ARRAY SEC(".maps");

SEC("xdp")
int xdp_map_counter(struct xdp_md *ctx)
{
	__u32 index = 0;
	__u32 *counter = bpf_map_lookup_elem(&PKT_CNT_ARRAY, &index);

	if (!counter)
		return XDP_ABORTED;
	*counter += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
