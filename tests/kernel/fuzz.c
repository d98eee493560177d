/* SPDX-License-Identifier: MIT */
/*
 * fuzz SEED ROUNDS CALLS [PROCESSES]: system calls at random and nearly right ones, by seed. In each round some
 * processes of two threads each make CALLS calls on shared files and their own memory; then all must be able to end, and
 * what they took must be free again. What they ask for comes from the kernel's own table of calls, by the names and types of
 * its arguments. They cannot hurt process 1 or the watcher: no call names those, and nothing here ends the machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "free_kib.h"

#define PAGE          4096ul
#define ARENA_PAGES   32 /* readable and writable, then as many to read only, then nothing */
#define PROCESSES_MAX 16
#define PATIENCE      60   /* seconds until one that was killed must have ended */
#define STUCK_MS      200  /* without a call: it sleeps, and is killed */
#define LEAK_KIB      2048 /* that all rounds behind the first may take for good */

enum kind {
	FD,
	PATH,
	POINTER,
	SIZE,
	SIGNAL,
	PID,
	ADDRESS,
	FLAGS,
	NUMBER
};

static struct call {
	const char *name, *args;
	int number, count;
	enum kind kinds[6];
} calls[] = {
#define NONE                          -1
#define SYSCALL(n64, n32, name, args) {#name, #args, sizeof(long) == 8 ? n64 : n32, 0, {0}},
#define ALSO(n64, n32, name)
#include "guest-kernel/kern/sys/syscalls.def"
};
#define CALLS (sizeof(calls) / sizeof(*calls))

static char *arena;
static volatile unsigned long *made; /* calls made, by each process: shared with the watcher */
static _Thread_local unsigned long long state;
static int self, last_child;

static unsigned long random_word(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull) >> 16;
}

static unsigned long below(unsigned long n)
{
	return random_word() % n;
}

/* By the text of one argument of the table: its type, then its name. */
static enum kind kind_of(const char *arg)
{
	static const struct {
		const char *word;
		enum kind kind;
	} words[] = {
	    {"char *path", PATH},
	    {"char *from", PATH},
	    {"char *to", PATH},
	    {"char *target", PATH},
	    {"char *source", PATH},
	    {"*", POINTER},
	    {"fd", FD},
	    {"pid", PID},
	    {"tid", PID},
	    {"who", PID},
	    {"pgid", PID},
	    {"int from", FD},
	    {"int to", FD},
	    {"sig", SIGNAL},
	    {"addr", ADDRESS},
	    {"head", ADDRESS},
	    {"stack", ADDRESS},
	    {"tls", ADDRESS},
	    {"user_desc", ADDRESS},
	    {"wanted", ADDRESS},
	    {"arg", ADDRESS},
	    {"argv", ADDRESS},
	    {"value2", ADDRESS},
	    {"len", SIZE},
	    {"size", SIZE},
	    {"count", SIZE},
	    {" n", SIZE},
	    {"pos", SIZE},
	    {"flags", FLAGS},
	    {"mode", FLAGS},
	    {"op", FLAGS},
	    {"how", FLAGS},
	    {"command", FLAGS},
	    {"prot", FLAGS},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(arg, words[i].word))
			return words[i].kind;
	return NUMBER;
}

static void read_table(void)
{
	for (struct call *c = calls; c < calls + CALLS; c++) {
		char text[256], *at = text + 1;

		snprintf(text, sizeof(text), "%s", c->args);
		if (strcmp(text, "(void)"))
			for (char *arg; (arg = strsep(&at, ",")) && c->count < 6;)
				c->kinds[c->count++] = kind_of(arg);
	}
}

/* Never made: what ends the machine, what gives the stack to two, and what ends the caller (now and then). */
static int is_barred(const struct call *c)
{
	if (c->number < 0 || !strcmp(c->name, "reboot") || !strcmp(c->name, "vfork"))
		return 1;
	return (!strncmp(c->name, "exit", 4) || strstr(c->name, "sigreturn") || !strcmp(c->name, "pause")) &&
	       below(20);
}

static unsigned long any_number(void)
{
	static const unsigned long edges[] = {
	    0, 1, 2, 7, 8, 255, 4095, 4096, 65536, 0x7fffffff, 0x80000000ul, ~0ul, ~0ul >> 1, -4096ul};

	return below(3) ? edges[below(sizeof(edges) / sizeof(*edges))]
			: random_word() >> below(8 * sizeof(long));
}

static unsigned long any_pointer(void)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return any_number();
	case 2:
		return (unsigned long)arena + (2 * ARENA_PAGES) * PAGE - below(64); /* over the end */
	case 3:
		return (unsigned long)arena + ARENA_PAGES * PAGE + below(PAGE); /* read only */
	case 4:
		return (sizeof(long) == 8 ? ~0ul << 47 : 0xc0000000ul) + below(1 << 20); /* the kernel's */
	}
	return (unsigned long)arena + (below(ARENA_PAGES * PAGE - 512) & -8ul);
}

static unsigned long any_path(void)
{
	static const char *const paths[] = {
	    "a",
	    "b",
	    "c",
	    "d",
	    "a/b",
	    "a/b/c",
	    "b/a",
	    "./c",
	    "..",
	    ".",
	    "",
	    "/tmp/fuzz/a",
	    "/tmp/fuzz/b/..",
	    "/proc",
	    "/proc/self",
	    "/proc/self/maps",
	    "/proc/self/fd",
	    "/proc/self/exe",
	    "/proc/stat",
	    "/dev/null",
	    "/dev/zero",
	    "/dev/fd/3",
	    "/tmp/fuzz/../fuzz/d",
	    "a/b/c/d/e",
	    "proc",
	    "tmpfs",
	    "d/",
	    "c//b",
	};

	return below(10) ? (unsigned long)paths[below(sizeof(paths) / sizeof(*paths))] : any_pointer();
}

static unsigned long any_pid(void)
{
	const int pids[] = {0, self, last_child, 999999, 0x7fffffff};

	return pids[below(sizeof(pids) / sizeof(*pids))];
}

static unsigned long argument(enum kind kind)
{
	switch (kind) {
	case FD:
		return below(8) ? 3 + below(20) : any_number();
	case PATH:
		return any_path();
	case POINTER:
		return any_pointer();
	case SIZE:
		return below(3) ? below(3 * PAGE) : below(3) ? below(64) : any_number();
	case SIGNAL:
		return below(10) ? below(65) : any_number();
	case PID:
		return any_pid();
	case ADDRESS:
		return below(3) ? (unsigned long)arena + below(2 * ARENA_PAGES + 8) * PAGE : any_pointer();
	case FLAGS:
		return below(2) ? 1ul << below(32) | 1ul << below(32) | below(4) : below(64);
	case NUMBER:
		break;
	}
	return any_number();
}

/* Memory holds small numbers and pointers to itself, as vectors and structures do. */
static void fill(void)
{
	unsigned long *word = (unsigned long *)arena;

	for (size_t i = below(64); i < ARENA_PAGES * PAGE / sizeof(*word); i += 1 + below(64))
		word[i] = below(3) ? below(5000) : below(2) ? any_pointer() : any_path();
}

static void one_call(void)
{
	struct call *c = &calls[below(CALLS)];
	unsigned long a[6];
	long rc;
	pid_t before = getpid();

	if (is_barred(c))
		return;
	for (int i = 0; i < 6; i++)
		a[i] = i < c->count ? argument(c->kinds[i]) : any_number();
	if (!strncmp(c->name, "umount", 6)) /* the watcher needs /proc */
		a[0] = (unsigned long)(below(2) ? "/tmp/fuzz/a" : "d");
	rc = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (getpid() != before) /* a child */
		syscall(SYS_exit_group, 0);
	if (rc > 0 && (!strcmp(c->name, "fork") || !strcmp(c->name, "clone")))
		last_child = rc;
}

static unsigned long long first_state(unsigned long seed, unsigned long round, unsigned long who)
{
	return (seed + 1) * 0x9e3779b97f4a7c15ull ^ (round + 1) * 0xbf58476d1ce4e5b9ull ^
	       (who + 1) * 0x94d049bb133111ebull;
}

static struct job {
	unsigned long seed, round, index, calls, lives; /* lives: processes of this round so far */
} job;

static void make_arena(void)
{
	char *at = mmap(arena, 2 * ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | (arena ? MAP_FIXED : 0), -1, 0);

	if (at == MAP_FAILED)
		_exit(1);
	arena = at;
	mprotect(arena + ARENA_PAGES * PAGE, ARENA_PAGES * PAGE, PROT_READ);
}

/* The arena has been unmapped, perhaps: once more. An alarm only ends sleeps. */
static void on_signal(int sig)
{
	static int tries;

	if (sig == SIGALRM)
		return;
	if (tries++ > 200)
		_exit(1);
	make_arena();
}

static void *work(void *thread)
{
	state = first_state(job.seed, job.round, job.lives * 2 + (thread != NULL));
	while (made[job.index] < job.calls) {
		unsigned long i = made[job.index];

		if (i % 16 == 0)
			fill();
		one_call();
		__atomic_add_fetch(&made[job.index], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void worker(void)
{
	struct rlimit few = {40, 40};
	int null = open("/dev/null", O_RDWR), ends[2];
	pthread_t second;

	self = getpid();
	setpgid(0, 0);
	setrlimit(RLIMIT_NPROC, &few);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	make_arena();
	sigaction(SIGSEGV, &(struct sigaction){.sa_handler = on_signal}, NULL);
	sigaction(SIGBUS, &(struct sigaction){.sa_handler = on_signal}, NULL);
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 30000}, {0, 30000}}, NULL);
	if (mkdir("/tmp/fuzz", 0755) && errno != EEXIST)
		_exit(1);
	if (chdir("/tmp/fuzz") || pipe(ends))
		_exit(1);
	open("c", O_RDWR | O_CREAT, 0755);
	open(".", O_RDONLY | O_DIRECTORY);
	pthread_create(&second, NULL, work, "second");
	work(NULL);
	pthread_join(second, NULL);
	_exit(0);
}

static long milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000l + t.tv_nsec / 1000000;
}

/* All others of this program: children that have left their group too. How many there are. */
static int kill_others(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int found = 0;

	while (dir && (d = readdir(dir))) {
		char path[300], comm[32] = "";
		int pid = atoi(d->d_name);
		FILE *f;

		if (pid <= 1 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "r");
		if (f && fgets(comm, sizeof(comm), f) && strncmp(comm, "sh", 2) && !kill(pid, SIGKILL))
			found++;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static pid_t start(int index)
{
	pid_t pid;

	job.index = index;
	job.lives++;
	pid = fork();
	if (!pid)
		worker();
	return pid;
}

/* Waits until all calls are made. One that has ended early is followed by another; one that makes no call for a while
 * sleeps for ever, perhaps, and is killed. */
static int watch(pid_t *pids, int count)
{
	unsigned long seen[PROCESSES_MAX] = {0};
	long since[PROCESSES_MAX], left = count, killed = 0;

	for (int i = 0; i < count; i++)
		since[i] = milliseconds();
	while (left) {
		usleep(5000);
		for (int i = 0; i < count; i++) {
			if (!pids[i])
				continue;
			if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
				pids[i] = made[i] < job.calls ? start(i) : 0;
				since[i] = milliseconds();
				left -= !pids[i];
			} else if (made[i] > job.calls + 2) {
				made[i] = seen[i]; /* one of their calls has written there */
			} else if (made[i] != seen[i]) {
				seen[i] = made[i];
				since[i] = milliseconds();
			} else if (milliseconds() - since[i] > PATIENCE * 1000l) {
				printf("# process %d cannot be killed\n", pids[i]);
				return -1;
			} else if (milliseconds() - since[i] > STUCK_MS) {
				kill(pids[i], SIGKILL);
				killed++;
			}
		}
	}
	return killed;
}

/* What the processes have mounted, the last first. */
static int unmount_all(void)
{
	char line[600], path[300], last[300];

	do {
		FILE *f = fopen("/proc/mounts", "r");

		*last = 0;
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "%*s %299s", path) == 1 && strlen(path) > 5)
				strcpy(last, path);
		if (f)
			fclose(f);
	} while (*last && !umount(last));
	return *last != 0;
}

static int round_of(int processes)
{
	pid_t pids[PROCESSES_MAX];
	long until;

	fflush(stdout);
	job.lives = 0;
	for (int i = 0; i < processes; i++) {
		made[i] = 0;
		pids[i] = start(i);
	}
	if (watch(pids, processes) < 0)
		return 1;
	for (until = milliseconds() + PATIENCE * 1000l; kill_others();) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (milliseconds() > until) {
			printf("# there are processes that cannot be killed\n");
			return 1;
		}
		usleep(10000);
	}
	if (chdir("/") || unmount_all() || system("rm -rf /tmp/fuzz /tmp/[a-d] /[a-d] 2>&-"))
		printf("# not all could be removed\n");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 3 ? strtoul(argv[1], NULL, 0) : 0,
		      rounds = argc > 3 ? strtoul(argv[2], NULL, 0) : 0;
	unsigned long total = 0, before = 0, after;
	int processes = argc > 4 ? atoi(argv[4]) : 3;

	if (!rounds || processes < 1 || processes > PROCESSES_MAX)
		return 2;
	read_table();
	signal(SIGHUP, SIG_IGN);
	job.calls = strtoul(argv[3], NULL, 0);
	job.seed = seed;
	made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (job.round = 0; job.round < rounds; job.round++) {
		if (round_of(processes))
			return 1;
		for (int i = 0; i < processes; i++)
			total += made[i] < job.calls ? made[i] : job.calls;
		after = free_kib();
		printf("# round %lu: %lu calls so far, %lu KiB free\n", job.round, total, after);
		if (job.round && after + LEAK_KIB < before) {
			printf("# %lu KiB are lost\n", before - after);
			return 1;
		}
		if (!job.round)
			before = after;
	}
	printf("fuzz: seed %lu: %lu calls in %lu rounds, the last by %lu processes\n", seed, total, rounds,
	       job.lives);
	return 0;
}
