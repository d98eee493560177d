/* SPDX-License-Identifier: MIT */
/*
 * Rules (1) to (5) and claim (A) of the essay in hypervisor/mm/page.c, and the flush clock of mm/tlb.c, as a model
 * that spin explores whole. README.md says what is in it, what is left out, and how to run it.
 *
 * The machine: two processors, four frames, page tables of two levels with one entry each. A processor remembers
 * what its walker has seen until it loads CR3: the tables that an upper entry named, and the frames that may be read
 * and written by way of them. A walk may start at any time, also in a table that was taken out of use.
 *
 * The hypervisor, on each processor: it changes an entry, a pin or a root, uses a page for itself, gives a frame back
 * and hands it out again, flushes, and switches between vCPUs, as often and in any order. The names of the steps are
 * those of the functions in the source.
 *
 * What is one step here is one access to shared memory there, or is followed by nothing that another processor could
 * notice; each larger one says why. An `atomic` or `d_step` without such a remark is one locked instruction, together
 * with the choice of what to do next or with what only this processor reads.
 */

/*
 * Four frames that may be anything are too many states. So what each frame may become is a parameter, a set of frames for
 * each role; verify.py has the combinations that are explored.
 */
#ifndef L2_FRAMES
#define L2_FRAMES 1  /* may become a root; the first of them is one from the beginning, and pinned */
#define L1_FRAMES 14 /* may become a table of the lower level */
#define RW_FRAMES 14 /* may be mapped writable */
#define RO_FRAMES 0  /* may be mapped read-only */
#define OP_FRAMES 0  /* the hypervisor may use them as memory for itself: a use of their type without the pt_lock */
#define FREE      0  /* are free at the beginning, and may be handed out */
#define RETURNED  0  /* may be given back, and handed out again */
#define PINS      0  /* may be pinned */
#define GUESTS    0  /* belong to domain 1; the others to domain 0, which is Dom0 if there are two */
#define ROOTS     0  /* these vCPUs may change their root, or have none; the others have the first one for ever */
#define MIGRATE   0  /* vCPUs run anywhere; otherwise each on the CPU of its number */
#endif

#define NF    4  /* frames */
#define NO    NF /* no frame: an empty entry, no root, and the idle root in CR3 */
#define ANY   5  /* of a frame's contents: the guest may have written what it likes */
#define NCPUS 2

#ifdef TWO_DOMAINS /* Dom0, which may map the other's frames, and a guest: one vCPU each, at one address for ever */
#define NDOMS        2
#define DOMAIN_OF(v) (v)
#else /* one domain with two vCPUs */
#define NDOMS        1
#define DOMAIN_OF(v) 0
#endif
#define NVCPUS 2
#define IDLE   NVCPUS /* the idle vCPU; in tlb_vcpu: no vCPU's translations */
#define NOBODY 2      /* owner of a free frame */
#define TAKEN  3      /* of one that is being handed out */

/* Types, and RO: not a type, for mappings that need a reference alone. */
#define W  0
#define L1 1
#define L2 2
#define RO 3
#define IS_TABLE(key) ((key) == L1 || (key) == L2)

typedef frame_t {
	/* page_info.count */
	unsigned ref : 4;
	bit allocated;
	unsigned owner : 2 = NOBODY;
	/* page_info.type: one word, changed in one step */
	unsigned type : 2;
	bit valid;
	unsigned uses : 3;
	bit pinned;
	/* The contents: an entry, naming a frame. */
	unsigned to : 3 = NO;
	bit rw;
	/*
	 * page_info.stamp. A clock would make the model infinite; but no code ever asks what time it is, only whether
	 * the last flush of a CPU is younger than the stamp. So the answers stand here: the CPUs that have ticked
	 * since the stamp was taken, and those that have finished that flush and written their tlb_stamp.
	 */
	unsigned ticked : 2;
	unsigned fresh : 2;
};
frame_t frame[NF];

/* Processors: what they walk, and what they may remember, as sets of frames. */
byte cr3[NCPUS] = NO;
byte tables[NCPUS];   /* tables that an upper entry named */
byte readable[NCPUS]; /* translations to these frames */
byte writable[NCPUS]; /* those with RW */
bit junk;             /* a walk has read memory that a guest may have written */

/* The hypervisor's notes. */
byte tlb_vcpu[NCPUS] = IDLE;
byte current[NCPUS] = IDLE;
byte tlb_cpus[NDOMS];
byte root[NVCPUS] = NO;
bit running[NVCPUS];
bit pt_lock[NDOMS];
byte call; /* cpu/ipi.c: 0, or one more than the CPU that is asked to flush */

#define BIT(n)      (1 << (n))
#define HAS(set, n) ((set) >> (n) & 1)
#define OTHER       (1 - me)

/* ---- what must hold, always ---- */

#define TABLE_BIT(f)  ((frame[f].valid && IS_TABLE(frame[f].type)) << (f))
#define VALID_TABLES  (TABLE_BIT(0) | TABLE_BIT(1) | TABLE_BIT(2) | TABLE_BIT(3))
#define LOADED        ((BIT(cr3[0]) | BIT(cr3[1])) & (BIT(NF) - 1))
#define TABLES_IN_USE (VALID_TABLES | tables[0] | tables[1] | LOADED)

/* Claim (A): no frame is at once writable by a guest and in use as a page table. */
#define CLAIM_A (!((writable[0] | writable[1]) & TABLES_IN_USE))

/* Every translation leads to a frame that the guest was given. Dom0 (domain 0) may see the others' frames. A frame that
 * is free or being handed out has no owner yet: for these there is rule (5). */
#define FOREIGN(c, f) (HAS(readable[c], f) && frame[f].owner < NDOMS && frame[f].allocated && \
		       tlb_vcpu[c] != IDLE && DOMAIN_OF(tlb_vcpu[c]) != 0 && frame[f].owner != DOMAIN_OF(tlb_vcpu[c]))
#define OWN_FRAMES(c) (!(FOREIGN(c, 0) || FOREIGN(c, 1) || FOREIGN(c, 2) || FOREIGN(c, 3)))

/* mm/root.c: what a CPU remembers belongs to a vCPU, and its domain knows the CPU. */
#define NOTED(c) ((!tables[c] && !readable[c] && cr3[c] == NO) || \
		  (tlb_vcpu[c] != IDLE && HAS(tlb_cpus[DOMAIN_OF(tlb_vcpu[c])], c)))

#ifdef ATTACK_ONLY /* for a picture that shows what comes of a fault, not where it first breaks a rule */
#define ALL_HOLD (CLAIM_A)
#else
#define ALL_HOLD (CLAIM_A && !junk && OWN_FRAMES(0) && OWN_FRAMES(1) && NOTED(0) && NOTED(1))
#endif

#define REMEMBERED(f) (HAS(tables[0] | tables[1] | readable[0] | readable[1] | LOADED, f))

proctype watch()
{
end:
	atomic {
		!(ALL_HOLD);
		if
		:: !(CLAIM_A) -> printf("@all|broken: (A), a guest can write a page table in use\n")
		:: junk -> printf("@all|broken: a walk went through memory that a guest may have written\n")
		:: else -> printf("@all|broken: translations are not noted, or lead to another domain's frame\n")
		fi;
		assert(false)
	}
}

#include "paging_cpu.pml"
#include "paging_hypervisor.pml"

/* ---- the beginning ---- */

#define FIRST_ROOT (HAS(L2_FRAMES, 0) -> 0 : 1)
#define BEGIN(f) \
	if \
	:: HAS(FREE, f) -> skip \
	:: else -> frame[f].owner = HAS(GUESTS, f); frame[f].ref = 1; frame[f].allocated = 1; frame[f].valid = 1; frame[f].to = ANY; \
		STAMP_DEAD(f) \
	fi

init {
	d_step {
		BEGIN(0); BEGIN(1); BEGIN(2); BEGIN(3);
		frame[FIRST_ROOT].type = L2;
		frame[FIRST_ROOT].to = NO;
		frame[FIRST_ROOT].ref = 2;
		frame[FIRST_ROOT].uses = 1;
		frame[FIRST_ROOT].pinned = 1;
		if
		:: HAS(ROOTS, 0) -> skip
		:: else -> root[0] = FIRST_ROOT; frame[FIRST_ROOT].ref++; frame[FIRST_ROOT].uses++
		fi;
		if
		:: HAS(ROOTS, 1) -> skip
		:: else -> root[1] = FIRST_ROOT; frame[FIRST_ROOT].ref++; frame[FIRST_ROOT].uses++
		fi;
	}
	atomic {
		run watch();
		run hypervisor(0);
		run hypervisor(1);
#ifdef LAZY
		run walker(0);
		run walker(1);
#endif
	}
}
