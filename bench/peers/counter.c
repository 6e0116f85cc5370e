// The user side with libbpf and a skeleton: load, attach to the named interface, print the counts, end.
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "counter.skel.h"

int main(int argc, char **argv)
{
	unsigned int ifindex = argc == 2 ? if_nametoindex(argv[1]) : 0;
	int cpus = libbpf_num_possible_cpus();
	if (!ifindex || cpus < 0)
		return 2;
	struct counter *skeleton = counter__open_and_load();
	if (!skeleton)
		return 1;
	struct bpf_link *link = bpf_program__attach_xdp(skeleton->progs.xdp_map_counter, ifindex);
	if (!link)
		return 1;
	// The kernel pads each CPU's value to 8 bytes.
	unsigned long long *counts = calloc(cpus, sizeof(*counts));
	unsigned int index = 0, total = 0;
	if (!counts || bpf_map__lookup_elem(skeleton->maps.PKT_CNT_ARRAY, &index, sizeof(index), counts,
					    cpus * sizeof(*counts), 0))
		return 1;
	for (int cpu = 0; cpu < cpus; cpu++) {
		printf("%u ", (unsigned int)counts[cpu]);
		total += (unsigned int)counts[cpu];
	}
	printf("total: %u\n", total);
	free(counts);
	bpf_link__destroy(link);
	counter__destroy(skeleton);
	return 0;
}
