/* A parser of packets in ubpf: how long a packet takes, in nanoseconds, by its interpreter and by its JIT.

   ubpf-runtime CODE PACKET PACKETS: CODE is bytes of instructions, PACKET the bytes of a packet. Prints the verdict, and
   the time of each. Each packet is copied to where the program reads it, as osmia's loop does; nothing is checked. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <ubpf.h>

struct context {
	uint32_t data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

static size_t slurp(const char *path, void *to, size_t most)
{
	FILE *file = fopen(path, "rb");

	if (!file)
		exit(3);
	size_t size = fread(to, 1, most, file);
	fclose(file);
	return size;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	static uint8_t code[1 << 16], packet[1 << 12];
	uint64_t result = 0;
	char *problem = NULL;

	if (argc != 4)
		return 2;
	size_t size = slurp(argv[1], code, sizeof code), length = slurp(argv[2], packet, sizeof packet);
	long packets = atol(argv[3]);
	/* Addresses of 32 bits, as the context has them. */
	uint8_t *low = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct context *context = (struct context *)low;
	uint8_t *data = low + 4096;
	struct ubpf_vm *vm = ubpf_create();

	if (low == MAP_FAILED || !vm || ubpf_load(vm, code, size, &problem) != 0) {
		fprintf(stderr, "%s\n", problem ? problem : "no memory");
		return 1;
	}
	ubpf_toggle_bounds_check(vm, false);
	context->data = context->data_meta = (uintptr_t)data;
	context->data_end = (uintptr_t)data + length;
	ubpf_jit_fn native = ubpf_compile(vm, &problem);

	if (!native) {
		fprintf(stderr, "%s\n", problem);
		return 1;
	}
	double start = now();
	for (long n = 0; n < packets; n++) {
		memcpy(data, packet, length);
		result = native(context, sizeof *context);
	}
	printf("%d %.2f", (int)result, (now() - start) / packets);
	start = now();
	for (long n = 0; n < packets / 20 + 1; n++) {
		memcpy(data, packet, length);
		if (ubpf_exec(vm, context, sizeof *context, &result) != 0)
			return 1;
	}
	printf(" %d %.2f\n", (int)result, (now() - start) / (packets / 20 + 1));
	return 0;
}
