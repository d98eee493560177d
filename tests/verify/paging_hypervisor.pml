/* SPDX-License-Identifier: MIT */
/* Part of paging.pml: what the hypervisor does with frames, on each processor, again and again. */

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

/* Holders: a page for a moment, or an entry, pin or root whose domain's lock is free. */
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
/* What they are to hold: a frame of their domain. Dom0's L1 entries may name others' frames. */
#define CHOOSE_TARGET(f) \
	:: HAS(RW_FRAMES, f) && holder == ENTRY_L1 && h != f && frame[f].owner < NDOMS && (frame[f].owner == d || d == 0) -> \
		x = f; key = W \
	:: HAS(RO_FRAMES, f) && holder == ENTRY_L1 && frame[f].owner < NDOMS && (frame[f].owner == d || d == 0) -> \
		x = f; key = RO \
	:: HAS(L1_FRAMES, f) && holder == ENTRY_L2 && h != f && frame[f].owner == d -> x = f; key = L1 \
	:: HAS(L2_FRAMES, f) && holder == ROOT && frame[f].owner == d && root[h] != f -> x = f; key = L2

/* Values that are not read any more would make different states of the same. */
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

	/* page_disown. Its CPU holds a reference meanwhile, but if it was the last one there is no difference. */
	:: atomic { HAS(RETURNED, 0) && current[me] != IDLE && frame[0].allocated -> px = 0; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 1) && current[me] != IDLE && frame[1].allocated -> px = 1; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 2) && current[me] != IDLE && frame[2].allocated -> px = 2; frame[px].allocated = 0 }; goto disown
	:: atomic { HAS(RETURNED, 3) && current[me] != IDLE && frame[3].allocated -> px = 3; frame[px].allocated = 0 }; goto disown

	/*
	 * All others: some holder is to hold something else. What is waited for is the pt_lock; a CPU that waits
	 * answers requests, and so is as good as here. The choice is made when the lock is had: what is a table cannot
	 * change under it.
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
	/* A compare-and-exchange. The last use keeps the count, and all others out, until the stamp is taken. */
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
		/* frame_release: no other CPU looks at a frame without references */
		assert(!frame[px].uses && !frame[px].allocated);
		frame[px].owner = TAKEN;
		frame[px].type = W;
		frame[px].valid = 0;
	}
	/* buddy_free */
	d_step { STAMP(px) }
	/* Locks are taken here, and a CPU that waits for one answers. */
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
