/* SPDX-License-Identifier: MIT */
/* The listeners of accounting, tracing and stays (hypervisor/trace/), with two domains on a processor, and a clock that a test
 * sets. Included by one file of a test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t ticks;
#define rdtsc() (ticks)

#include "trace/crossing.c"
#include "trace/ring.c"
#include "trace/stays.c"
#include "trace/switch.c"
#include "trace/trace_op.c"

/* ---- the rest of the hypervisor ---- */

struct percpu host_percpu, *cpu_table[MAX_CPUS] = {&host_percpu};
struct domain dom_idle = {.name = "idle"};
struct options options;
uint32_t nr_cpus = 1, listening;
long (*sysctl_extension)(struct xen_sysctl *op);
static const struct guest_abi abi64 = {.first_arg = offsetof(struct cpu_user_regs, rdi),
				       .word_shift = 6,
				       .high_start = 4096},
			      abi32 = {.first_arg = offsetof(struct cpu_user_regs, rbx), .word_shift = 5};
static struct guest_doors doors64,
    doors32 = {.quick_leave_mode = RINGLET_MODE_KNOWN | RINGLET_MODE_KERNEL | 1};
static struct domain doms[3];
static struct vcpu vcpus[3], idle = {.domain = &dom_idle};
static unsigned held, pages, pages_left;
static bool no_memory, kernel;
static uint16_t told[8]; /* ports that an upcall tells of, 0: no more */
static char said[4096];
static void (*key_l)(void);

static inline bool in_kernel(const struct vcpu *v)
{
	return kernel;
}
unsigned vcpu_told_ports(struct vcpu *v, uint16_t *ports, unsigned most)
{
	unsigned n = 0;

	for (; n < most && told[n]; n++)
		ports[n] = told[n];
	return n;
}
void hooks_init(void)
{
}
void hooks_set(uint32_t listen, void (*each)(struct percpu *cpu))
{
	listening = listen;
	accounting = listen & LISTEN_ACCOUNTING;
	tracing = listen & LISTEN_TRACING;
	stays = listen & LISTEN_STAYS;
	each(&host_percpu);
}
void *heap_alloc_for(struct domain *d, size_t size)
{
	return no_memory ? NULL : calloc(1, size);
}
void *heap_alloc_pages(unsigned order)
{
	if (!pages_left)
		return NULL;
	pages_left--;
	pages++;
	return malloc(4096ul << order);
}
void heap_free_pages(void *p, unsigned order)
{
	assert_non_null(p);
	pages--;
	free(p);
}
void domain_put(struct domain *d)
{
	assert_true(held--);
}
struct domain *domain_by_id(domid_t id)
{
	if (id != 1 && id != 2)
		return NULL;
	held++;
	return &doms[id];
}
struct domain *domain_next(domid_t first)
{
	return first > 2 ? NULL : domain_by_id(first ? first : 1);
}
int guest_write_any(gva_t dst, const void *src, size_t n)
{
	if (!dst)
		return -EFAULT;
	memcpy((void *)dst, src, n);
	return 0;
}
size_t strlcpy(char *dst, const char *src, size_t size)
{
	return snprintf(dst, size, "%s", src);
}
const char *hypercall_name(uint64_t nr)
{
	return nr == 17 ? "xen_version" : "?";
}
void debug_key_register(char key, const char *what, void (*fn)(void))
{
	key_l = fn;
}
void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + strlen(said), sizeof(said) - strlen(said), fmt, ap);
	va_end(ap);
}
/* ---- the stage ---- */

static struct ringlet_record out[256];

static inline int setup(void **state)
{
	doors64.in_kernel = doors32.in_kernel = in_kernel;
	for (unsigned i = 1; i < 3; i++) {
		doms[i] = (struct domain){.id = i, .abi = &abi64, .doors = &doors64, .max_vcpus = 1};
		vcpus[i] = (struct vcpu){.domain = &doms[i],
					 .entry.event_cb = {.address = 0x4000},
					 .regs = {.cs = 0xe033, .rip = 0x1000}};
		doms[i].vcpu[0] = &vcpus[i];
	}
	host_percpu = (struct percpu){.self = &host_percpu, .vcpu = &vcpus[1]};
	ticks = 1000;
	kernel = true;
	memset(told, 0, sizeof(told));
	no_memory = false;
	pages_left = 100;
	said[0] = '\0';
	nr_cpus = 1;
	hooks_set(0, nothing);
	count = 0;
	return 0;
}
static inline int teardown(void **state)
{
	tracing_free();
	assert_int_equal(pages, 0);
	assert_int_equal(held, 0);
	for (unsigned i = 1; i < 3; i++)
		free(vcpus[i].counters);
	return 0;
}

static inline long ask(uint32_t cmd, void *arg, size_t n)
{
	struct xen_sysctl op = {.cmd = cmd};
	long rc;

	memcpy(op.u.pad, arg, n);
	rc = trace_sysctl(&op);
	memcpy(arg, op.u.pad, n);
	return rc;
}

static inline void account(uint32_t command)
{
	struct ringlet_accounting a = {.command = command};

	assert_int_equal(ask(RINGLET_SYSCTL_accounting, &a, sizeof(a)), 0);
	assert_int_equal(a.on, command == RINGLET_ACCOUNTING_on ||
				   (command != RINGLET_ACCOUNTING_off && accounting));
}

static inline void counted(unsigned dom, uint32_t reason, uint64_t want, uint64_t want_ticks)
{
	assert_non_null(vcpus[dom].counters);
	assert_int_equal(vcpus[dom].counters->reason[reason].count, want);
	assert_int_equal(vcpus[dom].counters->reason[reason].ticks, want_ticks);
}

static inline long trace(uint32_t command, uint32_t size, domid_t domain)
{
	struct ringlet_trace t = {.command = command, .size = size, .domain = domain};

	return ask(RINGLET_SYSCTL_trace, &t, sizeof(t));
}

/* All that is in the ring, into out[]. */
static inline uint32_t read_all(void)
{
	struct ringlet_trace t = {.command = RINGLET_TRACE_read, .count = ARRAY_SIZE(out)};

	set_xen_guest_handle(t.buffer, out);
	assert_int_equal(ask(RINGLET_SYSCTL_trace, &t, sizeof(t)), 0);
	return t.count;
}

static inline void start(domid_t domain)
{
	assert_int_equal(trace(RINGLET_TRACE_start, 256, domain), 0);
}

/* A stay of @length ticks. */
static inline void stay(uint32_t reason, uint64_t length)
{
	trace_enter(reason);
	ticks += length;
	trace_leave();
	ticks++;
}

static inline void trap(uint32_t vector, uint64_t length)
{
	struct cpu_user_regs regs = {.entry_vector = vector};

	trace_enter_trap(&regs);
	ticks += length;
	trace_leave();
	ticks++;
}
