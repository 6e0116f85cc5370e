// Drop DNS queries for names in a map: the name, in lower case, is hashed as it stands in the packet (FNV-1a).
#include "pairs.h"

#define LONGEST 64
#define DNS_PORT bpf_htons(53)

struct dnshdr {
	__be16 id;
	__be16 flags;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} blocked SEC(".maps");

SEC("xdp")
int block_names(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	struct udphdr *udp = (void *)ip + ip->ihl * 4;
	if ((void *)(udp + 1) > data_end || udp->dest != DNS_PORT)
		return XDP_PASS;
	struct dnshdr *dns = (void *)(udp + 1);
	if ((void *)(dns + 1) > data_end || dns->questions == 0)
		return XDP_PASS;
	__u8 *letter = (void *)(dns + 1);
	__u32 name = 0x811C9DC5;
	for (int i = 0; i < LONGEST; i++, letter++) {
		if ((void *)(letter + 1) > data_end)
			return XDP_PASS;
		__u8 byte = *letter;
		if (byte == 0)
			break;
		if ('A' <= byte && byte <= 'Z')
			byte += 'a' - 'A';
		name = (name ^ byte) * 0x01000193;
	}
	__u64 *hits = bpf_map_lookup_elem(&blocked, &name);
	if (!hits)
		return XDP_PASS;
	__atomic_fetch_add(hits, 1, __ATOMIC_RELAXED);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
