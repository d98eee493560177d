/* SPDX-License-Identifier: MIT */
/* Values of the command line's options, set by boot/cmdline.c before anything reads them. */
#pragma once

#include "lib/types.h"

/* An amount of memory: @bytes plus @percent of what there is, or with @minus all except that. */
struct mem_amount {
	bool given, minus;
	uint8_t percent;
	uint64_t bytes;
};

struct dom0_mem {
	struct mem_amount size, min, max;
};

struct options {
	const char *line;               /* all of it, as given */
	bool console_com1, console_vga; /* console=com1,vga */
	uint32_t com1_baud;             /* com1=115200,8n1 */
	uint8_t com1_lcr;               /* its second part, as the UART takes it */
	struct dom0_mem dom0_mem;       /* dom0_mem=128M,max:1G; not given: a quarter of what is free */
	uint32_t dom0_max_vcpus;        /* dom0_max_vcpus=; 0: one per CPU */
	uint32_t maxcpus;               /* maxcpus=; 0: all */
	bool noreboot;
	int8_t smep, smap; /* smep= smap=: 0 off, 1 on, -1 as suits the machine */
	char sched[16];    /* sched=rr; the names are in sched/policies.c */
	bool stays;        /* stays: keep the longest stays with interrupts off (trace/stays.c) */
	bool audit_exit;   /* audit=exit: audit all frames when Dom0 stops the machine (audit/audit.c) */
};
extern struct options options;
