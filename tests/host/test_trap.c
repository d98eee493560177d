/* SPDX-License-Identifier: MIT */
/*
 * Specification: what happens to each exception and interrupt (hypervisor/entry/trap.c, page_fault.c), with all that they
 * call written down.
 *   plain        an exception is the guest's, with its error code if it has one; what a guest cannot cause is a panic
 *   executed     an instruction that was executed in the guest's stead is stepped as if the processor had done it
 *   gates        INT n, INT 0x80, INT3 and INTO reach the guest's handler by the privilege of its own gate, seen by the
 *                guest's own ring; else they fault at their first byte
 *   interrupts   they are the hypervisor's alone, whatever ran; an fv guest's exceptions all go to its kind
 *   page faults  the hypervisor deals with the LDT window and a kernel's store into what is write-protected; a stale
 *                translation of the hypervisor's is tried again, and not for ever
 *   hypervisor   in it only an access to guest memory may fault
 *   exit         a return that faults is the guest's fault, and ends it if the handler cannot be entered either
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "deeds.h"

#include "cpu/x86.h"
static uint64_t host_cr2, host_dr6, host_tsc;
#define read_cr2()   host_cr2
#define write_dr6(v) (host_dr6 = (v))
#define rdtsc()      host_tsc
#define clts()       note("clts")
#include "emul/decode.c"
#include "emul/emul.c"
#include "entry/page_fault.c"
#include "entry/trap.c"

struct percpu host_percpu = {.self = &host_percpu};
uint64_t tsc_hz = 1000000;
static struct guest_doors doors;
static struct pv_doors pv;
static struct domain d = {.doors = &doors, .pv = &pv};
static struct vcpu v;
static jmp_buf panicked;

/* ---- What is called ---- */

static bool kernel;
static bool in_kernel(const struct vcpu *of)
{
	return kernel;
}
static void kind_trap(struct vcpu *of, struct cpu_user_regs *regs)
{
	note("kind %x", regs->entry_vector);
}
static uint64_t handler_rsp; /* where the handler's stack is */
void bounce_trap(struct vcpu *of, uint8_t vector)
{
	note("trap %x", vector);
	if (handler_rsp)
		of->regs.rsp = handler_rsp;
}
void bounce_trap_error(struct vcpu *of, uint8_t vector, uint32_t error)
{
	note("trap %x error %x", vector, error);
	if (handler_rsp)
		of->regs.rsp = handler_rsp;
}
void bounce_page_fault(struct vcpu *of, gva_t addr, uint32_t error)
{
	note("page fault %lx error %x", addr, error);
}
void bounce_syscall(struct vcpu *of)
{
	note("syscall");
}
void bounce_syscall32(struct vcpu *of)
{
	note("syscall32 %lx", (uint64_t)of->regs.cs);
}
void debugreg_report(struct vcpu *of)
{
	note("report");
}
void debugreg_bounce(struct vcpu *of, uint64_t dr6)
{
	note("debug %lx", dr6);
}
static enum emul_after_ud undefined;
enum emul_after_ud emul_undefined(struct vcpu *of)
{
	return undefined;
}
static enum emul_result result;
static uint32_t hits;
enum emul_result emul_privileged(struct emul *e, struct vcpu *of)
{
	*e = (struct emul){.v = of, .fault_address = 0x5000, .fault_error = 6, .dr6 = hits};
	if (of->regs.rflags & RFLAGS_TF)
		e->dr6 |= DR6_BS;
	return result;
}
static bool store_done;
bool emul_ptwr(struct vcpu *of, gva_t addr)
{
	note("store %lx", addr);
	return store_done;
}
static uint8_t code[FETCH_BYTES];
static unsigned code_len, code_mode;
static unsigned fetch(struct emul *e, uint8_t bytes[FETCH_BYTES], unsigned *mode)
{
	memset(bytes, 0xcd, FETCH_BYTES); /* what lies behind is not the code's */
	memcpy(bytes, code, code_len);
	*mode = code_mode;
	return code_len;
}
const struct emul_face emul_pv_face = {
    .fetch = fetch,
    .exception = bounce_trap,
    .exception_with_error = bounce_trap_error,
    .page_fault = bounce_page_fault,
    .debug = debugreg_bounce,
};
int emul_pv_int(struct vcpu *of, unsigned *length)
{
	return emul_int(of, &emul_pv_face, length);
}
void irq_handler(uint8_t vector)
{
	note("irq %x", vector);
}
void nmi_handler(const struct cpu_user_regs *regs)
{
	note("nmi");
}
void domain_crash(struct domain *of, const char *fmt, ...)
{
	note("crash");
}
void panic_trap(const struct cpu_user_regs *regs)
{
	note("panic %x", regs->entry_vector);
	longjmp(panicked, 1);
}
static uint64_t fixup;
uint64_t ex_table_lookup(uint64_t rip)
{
	return fixup;
}
static gva_t ldt_window;
static bool ldt_there, permits;
bool desc_in_ldt_window(const struct vcpu *of, gva_t addr)
{
	return ldt_window && addr - ldt_window < PAGE_SIZE;
}
bool desc_ldt_fault(struct vcpu *of, gva_t addr)
{
	note("ldt");
	return ldt_there;
}
bool walk_permits(uint64_t cr3, gva_t va, uint32_t error)
{
	return permits;
}
void tlb_flush_page_local(gva_t va)
{
	note("flush %lx", va);
}
void cpu_service_requests(void)
{
	note("service");
}

static int setup(void **state)
{
	doors = (struct guest_doors){.in_kernel = in_kernel};
	memset(&v, 0, sizeof(v));
	v.domain = &d;
	d.vm_assist = 0;
	host_percpu.vcpu = &v;
	host_percpu.pending = 0;
	undefined = UD_FAULT;
	kernel = store_done = ldt_there = permits = false;
	code_len = hits = 0;
	code_mode = 64;
	ldt_window = fixup = handler_rsp = host_cr2 = 0;
	return 0;
}

/* ---- What is tested ---- */

static void comes(uint32_t vector, uint32_t error, const char *expected)
{
	deeds[0] = '\0';
	v.regs.entry_vector = vector;
	v.regs.error_code = error;
	v.regs.rip = 0x1000;
	if (!setjmp(panicked))
		trap_from_guest(&v, &v.regs);
	assert_string_equal(deeds, expected);
}

static void bytes(unsigned n, const char *text)
{
	code_len = n;
	memcpy(code, text, n);
}

static void plain(void **state)
{
	static const struct {
		uint8_t vector;
		const char *what;
	} cases[] = {
	    {TRAP_DE, "trap 0;"},
	    {TRAP_DB, "report;trap 1;"},
	    {TRAP_NMI, "panic 2;"},
	    {TRAP_BR, "trap 5;"},
	    {TRAP_UD, "trap 6;"},
	    {TRAP_NM, "trap 7;"},
	    {TRAP_DF, "panic 8;"},
	    {9, "panic 9;"},
	    {TRAP_TS, "trap a error 18;"},
	    {TRAP_NP, "trap b error 18;"},
	    {TRAP_SS, "trap c error 18;"},
	    {TRAP_GP, "trap d error 18;"},
	    {15, "panic f;"},
	    {TRAP_MF, "trap 10;"},
	    {TRAP_AC, "trap 11 error 18;"},
	    {TRAP_MC, "panic 12;"},
	    {TRAP_XM, "trap 13;"},
	    {20, "panic 14;"},
	    {31, "panic 1f;"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		comes(cases[i].vector, 0x18, cases[i].what);
	v.pv.ts_virtual = true;
	comes(TRAP_NM, 0, "clts;trap 7;");
	assert_false(v.pv.ts_virtual);
}

static void executed_here(void **state)
{
	static const char *const stepped[] = {
	    [EMUL_DONE] = "debug 4000;",
	    [EMUL_REFUSED] = "trap d error 0;",
	    [EMUL_FAULT] = "page fault 5000 error 6;",
	    [EMUL_ROUND] = "debug 4000;",
	    [EMUL_AGAIN] = "",
	    [EMUL_UNDEFINED] = "trap 6;",
	};

	undefined = UD_DONE;
	comes(TRAP_UD, 0, "");
	for (result = EMUL_DONE; result <= EMUL_UNDEFINED; result++) {
		v.regs.rflags = 0;
		if (result == EMUL_DONE || result == EMUL_ROUND)
			comes(TRAP_GP, 0, "");
		v.regs.rflags = RFLAGS_TF;
		comes(TRAP_GP, 0, stepped[result]);
	}
	comes(TRAP_UD, 0, "debug 4000;");
	undefined = UD_AGAIN; /* nothing has been executed yet */
	comes(TRAP_UD, 0, "");
	v.regs.rflags = 0;
	result = EMUL_DONE;
	hits = 4;
	comes(TRAP_GP, 0, "debug 4;");
	v.regs.rflags = RFLAGS_TF;
	comes(TRAP_GP, 0, "debug 4004;");
}

static void software_interrupts(void **state)
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
	const uint32_t error = 0x41 * 8 | ERROR_IDT;

	bytes(2, "\xcd\x41");
	comes(TRAP_GP, error, "trap d error 20a;"); /* its gate is ring 0's */
	assert_int_equal(v.regs.rip, 0x1000);
	for (unsigned dpl = 1; dpl <= 3; dpl += 2)
		for (int k = 0; k < 2; k++) {
			kernel = k;
			v.traps[0x41].dpl = dpl;
			comes(TRAP_GP, error, kernel || dpl == 3 ? "trap 41;" : "trap d error 20a;");
			assert_int_equal(v.regs.rip, kernel || dpl == 3 ? 0x1002 : 0x1000);
		}
	comes(TRAP_GP, 0x41 * 8, "trap d error 208;"); /* a selector, whatever the instruction is */
	for (unsigned i = 0; i < sizeof(prefixes); i++) {
		bytes(3, (char[]){prefixes[i], 0xcd, 0x41});
		comes(TRAP_GP, error, "trap 41;");
		assert_int_equal(v.regs.rip, 0x1003);
	}
	bytes(3, "\x4f\xcd\x41");
	comes(TRAP_GP, error, "trap 41;");
	code_mode = 32; /* an INC or DEC */
	comes(TRAP_GP, error, "trap d error 20a;");
	bytes(2, "\xe4\x41"); /* IN, with the same byte */
	comes(TRAP_GP, error, "trap d error 20a;");
	bytes(1, "\xcd");
	comes(TRAP_GP, error, "trap d error 20a;");
	bytes(3, "\x66\x66\x66");
	comes(TRAP_GP, error, "trap d error 20a;");
	bytes(0, "");
	comes(TRAP_GP, error, "trap d error 20a;");
}

static void software_exceptions(void **state)
{
	bytes(1, "\xcc");
	comes(TRAP_BP, 0, "trap d error 1a;");
	assert_int_equal(v.regs.rip, 0xfff);
	bytes(2, "\xcd\x03");
	comes(TRAP_BP, 0, "trap d error 1a;");
	assert_int_equal(v.regs.rip, 0xffe);
	comes(TRAP_OF, 0, "trap d error 22;"); /* another number stands there by chance */
	assert_int_equal(v.regs.rip, 0xfff);
	bytes(3, "\x66\xcd\x03");
	comes(TRAP_BP, 0, "trap d error 1a;");
	assert_int_equal(v.regs.rip, 0xfff);
	v.traps[TRAP_BP].dpl = 1;
	comes(TRAP_BP, 0, "trap d error 1a;");
	v.traps[TRAP_BP].dpl = 3;
	comes(TRAP_BP, 0, "trap 3;");
	assert_int_equal(v.regs.rip, 0x1000);
	kernel = true;
	comes(TRAP_OF, 0, "trap 4;");
}

static void int_80(void **state)
{
	comes(0x80, 0, "trap d error 402;");
	assert_int_equal(v.regs.rip, 0xffe);
	v.traps[0x80].dpl = 1;
	comes(0x80, 0, "trap d error 402;");
	v.traps[0x80].dpl = 3;
	comes(0x80, 0, "trap 80;");
	assert_int_equal(v.regs.rip, 0x1000);
	kernel = true;
	v.traps[0x80].dpl = 1;
	comes(0x80, 0, "trap 80;");
	v.traps[0x80].dpl = 0;
	comes(0x80, 0, "trap d error 402;");
}

static void interrupts(void **state)
{
	for (int fv = 0; fv < 2; fv++) {
		v.entry.trap = fv ? kind_trap : NULL;
		comes(0x20, 0, "irq 20;");
		comes(0xff, 0, "irq ff;");
		v.regs.rflags = RFLAGS_VM;
		comes(0x20, 0, "crash;irq 20;");
		comes(0x80, 0, "crash;");
		comes(TRAP_GP, 0, "crash;");
		comes(0x1f, 0, "crash;");
		v.regs.rflags = 0;
	}
	comes(0x80, 0, "kind 80;");
	comes(TRAP_PF, 0, "kind e;");
	comes(0x1f, 0, "kind 1f;");
}

static void page_faults(void **state)
{
	const uint32_t refused = PF_PRESENT | PF_WRITE;

	host_cr2 = 0x5000;
	kernel = store_done = true;
	comes(TRAP_PF, refused, "page fault 5000 error 3;"); /* writable page tables are not on */
	d.vm_assist = 1u << VMASST_TYPE_writable_pagetables;
	comes(TRAP_PF, refused, "store 5000;");
	comes(TRAP_PF, refused | PF_USER, "store 5000;");
	v.regs.rflags = RFLAGS_TF;
	comes(TRAP_PF, refused, "store 5000;debug 4000;");
	v.regs.rflags = 0;
	comes(TRAP_PF, PF_WRITE, "page fault 5000 error 2;");
	comes(TRAP_PF, PF_PRESENT, "page fault 5000 error 1;");
	comes(TRAP_PF, refused | PF_RESERVED, "page fault 5000 error b;");
	comes(TRAP_PF, refused | PF_FETCH, "page fault 5000 error 13;");
	store_done = false;
	comes(TRAP_PF, refused, "store 5000;page fault 5000 error 3;");
	kernel = false;
	comes(TRAP_PF, refused, "page fault 5000 error 3;");
}

static void page_faults_above(void **state)
{
	char expected[64];

	kernel = store_done = true;
	d.vm_assist = 1u << VMASST_TYPE_writable_pagetables;
	ldt_window = LDT_WINDOW(0);
	v.pv.ldt_base = 0x7000;
	host_cr2 = ldt_window + 0x18;
	ldt_there = true;
	comes(TRAP_PF, 0, "ldt;");
	ldt_there = false;
	comes(TRAP_PF, 0, "ldt;page fault 7018 error 0;"); /* as the guest knows it */
	snprintf(expected, sizeof(expected), "page fault %lx error 4;", host_cr2);
	comes(TRAP_PF, PF_USER, expected); /* no descriptor was read */
}

static void stays_in(gva_t addr, bool hypervisor)
{
	char expected[64];

	host_cr2 = addr;
	snprintf(expected, sizeof(expected), hypervisor ? "page fault %lx error 3;" : "store %lx;", addr);
	comes(TRAP_PF, PF_PRESENT | PF_WRITE, expected);
}

static void slots(void **state)
{
	kernel = store_done = true;
	d.vm_assist = 1u << VMASST_TYPE_writable_pagetables;
	stays_in(0x7ffffffff000, false);
	stays_in(0xffff800000000000, true);
	stays_in(0xffff87fffffff000, true);
	stays_in(0xffff880000000000, false);
}

/* ---- In the hypervisor ---- */

static void inside(uint32_t vector, uint32_t error, const char *expected, uint64_t rip)
{
	struct cpu_user_regs regs = {.entry_vector = vector, .error_code = error, .rip = 0x2000};

	deeds[0] = '\0';
	if (!setjmp(panicked)) {
		trap_from_hypervisor(&regs);
		assert_int_equal(regs.rip, rip);
	}
	assert_string_equal(deeds, expected);
}

static void ours(void **state)
{
	inside(0x20, 0, "irq 20;", 0x2000);
	inside(0xff, 0, "irq ff;", 0x2000);
	inside(TRAP_GP, 0, "panic d;", 0);
	inside(0x1f, 0, "panic 1f;", 0);
	host_cr2 = 0x5000;
	inside(TRAP_PF, 0, "panic e;", 0);
	fixup = 0x3000;
	inside(TRAP_PF, 0, "", 0x3000);
	inside(TRAP_GP, 0, "", 0x3000);
	permits = true;
	inside(TRAP_GP, 0, "", 0x3000); /* no page fault: CR2 says nothing */
	host_cr2 = 0xffff800000001000;
	inside(TRAP_PF, 0, "", 0x3000);
	ldt_window = LDT_WINDOW(0);
	host_cr2 = ldt_window;
	inside(TRAP_PF, 0, "ldt;", 0x3000);
	ldt_there = true;
	inside(TRAP_PF, 0, "ldt;", 0x2000);
}

static void stale(void **state)
{
	const unsigned window = tsc_hz / STALE_WINDOW;

	permits = true;
	fixup = 0x3000;
	host_cr2 = 0x5000;
	host_tsc += 10 * tsc_hz;
	for (int i = 0; i < STALE_TRIES; i++)
		inside(TRAP_PF, 0, "flush 5000;service;", 0x2000);
	inside(TRAP_PF, 0, "flush 5000;service;", 0x3000); /* it was no coincidence */
	host_tsc += window;
	inside(TRAP_PF, 0, "flush 5000;service;", 0x3000);
	host_tsc += 1; /* but that was long ago */
	inside(TRAP_PF, 0, "flush 5000;service;", 0x2000);
	for (int i = 1; i < STALE_TRIES; i++)
		inside(TRAP_PF, 0, "flush 5000;service;", 0x2000);
	host_cr2 = 0x6000;
	inside(TRAP_PF, 0, "flush 6000;service;", 0x2000);
	for (int i = 1; i < STALE_TRIES; i++)
		inside(TRAP_PF, 0, "flush 6000;service;", 0x2000);
	assert_true(was_stale(0x6000, 0x2008));
}

static void paranoid(void **state)
{
	struct cpu_user_regs regs = {.entry_vector = TRAP_NMI};

	deeds[0] = '\0';
	host_percpu.pending = PENDING_TIMER;
	trap_paranoid(&regs);
	assert_string_equal(deeds, "nmi;");
	assert_int_equal(host_percpu.pending, PENDING_NMI | PENDING_TIMER);
	regs.entry_vector = TRAP_DB;
	trap_paranoid(&regs);
	assert_int_equal(host_dr6, DR6_FIXED);
	regs.entry_vector = TRAP_DF;
	if (!setjmp(panicked))
		trap_paranoid(&regs);
	assert_string_equal(deeds, "nmi;panic 8;");
}

/* ---- Out ---- */

static void returns_badly(uint32_t vector, uint32_t error, uint64_t to, const char *expected)
{
	struct cpu_user_regs frame = {.rbx = 0xb, .entry_vector = vector, .error_code = error, .rip = 0xbad};

	deeds[0] = '\0';
	v.entry.way_back = BACK_BY_SYSRET;
	v.regs.rip = to;
	exit_fault(&frame);
	assert_string_equal(deeds, expected);
	assert_int_equal(v.entry.way_back, BACK_BY_IRET);
	assert_int_equal(v.regs.rbx, 0xb);
	assert_int_equal(v.regs.rip, to); /* the frame's is another thing */
}

static void bad_return(void **state)
{
	handler_rsp = 0x8000;
	v.regs.rsp = 0x9000;
	result = EMUL_DONE;
	returns_badly(TRAP_GP, 0, 0x1000, "trap d error 0;"); /* no instruction faulted */
	assert_int_equal(v.entry.refused_rip, 0x1000);
	assert_int_equal(v.entry.refused_rsp, 0x8000);
	v.regs.rsp = 0x9000;
	returns_badly(TRAP_NP, 8, 0x1000, "trap b error 8;"); /* another return to the same place */
	returns_badly(TRAP_NP, 8, 0x1234, "trap b error 8;"); /* the handler of that one */
	v.regs.rsp = 0x9000;
	host_cr2 = 0x5000;
	returns_badly(TRAP_PF, 0, 0x1000, "page fault 5000 error 0;");
	v.regs.rsp = 0x8000;
	v.entry.refused_rip = 0x1000;
	v.entry.refused_rsp = 0x8000;
	returns_badly(TRAP_NP, 8, 0x1000, "crash;");
	v.entry.trap = kind_trap;
	v.regs.rsp = 0x9000;
	returns_badly(TRAP_GP, 0, 0x1000, "kind d;");
}

static void system_calls(void **state)
{
	deeds[0] = '\0';
	app_syscall(&v);
	app_bad_stack(&v);
	v.regs.cs = v.regs.ss = 0x33;
	pv = (struct pv_doors){.syscall32_cs = 0x77, .syscall32_ss = 0x7b};
	app_syscall32(&v);
	assert_int_equal(v.regs.ss, 0x7b);
	pv = (struct pv_doors){.syscall32_cs = SEL_COMPAT_USER_CS, .syscall32_ss = SEL_COMPAT_USER_DS};
	app_syscall32(&v);
	assert_int_equal(v.regs.ss, SEL_COMPAT_USER_DS);
	assert_string_equal(deeds, "syscall;crash;syscall32 77;syscall32 e02b;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(plain, setup),
	    cmocka_unit_test_setup(executed_here, setup),
	    cmocka_unit_test_setup(software_interrupts, setup),
	    cmocka_unit_test_setup(software_exceptions, setup),
	    cmocka_unit_test_setup(int_80, setup),
	    cmocka_unit_test_setup(interrupts, setup),
	    cmocka_unit_test_setup(page_faults, setup),
	    cmocka_unit_test_setup(page_faults_above, setup),
	    cmocka_unit_test_setup(slots, setup),
	    cmocka_unit_test_setup(ours, setup),
	    cmocka_unit_test_setup(stale, setup),
	    cmocka_unit_test_setup(paranoid, setup),
	    cmocka_unit_test_setup(bad_return, setup),
	    cmocka_unit_test_setup(system_calls, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
