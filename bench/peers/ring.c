// The CPU time that libbpf's ring_buffer with a callback takes, on a ring that this program is given.
// ring drain FD            all that is there, for each byte on stdin: records, ns of CPU a record;
//                          s: a field of each is added up, n: nothing of it is read
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

static int skip(void *context, void *data, size_t size)
{
	(void)context, (void)data, (void)size;
	count++;
	return 0;
}

static double now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void drain(struct ring_buffer *adding, struct ring_buffer *skipping)
{
	int asked;
	while ((asked = getchar()) != EOF) {
		count = 0;
		double cpu = now(CLOCK_THREAD_CPUTIME_ID);
		if (ring_buffer__consume(asked == 'n' ? skipping : adding) < 0)
			exit(1);
		double used = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
		printf("%llu %.3f\n", (unsigned long long)count, used * 1e9 / (count ? count : 1));
		fflush(stdout);
	}
}

static void sustain(struct ring_buffer *ring, double seconds)
{
	double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID), end = start + seconds;
	while (now(CLOCK_MONOTONIC) < end)
		if (ring_buffer__poll(ring, 100) < 0)
			exit(1);
	double took = now(CLOCK_MONOTONIC) - start, used = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	printf("%llu %.3f %.3f\n", (unsigned long long)count, count / took, used * 1e9 / (count ? count : 1));
}

int main(int arguments, char **argument)
{
	if (arguments < 3)
		return 2;
	struct ring_buffer *ring = ring_buffer__new(atoi(argument[2]), take, NULL, NULL);
	struct ring_buffer *skipping = ring_buffer__new(atoi(argument[2]), skip, NULL, NULL);
	if (!ring || !skipping) {
		perror("ring_buffer__new");
		return 1;
	}
	if (!strcmp(argument[1], "drain"))
		drain(ring, skipping);
	else
		sustain(ring, atof(argument[3]));
	ring_buffer__free(ring);
	ring_buffer__free(skipping);
	return sum == 1;
}
