/* SPDX-License-Identifier: MIT */
/*
 * smp: what must hold when the threads of a process run on several processors at once. One thread for each
 * processor reads or writes memory without pause, while the first one changes the address space under them.
 *
 *	smp [ROUNDS]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 8
#define PAGE        4096
#define PATIENCE_MS 20000

static struct thread {
	pthread_t id;
	_Atomic unsigned long rounds;
	atomic_int seen;
	atomic_uint cpus; /* that it ran on */
} threads[THREADS_MAX];

static int thread_count;
static volatile char *page;
static atomic_int stop;

static long milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void *reader(void *arg)
{
	struct thread *t = arg;
	unsigned cpu;

	while (!stop) {
		t->seen = *page;
		t->rounds++;
		if (t->rounds % 4096 == 0 && !syscall(SYS_getcpu, &cpu, NULL, NULL))
			t->cpus |= 1u << cpu;
	}
	return NULL;
}

static void *writer(void *arg)
{
	struct thread *t = arg;

	while (!stop) {
		++*(volatile unsigned *)(page + sizeof(unsigned) * (t - threads));
		t->rounds++;
	}
	return NULL;
}

static void start(void *(*run)(void *))
{
	stop = 0;
	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&threads[i].id, NULL, run, &threads[i]))
			exit(1);
}

static void finish(void)
{
	stop = 1;
	for (int i = 0; i < thread_count; i++)
		pthread_join(threads[i].id, NULL);
}

/* Until each thread has read at least once more, from beginning to end. */
static int all_went_on(void)
{
	long until = milliseconds() + PATIENCE_MS;
	unsigned long from[THREADS_MAX];

	for (int i = 0; i < thread_count; i++)
		from[i] = threads[i].rounds;
	for (int i = 0; i < thread_count; i++)
		while (threads[i].rounds < from[i] + 2) {
			if (milliseconds() > until)
				return 0;
			sched_yield();
		}
	return 1;
}

/* Once a page has been replaced, no thread may see the old one. */
static int replaced_pages_are_gone(int rounds)
{
	int fd = open("/tmp/smp", O_RDWR | O_CREAT | O_TRUNC, 0600), stale = 0;

	if (fd < 0 || pwrite(fd, "\1", 1, 0) != 1 || pwrite(fd, "\2", 1, PAGE) != 1)
		return 1;
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	start(reader);
	for (int i = 0; i < rounds; i++) {
		int which = i & 1;

		mmap((void *)page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, which * PAGE);
		if (!all_went_on()) {
			printf("smp: a thread does not go on\n");
			stale++;
			break;
		}
		for (int t = 0; t < thread_count; t++)
			stale += threads[t].seen != which + 1;
	}
	finish();
	unlink("/tmp/smp");
	close(fd);
	return stale;
}

/* Writers go on while the process is forked; its child must always see one and the same moment of them. */
static int child(void)
{
	unsigned before[THREADS_MAX];
	struct timespec nap = {0, 10000000};

	memcpy(before, (char *)page, sizeof(before));
	nanosleep(&nap, NULL);
	return memcmp(before, (char *)page, sizeof(before)) != 0;
}

static int forks_are_moments(int rounds)
{
	int wrong = 0, status;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	start(writer);
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(child());
		wrong += pid < 0 || waitpid(pid, &status, 0) != pid || status;
	}
	finish();
	for (int t = 0; t < thread_count; t++)
		wrong += ((unsigned *)page)[t] != (unsigned)threads[t].rounds;
	return wrong;
}

static int cpus_used(void)
{
	unsigned used = 0, n = 0;

	for (int i = 0; i < thread_count; i++)
		used |= threads[i].cpus;
	for (; used; used &= used - 1)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100, stale, wrong, used;

	thread_count = sysconf(_SC_NPROCESSORS_ONLN);
	if (thread_count > THREADS_MAX)
		thread_count = THREADS_MAX;
	stale = replaced_pages_are_gone(rounds);
	used = cpus_used();
	for (int i = 0; i < thread_count; i++)
		threads[i].rounds = 0;
	wrong = forks_are_moments(rounds / 4);
	printf("smp: %d processors, %d used, %d stale reads, %d wrong forks\n", thread_count, used, stale,
	       wrong);
	return stale || wrong;
}
