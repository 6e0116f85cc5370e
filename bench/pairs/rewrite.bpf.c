// Send UDP packets for one address and port to another, with one hop less and right checksums.
#include "pairs.h"

#define SERVICE bpf_htonl(0xC6336407) // 198.51.100.7
#define SERVICE_PORT bpf_htons(53)
#define BACKEND bpf_htonl(0xC0000263) // 192.0.2.99
#define BACKEND_PORT bpf_htons(5353)
#define IP_FRAGMENT 0x3FFF

// RFC 1624: sums are the same in any byte order, so nothing is swapped.
static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFF) + (sum >> 16);
	sum = (sum & 0xFFFF) + (sum >> 16);
	return sum + (sum >> 16);
}

static __always_inline __u16 replace16(__u16 check, __be16 from, __be16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xFFFF) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static __always_inline __u16 replace32(__u16 check, __be32 from, __be32 to)
{
	return ~fold((__u64)(__u16)~check + (__u32)~from + to);
}

SEC("xdp")
int rewrite(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_UDP || ip->ihl * 4 != sizeof(*ip) || ip->frag_off & bpf_htons(IP_FRAGMENT))
		return XDP_PASS;
	struct udphdr *udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > data_end || ip->daddr != SERVICE || udp->dest != SERVICE_PORT)
		return XDP_PASS;
	if (ip->ttl <= 1)
		return XDP_DROP;
	__be16 before = bpf_htons(ip->ttl << 8 | ip->protocol);
	ip->ttl -= 1;
	ip->daddr = BACKEND;
	udp->dest = BACKEND_PORT;
	__u16 header = replace16(ip->check, before, bpf_htons(ip->ttl << 8 | ip->protocol));
	ip->check = replace32(header, SERVICE, BACKEND);
	if (udp->check) {
		__u16 whole = replace16(replace32(udp->check, SERVICE, BACKEND), SERVICE_PORT, BACKEND_PORT);

		udp->check = whole ? whole : 0xFFFF;
	}
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
