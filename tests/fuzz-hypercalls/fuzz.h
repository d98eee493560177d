/* SPDX-License-Identifier: MIT */
/* Inside the hypercall fuzzer: its random numbers, its pool of values, how a call is made. One struct fuzz
 * per vCPU; the vCPUs share the arena and its frames, and race for them. */
#pragma once

#include "fw.h"

#define ARENA_PAGES 512 /* 2 MiB, so that one L1 serves the arena and nothing else */
#define RING_SIZE   16384
#define FRAMES      1024
#define MULTI_MAX   6

struct fuzz {
	uint64_t random;
	unsigned long calls;
	domid_t self;
	domid_t peer;    /* another that does the same, for us; 0: none */
	bool dom0;       /* the machine must go on: nothing that ends it */
	bool first;      /* vCPU 0, which can recover from faults */
	bool alone;      /* one vCPU: what it does depends on nothing but the seed */
	bool queueing;   /* calls go into a multicall */
	bool mend_traps; /* handlers were changed: set them right before going on */
	unsigned queued;
	struct multicall_entry *multi;
	char *ring; /* memory for arguments, used round and round */
	unsigned ring_at;
	unsigned long ring_mfns[RING_SIZE / 4096];
	domid_t made[4]; /* Dom0: domains it created */
	uint64_t digest; /* of all calls made and their results: the same again for a vCPU alone */
};

/* What came about, told with the calls: a fuzzer that is always refused finds nothing. */
enum worked {
	MAPPED,
	COPIED,
	BOUND,
	WENT_UP,
	STORED,
	WORKED
};
extern unsigned long worked[WORKED];

/* ---- pool.c ---- */
/* Pages without mapping keep what the hypervisor writes too far from the program. */
extern struct region {
	char pages[ARENA_PAGES][4096], guard0[4096], ring0[RING_SIZE], guard1[4096], ring1[RING_SIZE],
	    guard2[4096];
} region;
#define arena region.pages
extern unsigned long frames[FRAMES]; /* frames of ours, some given away meanwhile */
extern unsigned long max_mfn;
extern pte_t *arena_l2; /* the entry that hooks the arena's L1 */
void pool_init(struct fuzz *first, struct fuzz *other);
/* Map the arguments' memory again, which something of @f's doing may have unmapped. */
void mend_ring(struct fuzz *f);

uint64_t random64(struct fuzz *f);
unsigned below(struct fuzz *f, unsigned n);
static inline bool one_in(struct fuzz *f, unsigned n)
{
	return !below(f, n);
}
/* A page of the arena; most are kept for one purpose, so that whole trees come about: 0 for data, 1 to
 * ROOT_LEVEL tables. */
unsigned page_for(struct fuzz *f, int role);
unsigned long arena_va(struct fuzz *f); /* some address in the arena */
unsigned long any_mfn(struct fuzz *f);
unsigned long unmapped_mfn(struct fuzz *f); /* likely one that nothing maps */
pte_t any_pte(struct fuzz *f, int level);
uint64_t any_word(struct fuzz *f);
domid_t any_domid(struct fuzz *f);
/* Zeroed memory for arguments of the next call. */
void *buffer(struct fuzz *f, unsigned size);
unsigned long bad_pointer(struct fuzz *f);
/* @p, or sometimes a worse pointer. */
unsigned long pointer(struct fuzz *f, const void *p);
/* Machine address of an entry of the tables in use that concerns the arena alone, and its level. */
uint64_t live_entry(struct fuzz *f, int *level);
/* That of the L2 which hooks the arena; that of page @page of the arena. */
uint64_t arena_l2_maddr(void);
uint64_t arena_entry(unsigned page);

/* ---- main.c, context.c ---- */
/* What the second vCPU runs, and runs again whatever happens to it. */
void second(void) __attribute__((noreturn));
void start_second(void);

/* ---- call.c ---- */
/* Make a hypercall, or put it into the multicall that is being gathered (result 0). */
long call(struct fuzz *f, unsigned nr, unsigned long a0, unsigned long a1, unsigned long a2, unsigned long a3,
	  unsigned long a4);
/* Those with an argument that takes two registers in pv32. */
long call_va_mapping(struct fuzz *f, unsigned long va, pte_t pte, unsigned long flags, int domid);
void call_multi(struct fuzz *f);

/* ---- tables.c, memory.c, grants.c, misc.c, context.c, control.c, stores.c, trace.c: each makes a call or a few ---- */
typedef void action_fn(struct fuzz *f);
action_fn do_mmu_update, do_va_mapping, do_mmuext, do_build_table, do_store, do_repair;
action_fn do_reservation, do_exchange, do_memory_other, do_grant_setup, do_grant_entry, do_grant_map,
    do_grant_unmap, do_grant_copy, do_grant_other;
void grants_init(struct fuzz *f);
action_fn do_gdt, do_ldt, do_descriptor, do_traps, do_callbacks, do_stack, do_segment, do_debugreg, do_vcpu,
    do_events, do_sched, do_timer, do_version, do_console, do_assist, do_physdev, do_anything, do_domctl;
action_fn do_context, do_areas, do_hard_store, do_trace, do_control;
void control_tell(void); /* which of the operations that control worked, and how often */
void stores_init(void), hook_arena(void);
