// The CPU time that libbpf's ring_buffer with a callback takes, on a ring that this program is given.
// ring drain FD            all that is there, once: ns a record
// ring sustain FD SECONDS  as they come: records a second, ns of CPU a record
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t count, sum;

static int take(void *context, void *data, size_t size)
{
	(void)context, (void)size;
	sum += *(uint64_t *)data;
	count++;
	return 0;
}

static double now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int arguments, char **argument)
{
	if (arguments < 3)
		return 2;
	struct ring_buffer *ring = ring_buffer__new(atoi(argument[2]), take, NULL, NULL);
	if (!ring) {
		perror("ring_buffer__new");
		return 1;
	}
	double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
	if (!strcmp(argument[1], "drain")) {
		if (ring_buffer__consume(ring) < 0)
			return 1;
	} else {
		double end = start + atof(argument[3]);
		while (now(CLOCK_MONOTONIC) < end)
			if (ring_buffer__poll(ring, 100) < 0)
				return 1;
	}
	double took = now(CLOCK_MONOTONIC) - start, used = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	printf("%llu %.3f %.3f\n", (unsigned long long)count, count / took, used * 1e9 / (count ? count : 1));
	ring_buffer__free(ring);
	return sum == 1;
}
