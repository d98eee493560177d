/* SPDX-License-Identifier: MIT */
/* See grants.h; ioctls as in xen/sys/gntdev.h. */
#include "grants.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>

#define COPIES_MAX 256 /* in one call; gntdev itself takes as many as one likes */

int grants_open(void)
{
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail("/dev/xen/gntdev: %s; is the driver there (modprobe xen-gntdev)?",
			    strerror(errno));
	return fd;
}

void *grants_map(int fd, unsigned dom, const uint32_t *refs, unsigned count, uint64_t *index)
{
	struct ioctl_gntdev_map_grant_ref *op = calloc(1, sizeof(*op) + count * sizeof(op->refs[0]));
	void *at = MAP_FAILED;
	int rc;

	if (!op)
		return NULL;
	op->count = count;
	for (unsigned i = 0; i < count; i++)
		op->refs[i] = (struct ioctl_gntdev_grant_ref){dom, refs[i]};
	if (ioctl(fd, (int)IOCTL_GNTDEV_MAP_GRANT_REF, op) == 0) {
		*index = op->index;
		at = mmap(NULL, count * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)op->index);
		if (at == MAP_FAILED) {
			rc = errno;
			grants_unmap(fd, NULL, count, op->index);
			errno = rc;
		}
	}
	free(op);
	return at == MAP_FAILED ? NULL : at;
}

void grants_unmap(int fd, void *at, unsigned count, uint64_t index)
{
	struct ioctl_gntdev_unmap_grant_ref op = {.index = index, .count = count};

	if (at)
		munmap(at, count * 4096ul);
	ioctl(fd, (int)IOCTL_GNTDEV_UNMAP_GRANT_REF, &op);
}

static void copy_some(int fd, unsigned dom, struct grant_piece *pieces, unsigned count, bool to_guest)
{
	struct ioctl_gntdev_grant_copy_segment segments[COPIES_MAX];
	struct ioctl_gntdev_grant_copy op = {.count = count, .segments = segments};
	int rc;

	for (unsigned i = 0; i < count; i++) {
		struct ioctl_gntdev_grant_copy_segment *s = &segments[i];
		const struct grant_piece *p = &pieces[i];

		*s = (struct ioctl_gntdev_grant_copy_segment){
		    .len = p->bytes,
		    .flags = to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref,
		    .status = GNTST_general_error,
		};
		s->source.virt = s->dest.virt = p->at;
		*(to_guest ? &s->dest.foreign.ref : &s->source.foreign.ref) = p->ref;
		*(to_guest ? &s->dest.foreign.offset : &s->source.foreign.offset) = p->offset;
		*(to_guest ? &s->dest.foreign.domid : &s->source.foreign.domid) = (uint16_t)dom;
	}
	rc = ioctl(fd, (int)IOCTL_GNTDEV_GRANT_COPY, &op);
	for (unsigned i = 0; i < count; i++)
		pieces[i].failed = rc || segments[i].status != GNTST_okay;
}

void grants_copy(int fd, unsigned dom, struct grant_piece *pieces, size_t count, bool to_guest)
{
	for (size_t done = 0; done < count; done += COPIES_MAX)
		copy_some(fd, dom, pieces + done,
			  (unsigned)(count - done < COPIES_MAX ? count - done : COPIES_MAX), to_guest);
}
