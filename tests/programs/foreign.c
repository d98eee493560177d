/* SPDX-License-Identifier: MIT */
/*
 * In Dom0: what privcmd mapped is gone with munmap, from the processor's memory of translations too. Frames of a domain
 * are mapped at one address, one after the other, and read; then other memory lies there.
 */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/sys/privcmd.h>

#define PLACE   ((void *)0x30000000)
#define FRAMES  20      /* to be found, mapped and read */
#define HIGHEST 0x60000 /* machine frame to be tried */

static volatile uint32_t *map(int protection, int flags, int fd)
{
	void *p = mmap(PLACE, 4096, protection, flags | MAP_FIXED, fd, 0);

	CHECK(p == PLACE);
	return p;
}

/* Dom0's own frames do, as a driver's mappings are not told apart by whose frames they are. */
static bool map_frame(int privcmd, xen_pfn_t frame)
{
	int error = 0;
	struct privcmd_mmapbatch_v2 batch = {
	    .num = 1, .dom = 0, .addr = (uintptr_t)PLACE, .arr = &frame, .err = &error};

	map(PROT_READ | PROT_WRITE, MAP_SHARED, privcmd);
	return !ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) && !error;
}

static void munmap_forgets_foreign_frames(void)
{
	int privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC), found = 0;

	CHECK(privcmd >= 0);
	for (xen_pfn_t frame = 0x1000; frame < HIGHEST && found < FRAMES; frame += 7) {
		volatile uint32_t *p = PLACE;

		if (!map_frame(privcmd, frame) || !(p[1] | p[500]))
			continue;
		found++;
		CHECK(munmap(PLACE, 4096) == 0);
		p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		CHECK(!p[1] && !p[500]);
		p[1] = 1;
		CHECK(munmap(PLACE, 4096) == 0);
	}
	CHECK(found == FRAMES);
}

static const struct check checks[] = {
    {"munmap forgets foreign frames", munmap_forgets_foreign_frames},
};

int main(int argc, char **argv)
{
	return RUN_CHECKS("foreign", checks, argc, argv);
}
