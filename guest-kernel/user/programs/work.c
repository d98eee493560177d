/* SPDX-License-Identifier: MIT */
/*
 * work: a small parallel program. It forks workers and hands files out to them through a pipe each; they send
 * back checksums through another; the sum of all is printed. The same files give the same sum in every
 * guest.
 *
 *	work [-p WORKERS] [-r ROUNDS] [-s MILLISECONDS] [FILE...]
 *
 * ROUNDS 0: for ever; -s: rest between rounds. Without files it takes busybox and itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 32

struct result {
	uint32_t sum;
	uint32_t bytes;
};

struct worker {
	pid_t pid;
	int names; /* this process writes names, one per line */
};

static uint32_t fnv1a(uint32_t hash, const unsigned char *p, size_t n)
{
	while (n--)
		hash = (hash ^ *p++) * 16777619u;
	return hash;
}

static int checksum_file(const char *path, struct result *r)
{
	static unsigned char buf[16384];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	r->sum = 2166136261u;
	r->bytes = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		r->sum = fnv1a(r->sum, buf, n);
		r->bytes += n;
	}
	close(fd);
	return n;
}

/* The worker's life: a name in, a result out. Results are shorter than PIPE_BUF, so they never mix. */
static void worker_main(int names, int results)
{
	FILE *in = fdopen(names, "r");
	char path[256];
	struct result r;

	while (in && fgets(path, sizeof(path), in)) {
		path[strcspn(path, "\n")] = 0;
		if (checksum_file(path, &r) < 0) {
			fprintf(stderr, "work: %s: %s\n", path, strerror(errno));
			r = (struct result){0, 0};
		}
		if (write(results, &r, sizeof(r)) != sizeof(r))
			_exit(1);
	}
	_exit(0);
}

/* A worker must not hold the pipes of the workers before it, or these would never see their end. */
static struct worker start_worker(int results, int results_read_end, const struct worker *others, int count)
{
	struct worker w;
	int ends[2];

	if (pipe(ends) < 0 || (w.pid = fork()) < 0) {
		perror("work");
		exit(1);
	}
	if (w.pid == 0) {
		close(ends[1]);
		close(results_read_end);
		while (count--)
			close(others[count].names);
		worker_main(ends[0], results);
	}
	close(ends[0]);
	w.names = ends[1];
	return w;
}

static int one_round(int round, int workers, char **files, int count)
{
	struct worker w[MAX_WORKERS];
	struct result r;
	uint32_t sum = 0;
	unsigned long bytes = 0;
	int results[2], i, status, failed = 0;

	if (pipe(results) < 0) {
		perror("work");
		return 1;
	}
	for (i = 0; i < workers; i++)
		w[i] = start_worker(results[1], results[0], w, i);
	close(results[1]);
	for (i = 0; i < count; i++)
		dprintf(w[i % workers].names, "%s\n", files[i]);
	for (i = 0; i < workers; i++)
		close(w[i].names);
	while (read(results[0], &r, sizeof(r)) == sizeof(r)) {
		sum += r.sum;
		bytes += r.bytes;
	}
	close(results[0]);
	for (i = 0; i < workers; i++) {
		if (waitpid(w[i].pid, &status, 0) != w[i].pid || status)
			failed = 1;
	}
	printf("work: round %d: checksum %08x of %lu bytes in %d files by %d processes%s\n", round, sum,
	       bytes, count, workers, failed ? ", FAILED" : "");
	fflush(stdout);
	return failed;
}

static void rest(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

int main(int argc, char **argv)
{
	static char *standard[] = {"/bin/busybox", "/usr/bin/work", "/usr/bin/ring"};
	int option, workers = 2, rounds = 1, round, count;
	long pause_ms = 0;
	char **files;

	while ((option = getopt(argc, argv, "p:r:s:")) != -1) {
		switch (option) {
		case 'p':
			workers = atoi(optarg);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 's':
			pause_ms = atol(optarg);
			break;
		default:
			fprintf(stderr, "usage: work [-p WORKERS] [-r ROUNDS] [-s MILLISECONDS] [FILE...]\n");
			return 2;
		}
	}
	if (workers < 1 || workers > MAX_WORKERS) {
		fprintf(stderr, "work: workers: needed 1 to %d, have %d\n", MAX_WORKERS, workers);
		return 2;
	}
	files = optind < argc ? argv + optind : standard;
	count = optind < argc ? argc - optind : 3;
	for (round = 1; !rounds || round <= rounds; round++) {
		if (one_round(round, workers, files, count))
			return 1;
		if (pause_ms)
			rest(pause_ms);
	}
	return 0;
}
