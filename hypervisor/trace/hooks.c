/* SPDX-License-Identifier: MIT */
/*
 * The hooks of entry/ (hook.inc), in and out. Text is changed through the direct map, where it is writable,
 * while every other CPU waits here: none can be inside an instruction that changes, since requests are answered
 * in C or in an interrupt of a guest. Afterwards each executes CPUID, which discards what it may have
 * prefetched (SDM 3A 8.1.3, Handling Self- and Cross-Modifying Code).
 */
#include "cpu/cpuset.h"
#include "cpu/ipi.h"
#include "cpu/panic.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/image.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "trace/trace.h"

#define MAX_HOOKS   24
#define JUMP_LENGTH 5 /* e9 rel32 */
#define MAX_LENGTH  16

struct hook_site {
	int32_t at, full, quick; /* each an offset from its own field */
	uint32_t length;         /* of the instruction */
};
extern const struct hook_site hook_sites_start[], hook_sites_end[];

uint32_t listening;

static uint8_t original[MAX_HOOKS][MAX_LENGTH];

static struct {
	uint32_t listen;
	void (*each)(struct percpu *cpu);
	uint32_t awaited; /* CPUs that have not arrived yet */
	bool done;
} change;

static uint8_t *text_of(const int32_t *offset)
{
	return (uint8_t *)offset + *offset;
}

void hooks_init(void)
{
	unsigned i = 0;

	for (const struct hook_site *s = hook_sites_start; s < hook_sites_end; s++, i++) {
		if (i == MAX_HOOKS || s->length < JUMP_LENGTH || s->length > MAX_LENGTH)
			panic("hook %u: an instruction of %u bytes", i, s->length);
		memcpy(original[i], text_of(&s->at), s->length);
	}
}

static void write_hook(const struct hook_site *s, const uint8_t *bytes)
{
	/* Quick listeners serve when only tracing is on. */
	uint8_t *at = text_of(&s->at), *to = text_of(change.listen == LISTEN_TRACING ? &s->quick : &s->full);
	uint8_t *writable = paddr_to_virt(image_phys(at));
	int32_t distance = to - (at + JUMP_LENGTH);

	if (!change.listen) {
		memcpy(writable, bytes, s->length);
		return;
	}
	writable[0] = 0xe9;
	memcpy(writable + 1, &distance, sizeof(distance));
}

static void write_all(void)
{
	unsigned i = 0;

	for (const struct hook_site *s = hook_sites_start; s < hook_sites_end; s++, i++)
		write_hook(s, original[i]);
	listening = change.listen;
	accounting = listening & LISTEN_ACCOUNTING;
	tracing = listening & LISTEN_TRACING;
	stays = listening & LISTEN_STAYS;
	tracepoint = listening ? trace_moment : NULL;
	tracepoint_page = tracing ? 0 : PAGE_SIZE;
}

static void finish(void)
{
	uint32_t ignored[4];

	cpuid(0, 0, ignored);
	change.each(this_cpu->self);
}

/* On every other CPU. The last to arrive writes for all; the CPU that called waits in cpu_call(). */
static void stand_still(void *arg)
{
	if (__atomic_sub_fetch(&change.awaited, 1, __ATOMIC_ACQ_REL) == 0) {
		write_all();
		__atomic_store_n(&change.done, true, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&change.done, __ATOMIC_ACQUIRE))
		cpu_relax();
	finish();
}

void hooks_set(uint32_t listen, void (*each)(struct percpu *cpu))
{
	cpuset_t others = cpus_online & ~cpuset_self();

	change.listen = listen;
	change.each = each;
	change.awaited = 0;
	for (cpuset_t left = others; left; left = cpuset_rest(left))
		change.awaited++;
	change.done = false;
	if (others)
		cpu_call(others, stand_still, NULL);
	else
		write_all();
	finish();
}
