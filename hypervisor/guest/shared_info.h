/* SPDX-License-Identifier: MIT */
/*
 * The structures that the hypervisor and a guest write by turns, vcpu_info and shared_info, as the hypervisor sees those of
 * every kind. The kinds differ in the size of a long, and so in where some fields lie; these places are named here and nowhere
 * else. The guest may write anything at any time: each field is read once, and nothing in it is trusted.
 */
#pragma once

#include "compat_offsets.h"
#include "lib/string.h"
#include "lib/types.h"
#include "xen/xen.h"

/* A vcpu_info: in shared_info, or where VCPUOP_register_vcpu_info put it. fv: nobody but the hypervisor sees it. */
union vcpu_view {
	struct {                                 /* of all kinds */
		volatile uint8_t upcall_pending; /* an event waits to be delivered */
		volatile uint8_t
		    upcall_mask; /* the inverse of the guest's interrupt flag; entry/ tests both bytes */
		uint8_t by_kind[30];
		struct vcpu_time_info time;
	};
	struct {
		uint32_t upcall, pending_sel, cr2;
	} pv32;
	struct vcpu_info pv64;
};

#define SAME_PLACE(field, member)                                                       \
	_Static_assert(offsetof(union vcpu_view, field) == COMPAT_vcpu_info_##member && \
			   offsetof(union vcpu_view, field) == PV64_vcpu_info_##member, \
		       "the same place in both layouts")
SAME_PLACE(upcall_pending, evtchn_upcall_pending);
SAME_PLACE(upcall_mask, evtchn_upcall_mask);
SAME_PLACE(time, time);
#undef SAME_PLACE
_Static_assert(offsetof(union vcpu_view, pv32.pending_sel) == COMPAT_vcpu_info_evtchn_pending_sel,
	       "pv32's layout");
_Static_assert(offsetof(union vcpu_view, pv32.cr2) == COMPAT_vcpu_info_arch_cr2, "pv32's layout");
_Static_assert(sizeof(union vcpu_view) == COMPAT_SIZEOF_vcpu_info &&
		   sizeof(union vcpu_view) == PV64_SIZEOF_vcpu_info,
	       "one size");

/* evtchn_pending_sel, a guest's long of 2^@word_shift bits. */
static inline void *view_selector(union vcpu_view *info, uint32_t word_shift)
{
	/* It follows the upcall bytes, aligned to its size. */
	_Static_assert(COMPAT_vcpu_info_evtchn_pending_sel == (1u << 5) / 8 &&
			   PV64_vcpu_info_evtchn_pending_sel == (1u << 6) / 8,
		       "one word from the beginning");
	return (char *)info + (1u << word_shift) / 8;
}

/* Of the page that holds a shared_info: the vcpu_info of vCPU @id. */
static inline union vcpu_view *shared_vcpu_info(void *page, uint32_t id)
{
	_Static_assert(COMPAT_shared_info_vcpu_info == 0 && PV64_shared_info_vcpu_info == 0, "first");
	return (union vcpu_view *)page + id;
}

/* The bits of pending ports. */
static inline void *shared_pending(void *page)
{
	_Static_assert(COMPAT_shared_info_evtchn_pending == PV64_shared_info_evtchn_pending, "one place");
	return (char *)page + PV64_shared_info_evtchn_pending;
}

/* The bits of masked ports, of which the guest has @max_ports. */
static inline void *shared_mask(void *page, uint32_t max_ports)
{
	_Static_assert(COMPAT_shared_info_evtchn_mask == COMPAT_shared_info_evtchn_pending + 1024 / 8 &&
			   PV64_shared_info_evtchn_mask == PV64_shared_info_evtchn_pending + 4096 / 8,
		       "behind the pending ones");
	return (char *)shared_pending(page) + max_ports / 8;
}

/* The time of day at system time 0. */
struct shared_wallclock {
	uint32_t version, sec, nsec; /* the version is odd while it is written */
};

static inline volatile struct shared_wallclock *shared_wallclock(void *page, uint32_t max_ports)
{
	_Static_assert(COMPAT_shared_info_wc_version == COMPAT_shared_info_evtchn_mask + 1024 / 8 &&
			   PV64_shared_info_wc_version == PV64_shared_info_evtchn_mask + 4096 / 8,
		       "behind the masked ones");
	_Static_assert(COMPAT_shared_info_wc_sec == COMPAT_shared_info_wc_version + 4 &&
			   COMPAT_shared_info_wc_nsec == COMPAT_shared_info_wc_version + 8,
		       "in this order");
	return (void *)((char *)shared_mask(page, max_ports) + max_ports / 8);
}

/* How many pfns the guest says it has: the first field of its arch part, a guest's long of 2^@word_shift bits. */
static inline uint64_t shared_max_pfn(void *page, uint32_t max_ports, uint32_t word_shift)
{
	const uint32_t bytes = (1u << word_shift) / 8;
	const volatile char *clock = (const volatile char *)shared_wallclock(page, max_ports);
	uint64_t pfns = 0;

	_Static_assert(COMPAT_shared_info_arch_max_pfn ==
			       COMPAT_shared_info_wc_version + ROUND_UP(sizeof(struct shared_wallclock), 4) &&
			   PV64_shared_info_arch_max_pfn ==
			       PV64_shared_info_wc_version + ROUND_UP(sizeof(struct shared_wallclock), 8),
		       "behind the wallclock, aligned to its size");
	memcpy(&pfns, (const char *)clock + ROUND_UP(sizeof(struct shared_wallclock), bytes), bytes);
	return pfns;
}
