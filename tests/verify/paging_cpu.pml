/* SPDX-License-Identifier: MIT */
/* Part of paging.pml: what the processor does by itself, and mm/tlb.c and mm/root.c, which load and flush it. */

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

/* The clock is read, and no CPU looks at the stamp before we have stored it: one step. */
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
