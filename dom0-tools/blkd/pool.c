/* SPDX-License-Identifier: MIT */
/* See pool.h. The lock is held only to take the next piece and to count those that are done. */
#include "pool.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static unsigned threads = 1;
static struct {
	void (*work)(void *arg, unsigned i);
	void *arg;
	unsigned next, count, left;
} job;

/* With the lock held: do pieces as long as there are some. */
static void take_part(void)
{
	while (job.next < job.count) {
		unsigned i = job.next++;

		pthread_mutex_unlock(&lock);
		job.work(job.arg, i);
		pthread_mutex_lock(&lock);
		if (!--job.left)
			pthread_cond_signal(&finished);
	}
}

static void *help(void *unused)
{
	pthread_mutex_lock(&lock);
	do {
		take_part();
	} while (!pthread_cond_wait(&wanted, &lock));
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* One that cannot be made is not there; the caller does the work alone then. */
static void make_threads(void)
{
	pthread_t t;

	for (; threads < POOL_THREADS && !pthread_create(&t, NULL, help, NULL); threads++)
		pthread_detach(t);
}

void pool_run(void (*work)(void *arg, unsigned i), void *arg, unsigned count)
{
	if (count > 1)
		make_threads();
	pthread_mutex_lock(&lock);
	job.work = work;
	job.arg = arg;
	job.next = 0;
	job.count = job.left = count;
	if (count > 1)
		pthread_cond_broadcast(&wanted);
	take_part();
	while (job.left)
		pthread_cond_wait(&finished, &lock);
	pthread_mutex_unlock(&lock);
}
