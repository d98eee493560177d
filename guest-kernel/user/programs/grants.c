/* SPDX-License-Identifier: MIT */
/*
 * grants: share pages by /dev/xen/gntalloc and map them by /dev/xen/gntdev.
 *
 *	grants [DOMID]             both in this domain, whose number is DOMID (0); says "grants: all is well" or which
 *	                           check failed
 *	grants offer DOMID         share some pages with a domain, print their references, stay
 *	grants take DOMID REF...   map what a domain offers, compare, stay
 *	grants map DOMID REF...    map pages that a domain grants, say so, end
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xen/grant_table.h"
#include "xen/sys/gntalloc.h"
#include "xen/sys/gntdev.h"

#define PAGE  4096
#define PAGES 3

#define CHECK(condition)                                                                         \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			printf("grants: line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

static int alloc_fd, dev_fd, domid;

/* The ioctls' structures with room for all pages. */
static union {
	struct ioctl_gntalloc_alloc_gref op;
	char room[sizeof(struct ioctl_gntalloc_alloc_gref) + PAGES * 4];
} shared;

static uint64_t name_grants(unsigned count, const uint32_t *refs)
{
	struct ioctl_gntdev_map_grant_ref *op = malloc(sizeof(*op) + count * sizeof(op->refs[0]));
	uint64_t index;

	op->count = count;
	for (unsigned i = 0; i < count; i++)
		op->refs[i] = (struct ioctl_gntdev_grant_ref){domid, refs[i]};
	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_MAP_GRANT_REF, op) == 0);
	index = op->index;
	free(op);
	return index;
}

static void forget(uint64_t index, unsigned count)
{
	struct ioctl_gntdev_unmap_grant_ref op = {.index = index, .count = count};

	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &op) == 0);
	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &op) == -1 && errno == ENOENT);
}

static char *share(void)
{
	char *p;

	shared.op.domid = domid;
	shared.op.flags = GNTALLOC_FLAG_WRITABLE;
	shared.op.count = PAGES;
	CHECK(ioctl(alloc_fd, IOCTL_GNTALLOC_ALLOC_GREF, &shared) == 0);
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, alloc_fd, shared.op.index);
	CHECK(p != MAP_FAILED);
	for (int i = 0; i < PAGES * PAGE; i++)
		p[i] = i * 7 + i / PAGE;
	return p;
}

static void map_both_ways(char *mine)
{
	uint64_t index = name_grants(PAGES, shared.op.gref_ids);
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev_fd, index);
	struct ioctl_gntdev_get_offset_for_vaddr at = {.vaddr = (uintptr_t)p};
	int status;

	CHECK(p != MAP_FAILED && p != mine && !memcmp(p, mine, PAGES * PAGE));
	p[PAGE + 5] = 99;
	CHECK(mine[PAGE + 5] == 99);
	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &at) == 0);
	CHECK(at.offset == index && at.count == PAGES);
	CHECK(mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, dev_fd, index) == MAP_FAILED && errno == EBUSY);
	if (!fork()) /* a child has neither mapping */
		_exit(p[0]);
	CHECK(wait(&status) > 0 && WIFSIGNALED(status));
	CHECK(munmap(p + PAGE, PAGE) == 0);
	CHECK(p[2 * PAGE] == mine[2 * PAGE]);
	CHECK(munmap(p, PAGES * PAGE) == 0);
	p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, dev_fd, index);
	CHECK(p != MAP_FAILED && !memcmp(p, mine, PAGES * PAGE));
	forget(index, PAGES); /* the mapping stays */
	CHECK(p[PAGE + 5] == 99);
	CHECK(munmap(p, PAGES * PAGE) == 0);
}

static void refused(void)
{
	uint32_t bad = 2000;
	uint64_t index = name_grants(1, &bad);

	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev_fd, index) == MAP_FAILED && errno == EINVAL);
	forget(index, 1);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev_fd, index) == MAP_FAILED);
}

/* From the granted page to plain memory that begins in the middle of a page, and back. */
static void copies(const char *mine)
{
	static char buf[3 * PAGE] __attribute__((aligned(PAGE)));
	struct ioctl_gntdev_grant_copy_segment s[2] = {{.len = PAGE, .flags = GNTCOPY_source_gref},
						       {.len = 100, .flags = GNTCOPY_dest_gref}};
	struct ioctl_gntdev_grant_copy op = {.count = 2, .segments = s};

	s[0].source.foreign.ref = shared.op.gref_ids[1];
	s[0].source.foreign.domid = domid;
	s[0].dest.virt = buf + 1000;
	s[1].source.virt =
	    (void *)"a hundred bytes of a program's text, which is only for reading, go into a page of "
		    "another domain's memory..";
	s[1].dest.foreign.ref = shared.op.gref_ids[2];
	s[1].dest.foreign.domid = domid;
	s[1].dest.foreign.offset = 50;
	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_GRANT_COPY, &op) == 0);
	CHECK(s[0].status == 0 && s[1].status == 0);
	CHECK(!memcmp(buf + 1000, mine + PAGE, PAGE) && buf[999] == 0 && buf[1000 + PAGE] == 0);
	CHECK(!memcmp(mine + 2 * PAGE + 50, s[1].source.virt, 100));
	s[0].source.foreign.ref = 2001;
	op.count = 1;
	CHECK(ioctl(dev_fd, IOCTL_GNTDEV_GRANT_COPY, &op) == 0 && s[0].status < 0);
}

static void notified(char *mine)
{
	uint64_t index = name_grants(PAGES, shared.op.gref_ids);
	struct ioctl_gntdev_unmap_notify n = {.index = index + PAGE + 17, .action = UNMAP_NOTIFY_CLEAR_BYTE};
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev_fd, index);

	CHECK(p != MAP_FAILED && ioctl(dev_fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n) == 0);
	mine[PAGE + 17] = 1;
	CHECK(munmap(p, PAGE) == 0 && mine[PAGE + 17] == 1);
	CHECK(munmap(p + PAGE, PAGE) == 0 && mine[PAGE + 17] == 0);
	CHECK(munmap(p + 2 * PAGE, PAGE) == 0);
	forget(index, PAGES);
}

/* The file's part is given back first, then the mapping; another mapping still has the pages. */
static void given_back(char *mine)
{
	struct ioctl_gntalloc_dealloc_gref op = {.index = shared.op.index, .count = PAGES};
	uint64_t index = name_grants(PAGES, shared.op.gref_ids);
	char *p;

	CHECK(ioctl(alloc_fd, IOCTL_GNTALLOC_DEALLOC_GREF, &op) == 0);
	CHECK(ioctl(alloc_fd, IOCTL_GNTALLOC_DEALLOC_GREF, &op) == -1);
	p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, dev_fd, index);
	CHECK(p != MAP_FAILED);
	mine[3] = 33;
	CHECK(munmap(mine, PAGES * PAGE) == 0);
	CHECK(p[3] == 33);
	CHECK(munmap(p, PAGES * PAGE) == 0);
	CHECK(ioctl(alloc_fd, IOCTL_GNTALLOC_DEALLOC_GREF, &op) == -1); /* also tries those left over again */
	CHECK(mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, dev_fd, index) == MAP_FAILED);
}

/* Everything still mapped when a program ends. */
static void exits(void)
{
	int status;

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			share();
			uint64_t index = name_grants(PAGES, shared.op.gref_ids);
			char *p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, dev_fd, index);

			_exit(p == MAP_FAILED);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static void stay(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

static void offer(void)
{
	share();
	printf("offered:");
	for (int i = 0; i < PAGES; i++)
		printf(" %u", shared.op.gref_ids[i]);
	printf("\n");
	stay();
}

static char *map(int count, char **args)
{
	uint32_t refs[PAGES];
	char *p;

	CHECK(count > 0 && count <= PAGES);
	for (int i = 0; i < count; i++)
		refs[i] = atoi(args[i]);
	p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev_fd, name_grants(count, refs));
	CHECK(p != MAP_FAILED);
	return p;
}

static void take(int count, char **args)
{
	char *p;

	CHECK(count == PAGES);
	p = map(count, args);
	for (int i = 0; i < PAGES * PAGE; i++)
		CHECK(p[i] == (char)(i * 7 + i / PAGE));
	printf("taken %d pages\n", PAGES);
	stay();
}

int main(int argc, char **argv)
{
	bool pair = argc > 2;
	char *mine;

	domid = argc > 1 ? atoi(argv[pair ? 2 : 1]) : 0;
	alloc_fd = open("/dev/xen/gntalloc", O_RDWR);
	dev_fd = open("/dev/xen/gntdev", O_RDWR);
	CHECK(alloc_fd >= 0 && dev_fd >= 0);
	if (pair && !strcmp(argv[1], "offer"))
		offer();
	if (pair && !strcmp(argv[1], "map")) {
		map(argc - 3, argv + 3);
		printf("mapped %d pages\n", argc - 3);
		return 0;
	}
	if (pair)
		take(argc - 3, argv + 3);
	mine = share();
	map_both_ways(mine);
	refused();
	copies(mine);
	notified(mine);
	given_back(mine);
	exits();
	printf("grants: all is well\n");
	return 0;
}
