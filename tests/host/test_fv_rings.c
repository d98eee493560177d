/* SPDX-License-Identifier: MIT */
/*
 * Specification of what keeps an fv domain's kernel in ring 1 (docs/fv.md):
 *   - of its descriptors the processor gets to see 32-bit code and data of rings 1 to 3 alone: no 64-bit code, no gate, no
 *     TSS, no LDT, nothing of ring 0, no null descriptor, nothing beyond its limit, and code of ring 3 only where ring 3 runs;
 *   - a handler is entered by an interrupt or trap gate of 32 bits within the guest's table, to code of its ring 0, on the
 *     stack that its whole TSS names, and by INT from ring 3 only where the gate allows that; else the domain ends;
 *   - IRET goes to the guest's rings 0 and 3 and nowhere else, and neither the real IF nor IOPL nor VM is its to set;
 *   - control registers and MSRs take what the guest may have, and a change of mode forgets the shadows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
#define read_cr0()       0ul
#define write_cr0(value) ((void)(value))
#define clts()           ((void)0)
#include "fv/control.c"
#include "fv/inject.c"
#undef DESC_DPL
#include "fv/segments.c"

uint64_t host_directmap;
struct percpu host_percpu;
struct page_info *frame_table;
static struct domain domain;
static struct vcpu vcpu;
static struct fv fv;
static uint8_t ram[65536]; /* the guest's, from its address 0; beyond it nothing is mapped */
static unsigned crashes, dropped, reloads, loaded, synced, polls, forgotten;
static unsigned interrupts, first_vector; /* that the controller has, and their first vector */
static bool segments_fail;
static void *page_left; /* what there is to be allocated */

uint32_t fv_read_slowly(struct fv *f, uint32_t va, void *to, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > sizeof(ram)) {
		*fault = MAX(va, (uint32_t)sizeof(ram));
		return 0;
	}
	memcpy(to, ram + va, n);
	return FV_OK;
}
uint32_t fv_write(struct fv *f, uint32_t va, const void *from, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > sizeof(ram)) {
		*fault = va;
		return 2;
	}
	memcpy(ram + va, from, n);
	return FV_OK;
}
void *fv_frame_at(struct fv *f, uint32_t pfn)
{
	static uint8_t nothing[4096];

	return pfn < sizeof(ram) / PAGE_SIZE ? ram + pfn * PAGE_SIZE : memset(nothing, 0xff, sizeof(nothing));
}
void domain_crash(struct domain *d, const char *fmt, ...)
{
	crashes++;
}
void fv_shadow_drop_all(struct fv *f)
{
	dropped++;
}
void fv_shadow_load_cr3(struct fv *f)
{
	loaded++;
}
void fv_shadow_sync(struct fv *f)
{
	synced++;
}
void fv_uart_poll(struct fv *f)
{
	assert_true(f->lock.held);
	polls++;
}
bool pic_interrupts(const struct fv_pic *pic)
{
	return interrupts;
}
uint8_t pic_acknowledge(struct fv_pic *pic)
{
	return first_vector + --interrupts;
}
void segments_save(struct vcpu *v, uint64_t *fs_base, uint64_t *gs_base)
{
}
bool segments_load(struct vcpu *v, bool from_tables, uint64_t *fs_base, uint64_t *gs_base)
{
	reloads++;
	return !segments_fail;
}
void segments_forget(struct vcpu *v, struct segment_selectors *wanted)
{
	forgotten++;
}
void fpu_set_osxsave(struct fpu_area *area, bool on)
{
}
uint64_t *reg_ptr(struct cpu_user_regs *r, unsigned number)
{
	return &r->rax;
}
void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	void *p = page_left;

	page_left = NULL;
	return p;
}
static unsigned freed;
void heap_free_pages(void *p, unsigned order)
{
	assert_non_null(p);
	freed++;
}
void cpu_service_requests(void)
{
}

/* The guest's tables. */
#define GDT     0x1000u
#define IDT     0x2000u
#define TSS     0x3000u
#define STACK   0x5000u /* of its ring 0, by the TSS */
#define KCODE   0x08
#define KDATA   0x10
#define UCODE   0x1b
#define UDATA   0x23
#define CODE0   0x00cf9a000000ffffull
#define DATA0   0x00cf92000000ffffull
#define CODE3   0x00cffa000000ffffull
#define DATA3   0x00cff2000000ffffull
#define HANDLER 0x4440u

static void put_descriptor(unsigned i, uint64_t d)
{
	memcpy(ram + GDT + 8 * i, &d, sizeof(d));
}

static uint64_t gate_of(unsigned type, unsigned dpl, uint16_t cs, uint32_t to)
{
	return (to & 0xffff) | (uint64_t)cs << 16 | (uint64_t)type << 40 | (uint64_t)dpl << 45 | 1ull << 47 |
	       (uint64_t)(to >> 16) << 48;
}

static void put_gate(unsigned vector, uint64_t gate)
{
	memcpy(ram + IDT + 8 * vector, &gate, sizeof(gate));
}

static int setup(void **state)
{
	static uint64_t gdt[FV_GDT_ENTRIES], raw[FV_GDT_ENTRIES];
	static volatile uint8_t upcall[2];
	static uint32_t esp0 = STACK, ss0 = KDATA;

	memset(ram, 0, sizeof(ram));
	memset(gdt, 0, sizeof(gdt));
	memset(raw, 0, sizeof(raw));
	domain = (struct domain){0};
	vcpu = (struct vcpu){.domain = &domain, .fv = &fv, .upcall = upcall};
	upcall[0] = upcall[1] = 0;
	fv = (struct fv){.v = &vcpu, .gdt = gdt, .gdt_raw = raw, .cr0 = CR0_PE, .cr4 = CR4_PAE};
	fv.gdtr = (struct fv_table){GDT, 8 * 8 - 1};
	fv.idtr = (struct fv_table){IDT, 64 * 8 - 1};
	fv.tss = (struct fv_table){TSS, 103};
	put_descriptor(1, CODE0);
	put_descriptor(2, DATA0);
	put_descriptor(3, CODE3);
	put_descriptor(4, DATA3);
	memcpy(ram + TSS + 4, &esp0, 4);
	memcpy(ram + TSS + 8, &ss0, 4);
	for (unsigned i = 0; i < 64; i++)
		put_gate(i, gate_of(GATE_INTERRUPT, 0, KCODE, HANDLER + i));
	fv_segments_sync(&fv);
	vcpu.regs.cs = KCODE | 1;
	vcpu.regs.ss = KDATA | 1;
	vcpu.regs.rip = 0x100;
	vcpu.regs.rsp = 0x6000;
	vcpu.regs.rflags = RFLAGS_IF | RFLAGS_MBS;
	crashes = dropped = reloads = loaded = synced = polls = forgotten = interrupts = freed = 0;
	segments_fail = false;
	first_vector = 0x20;
	return 0;
}

static void in_user(void)
{
	fv_segments_user_code(&fv, true);
	vcpu.regs.cs = UCODE;
	vcpu.regs.ss = UDATA;
	vcpu.regs.rsp = 0x7000;
}

/* ---- descriptors ---- */

static void harmless(uint64_t d, bool user_runs)
{
	bool code3 = (d & DESC_P) && (d & DESC_CODE) && (d & DESC_DPL) == DESC_DPL;

	if (!d)
		return;
	assert_true(d & DESC_S);                       /* no gate, TSS, LDT */
	assert_false((d & DESC_CODE) && (d & DESC_L)); /* no 64-bit code */
	assert_true(d & DESC_DPL);                     /* nothing of ring 0 */
	assert_true(d & DESC_ACCESSED);                /* or the processor writes to our copy */
	assert_false(code3 && !user_runs);
}

/* Every type, S, DPL, P, L, D, and the rest at random, at every place of the table, whether or not ring 3 runs. */
static void descriptors(void **state)
{
	srand(3);
	fv.gdtr.limit = 0xffff;
	for (unsigned n = 0; n < 1u << 11; n++) {
		uint64_t raw = (uint64_t)(n & 0xff) << 40 | (uint64_t)(n >> 8) << 53 |
			       ((uint64_t)rand() << 32 ^ rand()) % 0xffffff;
		unsigned i = n % 7 ? n % FV_GDT_ENTRIES : 0;
		bool differs;

		fv.gdt_changed = false;
		differs = i < fv.gdt_entries ? fv.gdt_raw[i] != raw : raw != 0;
		put_descriptor(i, raw);
		fv_segments_user_code(&fv, n & 1);
		assert_int_equal(fv_segments_sync(&fv), differs);
		assert_int_equal(fv.gdt_changed, differs);
		assert_int_equal(fv.gdt[0], 0);
		for (unsigned k = 0; k < FV_GDT_ENTRIES; k++)
			harmless(fv.gdt[k], n & 1);
		fv_segments_user_code(&fv, !(n & 1));
		assert_int_equal(fv.gdt[0], 0);
		harmless(fv.gdt[i], !(n & 1));
		if (i && (raw & DESC_P) && (raw & DESC_S) && !((raw & DESC_CODE) && (raw & DESC_L)))
			assert_true((fv.gdt[i] | DESC_P | DESC_DPL) ==
				    (raw | DESC_P | DESC_DPL | DESC_ACCESSED));
	}
}

static void limits(void **state)
{
	uint64_t d;
	uint32_t base;

	put_descriptor(8, CODE0);
	fv_segments_sync(&fv);
	assert_int_equal(fv.gdt[8], 0);
	assert_false(fv_descriptor(&fv, 0x40, &d));
	assert_true(fv_descriptor(&fv, 0x38, &d));
	fv.gdtr.limit = 8 * 8 + 6; /* the last byte of it is not in */
	assert_false(fv_descriptor(&fv, 0x40, &d));
	fv_segments_sync(&fv);
	assert_int_equal(fv.gdt[8], 0);
	fv.gdtr.limit = 8 * 8 + 7;
	assert_true(fv_descriptor(&fv, 0x40, &d));
	fv_segments_sync(&fv);
	assert_true(fv_code32(&fv, 0x41, &base));
	for (unsigned rpl = 0; rpl < 4; rpl++) {
		assert_false(fv_descriptor(&fv, rpl, &d));       /* null */
		assert_false(fv_descriptor(&fv, 0xc | rpl, &d)); /* in an LDT, which it has not */
	}
	fv.gdtr.limit = 0xf; /* less than before: what was there is gone */
	fv_segments_sync(&fv);
	assert_true(fv.gdt[1]);
	assert_int_equal(fv.gdt[2] | fv.gdt[3] | fv.gdt[8], 0);
	fv.gdtr = (struct fv_table){0xffffffc0, 0xffff}; /* it wraps, and is not mapped */
	fv_segments_sync(&fv);
	for (unsigned k = 0; k < FV_GDT_ENTRIES; k++)
		harmless(fv.gdt[k], false);
	assert_false(fv_descriptor(&fv, 0x10, &d));
	assert_true(fv_descriptor(&fv, 0x1040 + 8, &d)); /* at 0x1008, as the processor counts */
	assert_true(d == CODE0);
}

/* ---- the way in ---- */

static void entered(void **state)
{
	uint32_t frame[5];

	fv_inject_error(&vcpu, 13, 0x77);
	assert_int_equal(vcpu.regs.rip, HANDLER + 13);
	assert_int_equal(vcpu.regs.cs, KCODE | 1);
	assert_int_equal(vcpu.regs.rsp, 0x6000 - 16);
	memcpy(frame, ram + vcpu.regs.rsp, sizeof(frame));
	assert_int_equal(frame[0], 0x77);
	assert_int_equal(frame[2], KCODE);
	assert_int_equal(frame[3], RFLAGS_IF | RFLAGS_MBS);
	assert_int_equal(vcpu.upcall[1], 1);
	in_user();
	put_gate(0x30, gate_of(GATE_TRAP, 3, KCODE, HANDLER));
	fv_inject(&vcpu, 0x30, FV_SOFTWARE);
	assert_int_equal(vcpu.regs.rip, HANDLER);
	assert_int_equal(vcpu.regs.rsp, STACK - 20);
	assert_false(fv.user_code);
	assert_int_equal(crashes, 0);
}

/* INT n from ring 3 where the gate does not allow it: #GP with the vector's number. Ring 0 may. */
static void gates_privilege(void **state)
{
	uint32_t error;

	for (unsigned dpl = 0; dpl < 4; dpl++) {
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		in_user();
		fv_inject(&vcpu, 0x20, FV_SOFTWARE);
		memcpy(&error, ram + vcpu.regs.rsp, 4);
		assert_int_equal(vcpu.regs.rip, HANDLER + (dpl < 3 ? 13 : 0x20));
		if (dpl < 3)
			assert_int_equal(error, 0x20 * 8 + 2);
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		fv_inject(&vcpu, 0x20, FV_SOFTWARE);
		assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		in_user();
		fv_inject(&vcpu, 0x20, FV_HARDWARE); /* an interrupt does not ask */
		assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
	}
}

static void ends(void)
{
	uint64_t rip = vcpu.regs.rip, cs = vcpu.regs.cs;

	fv_inject(&vcpu, 0x20, FV_HARDWARE);
	assert_int_equal(crashes, 1);
	assert_int_equal(vcpu.regs.rip, rip);
	assert_int_equal(vcpu.regs.cs, cs);
}

static void odd_gates(void **state)
{
	static const uint16_t no_code[] = {0, 3, KDATA, UCODE, UDATA, KCODE | 4, 0x38, 0x40, 0xfff8};

	for (unsigned type = 0; type < 32; type++) {
		if ((type | 1) == GATE_TRAP)
			continue;
		setup(NULL);
		put_gate(0x20, gate_of(type, 3, KCODE, HANDLER));
		ends();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(no_code); i++) {
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, 3, no_code[i], HANDLER));
		ends();
	}
	setup(NULL);
	put_gate(0x20, gate_of(GATE_TRAP, 3, KCODE, HANDLER) & ~GATE_P);
	ends();
	setup(NULL);
	fv.idtr.limit = 0x20 * 8 + 6;
	ends();
	setup(NULL);
	fv.idtr.limit = 0x20 * 8 + 7;
	fv_inject(&vcpu, 0x20, FV_HARDWARE);
	assert_int_equal(crashes, 0);
	setup(NULL);
	fv.idtr = (struct fv_table){0xffffff80, 0xffff}; /* it wraps */
	ends();
}

static void raises(uint8_t vector)
{
	uint32_t error;

	fv_inject(&vcpu, 0x20, FV_SOFTWARE);
	assert_int_equal(crashes, 0);
	assert_int_equal(vcpu.regs.rip, HANDLER + vector);
	memcpy(&error, ram + vcpu.regs.rsp, 4);
	assert_int_equal(error, 0x20 * 8 + 2);
}

/* INT n of an application must not be the end of its kernel, whatever the gate is. */
static void odd_gates_by_int(void **state)
{
	for (unsigned user = 0; user < 2; user++) {
		for (unsigned type = 0; type < 32; type++) {
			if ((type | 1) == GATE_TRAP)
				continue;
			setup(NULL);
			if (user)
				in_user();
			put_gate(0x20, gate_of(type, 3, KCODE, HANDLER));
			raises(13);
		}
		setup(NULL);
		if (user)
			in_user();
		put_gate(0x20, gate_of(GATE_TRAP, 3, KCODE, HANDLER) & ~GATE_P);
		raises(11);
		setup(NULL);
		if (user)
			in_user();
		fv.idtr.limit = 0x20 * 8 + 6;
		raises(13);
	}
}

/* The TSS as far as its limit; the stack wherever it leads, but all of the frame or nothing. */
static void odd_stacks(void **state)
{
	static const uint32_t bad[] = {4, 19, sizeof(ram) + 8, 0xffffffff, 0x80000000};

	setup(NULL);
	in_user();
	fv.tss.limit = TSS_ESP0 + 6;
	ends();
	setup(NULL);
	in_user();
	fv.tss.limit = TSS_ESP0 + 7;
	fv_inject(&vcpu, 0x20, FV_HARDWARE);
	assert_int_equal(crashes, 0);
	setup(NULL);
	in_user();
	fv.tss.base = 0xfffffff8;
	ends();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(NULL);
		in_user();
		memcpy(ram + TSS + 4, &bad[i], 4);
		ends();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(NULL);
		vcpu.regs.rsp = bad[i] < 19 ? bad[i] : bad[i] == 19 ? 11 : bad[i];
		ends();
	}
}

/* ---- the way back ---- */

static bool iret(uint32_t cs, uint32_t flags, uint32_t ss)
{
	const uint32_t frame[] = {0x1234, cs, flags, 0x7000, ss};

	memcpy(ram + 0x6000, frame, sizeof(frame));
	vcpu.regs.rsp = 0x6000;
	vcpu.regs.cs = KCODE | 1;
	return fv_iret(&vcpu, true);
}

static void returns(void **state)
{
	for (unsigned rpl = 0; rpl < 4; rpl++)
		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t flags = 1u << bit, cs = rpl == 3 ? UCODE : KCODE | rpl;
			bool ok = rpl % 3 == 0 && !(flags & RFLAGS_VM);

			setup(NULL);
			assert_int_equal(iret(cs, flags, UDATA), ok);
			assert_int_equal(vcpu.regs.cs & 3, !ok || rpl == 0 ? 1 : 3);
			assert_true(vcpu.regs.rflags & RFLAGS_IF);
			assert_false(vcpu.regs.rflags & (RFLAGS_IOPL | RFLAGS_VM));
			assert_int_equal(vcpu.upcall[1], ok ? !(flags & RFLAGS_IF) : 0);
			assert_int_equal(fv.user_code, ok && rpl == 3);
		}
	setup(NULL);
	assert_false(fv_iret(&vcpu, false));
	for (unsigned rpl = 0; rpl < 3; rpl++)
		assert_false(iret(UCODE, 0, KDATA | rpl)); /* ring 3 with a stack of another */
	vcpu.regs.rsp = sizeof(ram) - 4;
	assert_true(fv_iret(&vcpu, true));
	assert_int_equal(vcpu.regs.rip, HANDLER + 14);
	assert_int_equal(fv.cr2, sizeof(ram));
}

/* ---- control registers, MSRs ---- */

static void control_registers(void **state)
{
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PG), FV_REFUSED);
	assert_int_equal(crashes, 0);
	assert_int_equal(fv_write_cr0(&vcpu, 0), FV_STAY); /* real mode */
	assert_int_equal(crashes, 1);
	assert_int_equal(fv.cr0, CR0_PE);
	for (unsigned bit = 0; bit < 32; bit++) {
		setup(NULL);
		dropped = 0;
		fv_write_cr0(&vcpu, CR0_PE | 1u << bit);
		assert_int_equal(!!dropped, 1u << bit == CR0_PG || 1u << bit == CR0_WP);
		assert_int_equal(fv.cr0, CR0_PE | 1u << bit);
		dropped = 0;
		fv_write_cr0(&vcpu, CR0_PE);
		assert_int_equal(!!dropped, 1u << bit == CR0_PG || 1u << bit == CR0_WP);
	}
	setup(NULL);
	fv.cr4 = 0;
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), FV_STAY); /* paging without PAE */
	assert_int_equal(crashes, 1);
	assert_int_equal(fv.cr0, CR0_PE);
	setup(NULL);
	dropped = 0;
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), FV_DONE);
	assert_int_equal(dropped, 1);
	for (unsigned reg = 0; reg < 16; reg++)
		if (reg != 0 && reg != 2 && reg != 3 && reg != 4)
			assert_int_equal(write_cr(&vcpu, reg, 1), FV_REFUSED);
	fv.cr0 |= CR0_PG;
	assert_int_equal(write_cr(&vcpu, 3, 0xffffffe0), FV_DONE); /* beyond RAM, at the end of a page */
	assert_true(fv.pdpte[0] == ~0ull && fv.pdpte[3] == ~0ull);
	assert_int_equal(write_cr(&vcpu, 3, 0xffff), FV_DONE);
}

static enum fv_result wrmsr_of(uint32_t msr, uint64_t value)
{
	vcpu.regs.rcx = msr;
	vcpu.regs.rax = (uint32_t)value;
	vcpu.regs.rdx = value >> 32;
	return fv_wrmsr(&vcpu);
}

static void msrs(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool ours = EFER_OURS >> bit & 1;

		assert_int_equal(wrmsr_of(MSR_EFER, 1ull << bit), ours ? FV_DONE : FV_REFUSED);
		assert_false(fv.efer & ~EFER_OURS);
	}
	assert_int_equal(wrmsr_of(MSR_EFER, 0), FV_DONE);
	dropped = 0;
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE), FV_DONE);
	assert_int_equal(dropped, 1);
	for (uint32_t msr = 0xc0000081; msr < 0xc0000110; msr++) {
		assert_int_equal(wrmsr_of(msr, 0), FV_REFUSED);
		vcpu.regs.rcx = msr;
		assert_int_equal(fv_rdmsr(&vcpu), FV_REFUSED);
	}
}

/* What is loaded anew, and when: a root by CR3, and by whatever turns paging on or changes its meaning. */
static void roots_are_loaded(void **state)
{
	struct emul e = {.v = &vcpu, .regs = &vcpu.regs, .insn = {.opcode = OP_0F(0x22)}};
	uint32_t value[] = {CR0_PE | CR0_PG, 0, 0x1234, 0x3000, CR4_PAE};

	assert_int_equal(write_cr(&vcpu, 3, 0x1000), FV_DONE);
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), FV_DONE);
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE), FV_DONE);
	assert_int_equal(loaded, 0);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), FV_DONE);
	assert_int_equal(loaded, 1);
	assert_true(fv.pdpte[1] == CODE0); /* the GDT's page, as it is */
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG | CR0_TS), FV_DONE);
	assert_true(vcpu.ts_virtual);
	assert_int_equal(loaded, 1);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), FV_DONE);
	assert_false(vcpu.ts_virtual);
	assert_int_equal(write_cr(&vcpu, 3, 0x2000), FV_DONE);
	assert_int_equal(loaded, 2);
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), FV_DONE);
	assert_int_equal(loaded, 3);
	dropped = 0;
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE | EFER_SCE), FV_DONE);
	assert_int_equal(loaded, 3);
	assert_int_equal(dropped, 0);
	assert_int_equal(wrmsr_of(MSR_EFER, 0), FV_DONE);
	assert_int_equal(loaded, 4);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE), FV_DONE);
	assert_int_equal(loaded, 4);
	/* By instruction, and what is read back. */
	for (unsigned reg = 0; reg < 8; reg++) {
		bool there = reg < 5 && reg != 1;

		e.insn.opcode = OP_0F(0x22);
		e.insn.reg = reg;
		vcpu.regs.rax = there ? value[reg] : 0;
		assert_int_equal(fv_mov_cr(&e), there ? FV_DONE : FV_REFUSED);
		e.insn.opcode = OP_0F(0x20);
		vcpu.regs.rax = 77;
		assert_int_equal(fv_mov_cr(&e), there ? FV_DONE : FV_REFUSED);
		assert_int_equal(vcpu.regs.rax, there ? value[reg] : 77);
	}
}

static void msrs_tell(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} list[] = {{MSR_EFER, EFER_NXE},
		    {MSR_PAT, PAT_RESET},
		    {MSR_APIC_BASE, 0},
		    {MSR_SYSENTER_CS, 0},
		    {MSR_SYSENTER_EIP, 0}};

	wrmsr_of(MSR_EFER, EFER_NXE);
	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		vcpu.regs.rcx = list[i].msr;
		vcpu.regs.rax = vcpu.regs.rdx = ~0ull;
		assert_int_equal(fv_rdmsr(&vcpu), FV_DONE);
		assert_int_equal(vcpu.regs.rax, (uint32_t)list[i].value);
		assert_int_equal(vcpu.regs.rdx, list[i].value >> 32);
	}
}

/* ---- interrupts ---- */

static void interrupts_are_delivered(void **state)
{
	static const struct guest_ops ops = {.word_shift = 5};
	static uint32_t pending[32], info[16];

	domain.ops = &ops;
	domain.evtchn_pending = pending;
	vcpu.info = info;
	vcpu.upcall[0] = 1;
	info[1] = pending[0] = ~0u;
	fv_deliver(&vcpu); /* somebody was to look, and there is nothing */
	assert_int_equal(vcpu.upcall[0], 0);
	assert_int_equal(vcpu.regs.rip, 0x100);
	assert_int_equal(info[1], 0);
	assert_int_equal(pending[0], ~0u);
	assert_int_equal(polls, 1);
	assert_int_equal(synced, 1);
	fv.console_port = 5;
	interrupts = 1;
	fv_deliver(&vcpu);
	assert_int_equal(pending[0], ~(1u << 5));
	assert_int_equal(vcpu.upcall[0], 0);
	assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
	interrupts = 2;
	fv_deliver(&vcpu);
	assert_int_equal(vcpu.upcall[0], 1);
	assert_int_equal(vcpu.regs.rip, HANDLER + 0x21);
	assert_false(fv.lock.held);
	first_vector = 0; /* nobody has set up the controller */
	fv_deliver(&vcpu);
	assert_int_equal(vcpu.regs.rip, HANDLER);
	assert_int_equal(crashes, 0);
}

static void flags_on_the_way_in(void **state)
{
	vcpu.regs.rflags |= RFLAGS_TF | RFLAGS_NT | RFLAGS_DF;
	put_gate(0x20, gate_of(GATE_TRAP, 0, KCODE, HANDLER));
	fv_inject(&vcpu, 0x20, FV_HARDWARE);
	assert_int_equal(vcpu.regs.rflags & (RFLAGS_TF | RFLAGS_NT | RFLAGS_DF), RFLAGS_DF);
	assert_int_equal(vcpu.upcall[1], 0); /* a trap gate leaves IF */
	assert_int_equal(vcpu.regs.rsp, 0x6000 - 12);
	fv_inject(&vcpu, 0x21, FV_HARDWARE);
	assert_int_equal(vcpu.upcall[1], 1);
	assert_false(fv_flags_get(&vcpu) & RFLAGS_IF);
}

/* Segment registers of ring 3 are loaded anew if a descriptor had changed, and only then. */
static void segments_on_the_way_back(void **state)
{
	fv.gdt_changed = false;
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 0);
	put_descriptor(5, DATA3);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 1);
	assert_int_equal(forgotten, 0);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 1);
	segments_fail = true;
	put_descriptor(5, 0);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(forgotten, 1);
	/* To ring 0 they stay. */
	put_descriptor(5, DATA3);
	fv_segments_sync(&fv);
	assert_true(iret(KCODE, 0, 0));
	assert_int_equal(reloads, 2);
	assert_int_equal(vcpu.regs.rsp, 0x6000 + 12);
	assert_true(fv.gdt_changed);
	/* The outer half of the frame is not there. */
	vcpu.regs.rsp = sizeof(ram) - 12;
	memcpy(ram + vcpu.regs.rsp, (uint32_t[]){0x1234, UCODE, 0}, 12);
	assert_true(fv_iret(&vcpu, true));
	assert_int_equal(fv.cr2, sizeof(ram));
	assert_int_equal(vcpu.regs.rip, HANDLER + 14);
}

/* ---- the table of descriptors ---- */

static void what_is_code(void **state)
{
	uint32_t base;

	put_descriptor(5, CODE0 & ~DESC_D);
	put_descriptor(6, 0x11cf9a223344ffffull);
	put_descriptor(7, CODE0 & ~DESC_P);
	fv_segments_sync(&fv);
	assert_true(fv_code32(&fv, KCODE | 1, &base));
	assert_int_equal(base, 0);
	assert_true(fv_code32(&fv, 0x31, &base));
	assert_int_equal(base, 0x11223344);
	assert_false(fv_code32(&fv, KDATA | 1, &base));
	assert_false(fv_code32(&fv, 0x29, &base)); /* 16 bits */
	assert_false(fv_code32(&fv, 0x39, &base)); /* not present */
	assert_false(fv_code32(&fv, 0, &base));
	for (unsigned selector = FV_GDT_ENTRIES * 8 - 8; selector < 0x10000; selector += 8)
		assert_false(fv_code32(&fv, selector, &base));
}

/* Where its page is known, one look tells that nothing has changed; and each thing that has. */
static void a_known_table(void **state)
{
	fv.tlb[GDT / PAGE_SIZE % FV_TLB_SETS][0] =
	    (struct fv_translation){.tag = GDT | FV_TLB_READ, .pfn = GDT / PAGE_SIZE, .frame = ram + GDT};
	assert_false(fv_segments_sync(&fv));
	put_descriptor(7, DATA3);
	assert_true(fv_segments_sync(&fv));
	assert_true(fv.gdt[7]);
	assert_false(fv_segments_sync(&fv));
	fv.gdtr.limit = 7 * 8 - 1;
	assert_true(fv_segments_sync(&fv));
	assert_int_equal(fv.gdt[7], 0);
	fv.gdtr.limit = 8 * 8 - 1;
	assert_true(fv_segments_sync(&fv));
	assert_true(fv.gdt[7]);
}

static void tables_are_made_and_freed(void **state)
{
	static uint64_t l1[32], page[512];

	fv.gdt = fv.gdt_raw = NULL;
	vcpu.desc_l1 = l1;
	page_left = NULL;
	assert_int_equal(fv_segments_init(&fv), -ENOMEM);
	fv_segments_free(&fv);
	assert_int_equal(freed, 0);
	page_left = page;
	assert_int_equal(fv_segments_init(&fv), -ENOMEM);
	assert_int_equal(l1[0], 0);
	fv_segments_free(&fv);
	assert_int_equal(freed, 1);
	assert_null(fv.gdt);
}

#define RING_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RING_TEST(descriptors),
	    RING_TEST(limits),
	    RING_TEST(entered),
	    RING_TEST(gates_privilege),
	    RING_TEST(odd_gates),
	    RING_TEST(odd_gates_by_int),
	    RING_TEST(odd_stacks),
	    RING_TEST(returns),
	    RING_TEST(control_registers),
	    RING_TEST(msrs),
	    RING_TEST(roots_are_loaded),
	    RING_TEST(msrs_tell),
	    RING_TEST(interrupts_are_delivered),
	    RING_TEST(flags_on_the_way_in),
	    RING_TEST(segments_on_the_way_back),
	    RING_TEST(what_is_code),
	    RING_TEST(a_known_table),
	    RING_TEST(tables_are_made_and_freed),
	};

	return cmocka_run_group_tests_name("fv rings", tests, NULL, NULL);
}
