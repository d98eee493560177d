/* SPDX-License-Identifier: MIT */
/* The address space as an application changes it: mappings, first touches, copies on write. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "cost.h"

#define PAGE  4096u
#define PAGES 64u /* rounds of the workloads about faults */
#define PIECE (16 * PAGE)

static volatile char *area;

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

/* The page table is there already, as it mostly is: only the pages are missing. */
static void map_area(void)
{
	area = map((PAGES + 1) * PAGE);
	area[PAGES * PAGE] = 1;
}

static void unmap_area(void)
{
	munmap((void *)area, (PAGES + 1) * PAGE);
}

static void forget_pages(unsigned rounds)
{
	REQUIRE(madvise((void *)area, rounds * PAGE, MADV_DONTNEED) == 0);
}

static void touch(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		area[i * PAGE] = 1;
}

/* A child that shares all pages and does not touch them. */
static pid_t sharer;

static void end_sharer(void)
{
	if (sharer) {
		kill(sharer, SIGKILL);
		waitpid(sharer, NULL, 0);
	}
	sharer = 0;
}

static void share_pages(unsigned rounds)
{
	end_sharer();
	touch(rounds);
	sharer = fork();
	REQUIRE(sharer >= 0);
	while (!sharer)
		pause();
}

static void unshare_area(void)
{
	end_sharer();
	unmap_area();
}

static void map_unmap(unsigned rounds)
{
	while (rounds--)
		munmap(map(PIECE), PIECE);
}

static void map_touch_unmap(unsigned rounds)
{
	char *p = map(rounds * PAGE);

	for (unsigned i = 0; i < rounds; i++)
		((volatile char *)p)[i * PAGE] = 1;
	munmap(p, rounds * PAGE);
}

const struct workload memory[] = {
    {"fault_zero", PAGES, 100, 1, map_area, forget_pages, touch, unmap_area},
    {"fault_copy", PAGES, 40, 1, map_area, share_pages, touch, unshare_area},
    {.name = "mmap_munmap", .rounds = 16, .samples = 100, .run = map_unmap},
    {.name = "mmap_touch", .rounds = PAGES, .samples = 60, .run = map_touch_unmap},
    {0},
};
