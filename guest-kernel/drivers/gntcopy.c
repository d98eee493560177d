/* SPDX-License-Identifier: MIT */
/*
 * IOCTL_GNTDEV_GRANT_COPY: the hypervisor copies between frames, a program gives addresses. So each segment
 * is cut at page boundaries; each page is brought in, made the program's own if it is written, and
 * named by its machine frame.
 * Locking: none, interrupts are off from finding a frame until the copy is done.
 */
#include "drivers/gntcopy.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "xen/sys/gntdev.h"

#define SEGMENTS_MAX 4096u

typedef struct ioctl_gntdev_grant_copy_segment segment_t;

static const char zeros[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/* The frame of the current program's page at @va, present and, on request, writable. */
static int user_frame(ulong va, bool write, xen_pfn_t *mfn)
{
	u8 *byte = (u8 *)va, value;
	const pte_t *ptep;

	if (get_user(value, byte) || (write && put_user(value, byte)))
		return -EFAULT;
	ptep = pte_find(&current->process->mm->root, va, false);
	if (!ptep || !(*ptep & PTE_P))
		return -EFAULT;
	*mfn = (*ptep & PTE_FRAME) >> PAGE_SHIFT;
	return 0;
}

/* One side of the copy, @done bytes into the segment; *n shrinks to what lies in one page. */
static int fill_side(struct gnttab_copy_ptr *p, const segment_t *s, bool dest, u32 done, u32 *n)
{
	bool granted = s->flags & (dest ? GNTCOPY_dest_gref : GNTCOPY_source_gref);
	const __typeof__(s->dest) *side = dest ? &s->dest : (const void *)&s->source;
	ulong va = (ulong)side->virt + done;
	xen_pfn_t mfn;
	int rc;

	if (granted) {
		p->u.ref = side->foreign.ref;
		p->domid = side->foreign.domid;
		p->offset = side->foreign.offset + done;
		return 0;
	}
	rc = user_frame(va, dest, &mfn);
	if (rc)
		return rc;
	p->u.gmfn = mfn;
	p->domid = DOMID_SELF;
	p->offset = va & ~PAGE_MASK;
	*n = MIN(*n, (u32)(PAGE_SIZE - p->offset));
	return 0;
}

static int copy_part(segment_t *s, u32 *done)
{
	struct gnttab_copy op = {.flags = s->flags};
	u32 n = s->len - *done;
	int rc = fill_side(&op.source, s, false, *done, &n);

	if (!rc)
		rc = fill_side(&op.dest, s, true, *done, &n);
	if (rc)
		return rc;
	op.len = n;
	if (hypercall_grant_table_op(GNTTABOP_copy, &op, 1))
		return -EFAULT;
	s->status = op.status;
	*done += n;
	return 0;
}

static int copy_segment(segment_t *s)
{
	int rc = 0;
	bool one_granted = !(s->flags & GNTCOPY_source_gref) != !(s->flags & GNTCOPY_dest_gref);

	if (!one_granted && !(s->flags & GNTCOPY_source_gref))
		return -EINVAL;
	if ((s->flags & GNTCOPY_source_gref && s->source.foreign.offset + s->len > (int)PAGE_SIZE) ||
	    (s->flags & GNTCOPY_dest_gref && s->dest.foreign.offset + s->len > (int)PAGE_SIZE))
		return -EINVAL;
	s->status = GNTST_okay;
	for (u32 done = 0; done < s->len && !rc && s->status == GNTST_okay;)
		rc = copy_part(s, &done);
	return rc;
}

long gntcopy(const void *user)
{
	struct ioctl_gntdev_grant_copy op;
	long rc = 0;

	if (copy_from_user(&op, user, sizeof(op)))
		return -EFAULT;
	if (op.count > SEGMENTS_MAX)
		return -EINVAL;
	for (u32 i = 0; i < op.count && !rc; i++) {
		segment_t s;

		rc = copy_from_user(&s, &op.segments[i], sizeof(s));
		if (!rc)
			rc = copy_segment(&s);
		if (!rc)
			rc = put_user(s.status, &op.segments[i].status);
	}
	return rc;
}

void gntcopy_clear_byte(domid_t domid, grant_ref_t ref, u32 offset)
{
	struct gnttab_copy op = {.len = 1, .flags = GNTCOPY_dest_gref};

	op.source.u.gmfn = pfn_to_mfn(image_to_pfn(zeros));
	op.source.domid = DOMID_SELF;
	op.dest.u.ref = ref;
	op.dest.domid = domid;
	op.dest.offset = offset;
	hypercall_grant_table_op(GNTTABOP_copy, &op, 1);
}
