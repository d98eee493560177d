/* SPDX-License-Identifier: MIT */
/*
 * The process that serves one disk. It is forked by rl-blkd, which talks to the store, and knows nothing of that: it gets
 * commands from one pipe and reports through another, in structures that a pipe takes whole. What goes wrong in a guest's
 * image or ring, or hangs in the kernel below it, is this process's trouble alone, and turns between guests are the scheduler's.
 * It ends when the pipe of commands does, so it does not outlive rl-blkd for longer than the batch that it is in.
 */
#pragma once

#include "ring.h"

enum command_kind {
	WORKER_CONNECT,
	WORKER_DISCONNECT
};

struct command {
	enum command_kind kind;
	uint32_t port, pages;
	const struct blk_layout *layout; /* the same address in both processes */
	uint32_t refs[RING_PAGES_MAX];
};

enum report_kind {
	WORKER_OPENED,       /* with size and what it can do */
	WORKER_HELD,         /* another has it, and it is tried again for a while: text, holder */
	WORKER_FAILED,       /* cannot open it, and ends: text */
	WORKER_CONNECTED,    /* serves the ring */
	WORKER_LOST,         /* cannot reach the ring: text */
	WORKER_DISCONNECTED, /* nothing of the guest's is mapped or bound any more */
	WORKER_RESIZED
};

struct report {
	enum report_kind kind;
	bool discards;
	uint64_t sectors;
	char text[256];
	char holder[128]; /* worker_config's name of that one; "": unknown */
};

struct worker_config {
	const char *path, *format, *name; /* name: for reports, and for those who find the image in use */
	unsigned dom;
	bool readonly, discards;
	int commands, reports;
};

/* In the child; all other descriptors than these two and the standard ones are closed already. */
void worker_main(const struct worker_config *config) __attribute__((noreturn));
