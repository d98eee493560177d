/* SPDX-License-Identifier: MIT */
/*
 * sysctl: physinfo, the domain list, the processors and the nodes are plausible, and no answer is longer than there is room
 * for it; the log is read in pieces and once, and cleared when its end was read; a wrong interface version gives -EACCES, an
 * address that cannot be written -EFAULT. A list of debug keys that could keep the processor for hours is refused (Xen
 * takes it).
 */
#include "control.h"
#include "fw.h"
#include "ringlet/sysctl.h"

const char test_title[] = "hc-sysctl";

#define NOWHERE 8ul
#define CANARY  0x5a

static char text[20000];

/* @count bytes of the log from @index on, into @text; how many came. */
static unsigned read_log(uint32_t *index, unsigned count, bool incremental, bool clear)
{
	__builtin_memset(text, CANARY, sizeof(text));
	sys.u.readconsole = (struct xen_sysctl_readconsole){
	    .count = count, .index = *index, .incremental = incremental, .clear = clear};
	set_xen_guest_handle(sys.u.readconsole.buffer, text);
	check_eq(sysctl(XEN_SYSCTL_readconsole), 0);
	check(sys.u.readconsole.count <= count);
	check_eq(text[sys.u.readconsole.count], CANARY);
	*index = sys.u.readconsole.index;
	return sys.u.readconsole.count;
}

static void log_in_pieces(void)
{
	uint32_t index = 0, ignored = 0;
	unsigned whole = 0, n;

	while ((n = read_log(&index, 100, true, false)) != 0)
		whole += n;
	check(whole > 200);
	check_eq(read_log(&index, 5000, true, false), 0);
	n = read_log(&ignored, 5000, false,
		     false); /* the same again: what is not incremental begins at the beginning */
	check(n == whole || n == 4096);
	check_eq(read_log(&ignored, 0, false, false), 0);
	n = read_log(&ignored, 1, false, true); /* its end was not read: it stays */
	check_eq(n, 1);
	check(read_log(&ignored, 5000, false, false) > 1);
	sys.u.readconsole = (struct xen_sysctl_readconsole){.count = 10};
	set_xen_guest_handle(sys.u.readconsole.buffer, (char *)NOWHERE);
	check_eq(sysctl(XEN_SYSCTL_readconsole), -XEN_EFAULT);
	index = 0;
	while (read_log(&index, 5000, true, true) == 4096)
		;
	ignored = 0;
	check_eq(read_log(&ignored, 5000, false, false), 0);
}

/* Lists into room for @room of @size bytes each: asked by @cmd, counted in *n. */
#define LISTED(cmd, field, pointer, room_field, type)                                          \
	do {                                                                                   \
		for (unsigned room = 0; room < 3; room++) {                                    \
			__builtin_memset(text, CANARY, sizeof(text));                          \
			__builtin_memset(&sys, 0, sizeof(sys));                                \
			set_xen_guest_handle(sys.u.field.pointer, (void *)text);               \
			sys.u.field.room_field = room;                                         \
			check_eq(sysctl(cmd), 0);                                              \
			check_eq(text[room * sizeof(type)], CANARY);                           \
			check(!room || text[sizeof(type) - 1] != CANARY || text[0] != CANARY); \
			set_xen_guest_handle(sys.u.field.pointer, (void *)NOWHERE);            \
			sys.u.field.room_field = room;                                         \
			check_eq(sysctl(cmd), room ? -XEN_EFAULT : 0);                         \
		}                                                                              \
	} while (0)

static void processors_and_nodes(void)
{
	uint32_t cpus, distance = 77;

	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(XEN_SYSCTL_physinfo), 0);
	cpus = sys.u.physinfo.nr_cpus;
	check_eq(sys.u.physinfo.max_cpu_id, cpus - 1);
	LISTED(XEN_SYSCTL_getcpuinfo, getcpuinfo, info, max_cpus, struct xen_sysctl_cpuinfo);
	sys.u.getcpuinfo.max_cpus = 64;
	set_xen_guest_handle(sys.u.getcpuinfo.info, (void *)text);
	check_eq(sysctl(XEN_SYSCTL_getcpuinfo), 0);
	check_eq(sys.u.getcpuinfo.nr_cpus, cpus);
	LISTED(XEN_SYSCTL_cputopoinfo, cputopoinfo, cputopo, num_cpus, struct xen_sysctl_cputopo);
	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(XEN_SYSCTL_cputopoinfo), 0); /* how many are there? */
	check_eq(sys.u.cputopoinfo.num_cpus, cpus);
	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(XEN_SYSCTL_numainfo), 0);
	check_eq(sys.u.numainfo.num_nodes, 1);
	for (unsigned room = 0; room < 2; room++) {
		struct xen_sysctl_meminfo mem = {.memsize = 77};

		sys.u.numainfo.num_nodes = room;
		set_xen_guest_handle(sys.u.numainfo.meminfo, &mem);
		set_xen_guest_handle(sys.u.numainfo.distance, &distance);
		check_eq(sysctl(XEN_SYSCTL_numainfo), 0);
		check_eq(distance, room ? 10 : 77);
		check(room ? mem.memsize > mem.memfree && mem.memfree : mem.memsize == 77);
		sys.u.numainfo.num_nodes = room;
		set_xen_guest_handle(sys.u.numainfo.meminfo, (void *)NOWHERE);
		check_eq(sysctl(XEN_SYSCTL_numainfo), room ? -XEN_EFAULT : 0);
		sys.u.numainfo.num_nodes = room;
		set_xen_guest_handle(sys.u.numainfo.meminfo, &mem);
		set_xen_guest_handle(sys.u.numainfo.distance, (void *)NOWHERE);
		check_eq(sysctl(XEN_SYSCTL_numainfo), room ? -XEN_EFAULT : 0);
	}
	check_eq(sysctl(XEN_SYSCTL_sched_id), 0);
	check_eq(sys.u.sched_id.sched_id, XEN_SCHEDULER_NULL);
	check_eq(sysctl(XEN_SYSCTL_availheap), 0);
	check(sys.u.availheap.avail_bytes > 4096);
}

static void domains(void)
{
	struct ringlet_overhead *o = (void *)sys.u.pad;
	struct xen_domctl_getdomaininfo *info = (void *)text;
	struct ringlet_domain_state *state = (void *)text;

	LISTED(XEN_SYSCTL_getdomaininfolist, getdomaininfolist, buffer, max_domains,
	       struct xen_domctl_getdomaininfo);
	for (unsigned first = 0; first < 2; first++) {
		__builtin_memset(&sys, 0, sizeof(sys));
		set_xen_guest_handle(sys.u.getdomaininfolist.buffer, info);
		sys.u.getdomaininfolist.first_domain = first;
		sys.u.getdomaininfolist.max_domains = 10;
		check_eq(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
		check_eq(sys.u.getdomaininfolist.num_domains, !first);
		check(first || info->domain == 0);
	}
	LISTED(RINGLET_SYSCTL_states, getdomaininfolist, buffer, max_domains, struct ringlet_domain_state);
	__builtin_memset(&sys, 0, sizeof(sys));
	set_xen_guest_handle(sys.u.getdomaininfolist.buffer, state);
	sys.u.getdomaininfolist.max_domains = 10;
	state->domain = 9;
	check_eq(sysctl(RINGLET_SYSCTL_states), 0);
	check_eq(sys.u.getdomaininfolist.num_domains, 1);
	check_eq(state->domain | state->pad | state->flags, 0); /* Dom0 runs */
	__builtin_memset(&sys, 0, sizeof(sys));
	check_eq(sysctl(RINGLET_SYSCTL_overhead), 0);
	check(o->bytes && o->limit >= o->bytes);
	o->domain = 77;
	check_eq(sysctl(RINGLET_SYSCTL_overhead), -XEN_ESRCH);
}

void test_main(void)
{
	static char keys[257];

	check_eq(sysctl(XEN_SYSCTL_physinfo), 0);
	check(sys.u.physinfo.total_pages > sys.u.physinfo.free_pages);
	check(sys.u.physinfo.free_pages > 0);
	check(sys.u.physinfo.cpu_khz > 0);
	check(sys.u.physinfo.nr_cpus >= 1);

	sys.cmd = XEN_SYSCTL_debug_keys;
	set_xen_guest_handle(sys.u.debug_keys.keys, keys);
	sys.u.debug_keys.nr_keys = sizeof(keys);
	check_eq(hypercall_sysctl(&sys), -XEN_E2BIG);
	sys.u.debug_keys.nr_keys = 256; /* keys that mean nothing */
	check_eq(hypercall_sysctl(&sys), 0);
	sys.u.debug_keys.nr_keys = 0;
	check_eq(hypercall_sysctl(&sys), 0);
	sys.u.debug_keys.nr_keys = 1;
	set_xen_guest_handle(sys.u.debug_keys.keys, (char *)NOWHERE);
	check_eq(hypercall_sysctl(&sys), -XEN_EFAULT);
	processors_and_nodes();
	domains();
	log_in_pieces();

	__builtin_memset(&sys, 0, sizeof(sys));

	sys.cmd = XEN_SYSCTL_physinfo;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1;
	check_eq(hypercall_sysctl(&sys), -XEN_EACCES);
	sys.interface_version--;
	sys.cmd = 9999;
	check(hypercall_sysctl(&sys) < 0);
	check_eq(hypercall_sysctl((void *)8), -XEN_EFAULT);
}
