/* SPDX-License-Identifier: MIT */
/*
 * The report on a crashed guest. Its memory is read like in any hypercall (mm/guest_copy.h), so a wild stack
 * pointer only makes the report shorter.
 */
#include "dom/report.h"
#include "cpu/panic.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/format.h"
#include "lib/loglevel.h"
#include "mm/guest_copy.h"

#define STACK_LINES    4
#define WORDS_PER_LINE 4
#define MAX_CALLERS    16
#define REPORT_LINES   (1 + 7 + 1 + STACK_LINES + 1 + MAX_CALLERS) /* at most */

static void print_stack(enum log_kind kind, gva_t sp)
{
	for (unsigned line = 0; line < STACK_LINES; line++) {
		char text[WORDS_PER_LINE * 18 + 1];
		size_t at = 0;

		for (unsigned i = 0; i < WORDS_PER_LINE; i++) {
			uint64_t word;

			if (guest_get_word(&word, sp, line * WORDS_PER_LINE + i))
				break;
			at += snprintf(text + at, sizeof(text) - at, " %016lx", word);
		}
		if (!at)
			return;
		printk_kind(kind, "  %s%s\n", line ? "      " : "stack:", text);
	}
}

/* Each frame begins with the caller's frame pointer and the return address; going up, addresses rise. */
static void print_callers(enum log_kind kind, uint64_t rip, gva_t frame)
{
	printk_kind(kind, "  at %016lx\n", rip);
	for (unsigned i = 0; i < MAX_CALLERS; i++) {
		uint64_t next, address;

		if (guest_get_word(&next, frame, 0) || guest_get_word(&address, frame, 1) || !address)
			return;
		printk_kind(kind, "  by %016lx\n", address);
		if (next <= frame)
			return;
		frame = next;
	}
}

void report_crash(struct domain *d, const char *why)
{
	struct vcpu *v = d == current->domain ? current : d->vcpu[0];
	enum log_kind kind = d == dom0 ? LOG_KIND_OWN : LOG_KIND_FATE; /* Dom0's end is the machine's */
	uint64_t cr2 = read_cr2(); /* before a read of the guest's stack faults and changes it */

	if (d != dom0 && (!log_admits(LOG_GUEST, LOG_ERROR) || !log_admits_fate(REPORT_LINES)))
		return;
	if (!v) {
		printk_kind(kind, "%s crashed: %s\n", d->name, why);
		return;
	}
	printk_kind(kind, "%s vCPU %u (%s, %s) crashed at RIP %016lx: %s\n", d->name, v->id, d->kind->name,
		    d->doors->in_kernel(v) ? "kernel" : "application", v->regs.rip, why);
	if (v != current)
		return;
	regs_print(kind, &v->regs);
	if (v->regs.entry_vector == TRAP_PF)
		printk_kind(kind, "  cr2 %016lx\n", cr2);
	print_stack(kind, v->regs.rsp);
	print_callers(kind, v->regs.rip, v->regs.rbp);
}

void report_current(void)
{
	printk("  current: d%u, vCPU %u\n", current->domain->id, current->id);
}
