// Count TCP packets by destination port: Ethernet, up to two VLAN headers, IPv4 with options, TCP.
#include "pairs.h"

struct vlan_hdr {
	__be16 tci;
	__be16 ether_type;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

SEC("xdp")
int count_ports(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return XDP_PASS;
	__be16 following = eth->h_proto;
	void *next = eth + 1;
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *vlan = next;

		if (following != bpf_htons(ETH_P_8021Q) && following != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > data_end)
			return XDP_PASS;
		following = vlan->ether_type;
		next = vlan + 1;
	}
	if (following != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = next;
	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP || ip->ihl * 4 < sizeof(*ip))
		return XDP_PASS;
	struct tcphdr *tcp = next + ip->ihl * 4;
	if ((void *)(tcp + 1) > data_end)
		return XDP_PASS;
	__u32 port = bpf_ntohs(tcp->dest);
	__u64 *count = bpf_map_lookup_elem(&ports, &port);
	if (count)
		*count += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
