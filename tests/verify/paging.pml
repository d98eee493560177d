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
#define IDLE   NVCPUS /* the idle vCPU; in tlb_vcpu: nobody's translations */
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
	 * page_info.stamp. A clock would make the model infinite; but nobody ever asks what time it is, only whether
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
 * is free or being handed out is nobody's yet: for these there is rule (5). */
#define FOREIGN(c, f) (HAS(readable[c], f) && frame[f].owner < NDOMS && frame[f].allocated && \
		       tlb_vcpu[c] != IDLE && DOMAIN_OF(tlb_vcpu[c]) != 0 && frame[f].owner != DOMAIN_OF(tlb_vcpu[c]))
#define OWN_FRAMES(c) (!(FOREIGN(c, 0) || FOREIGN(c, 1) || FOREIGN(c, 2) || FOREIGN(c, 3)))

/* mm/root.c: what a CPU remembers is somebody's, and his domain knows the CPU. */
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

/* ---- the walker ---- */

/*
 * What a processor remembers only ever adds to what a guest can do, and the hypervisor never sees it. So the worst walker
 * is the one that has always just walked everything: if there is a bad end with any other, there is one with this. It is
 * part of each step that writes an entry or CR3. With -DLAZY each walk is a step of its own, at any time or
 * never; that is more states for the same answer.
 */
#define LOOK_UPPER(c) \
	if \
	:: cr3[c] < NF && frame[cr3[c]].to < NF && !HAS(tables[c], frame[cr3[c]].to) -> \
		tables[c] = tables[c] | BIT(frame[cr3[c]].to); \
		printf("@walker %d|walks root %d: remembers that frame %d is a table\n", c, cr3[c], frame[cr3[c]].to) \
	:: cr3[c] < NF && frame[cr3[c]].to == ANY -> junk = 1 \
	:: else \
	fi
#define LOOK_LOWER(c, f) \
	if \
	:: HAS(tables[c], f) && frame[f].to < NF && !HAS(frame[f].rw -> writable[c] : readable[c], frame[f].to) -> \
		readable[c] = readable[c] | BIT(frame[f].to); \
		writable[c] = writable[c] | (frame[f].rw << frame[f].to); \
		printf("@walker %d|walks table %d: remembers frame %d, RW=%d\n", c, f, frame[f].to, frame[f].rw) \
	:: HAS(tables[c], f) && frame[f].to == ANY -> junk = 1 \
	:: else \
	fi
#define WALK_ALL(c) \
	LOOK_UPPER(c); LOOK_LOWER(c, 0); LOOK_LOWER(c, 1); LOOK_LOWER(c, 2); LOOK_LOWER(c, 3)

#ifdef LAZY
#define WALKS skip
#define WALK  skip
proctype walker(bit c)
{
end:
	do
	:: d_step { cr3[c] < NF && frame[cr3[c]].to != NO && !(frame[cr3[c]].to < NF && HAS(tables[c], frame[cr3[c]].to)) ->
		LOOK_UPPER(c) }
	:: d_step { HAS(tables[c], 0) && frame[0].to != NO -> LOOK_LOWER(c, 0) }
	:: d_step { HAS(tables[c], 1) && frame[1].to != NO -> LOOK_LOWER(c, 1) }
	:: d_step { HAS(tables[c], 2) && frame[2].to != NO -> LOOK_LOWER(c, 2) }
	:: d_step { HAS(tables[c], 3) && frame[3].to != NO -> LOOK_LOWER(c, 3) }
	od
}
#else
#define WALK WALK_ALL(0); WALK_ALL(1)
#endif

/* ---- mm/tlb.c ---- */

#define TICK_ONE(f)  frame[f].ticked = frame[f].ticked | BIT(me)
#define FRESH_ONE(f) frame[f].fresh = frame[f].fresh | (frame[f].ticked & BIT(me))

inline tick()
{
	d_step {
		TICK_ONE(0); TICK_ONE(1); TICK_ONE(2); TICK_ONE(3);
		printf("@cpu %d|tlb_load_cr3: the clock ticks\n", me)
	}
}

inline write_cr3(to_load)
{
	d_step {
		cr3[me] = to_load;
		tables[me] = 0;
		readable[me] = 0;
		writable[me] = 0;
		printf("@cpu %d|loads CR3 with root %d: forgets all translations\n", me, to_load);
		WALK
	}
}

/* One load and one store; a stamp may be taken between tick and here, and then our flush was too early for it. */
inline note_flush()
{
	d_step { FRESH_ONE(0); FRESH_ONE(1); FRESH_ONE(2); FRESH_ONE(3) }
}

inline tlb_load_cr3(to_load)
{
#ifdef MUTANT_TICK_LATE
	write_cr3(to_load);
	tick();
#else
	tick();
	write_cr3(to_load);
#endif
	note_flush()
}

/* The clock is read, and nobody looks at the stamp before we have stored it: one step. */
#define STAMP(f) \
	frame[f].ticked = 0; \
	frame[f].fresh = 0; \
	printf("@cpu %d|frame %d is stamped with the clock\n", me, f)

/* It is not looked at before the next one: the worst that it could say, "flush nobody", stands for all that it may be. */
#define STAMP_DEAD(f) \
	frame[f].ticked = 3; \
	frame[f].fresh = 3

/* Another CPU's request is answered wherever this one waits, and while it runs a guest. */
inline answer()
{
	printf("@cpu %d|answers the other's request\n", me);
	tlb_load_cr3(cr3[me]);
	call = 0
}

/* tlb_stale_cpus for the other CPU: what it holds, and its last flush, are read one after the other. This CPU's own
 * cannot change meanwhile. */
inline flush_stale(f)
{
	d_step { stale = stale & ((tlb_vcpu[0] != IDLE) | (tlb_vcpu[1] != IDLE) << 1) }
	d_step { stale = stale & ~frame[f].fresh & (BIT(NCPUS) - 1) }
#ifdef MUTANT_NO_FLUSH
	stale = 0;
#endif
	if
	:: HAS(stale, me) -> tlb_load_cr3(cr3[me])
	:: else
	fi;
	if
	:: HAS(stale, OTHER) ->
		/* call_lock, and the request that it guards */
		do
		:: atomic { call == 0 ->
			call = 1 + OTHER; printf("@cpu %d|asks the other to flush\n", me); break }
		:: call == 1 + me -> answer()
		od;
		call != 1 + OTHER
	:: else
	fi;
	stale = 0
}

/* ---- mm/root.c ---- */

inline load(v, to_load)
{
	if
	:: tlb_vcpu[me] == v -> tlb_load_cr3(to_load)
	:: else ->
		left = tlb_vcpu[me];
#ifndef MUTANT_NOTE_LATE
		enter(v);
#endif
		tlb_load_cr3(to_load);
#ifdef MUTANT_NOTE_LATE
		enter(v);
#endif
		tlb_vcpu[me] = v;
		if
		:: left != IDLE && (v == IDLE || DOMAIN_OF(left) != DOMAIN_OF(v)) ->
			tlb_cpus[DOMAIN_OF(left)] = tlb_cpus[DOMAIN_OF(left)] & ~BIT(me)
		:: else
		fi;
		left = 0
	fi
}

inline enter(v)
{
	if
	:: v != IDLE ->
		tlb_cpus[DOMAIN_OF(v)] = tlb_cpus[DOMAIN_OF(v)] | BIT(me);
		tlb_vcpu[me] = v
	:: else
	fi
}

#define WANTED_CR3(v) (v == IDLE -> NO : root[v])

#ifdef MUTANT_TLB_VCPU
/* As it once was: from a vCPU on the idle root to the idle vCPU there seems to be nothing to load. */
#define SAME_SPACE(v) (cr3[me] == WANTED_CR3(v) && (v == tlb_vcpu[me] || v == IDLE))
#else
/* An equal CR3 does not excuse a CPU from changing whose translations it holds: (3) of hypervisor/mm/root.c. */
#define SAME_SPACE(v) (cr3[me] == WANTED_CR3(v) && v == tlb_vcpu[me])
#endif

inline vcpu_switch(next)
{
	left = current[me];
	current[me] = next;
	printf("@cpu %d|switches from vCPU %d to vCPU %d\n", me, left, next);
	prev = left;
	left = 0;
	if
	:: !SAME_SPACE(next) -> load(next, WANTED_CR3(next))
	:: else
	fi;
	if
	:: prev != IDLE -> running[prev] = 0
	:: else
	fi;
	prev = 0
}

/* ---- operations ---- */

/* What holds a use: an entry, a pin, a root, or the hypervisor itself for a moment (clear_page). */
#define ITSELF   0
#define ENTRY_L1 1
#define ENTRY_L2 2
#define PIN      3
#define ROOT     4

#define LOAD_NEW_ROOT \
	if \
	:: current[me] == h -> load(h, x) \
	:: else \
	fi;

/* An entry is written by a locked instruction, which no store buffer delays. */
#define WRITE_ENTRY \
	frame[h].to = x; \
	frame[h].rw = (x != NO && key == W); \
	printf("@cpu %d|entry of table %d is written: frame %d\n", me, h, x); \
	WALK
#if defined(MUTANT_PLAIN_STORE) || defined(MUTANT_PUT_FIRST)
#define WRITE_ENTRY_NOW \
	if \
	:: px < NF && pkey == W -> late = 1 \
	:: else -> WRITE_ENTRY \
	fi
#define LATE_WRITE \
	if \
	:: late -> late = 0; WRITE_ENTRY \
	:: else \
	fi;
#else
#define WRITE_ENTRY_NOW WRITE_ENTRY
#define LATE_WRITE
#endif

/* Holders: a page for a moment, or an entry, pin or root whose domain's lock can be had. */
#define MINE(f)    (frame[f].owner < NDOMS && (frame[f].owner == mine || mine == 0))
#define LOCKED(f)  (pt_lock[frame[f].owner])
#define LIVE(f, l) (frame[f].valid && frame[f].type == l)
#define CHOOSE_HOLDER(f) \
	:: HAS(OP_FRAMES, f) && MINE(f) -> h = f; holder = ITSELF \
	:: HAS(PINS, f) && MINE(f) && !LOCKED(f) -> h = f; d = frame[f].owner; holder = PIN \
	:: HAS(L1_FRAMES, f) && MINE(f) && !LOCKED(f) && LIVE(f, L1) -> h = f; d = frame[f].owner; holder = ENTRY_L1 \
	:: HAS(L2_FRAMES, f) && MINE(f) && !LOCKED(f) && LIVE(f, L2) -> h = f; d = frame[f].owner; holder = ENTRY_L2
#define CHOOSE_ROOT(v) \
	:: HAS(ROOTS, v) && (mine == 0 || mine == DOMAIN_OF(v)) && !pt_lock[DOMAIN_OF(v)] && \
	   (current[me] == v || !running[v]) -> h = v; d = DOMAIN_OF(v); holder = ROOT
/* What they shall hold: a frame of their domain. Dom0's L1 entries may name others' frames. */
#define CHOOSE_TARGET(f) \
	:: HAS(RW_FRAMES, f) && holder == ENTRY_L1 && h != f && frame[f].owner < NDOMS && (frame[f].owner == d || d == 0) -> \
		x = f; key = W \
	:: HAS(RO_FRAMES, f) && holder == ENTRY_L1 && frame[f].owner < NDOMS && (frame[f].owner == d || d == 0) -> \
		x = f; key = RO \
	:: HAS(L1_FRAMES, f) && holder == ENTRY_L2 && h != f && frame[f].owner == d -> x = f; key = L1 \
	:: HAS(L2_FRAMES, f) && holder == ROOT && frame[f].owner == d && root[h] != f -> x = f; key = L2

/* Values that nobody reads any more would make different states of the same. */
#define FORGET \
	holder = 0; h = 0; mine = 0; x = NO; key = 0; px = NO; pkey = 0; d = 0; from = 0; stale = 0

proctype hypervisor(bit me)
{
	byte holder, h;      /* whose use changes */
	byte x = NO, key;    /* to this frame, with a use of this type */
	byte s1 = NO, s2 = NO; /* tables being promoted for it: an L1, an L2 */
	byte px = NO, pkey;  /* from this one; then: what is being put */
	byte p1 = NO, p2 = NO; /* tables being demoted */
	byte mine;           /* the domain that wants something */
	byte d, from;        /* the owner of the holder, and of the frame named */
	byte stale, left, prev;
	bit failing;         /* nothing was got: what is being put belonged to tables on their way */
#if defined(MUTANT_PLAIN_STORE) || defined(MUTANT_PUT_FIRST)
	bit late;            /* the entry's store waits in the store buffer */
#endif
	bit fresh_content;   /* the guest wrote the new table */
	bit changes;         /* the frame gets another type */

end:
	do
	:: call == 1 + me -> answer()

	/* schedule(): first the vCPU is chosen, under its queue's lock. */
	:: current[me] != IDLE -> vcpu_switch(IDLE)
	:: atomic { (MIGRATE || me == 0) && current[me] == IDLE && !running[0] -> running[0] = 1 }; vcpu_switch(0)
	:: atomic { (MIGRATE || me == 1) && current[me] == IDLE && !running[1] -> running[1] = 1 }; vcpu_switch(1)

	/* The guest asks for a flush. */
	:: current[me] != IDLE -> tlb_load_cr3(cr3[me])

#ifdef TWO_DOMAINS
	/* A domain has ended, and another begins: its vCPU and its struct domain lie at the old address. */
	:: atomic { !running[1] && root[1] == NO && !pt_lock[1] && frame[0].owner != 1 && frame[1].owner != 1 &&
		    frame[2].owner != 1 && frame[3].owner != 1 ->
#ifndef ATTACK_ONLY
		assert(tlb_vcpu[0] != 1 && tlb_vcpu[1] != 1 && !tlb_cpus[1]);
#endif
		if
		:: tlb_cpus[1] ->
			printf("@cpu %d|domain 1 ends; a new one takes its place in memory\n", me);
			tlb_cpus[1] = 0
		:: else
		fi }
#endif

	/* domain_alloc_pages */
	:: atomic { HAS(FREE | RETURNED, 0) && current[me] != IDLE && frame[0].owner == NOBODY -> x = 0; frame[x].owner = TAKEN }; goto hand_out
	:: atomic { HAS(FREE | RETURNED, 1) && current[me] != IDLE && frame[1].owner == NOBODY -> x = 1; frame[x].owner = TAKEN }; goto hand_out
	:: atomic { HAS(FREE | RETURNED, 2) && current[me] != IDLE && frame[2].owner == NOBODY -> x = 2; frame[x].owner = TAKEN }; goto hand_out
	:: atomic { HAS(FREE | RETURNED, 3) && current[me] != IDLE && frame[3].owner == NOBODY -> x = 3; frame[x].owner = TAKEN }; goto hand_out

	/* page_disown. Whoever does it holds a reference meanwhile, but if it was the last one there is no difference. */
	:: atomic { HAS(RETURNED, 0) && current[me] != IDLE && frame[0].allocated -> px = 0; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 1) && current[me] != IDLE && frame[1].allocated -> px = 1; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 2) && current[me] != IDLE && frame[2].allocated -> px = 2; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 3) && current[me] != IDLE && frame[3].allocated -> px = 3; frame[px].allocated = 0 }; goto disown

	/*
	 * All others: some holder shall hold something else. What is waited for is the pt_lock; who waits answers requests, and
	 * so is as good as here. The choice is made when the lock is had: what is a table cannot change under it.
	 */
	:: atomic {
		current[me] != IDLE;
		mine = DOMAIN_OF(current[me]);
		if
		CHOOSE_HOLDER(0)
		CHOOSE_HOLDER(1)
		CHOOSE_HOLDER(2)
		CHOOSE_HOLDER(3)
		CHOOSE_ROOT(0)
		CHOOSE_ROOT(1)
		:: else -> mine = 0; goto next
		fi;
		if
		:: holder == ITSELF -> x = h; key = W
		:: holder == PIN && !frame[h].pinned && HAS(L1_FRAMES, h) -> x = h; key = L1
		:: holder == PIN && !frame[h].pinned && HAS(L2_FRAMES, h) -> x = h; key = L2
		:: holder == PIN && frame[h].pinned -> x = NO
		:: holder == ROOT && root[h] != NO -> x = NO
		:: (holder == ENTRY_L1 || holder == ENTRY_L2) && frame[h].to != NO -> x = NO
		CHOOSE_TARGET(0)
		CHOOSE_TARGET(1)
		CHOOSE_TARGET(2)
		CHOOSE_TARGET(3)
		:: else -> FORGET; goto next
		fi;
		if
		:: x == NO
		:: x != NO -> from = frame[x].owner
		fi;
		if
		:: holder == ITSELF
		:: holder != ITSELF -> pt_lock[d] = 1
		fi;
		if
		:: holder == ROOT -> running[h] = 1 /* ours already, or paused */
		:: holder != ROOT
		fi;
		px = NO }
	   if
	   :: x == NO -> goto change
	   :: else -> goto get
	   fi

	/* ---- a reference to frame x, and a use of type key (mm/page.c, mm/promote.c) ---- */
get:	atomic {
		if
		:: frame[x].ref > 0 && frame[x].owner == from -> frame[x].ref++
		:: else -> goto got_nothing
		fi }
	if
	:: key == RO -> goto got
#ifdef MUTANT_NO_USE
	:: key == W -> goto got
#endif
	:: else
	fi;
	/* page_get_key: one compare-and-exchange, repeated until it succeeds */
	do
#ifdef MUTANT_TWO_STEPS
	:: frame[x].uses == 0; atomic {
#else
	:: atomic { frame[x].uses == 0 ->
#endif
		changes = (frame[x].type != key);
		frame[x].type = key;
		frame[x].uses = 1;
#ifdef MUTANT_VALID_EARLY
		frame[x].valid = 1;
#else
		frame[x].valid = (key == W && !changes);
#endif
		printf("@cpu %d|page_get_key: frame %d, first use of type %d\n", me, x, key);
		break }
	:: atomic { frame[x].uses > 0 && frame[x].type != key ->
		goto drop_reference }
	:: atomic { frame[x].uses > 0 && frame[x].type == key && frame[x].valid ->
		frame[x].uses++;
		goto got }
	:: frame[x].type == key && call == 1 + me -> answer()
	od;
	if
	:: key == W && !changes -> d_step { STAMP_DEAD(x) } goto got /* still what it was: (5) asks for nothing */
	:: else
	fi;

	/* begin_type, rule (5) */
	if
	:: changes ->
#ifdef MUTANT_NOT_DOM0
		stale = tlb_cpus[frame[x].owner];
#else
		stale = tlb_cpus[0] | tlb_cpus[frame[x].owner];
#endif
		flush_stale(x);
		changes = 0
	:: else
	fi;
	if
	:: key == W -> d_step {
		/* From here on the guest writes what it likes, and nothing reads it before it is a table. */
		STAMP_DEAD(x);
		frame[x].to = ANY;
		frame[x].rw = 0;
		frame[x].valid = 1;
		printf("@cpu %d|frame %d is valid as memory\n", me, x);
		WALK }
		goto got
	:: else
	fi;

	/*
	 * table_raise, rule (3). The entry is read, and its target got. One that the guest wrote may be any: the choice
	 * that it had before is made now. It must not have it any longer.
	 */
	atomic {
		assert(frame[x].type == key && frame[x].uses == 1); /* (1) */
		assert(!HAS(writable[0] | writable[1], x)); /* (5) */
		STAMP_DEAD(x); /* page_info.linear takes its place */
		fresh_content = (frame[x].to == ANY);
		if
		:: frame[x].to != ANY
		:: frame[x].to == ANY -> frame[x].to = NO
		:: frame[x].to == ANY && HAS(key == L2 -> L1_FRAMES : RW_FRAMES | RO_FRAMES, 0) -> frame[x].to = 0
		:: frame[x].to == ANY && HAS(key == L2 -> L1_FRAMES : RW_FRAMES | RO_FRAMES, 1) -> frame[x].to = 1
		:: frame[x].to == ANY && HAS(key == L2 -> L1_FRAMES : RW_FRAMES | RO_FRAMES, 2) -> frame[x].to = 2
		:: frame[x].to == ANY && HAS(key == L2 -> L1_FRAMES : RW_FRAMES | RO_FRAMES, 3) -> frame[x].to = 3
		fi;
		if
		:: fresh_content && key == L1 && frame[x].to < NF && HAS(RO_FRAMES, frame[x].to) -> frame[x].rw = 0
		:: fresh_content && key == L1 && frame[x].to < NF && HAS(RW_FRAMES, frame[x].to) -> frame[x].rw = 1
		:: else
		fi;
		fresh_content = 0
	}
	if
	:: frame[x].to == NO -> goto raised
#ifdef MUTANT_NOT_CHECKED
	:: key == L1 -> goto raised
#endif
	:: key == L2 && frame[x].to == x -> goto refused /* a linear entry: not in the model */
	:: key == L2 && frame[x].to < NF && frame[x].to != x ->
		atomic { s2 = x; x = frame[x].to; key = L1; goto get }
	:: key == L1 && frame[x].to < NF ->
		atomic { s1 = x; key = (frame[x].rw -> W : RO); x = frame[x].to; goto get }
	fi;
raised:	atomic {
		frame[x].valid = 1;
		printf("@cpu %d|table_raise: frame %d is a valid table of level %d\n", me, x, key)
	}
got:	/* It was wanted by the holder, or by a table that is on its way. */
	atomic {
		if
		:: s1 != NO -> x = s1; s1 = NO; key = L1; goto raised
		:: s1 == NO && s2 != NO -> x = s2; s2 = NO; key = L2; goto raised
		:: else -> goto change
		fi }

refused: /* table_lower, of a table whose only entry could not be got */
	atomic { STAMP(x) }
	d_step { frame[x].uses = 0; frame[x].valid = 0 }
drop_reference:
	atomic { px = x; pkey = RO; failing = 1; goto put_reference }
got_nothing:
	atomic {
		if
		:: s1 != NO -> x = s1; s1 = NO; key = L1; goto refused
		:: s1 == NO && s2 != NO -> x = s2; s2 = NO; key = L2; goto refused
		:: else -> px = NO; goto finish
		fi }

	/* ---- the holder changes hands: rule (4) (mm/pt_update.c, mm/root.c, page_pin) ---- */
change:
#ifdef MUTANT_STAMP_EARLY
	if
	:: holder == ENTRY_L1 && frame[h].to < NF && frame[h].rw && frame[frame[h].to].uses == 1 ->
		d_step { px = frame[h].to; STAMP(px) }
	:: else
	fi;
#endif
	if
	:: holder == ENTRY_L1 -> d_step {
		px = frame[h].to; pkey = (frame[h].rw -> W : RO);
		WRITE_ENTRY_NOW }
	:: holder == ENTRY_L2 -> d_step {
		px = frame[h].to; pkey = L1;
		WRITE_ENTRY_NOW }
	:: holder == PIN -> d_step {
		if
		:: x == NO -> px = h; pkey = frame[h].type; printf("@cpu %d|page_unpin: frame %d\n", me, h)
		:: else -> px = NO; printf("@cpu %d|page_pin: frame %d\n", me, h)
		fi;
		frame[h].pinned = (x != NO) }
	:: holder == ROOT ->
		d_step { px = root[h]; pkey = L2; root[h] = x; printf("@cpu %d|change_root: vCPU %d to %d\n", me, h, x) }
#ifndef MUTANT_ROOT_EARLY
		LOAD_NEW_ROOT
#endif
	:: holder == ITSELF -> d_step { px = x; pkey = W }
	fi;
	atomic {
		if
		:: px >= NF -> goto finish /* the old entry named nothing */
		:: else
		fi }

	/* ---- the use of pkey and the reference of px are put (page_put_type, writable_put, table_lower) ---- */
put:	if
	:: pkey == RO -> goto put_reference
#ifdef MUTANT_NO_USE
	:: pkey == W -> goto put_reference
#else
	:: pkey == W -> goto put_writable
#endif
	:: else
	fi;
	atomic {
		if
		:: frame[px].uses > 1 -> frame[px].uses--; goto put_reference
		:: else -> frame[px].valid = 0; printf("@cpu %d|page_put_type: frame %d, last use as a table\n", me, px)
		fi }
	/* table_demote: its entries stay where they are, and a walker that remembers it goes on reading them. */
	atomic {
		if
		:: frame[px].to >= NF -> goto lowered
		:: frame[px].to < NF && pkey == L2 -> p2 = px; px = frame[px].to; pkey = L1; goto put
		:: frame[px].to < NF && pkey == L1 -> p1 = px; pkey = (frame[px].rw -> W : RO); px = frame[px].to; goto put
		fi }
lowered:
	atomic { STAMP(px) }
	d_step { frame[px].uses = 0; printf("@cpu %d|table_lower: frame %d is no table any more\n", me, px) }
	goto put_reference;

put_writable:
#if defined(MUTANT_STAMP_FIRST) || defined(MUTANT_PLAIN_STORE)
	/* As it once was. Between the two steps another may get a use, map the frame, and put it again; the count is what it
	 * was, and the stamp is too old. Here no locked instruction comes before the stamp. */
	do
	:: atomic { frame[px].uses > 1 -> LATE_WRITE frame[px].uses--; goto put_reference }
	:: atomic { frame[px].uses == 1 -> STAMP(px) };
		atomic {
			LATE_WRITE
			if
			:: frame[px].uses == 1 ->
				frame[px].uses = 0;
				printf("@cpu %d|writable_put: frame %d, last use\n", me, px);
				goto put_reference
			:: else
			fi }
	od;
#else
	/* A compare-and-exchange. The last use keeps the count, and everybody out, until the stamp is taken. */
	atomic {
		if
		:: frame[px].uses > 1 -> frame[px].uses--; goto put_reference
		:: else -> frame[px].valid = 0
		fi }
#ifdef MUTANT_STAMP_EARLY
	if
	:: holder == ENTRY_L1 /* it was taken before the entry was written */
	:: else -> d_step { STAMP(px) }
	fi;
#else
	d_step { STAMP(px) }
#endif
	d_step {
		frame[px].uses = 0;
		frame[px].valid = 1;
		printf("@cpu %d|writable_put: frame %d, last use\n", me, px) }
#endif
	goto put_reference;
disown:
	atomic { printf("@cpu %d|page_disown: frame %d\n", me, px); pkey = RO }
put_reference:
	atomic {
		frame[px].ref--;
		if
		:: frame[px].ref > 0 -> goto put_done
		:: else
		fi;
		/* frame_release: nobody else looks at a frame without references */
		assert(!frame[px].uses && !frame[px].allocated);
		frame[px].owner = TAKEN;
		frame[px].type = W;
		frame[px].valid = 0;
	}
	/* buddy_free */
	d_step { STAMP(px) }
	/* Locks are taken here, and who waits for one answers. */
	if
	:: call == 1 + me -> answer()
	:: true
	fi;
	d_step { frame[px].owner = NOBODY; printf("@cpu %d|buddy_free: frame %d\n", me, px) }
put_done:
	atomic {
		if
		:: failing -> failing = 0; goto got_nothing
		:: !failing && p1 != NO -> px = p1; pkey = L1; p1 = NO; goto lowered
		:: !failing && p1 == NO && p2 != NO -> px = p2; pkey = L2; p2 = NO; goto lowered
		:: else
		fi }
#ifdef MUTANT_ROOT_EARLY
	if
	:: holder == ROOT -> LOAD_NEW_ROOT
	:: else
	fi;
#endif
#ifdef MUTANT_PUT_FIRST
	d_step { LATE_WRITE }
#endif

finish:	atomic {
		if
		:: holder == ROOT && current[me] != h -> running[h] = 0
		:: else
		fi;
		if
		:: holder != ITSELF -> pt_lock[d] = 0
		:: else
		fi;
		FORGET }
	goto next;

	/* ---- buddy_alloc, domain_alloc_pages (mm/frame.c, frame_domain.c): rule (5) ---- */
hand_out:
	printf("@cpu %d|buddy_alloc: frame %d\n", me, x);
#ifndef MUTANT_REUSE
	stale = BIT(NCPUS) - 1;
	flush_stale(x);
#endif
	atomic {
		assert(!REMEMBERED(x)); /* (5) */
		frame[x].owner = HAS(GUESTS, x);
		STAMP_DEAD(x);
		frame[x].to = ANY;
		frame[x].rw = 0;
		frame[x].type = W;
		frame[x].valid = 1;
		frame[x].allocated = 1;
		frame[x].ref = 1;
		printf("@cpu %d|domain_alloc_pages: frame %d for domain %d\n", me, x, frame[x].owner);
		WALK;
		FORGET }
next:	skip
	od
}

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
