/* SPDX-License-Identifier: MIT */
/* Panic (lib/printk.h, cpu/panic.h). The first CPU to get here reports; NMIs stop the rest. Takes no locks.
 */
#include <stdarg.h>
#include "cpu/panic.h"
#include "cpu/gdt.h"
#include "cpu/ipi.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "lib/format.h"
#include "lib/printk.h"
#include "lib/symbols.h"
#include "xen/xen.h"

static bool panicking;
static void (*context)(void), (*end)(void);

void panic_set_context(void (*fn)(void))
{
	context = fn;
}

void panic_set_end(void (*fn)(void))
{
	end = fn;
}

/* Exception inside a panic, or a second CPU's: say no more. */
static void enter_once(void)
{
	if (__atomic_exchange_n(&panicking, true, __ATOMIC_ACQ_REL))
		halt_forever();
	printk_force();
	for (uint32_t id = 0; id < nr_cpus; id++)
		if (id != this_cpu->id && (cpus_online >> id & 1))
			lapic_send_nmi(cpu_table[id]->apic_id);
}

/* What else tells where the CPU was: the faulting address, the address space, current. */
static void print_context(void)
{
	printk("  cr2 %016lx  cr3 %016lx\n", read_cr2(), read_cr3());
	if (current && context)
		context();
}

/* On the CPU's stack, or on an interrupt stack, which is one page. A wild stack pointer shows nothing more.
 */
static void print_backtrace(uint64_t rip, uint64_t rsp)
{
	uint64_t top = this_cpu->stack_top, ist_end = (uint64_t)this_cpu->tss;

	if (rsp >= top - CPU_STACK_SIZE && rsp < top)
		backtrace_print(rip, rsp, top);
	else if (rsp < ist_end && rsp >= ist_end - IST_COUNT * IST_STACK_SIZE)
		backtrace_print(rip, rsp, ROUND_UP(rsp + 1, IST_STACK_SIZE));
	else
		backtrace_print(rip, 0, 0);
}

static void finish(void) __noreturn;
static void finish(void)
{
	if (end)
		end();
	halt_forever();
}

static const char *trap_name(uint32_t vector)
{
	static const char *const names[] = {
	    "divide error",
	    "debug",
	    "NMI",
	    "breakpoint",
	    "overflow",
	    "bound range",
	    "invalid opcode",
	    "device not available",
	    "double fault",
	    "vector 9",
	    "invalid TSS",
	    "segment not present",
	    "stack-segment fault",
	    "general protection",
	    "page fault",
	    "vector 15",
	    "x87 error",
	    "alignment check",
	    "machine check",
	    "SIMD error",
	};

	return vector < ARRAY_SIZE(names) ? names[vector] : "unexpected vector";
}

void regs_print(enum log_kind kind, const struct cpu_user_regs *r)
{
	printk_kind(kind, "  rip %04x:%016lx  rflags %08lx  error %04x\n", r->cs, r->rip, r->rflags,
		    r->error_code);
	printk_kind(kind, "  rsp %04x:%016lx  rbp %016lx\n", r->ss, r->rsp, r->rbp);
	printk_kind(kind, "  rax %016lx  rbx %016lx  rcx %016lx\n", r->rax, r->rbx, r->rcx);
	printk_kind(kind, "  rdx %016lx  rsi %016lx  rdi %016lx\n", r->rdx, r->rsi, r->rdi);
	printk_kind(kind, "  r8  %016lx  r9  %016lx  r10 %016lx\n", r->r8, r->r9, r->r10);
	printk_kind(kind, "  r11 %016lx  r12 %016lx  r13 %016lx\n", r->r11, r->r12, r->r13);
	printk_kind(kind, "  r14 %016lx  r15 %016lx\n", r->r14, r->r15);
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	enter_once();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk("PANIC on CPU %u: %s\n", this_cpu->id, text);
	print_context();
	/* Just after the saved RBP and the return address that GCC's frame address points at. */
	print_backtrace((uint64_t)__builtin_return_address(0), (uint64_t)__builtin_frame_address(0) + 16);
	finish();
}

void panic_trap(const struct cpu_user_regs *regs)
{
	enter_once();
	printk("PANIC on CPU %u: %s (vector %u) in the hypervisor\n", this_cpu->id,
	       trap_name(regs->entry_vector), regs->entry_vector);
	regs_print(LOG_KIND_OWN, regs);
	print_context();
	print_backtrace(regs->rip, regs->rsp);
	finish();
}

void nmi_handler(const struct cpu_user_regs *regs)
{
	if (__atomic_load_n(&panicking, __ATOMIC_ACQUIRE))
		halt_forever();
	/* A button, a watchdog, `nmi` in QEMU's monitor: the hypervisor sends none otherwise. The
	 * interrupted code may hold any lock, so nothing is printed. */
}
