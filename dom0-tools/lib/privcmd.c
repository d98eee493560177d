/* SPDX-License-Identifier: MIT */
/* The real connection: Linux's /dev/xen/privcmd (ioctls as in xen/sys/privcmd.h). */
#include "err.h"
#include "hv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/sys/privcmd.h>

static long privcmd_call(struct hv *hv, unsigned nr, const uint64_t arg[5])
{
	struct privcmd_hypercall call = {.op = nr};
	int rc;

	memcpy(call.arg, arg, sizeof(call.arg));
	rc = ioctl(hv->fd, IOCTL_PRIVCMD_HYPERCALL, &call);
	return rc < 0 ? -errno : rc;
}

static void *privcmd_map(struct hv *hv, domid_t dom, const xen_pfn_t *mfns, size_t count, bool writable)
{
	void *at =
	    mmap(NULL, count * FRAME_SIZE, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, hv->fd, 0);
	int *errors = calloc(count, sizeof(*errors));
	struct privcmd_mmapbatch_v2 batch = {
	    .num = count, .dom = dom, .addr = (uintptr_t)at, .arr = mfns, .err = errors};
	int bad = at == MAP_FAILED ? errno : errors ? 0 : ENOMEM;

	if (!bad && ioctl(hv->fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) < 0)
		bad = errno;
	for (size_t i = 0; !bad && i < count; i++)
		if (errors[i])
			bad = errors[i] < 0 ? -errors[i] : errors[i];
	free(errors);
	if (!bad)
		return at;
	if (at != MAP_FAILED)
		munmap(at, count * FRAME_SIZE);
	errno = bad;
	return NULL;
}

static void privcmd_unmap(struct hv *hv, void *at, size_t count)
{
	munmap(at, count * FRAME_SIZE);
}

static const struct hv_ops privcmd_ops = {
    .hypercall = privcmd_call,
    .map = privcmd_map,
    .unmap = privcmd_unmap,
};

int hv_open_with(struct hv *hv, const struct hv_ops *ops)
{
	memset(hv, 0, sizeof(*hv));
	hv->ops = ops;
	hv->fd = -1;
	hv->arena = mmap(NULL, HV_ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hv->arena == MAP_FAILED)
		return fail_errno(errno, "hypercall buffers: no memory for %d KiB", HV_ARENA_SIZE / 1024);
	mlock(hv->arena, HV_ARENA_SIZE); /* a failure (RLIMIT_MEMLOCK) matters only where pages are swapped */
	return 0;
}

int hv_open(struct hv *hv)
{
	if (hv_open_with(hv, &privcmd_ops))
		return -1;
	hv->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (hv->fd >= 0)
		return 0;
	hv_close(hv);
	return fail("/dev/xen/privcmd: %s; this command works in Dom0 only, as root", strerror(errno));
}

void hv_close(struct hv *hv)
{
	if (hv->fd >= 0)
		close(hv->fd);
	if (hv->arena)
		munmap(hv->arena, HV_ARENA_SIZE);
	hv->fd = -1;
	hv->arena = NULL;
}
