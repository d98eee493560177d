/* SPDX-License-Identifier: MIT */
/* See reason.h. Each name comes from the one table of its kind. */
#include "reason.h"

#include <stdio.h>
#include <string.h>

static const char *const hypercalls[64] = {
#define HYPERCALL(number, name, who, restarts, args, errors, summary) [number] = #name,
#include "../hypercalls.def"
#undef HYPERCALL
};

static const struct {
	const char *mnemonic, *text;
} traps[32] = {
#define TRAP(vector, mnemonic, text) [vector] = {#mnemonic, text},
#include <ringlet/traps.def>
#undef TRAP
};

static const char *const emulated[] = {
#define EMULATED(name, first, last) name,
#include <ringlet/emulated.def>
#undef EMULATED
};

static const char *const others[] = {
    [RINGLET_REASON_int80 - RINGLET_REASON_int80] = "int 0x80",
    [RINGLET_REASON_syscall - RINGLET_REASON_int80] = "system call",
    [RINGLET_REASON_unknown - RINGLET_REASON_int80] = "unknown hypercall",
    [RINGLET_REASON_timer - RINGLET_REASON_int80] = "timer interrupt",
    [RINGLET_REASON_ipi - RINGLET_REASON_int80] = "interprocessor interrupt",
    [RINGLET_REASON_device - RINGLET_REASON_int80] = "device interrupt",
    [RINGLET_REASON_upcall - RINGLET_REASON_int80] = "event upcall",
    [RINGLET_REASON_switch - RINGLET_REASON_int80] = "switched to",
    [RINGLET_REASON_start - RINGLET_REASON_int80] = "inside at the start",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool named_hypercall(uint32_t reason, char *name, size_t size)
{
	if (reason >= COUNT(hypercalls) || !hypercalls[reason])
		return false;
	snprintf(name, size, "hypercall %s", hypercalls[reason]);
	return true;
}

static bool named_trap(uint32_t vector, char *name, size_t size)
{
	if (vector >= COUNT(traps) || !traps[vector].text)
		return false;
	snprintf(name, size, "trap #%s, %s", traps[vector].mnemonic, traps[vector].text);
	return true;
}

void reason_name(uint32_t reason, char *name, size_t size)
{
	if (reason - RINGLET_REASON_int80 < COUNT(others))
		snprintf(name, size, "%s", others[reason - RINGLET_REASON_int80]);
	else if (reason - RINGLET_REASON_emulated < COUNT(emulated))
		snprintf(name, size, "emulate %s", emulated[reason - RINGLET_REASON_emulated]);
	else if (!named_hypercall(reason, name, size) &&
		 !named_trap(reason - RINGLET_REASON_trap, name, size))
		snprintf(name, size, "%s %u", reason < RINGLET_REASON_trap ? "hypercall" : "reason", reason);
}

enum reason_class reason_class(uint32_t reason)
{
	if (reason < RINGLET_REASON_trap || reason == RINGLET_REASON_unknown)
		return CLASS_HYPERCALL;
	if (reason <= RINGLET_REASON_syscall)
		return CLASS_TRAP;
	if (reason >= RINGLET_REASON_timer && reason <= RINGLET_REASON_device)
		return CLASS_INTERRUPT;
	if (reason == RINGLET_REASON_upcall)
		return CLASS_UPCALL;
	return reason >= RINGLET_REASON_emulated ? CLASS_EMULATED : CLASS_OTHER;
}

long counters_read(struct hv *hv, unsigned domain, unsigned vcpu, struct counters *c)
{
	size_t mark = hv->used;
	struct ringlet_stat *list = hv_buf(hv, RINGLET_REASONS * sizeof(*list));
	struct xen_sysctl op = {.cmd = RINGLET_SYSCTL_stats};
	struct ringlet_stats *s = (void *)op.u.pad;
	long rc;

	*s = (struct ringlet_stats){.domain = domain, .vcpu = vcpu, .count = RINGLET_REASONS};
	set_xen_guest_handle(s->buffer, list);
	rc = hv_sysctl(hv, &op);
	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; rc >= 0 && i < s->count; i++)
		c->reason[list[i].reason] = (struct counter){list[i].count, list[i].ticks};
	c->now = s->now;
	hv_release(hv, mark);
	return rc;
}

void counters_add(struct counters *sum, const struct counters *more)
{
	for (uint32_t i = 0; i < RINGLET_REASONS; i++) {
		sum->reason[i].count += more->reason[i].count;
		sum->reason[i].ticks += more->reason[i].ticks;
	}
	sum->now = more->now;
}

void counters_since(struct counters *c, const struct counters *before)
{
	for (uint32_t i = 0; i < RINGLET_REASONS; i++) {
		if (c->reason[i].count < before->reason[i].count)
			continue;
		c->reason[i].count -= before->reason[i].count;
		c->reason[i].ticks -= before->reason[i].ticks;
	}
}

long accounting_command(struct hv *hv, uint32_t command)
{
	struct xen_sysctl op = {.cmd = RINGLET_SYSCTL_accounting};
	struct ringlet_accounting *a = (void *)op.u.pad;
	long rc;

	a->command = command;
	rc = hv_sysctl(hv, &op);
	return rc < 0 ? rc : (long)a->on;
}

long tsc_khz(struct hv *hv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};
	long rc = hv_sysctl(hv, &op);

	return rc < 0 ? rc : (long)op.u.physinfo.cpu_khz;
}
