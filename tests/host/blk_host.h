/* SPDX-License-Identifier: MIT */
/*
 * In place of the kernel around its virtual disks (guest-kernel/drivers/blk_ring.c): memory is a pool whose frames are numbered
 * from its start, and the test is the back end.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* In place of the kernel's headers of the machine. */
#define KERN_LIB_STRING_H
#define CPU_OPS_H
#define MACHINE_H
#include "kern/lib/types.h"
#include "xen/xen.h"
typedef unsigned long pfn_t;
typedef uint32_t evtchn_port_t;
#define XEN_EVENT_CHANNEL_H

#define BACK_END 3

static u8 *pool;
static unsigned notified, ports_open;

static inline void *pfn_to_virt(pfn_t pfn)
{
	return pool + (pfn << PAGE_SHIFT);
}

static inline pfn_t virt_to_pfn(const void *virt)
{
	return (pfn_t)((const u8 *)virt - pool) >> PAGE_SHIFT;
}

static inline void evtchn_notify(evtchn_port_t port)
{
	notified++;
}

static inline void evtchn_close(evtchn_port_t port)
{
	ports_open--;
}

static inline int evtchn_bind_unbound(domid_t remote)
{
	assert_int_equal(remote, BACK_END);
	return 17 + ports_open++;
}

static inline void irq_register(unsigned line, void (*handler)(void *data), void *data)
{
}

static inline void irq_unregister(unsigned line)
{
}

static inline size_t strlcpy(char *to, const char *from, size_t size)
{
	return snprintf(to, size, "%s", from);
}

static inline u64 parse_number(const char **s, unsigned base)
{
	char *end;
	u64 value = strtoull(*s, &end, base);

	*s = end;
	return value;
}
