// launch RESULT COMMAND...: run a command to the end of the last process that it started, and write what it all took.
//
// RESULT gets one line: exit status, user us, system us, wall us, and the peak resident set in kB of the largest process.
// A process starts with the peak of the one that it was forked from, so whoever measures peaks has to be small: this is.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000L + time.tv_usec;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	// Opened before the command starts, closed in it.
	FILE *result = fopen(argv[1], "we");
	// A process that outlives its parent becomes a child of this one, so that its time is counted.
	if (!result || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return 2;
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t command = fork();
	if (command < 0)
		return 2;
	if (command == 0) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	int status = -1, code;
	long peak = 0;
	pid_t ended;
	struct rusage usage;
	while ((ended = wait4(-1, &code, 0, &usage)) > 0 || errno == EINTR) {
		if (ended <= 0)
			continue;
		if (ended == command) {
			status = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
			clock_gettime(CLOCK_MONOTONIC, &end);
		}
		if (usage.ru_maxrss > peak)
			peak = usage.ru_maxrss;
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	long wall = (end.tv_sec - start.tv_sec) * 1000000L + (end.tv_nsec - start.tv_nsec) / 1000;
	fprintf(result, "%d %ld %ld %ld %ld\n", status, microseconds(usage.ru_utime), microseconds(usage.ru_stime), wall, peak);
	return fclose(result) ? 2 : 0;
}
