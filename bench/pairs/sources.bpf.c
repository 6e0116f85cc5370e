// Count packets and bytes by IPv4 source address.
#include "pairs.h"

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __be32);
	__type(value, struct traffic);
} sources SEC(".maps");

SEC("xdp")
int count_sources(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	__be32 source = ip->saddr;
	struct traffic *traffic = bpf_map_lookup_elem(&sources, &source);
	if (!traffic) {
		struct traffic fresh = {
			.packets = 1,
			.bytes = data_end - data,
			.last_seen = bpf_ktime_get_ns(),
		};

		bpf_map_update_elem(&sources, &source, &fresh, BPF_ANY);
		return XDP_PASS;
	}
	__atomic_fetch_add(&traffic->packets, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&traffic->bytes, data_end - data, __ATOMIC_RELAXED);
	traffic->last_seen = bpf_ktime_get_ns();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
