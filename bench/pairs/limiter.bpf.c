// A token bucket for each IPv4 source: what comes faster than RATE, beyond a burst, is dropped.
#include "pairs.h"

#define RATE 1000ULL // bytes a second
#define BURST 10000ULL // bytes
#define SECOND 1000000000ULL

struct bucket {
	struct bpf_spin_lock lock;
	__u64 tokens;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __be32);
	__type(value, struct bucket);
} buckets SEC(".maps");

SEC("xdp")
int limit_rate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	int action = XDP_PASS;

	if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	__u64 size = data_end - data;
	__u64 now = bpf_ktime_get_ns();
	__be32 source = ip->saddr;
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket fresh;

		// The padding behind the lock goes into the map too.
		__builtin_memset(&fresh, 0, sizeof(fresh));
		fresh.tokens = BURST - (size < BURST ? size : BURST);
		fresh.last = now;
		bpf_map_update_elem(&buckets, &source, &fresh, BPF_ANY);
		return XDP_PASS;
	}
	bpf_spin_lock(&bucket->lock);
	__u64 tokens = bucket->tokens + (now - bucket->last) * RATE / SECOND;
	if (tokens > BURST)
		tokens = BURST;
	bucket->last = now;
	if (tokens < size)
		action = XDP_DROP;
	else
		tokens -= size;
	bucket->tokens = tokens;
	bpf_spin_unlock(&bucket->lock);
	return action;
}

char LICENSE[] SEC("license") = "GPL";
