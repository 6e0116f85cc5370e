// Walk the options of TCP SYNs, and lower a maximum segment size that is too large for a tunnel.
#include "pairs.h"

#define LARGEST bpf_htons(1360)
#define END 0
#define NOP 1
#define MSS 2

// RFC 1624: sums are the same in any byte order, so nothing is swapped.
static __always_inline __u16 replace16(__u16 check, __be16 from, __be16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xFFFF) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

SEC("xdp")
int clamp_mss(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	struct tcphdr *tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > data_end || !tcp->syn)
		return XDP_PASS;
	__u32 offset = sizeof(*tcp);
	__u32 end = tcp->doff * 4;
	for (int i = 0; i < 20; i++) {
		if (offset >= end)
			break;
		__u8 *option = (void *)tcp + offset;
		if ((void *)(option + 1) > data_end || option[0] == END)
			break;
		if (option[0] == NOP) {
			offset += 1;
			continue;
		}
		if ((void *)(option + 2) > data_end || option[1] < 2)
			return XDP_DROP;
		if (option[0] == MSS) {
			__be16 *size = (void *)(option + 2);

			// Where it does not lie on a word of the checksum it is left alone.
			if ((void *)(size + 1) > data_end || offset % 2 != 0 || bpf_ntohs(*size) <= bpf_ntohs(LARGEST))
				break;
			tcp->check = replace16(tcp->check, *size, LARGEST);
			*size = LARGEST;
			break;
		}
		offset += option[1];
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
