// A histogram of packet sizes, by powers of two.
#include "pairs.h"

#define SLOTS 16

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} sizes SEC(".maps");

SEC("xdp")
int histogram(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	__u32 slot = 0;

	while (size > 1 && slot < SLOTS - 1) {
		size >>= 1;
		slot++;
	}
	__u64 *count = bpf_map_lookup_elem(&sizes, &slot);
	if (count)
		*count += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
