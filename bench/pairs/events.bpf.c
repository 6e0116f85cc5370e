// Report each TCP connection that begins, through a ring buffer.
#include "pairs.h"

struct syn {
	__u64 when;
	__u32 interface;
	__be32 src;
	__be32 dst;
	__be16 src_port;
	__be16 dst_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} syns SEC(".maps");

__u64 lost SEC(".data.osmia_lost_syns");

SEC("xdp")
int report_syns(struct xdp_md *ctx)
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
	if ((void *)(tcp + 1) > data_end || !tcp->syn || tcp->ack)
		return XDP_PASS;
	struct syn *event = bpf_ringbuf_reserve(&syns, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return XDP_ABORTED;
	}
	event->when = bpf_ktime_get_ns();
	event->interface = ctx->ingress_ifindex;
	event->src = ip->saddr;
	event->dst = ip->daddr;
	event->src_port = tcp->source;
	event->dst_port = tcp->dest;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
