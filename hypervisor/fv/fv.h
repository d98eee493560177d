/* SPDX-License-Identifier: MIT */
/*
 * fv: an unmodified 32-bit PAE kernel in ring 1, on a virtual PC. The processor state that the real processor
 * cannot hold for it, its memory, and its devices. docs/fv.md tells the whole story.
 *
 * One vCPU. Everything here belongs to the CPU that runs it, except the devices (pc/pc.h), which have a lock.
 *
 * The upcall bytes that every exit to a guest tests serve as the processor's interrupt pin and flag:
 *	upcall_pending  INTR: the interrupt controller has an interrupt, or may have one: look (fv_deliver)
 *	upcall_mask     the inverse of the guest's IF
 */
#pragma once

#include "cpu/descriptor.h"
#include "dom/domain.h"
#include "emul/emul.h"
#include "lib/string.h"
#include "pc/pc.h"

#define FV_SHADOW_BUCKETS 256
#define FV_TLB_SETS       16
#define FV_TLB_WAYS       2
#define FV_GDT_ENTRIES    512 /* of the guest's table; entries after these do not exist */

/* One guest frame. Take it by fv_frame(), where writers or shadows matter. */
struct fv_frame {
	uint32_t mfn;
	uint32_t writers;     /* shadow entries that map it writable; */
	uint64_t *writer[2];  /* up to two of them */
	uint64_t epoch : 48;  /* of fv.epoch, when writers and shadows were last right; 0 since */
	uint64_t shadows : 8; /* shadow tables made from it: it is mapped read-only while there are any */
	uint64_t code : 8;    /* enum fv_code */
	void *copy;           /* FV_CODE_PATCHED: what the processor executes in its place */
};

enum fv_code {
	FV_CODE_UNKNOWN, /* not executed yet: mapped without execute permission */
	FV_CODE_SEARCH,  /* it is being searched (fv.scan): mapped read-only, without execute permission */
	FV_CODE_CLEAN,   /* executed as it is, read-only */
	FV_CODE_PATCHED, /* its copy is executed, read-only */
};

/* Where a page of the guest was found at the last access on its kernel's behalf. */
struct fv_translation {
	uint32_t tag; /* linear page | FV_TLB_READ, and FV_TLB_WRITE if it was written; 0: nothing */
	uint32_t pfn; /* of RAM */
	uint8_t *frame;
};
#define FV_TLB_READ  1u
#define FV_TLB_WRITE 2u

struct fv_table {
	uint32_t base;
	uint16_t limit;
};

struct fv {
	struct vcpu *v;
	bool patching;

	/* The virtual processor. */
	uint32_t cr0, cr2, cr3, cr4;
	uint64_t efer;
	uint64_t pdpte[4]; /* read when CR3 is loaded (SDM 3A 4.4.1, PDPTE Registers) */
	struct fv_table gdtr, idtr;
	uint16_t tr, ldtr;
	struct fv_table tss;

	/* fv/segments.c */
	uint64_t *gdt;        /* the table that the processor sees, in the vCPU's window */
	uint64_t *gdt_raw;    /* the guest's entries that it was made from */
	unsigned gdt_entries; /* that may differ from 0 there */
	bool user_code;       /* code segments of ring 3 are present */
	uint64_t user_code_set[FV_GDT_ENTRIES / 64]; /* which entries these are */
	bool gdt_changed; /* since ring 3 was last entered: its segment registers may be out of date */

	/* fv/memory.c */
	uint32_t ram_pages;
	struct fv_frame *frames; /* ram_pages of them */
	mfn_t frames_at;         /* where they will be, and the progress so far (fv_memory_init): */
	uint64_t frames_cleared, frames_to_find;
	uint32_t frames_held;
	unsigned frames_order;
	uint32_t *copied;            /* fv/patch.c: those that have a copy, the oldest first, */
	uint32_t copies, copies_max; /* how many there are, and may be */
	struct fv_translation tlb[FV_TLB_SETS]
				 [FV_TLB_WAYS]; /* sets by the page's low bits, the newest first */
	void *nothing; /* shown where there is no memory: all ones, until the guest writes there */

	struct fv_scan *scan; /* fv/patch.c: the page that is being searched, or was last */

	/* fv/shadow.c */
	uint64_t *l3; /* four entries, above it v->mm.kind_root */
	struct fv_shadow *shadows, *shadow_free;
	struct fv_shadow *shadow_hash[FV_SHADOW_BUCKETS];
	uint32_t nr_shadows, shadows_made; /* how many there may be, and have been so far */
	uint32_t shadows_begun;            /* those from here on were not in use in this epoch */
	uint32_t leaves, uppers;           /* shadows in use */
	uint64_t epoch;                    /* counts how often all were dropped */
	mfn_t shadows_at;                  /* where they lie */
	unsigned shadows_order;
	bool flush; /* TLB and paging-structure caches may hold stale entries */
	bool lax;   /* a table could not be write-protected: drop everything at the next flush */

	struct pc pc;
	uint32_t console_port; /* the event channel of its console */
};

static inline struct fv *fv_of(const struct vcpu *v)
{
	return v->fv;
}

/* Does its "ring 0" run? */
static inline bool fv_in_kernel(const struct vcpu *v)
{
	return (v->regs.cs & SELECTOR_RPL) != 3;
}

/* One of its frames of RAM. Dropping all shadows does not visit the frames, so a stale one is reset here. */
static inline struct fv_frame *fv_frame(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if (unlikely(f->epoch != fv->epoch)) {
		f->epoch = fv->epoch;
		f->writers = 0;
		f->writer[0] = f->writer[1] = NULL;
		f->shadows = 0;
	}
	return f;
}

/* ---- memory.c ---- */

/* Where an address leads. */
struct fv_place {
	uint32_t pfn;
	bool writable, user, noexec; /* by the guest's tables */
	bool dirty;                  /* a store is known to the guest: it may be mapped writable */
	bool large;
	uint32_t table; /* guest frame of its L1, unless large or paging is off */
};

#define FV_OK 0xffffffffu
/* @va by the guest's tables, accessed as @access says (PF_WRITE, PF_USER, PF_FETCH); sets accessed and dirty
 * bits as the processor would. FV_OK, or the error code of the page fault. */
uint32_t fv_walk(struct fv *fv, uint32_t va, uint32_t access, struct fv_place *place);
/* A guest frame's contents; the page of ones where there is no RAM. */
void *fv_frame_at(struct fv *fv, uint32_t pfn);
/* For fv_read() and fv_write(), a TLB like the processor's: the guest flushes it in the same way, by CR3, INVLPG
 * and changes of mode, and may rely on nothing before (SDM 3A 4.10.4). */
void fv_tlb_flush(struct fv *fv);
/* The translation that allows @access (FV_TLB_) to these bytes, all of one page; NULL: a walk is needed. */
static inline struct fv_translation *fv_tlb_find(struct fv *fv, uint32_t va, unsigned n, uint32_t access)
{
	struct fv_translation *t = fv->tlb[(va >> PAGE_SHIFT) % FV_TLB_SETS], *end = t + FV_TLB_WAYS;
	uint32_t page = va & (uint32_t)PAGE_MASK, must = (uint32_t)PAGE_MASK | access;

	if (va - page + n > PAGE_SIZE)
		return NULL;
	while (t < end && (t->tag & must) != (page | access))
		t++;
	return t < end ? t : NULL;
}
/* As the guest's kernel would, whatever the shadows say. FV_OK or the error code; *fault the address. */
uint32_t fv_read_slowly(struct fv *fv, uint32_t va, void *to, unsigned n, uint32_t *fault);
static inline uint32_t fv_read(struct fv *fv, uint32_t va, void *to, unsigned n, uint32_t *fault)
{
	const struct fv_translation *t = fv_tlb_find(fv, va, n, FV_TLB_READ);

	if (unlikely(!t))
		return fv_read_slowly(fv, va, to, n, fault);
	memcpy(to, t->frame + va % PAGE_SIZE, n);
	return FV_OK;
}
uint32_t fv_write(struct fv *fv, uint32_t va, const void *from, unsigned n, uint32_t *fault);
/* Take the domain's frames: they stay its own, and cannot become a page table or descriptor table. */
int fv_memory_init(struct fv *fv, uint32_t ram_pages); /* -ERESTART: call it again */
/* Release the frames (-ERESTART: call it again), and then the rest. */
int fv_memory_release(struct fv *fv);
void fv_memory_free(struct fv *fv);
/* guest_doors.heap_most: what these two take, the shadows, and the copies of code. */
uint64_t fv_heap_most(uint64_t frames);
uint64_t fv_shadow_most(uint64_t ram_pages);

/* ---- shadow.c ---- */

int fv_shadow_init(struct fv *fv);
int fv_shadow_release(struct fv *fv); /* the tables; -ERESTART: call it again; and then the rest: */
void fv_shadow_free(struct fv *fv);
void fv_page_fault(struct vcpu *v, uint32_t va, uint32_t error);
/* The hypervisor or the guest is about to write @pfn. */
void fv_shadow_written(struct fv *fv, uint32_t pfn);
void fv_shadow_load_cr3(struct fv *fv); /* the PDPTEs are new */
void fv_shadow_drop_all(struct fv *fv); /* the mode of paging changed */
void fv_shadow_invlpg(struct fv *fv, uint32_t va);
/* How many entries map it writable, by counting them. */
unsigned fv_shadow_count_writers(struct fv *fv, uint32_t pfn);
/* Before the guest runs again. */
void fv_shadow_sync(struct fv *fv);

/* ---- segments.c ---- */

int fv_segments_init(struct fv *fv);
void fv_segments_free(struct fv *fv);
/* Look at the guest's GDT again; true if something in it had changed. */
bool fv_segments_sync(struct fv *fv);
/* Ring 1 runs: an IRET to ring 3 must fault. Or ring 3 does: it may return to itself. */
void fv_segments_user_code(struct fv *fv, bool present);
/* The guest's own descriptor; the copy is made to follow it. False: null or outside of the table. */
bool fv_descriptor(struct fv *fv, uint16_t selector, uint64_t *d);
/* Does @selector name 32-bit code in the copy? And where does that start? */
bool fv_code32(const struct fv *fv, uint16_t selector, uint32_t *base);
static inline uint32_t fv_descriptor_base(uint64_t d)
{
	return (d >> 16 & 0xffffff) | (d >> 56) << 24;
}

/* ---- inject.c ---- */

/* Enter the guest's handler of @vector: an exception, an interrupt; */
void fv_inject(struct vcpu *v, uint8_t vector);
/* or INT n, INT3, INTO, for which the gate's DPL counts. EIP is behind it; it has @length bytes (0: one or two). If the gate
 * is closed, @refused raises exception @instead, where the instruction begins. */
typedef void fv_refused_fn(struct vcpu *v, uint8_t vector, unsigned length, uint8_t instead);
void fv_inject_int(struct vcpu *v, uint8_t vector, unsigned length, fv_refused_fn *refused);
void fv_inject_error(struct vcpu *v, uint8_t vector, uint32_t error);
void fv_inject_page_fault(struct vcpu *v, gva_t va, uint32_t error);
/* guest_doors.deliver: upcall_pending is set, and the guest's IF. */
void fv_deliver(struct vcpu *v);
/* IRET in ring 1. False: its frame is refused. */
bool fv_iret(struct vcpu *v, bool wide);
/* EFLAGS as the guest sees them, and as it sets them at CPL 0. */
uint32_t fv_flags_get(const struct vcpu *v);
void fv_flags_set(struct vcpu *v, uint32_t flags, uint32_t mask);

/* ---- trap.c, emul.c, control.c ---- */

void fv_trap(struct vcpu *v, struct cpu_user_regs *regs);

extern const struct emul_face fv_face;
/* The instruction at EIP, and others behind it that would trap at once; then emul_conclude(). */
enum emul_result fv_emulate(struct emul *e, struct vcpu *v);
int fv_int(struct vcpu *v, unsigned *length); /* emul_int() */
enum emul_result fv_mov_cr(struct emul *e);
enum emul_result fv_write_cr0(struct vcpu *v, uint32_t value);
enum emul_result fv_rdmsr(struct emul *e);
enum emul_result fv_cpuid(struct emul *e);
enum emul_result fv_wrmsr(struct emul *e);

/* ---- patch.c ---- */

/* How many code pages a guest with @ram_pages may have copies of at a time. */
static inline uint32_t fv_copies_max(uint64_t ram_pages)
{
	return 64 + ram_pages / 64;
}
/* Make room if the limit is reached: all shadows are dropped. */
void fv_code_make_room(struct fv *fv);

/* Ring 1 is about to execute @pfn for the first time: decide what the processor gets to see. False: that takes longer
 * than the guest may keep the CPU; when it faults again the search goes on. No entry maps the frame writable. */
bool fv_code_scan(struct fv *fv, uint32_t pfn);
/* It will be written: what was found no longer holds. */
void fv_code_forget(struct fv *fv, uint32_t pfn);
void fv_code_free(struct fv *fv);

/* ---- audit.c ---- */

struct audit_report;
void fv_audit(struct vcpu *v, const struct audit_report *to);

/* ---- devices.c ---- */

extern const struct pc_user fv_pc_user;
