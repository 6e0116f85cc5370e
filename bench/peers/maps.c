// The CPU time that a careful C program takes for the same work on a map that it is given: ns an operation, on stdout.
// maps WHAT FD ENTRIES VALUE_BYTES [KEYS_PER_CALL]
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr) { return syscall(__NR_bpf, command, attr, sizeof *attr); }

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static size_t entries, value_bytes, per_call;
static int fd;
static uint32_t *keys;
static char *values;

static void walk(void)
{
	union bpf_attr attr;
	uint32_t key, next;
	void *before = NULL;
	size_t count = 0;

	for (;;) {
		memset(&attr, 0, sizeof attr);
		attr.map_fd = fd;
		attr.key = (uintptr_t)before;
		attr.next_key = (uintptr_t)&next;
		if (bpf(BPF_MAP_GET_NEXT_KEY, &attr))
			break;
		keys[count] = key = next;
		before = &key;
		memset(&attr, 0, sizeof attr);
		attr.map_fd = fd;
		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)(values + count * value_bytes);
		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			fail("lookup");
		count++;
	}
	if (errno != ENOENT || count != entries)
		fail("walk");
}

static void dump(void)
{
	union bpf_attr attr;
	uint32_t batch;
	size_t count = 0;

	do {
		memset(&attr, 0, sizeof attr);
		attr.batch.in_batch = count ? (uintptr_t)&batch : 0;
		attr.batch.out_batch = (uintptr_t)&batch;
		attr.batch.keys = (uintptr_t)(keys + count);
		attr.batch.values = (uintptr_t)(values + count * value_bytes);
		attr.batch.count = per_call;
		attr.batch.map_fd = fd;
		errno = 0;
		if (bpf(BPF_MAP_LOOKUP_BATCH, &attr) && errno != ENOENT)
			fail("lookup batch");
		count += attr.batch.count;
	} while (errno != ENOENT);
	if (count != entries)
		fail("dump");
}

static void update(void)
{
	union bpf_attr attr;

	for (size_t count = 0; count < entries; count += attr.batch.count) {
		memset(&attr, 0, sizeof attr);
		attr.batch.keys = (uintptr_t)(keys + count);
		attr.batch.values = (uintptr_t)(values + count * value_bytes);
		attr.batch.count = entries - count < per_call ? entries - count : per_call;
		attr.batch.map_fd = fd;
		if (bpf(BPF_MAP_UPDATE_BATCH, &attr))
			fail("update batch");
	}
}

static void update_each(void)
{
	union bpf_attr attr;

	for (size_t at = 0; at < entries; at++) {
		memset(&attr, 0, sizeof attr);
		attr.map_fd = fd;
		attr.key = (uintptr_t)(keys + at);
		attr.value = (uintptr_t)(values + at * value_bytes);
		if (bpf(BPF_MAP_UPDATE_ELEM, &attr))
			fail("update");
	}
}

static volatile uint64_t sink;

static void read_one(void)
{
	union bpf_attr attr;
	uint32_t key = 0;

	for (size_t at = 0; at < entries; at++) {
		uint64_t sum = 0;
		memset(&attr, 0, sizeof attr);
		attr.map_fd = fd;
		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)values;
		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			fail("lookup");
		for (size_t cpu = 0; cpu < value_bytes / 8; cpu++)
			sum += ((uint64_t *)values)[cpu];
		sink = sum;
	}
}

int main(int count, char **arguments)
{
	static const struct { const char *name; void (*run)(void); } all[] = {
		{"walk", walk}, {"dump", dump}, {"update", update}, {"update-each", update_each}, {"read", read_one},
	};

	if (count < 5)
		return 2;
	fd = atoi(arguments[2]);
	entries = strtoul(arguments[3], NULL, 10);
	value_bytes = strtoul(arguments[4], NULL, 10);
	per_call = count > 5 ? strtoul(arguments[5], NULL, 10) : entries;
	// Room for one call more than there are entries, as zeros that take no memory before they are written to.
	keys = calloc(entries + per_call, sizeof *keys);
	values = calloc(entries + per_call, value_bytes);
	if (!keys || !values)
		fail("calloc");
	if (!strncmp(arguments[1], "update", 6))
		for (size_t at = 0; at < entries; at++) {
			keys[at] = at;
			memcpy(values + at * value_bytes, &at, sizeof at);
		}
	for (size_t at = 0; at < sizeof all / sizeof *all; at++)
		if (!strcmp(all[at].name, arguments[1])) {
			double start = now();
			all[at].run();
			printf("%.3f\n", (now() - start) / entries);
			return 0;
		}
	return 2;
}
