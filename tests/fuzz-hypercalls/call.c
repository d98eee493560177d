/* SPDX-License-Identifier: MIT */
/* Making a hypercall whose number and arguments are known only at run time. */
#include "fuzz.h"

static long raw(unsigned nr, const unsigned long a[5])
{
	long rc;
#ifdef __x86_64__
	register unsigned long r10 __asm__("r10") = a[3];
	register unsigned long r8 __asm__("r8") = a[4];
	unsigned long di = a[0], si = a[1], dx = a[2];

	__asm__ volatile("syscall"
			 : "=a"(rc), "+D"(di), "+S"(si), "+d"(dx), "+r"(r10), "+r"(r8)
			 : "0"((unsigned long)nr)
			 : "rcx", "r9", "r11", "memory", "cc");
#else
	unsigned long bx = a[0], cx = a[1], dx = a[2], si = a[3], di = a[4];

	__asm__ volatile("int $0x82"
			 : "=a"(rc), "+b"(bx), "+c"(cx), "+d"(dx), "+S"(si), "+D"(di)
			 : "0"(nr)
			 : "memory", "cc");
#endif
	return rc;
}

/* Into the digest (FNV-1a's step, Fowler, Noll, Vo 1991, on words). */
static void note(struct fuzz *f, unsigned long word)
{
	f->digest = (f->digest ^ word) * 0x100000001b3ull;
}

static long noted(struct fuzz *f, unsigned nr, const unsigned long a[5])
{
	long rc = raw(nr, a);

	note(f, nr);
	for (unsigned i = 0; i < 5; i++)
		note(f, a[i]);
	note(f, rc);
	return rc;
}

long call(struct fuzz *f, unsigned nr, unsigned long a0, unsigned long a1, unsigned long a2, unsigned long a3,
	  unsigned long a4)
{
	const unsigned long a[5] = {a0, a1, a2, a3, a4};

	f->calls++;
	if (!f->queueing)
		return noted(f, nr, a);
	if (f->queued < MULTI_MAX) {
		struct multicall_entry *m = &f->multi[f->queued++];

		m->op = nr;
		for (unsigned i = 0; i < 5; i++)
			m->args[i] = a[i];
		m->args[5] = 0;
	}
	return 0;
}

void call_multi(struct fuzz *f)
{
	const unsigned long a[5] = {(unsigned long)f->multi, f->queued};

	f->queueing = false;
	noted(f, __HYPERVISOR_multicall, a);
	for (unsigned i = 0; i < f->queued; i++) {
		note(f, f->multi[i].op);
		note(f, f->multi[i].result);
	}
	f->queued = 0;
}

long call_va_mapping(struct fuzz *f, unsigned long va, pte_t pte, unsigned long flags, int domid)
{
	unsigned nr = domid < 0 ? __HYPERVISOR_update_va_mapping : __HYPERVISOR_update_va_mapping_otherdomain;

#ifdef __x86_64__
	return call(f, nr, va, pte, flags, domid, 0);
#else
	return call(f, nr, va, pte, pte >> 32, flags, domid);
#endif
}
