/* SPDX-License-Identifier: MIT */
/*
 * Rules (W1) to (W4) of hypervisor/evt/port.c as a model that spin explores whole: no wake-up is lost between a CPU
 * that sends an event and a vCPU that sleeps, polls, masks a port, or is busy. README.md says how to run it.
 *
 * The machine: one vCPU on its processor, and two senders on others, one for each of two ports, whose pending bits
 * stand in one word and so share a bit of the selector. A sender puts an item where the guest will look, and sends;
 * the guest does what lab 7 asks for: its upcall moves items into an inbox, and it sleeps while there is none.
 *
 * Each access to shared memory is a step. An `atomic` is one locked instruction, or a critical section of the queue's lock
 * within which nothing is looked at without the lock.
 */

#define RUNNABLE 0
#define BLOCKED  1

/* vcpu_info and shared_info, which the guest writes at will */
bit upcall_pending, upcall_mask = 0;
bit selector;
bit pending[2], masked[2];
/* the guest's own memory */
bit item[2]; /* put by the sender */
bit inbox;
/* struct vcpu */
bit state = RUNNABLE, running = 1;
bit polling, poll_port;
bit queue_lock;
bit kicked; /* an interrupt waits for the vCPU's processor, which then leaves the guest and looks */
bit busy;   /* the guest computes, and neither calls nor looks */

/* Nothing moves any more: what still waits waits for ever. */
#define NOTHING_LOST (polling -> !item[poll_port] : !item[0] && !item[1] && (busy || !inbox))

active proctype watch()
{
end:	timeout;
	if
	:: !(NOTHING_LOST) -> printf("@all|broken: an item waits, and nobody will ever look\n")
	:: else
	fi;
	assert(NOTHING_LOST)
}

/* ---- sched/sched.c ---- */

inline vcpu_wake(who)
{
	atomic { !queue_lock -> state = RUNNABLE; polling = 0; printf("@%e|vcpu_wake: runnable\n", who) }
}

inline lock_queue()
{
	atomic { !queue_lock -> queue_lock = 1 }
}

/* (W2): the queue is locked. */
inline block()
{
#ifdef MUTANT_STATE_LATE
	looked = (upcall_pending && !upcall_mask);
	printf("@vCPU|block: looks at the events: %d\n", looked);
	state = (looked -> RUNNABLE : BLOCKED);
	printf("@vCPU|block: state %d (1: blocked)\n", state);
	looked = 0;
#else
	state = BLOCKED;
	printf("@vCPU|block: state 1 (blocked)\n");
	if
	:: upcall_pending && !upcall_mask -> state = RUNNABLE; printf("@vCPU|block: an event is there, runnable again\n")
	:: else -> printf("@vCPU|block: looks at the events: none\n")
	fi;
#endif
	queue_lock = 0
}

inline schedule()
{
	if
	:: atomic { !queue_lock && state == BLOCKED -> running = 0; printf("@vCPU|schedule: sleeps\n") };
		atomic { !queue_lock && state == RUNNABLE -> running = 1; printf("@vCPU|schedule: runs again\n") }
	:: atomic { !queue_lock && state == RUNNABLE }
	fi
}

/* ---- evt/port.c: one process for each sender, on a processor of its own ---- */

mtype = { sender0, sender1, vCPU };

active [2] proctype sender()
{
	bit port = _pid - 1;
	bit was;
	mtype me = (_pid == 1 -> sender0 : sender1);

	do
	:: item[port] = 1;
		/* (W1) */
		atomic { was = pending[port]; pending[port] = 1; printf("@%e|sends: pending bit was %d\n", me, was) };
		if
		:: was -> goto sent
		:: else
		fi;
		if
		:: masked[port] -> printf("@%e|the port is masked\n", me); goto pollers
		:: else
		fi;
		atomic { was = selector; selector = 1; printf("@%e|selector was %d\n", me, was) };
		if
		:: was -> goto pollers
		:: else
		fi;
#ifdef MUTANT_MARK_LATE
		was = state;
		printf("@%e|looks at the state: %d (1: blocked)\n", me, was);
		if
		:: atomic { upcall_pending -> was = 0 }; goto pollers
		:: atomic { !upcall_pending -> upcall_pending = 1; printf("@%e|mark_events\n", me) }
		fi;
		if
		:: was -> vcpu_wake(me)
		:: else ->
			if
			:: running -> kicked = 1; printf("@%e|kick\n", me)
			:: else
			fi
		fi;
#else
		atomic { was = upcall_pending; upcall_pending = 1; printf("@%e|mark_events: was %d\n", me, was) };
		if
		:: was -> goto pollers
		:: else
		fi;
		if
		:: state == BLOCKED -> printf("@%e|vcpu_rouse: it is blocked\n", me); vcpu_wake(me)
		:: else ->
#ifndef MUTANT_NO_KICK
			if
			:: running -> kicked = 1; printf("@%e|vcpu_rouse: it runs, kick\n", me)
			:: else
			fi
#else
			skip
#endif
		fi;
#endif
pollers:	if
		:: polling && poll_port == port -> vcpu_wake(me)
		:: else
		fi;
sent:		was = 0
	:: break
	od
}

/* ---- the guest, and the hypervisor on its processor ---- */

/* The way back to the guest ends with a look. The upcall empties what it finds, as lab 7's does. */
inline exit_to_guest()
{
	do
	:: atomic { upcall_pending && !upcall_mask -> upcall_mask = 1; busy = 0; printf("@vCPU|upcall\n") };
		upcall_pending = 0;
		if
		:: atomic { selector -> selector = 0 };
			scan(0);
			scan(1)
		:: else
		fi;
		upcall_mask = 0
	:: else -> break
	od
}

inline scan(port)
{
	if
	:: pending[port] && !masked[port] ->
#ifdef MUTANT_CLEAR_LATE
		take(port);
		pending[port] = 0
#else
		pending[port] = 0;
		take(port)
#endif
	:: else
	fi
}

inline take(port)
{
	if
	:: atomic { item[port] -> item[port] = 0; inbox = 1; printf("@vCPU|takes the item of port %d\n", port) }
	:: else
	fi
}

active proctype guest()
{
	bit looked, port;

	do
	/* an interrupt */
	:: kicked -> kicked = 0; printf("@vCPU|leaves the guest, and looks\n"); exit_to_guest()

	/* It computes, until an upcall. */
	:: !inbox -> busy = 1;
		do
		:: busy && kicked -> kicked = 0; printf("@vCPU|leaves the guest, and looks\n"); exit_to_guest()
		:: !busy -> break
		od

	/* It wants an item: consumer_take() of lab 7, with SCHEDOP_block. */
	:: true ->
		upcall_mask = 1;
		do
		:: inbox -> inbox = 0; break
		:: !inbox ->
#ifdef MUTANT_GUEST_UNMASKED
			upcall_mask = 0; /* its look at the inbox, and its sleep, are two steps in which an upcall may come */
			if
			:: kicked -> kicked = 0; exit_to_guest()
			:: true
			fi;
#endif
			upcall_mask = 0;
			printf("@vCPU|SCHEDOP_block\n");
			lock_queue();
			block();
			schedule();
			exit_to_guest();
			upcall_mask = 1
		od;
		upcall_mask = 0;
		exit_to_guest() /* it looks at what came meanwhile, and calls the hypervisor */

	/* It masks a port for a while, and unmasks it by a hypercall (W3). */
	:: true ->
		if
		:: port = 0
		:: port = 1
		fi;
		masked[port] = 1;
		printf("@vCPU|masks port %d\n", port);
#ifdef MUTANT_UNMASK_BLIND
		masked[port] = 0;
		printf("@vCPU|evtchn_unmask: port %d, does not look\n", port);
#else
#ifdef MUTANT_UNMASK_LATE
		looked = pending[port];
		printf("@vCPU|evtchn_unmask: port %d, pending %d\n", port, looked);
		masked[port] = 0;
		printf("@vCPU|evtchn_unmask: clears the mask\n");
#else
		masked[port] = 0;
		printf("@vCPU|evtchn_unmask: clears the mask\n");
		looked = pending[port];
		printf("@vCPU|evtchn_unmask: port %d, pending %d\n", port, looked);
#endif
		if
		:: looked ->
			if
			:: atomic { !selector -> selector = 1 }; upcall_pending = 1
			:: else
			fi
		:: else
		fi;
		looked = 0;
#endif
		port = 0;
		exit_to_guest()

	/* It polls for one port with upcalls off, masked or not (W4). */
	:: true ->
		upcall_mask = 1;
		if
		:: port = 0
		:: port = 1
		fi;
#ifdef MUTANT_POLL_EARLY
		looked = pending[port];
		printf("@vCPU|poll: port %d, pending %d\n", port, looked);
#endif
		poll_port = port;
#ifdef MUTANT_POLL_UNLOCKED
		/* As it once was: a wake-up for an event that is dealt with already ends the poll before the sleep begins. */
		atomic { polling = 1; printf("@vCPU|vcpu_poll_begin: port %d\n", port) };
		lock_queue();
#else
		lock_queue();
		polling = 1;
		printf("@vCPU|vcpu_poll_begin: port %d\n", port);
#endif
		block();
		if
		:: state == RUNNABLE -> vcpu_wake(vCPU)
		:: else
		fi;
#ifndef MUTANT_POLL_EARLY
		looked = pending[port];
		printf("@vCPU|poll: port %d, pending %d\n", port, looked);
#endif
		if
		:: looked -> vcpu_wake(vCPU)
		:: else
		fi;
		looked = 0;
		schedule();
		if
		:: pending[port] -> pending[port] = 0; take(port)
		:: else
		fi;
		port = 0;
		poll_port = 0;
		upcall_mask = 0;
		exit_to_guest()
	od
}
