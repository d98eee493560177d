/* SPDX-License-Identifier: MIT */
/* The steps by which every kind of domain is built (build.h). */
#include "build.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <string.h>

long build_domctl(struct build *b, struct xen_domctl *op)
{
	op->domain = b->id;
	return hv_domctl(b->hv, op);
}

int build_read_initrd(struct build *b)
{
	if (!b->conf->ramdisk)
		return 0;
	b->initrd = file_read(b->conf->ramdisk, 512u << 20, &b->initrd_size);
	return b->initrd ? 0 : -1;
}

int build_create(struct build *b, const char *kind, uint32_t flags)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain};
	long rc;

	memcpy(op.u.createdomain.handle, b->request->handle, sizeof(b->request->handle));
	uuid_print(b->request->handle, b->result->uuid);
	op.u.createdomain.flags = flags;
	op.u.createdomain.max_vcpus = b->conf->vcpus;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = -1; /* the hypervisor's own limit */
	op.u.createdomain.max_maptrack_frames = -1;
	op.u.createdomain.grant_opts = 1; /* grant tables of version 1 */
	b->result->kind = kind;
	rc = hv_domctl(b->hv, &op);
	if (rc < 0)
		return fail_errno(rc, "the hypervisor refuses a new domain");
	b->id = b->result->id = op.domain;
	if (!b->request->created || !b->request->created(b->request->arg, b->result))
		return 0;
	build_undo(b);
	return -1;
}

static int alloc_port(struct build *b, const char *what, unsigned *port)
{
	struct evtchn_alloc_unbound op = {.dom = b->id, .remote_dom = 0};
	long rc = hv_evtchn_op(b->hv, EVTCHNOP_alloc_unbound, &op, sizeof(op));

	*port = op.port;
	return rc < 0 ? fail_errno(rc, "event channel of the %s", what) : 0;
}

int build_ports(struct build *b)
{
	if (alloc_port(b, "store", &b->result->store_port) ||
	    alloc_port(b, "console", &b->result->console_port))
		return -1;
	return 0;
}

/* Give back what a half-made domain has. */
void build_undo(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_destroydomain};
	long rc;

	do {
		rc = build_domctl(b, &op);
	} while (rc == -EAGAIN || rc == -EINTR);
}
