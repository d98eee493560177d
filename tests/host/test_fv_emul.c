/* SPDX-License-Identifier: MIT */
/*
 * Specification of what an fv domain's instructions do that trap (fv/emul.c, string_io.c, trap.c), as bytes that the guest
 * executes in ring 1 or 3:
 *   - each has the effect of ring 0, on the guest's own state, with the operand's size; registers move only if all went well;
 *   - an application gets what the processor would give it: its own pages, ports by IOPL, nothing privileged;
 *   - memory that is not there is the guest's page fault, at the byte where it begins, and nothing else has happened;
 *   - several that follow each other are carried out in one visit, up to a bound, and no interrupt or single step is lost;
 *   - each exception goes where it belongs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
#define read_cr2() 0x12345000ul
#include "emul/decode.c"
#include "emul/operand.c"
#undef MODRM
#undef IMM
#undef IMM8
#undef NONE
#include "fv/emul.c"
#include "fv/string_io.c"
#include "fv/trap.c"

/* ---- what they call ---- */

#define CODE     0x2000u
#define DATA     0x4000u
#define KERNEL   0x6000u /* a page that no application may touch */
#define READONLY 0x7000u /* nor write to this one */
#define STACK    0x5000u
#define END      0x9000u /* of memory */
#define SEEN     0x00000a86u

struct percpu host_percpu;
static struct domain domain;
static struct vcpu vcpu;
static struct fv fv;
static uint8_t ram[END];
static volatile uint8_t upcall[2];
static uint64_t descriptor[8];
static bool small_code, no_code, iret_fails, sync_changes, code32_fails;
static enum fv_result others; /* what becomes of instructions that are carried out elsewhere */
static enum emul_result dr_result;

static struct {
	unsigned crashes, blocks, syncs, shadow_syncs, irets, others, reports;
	uint32_t flags, mask;
	uint32_t fault_va, fault_error;
	unsigned faults;
	int vector, source; /* source: -1 with an error code */
	uint32_t error;
	uint32_t invlpg, page_fault_va, page_fault_error;
	unsigned reads, writes;
	uint16_t port;
	unsigned size;
	uint32_t value;
	bool wide;
} did;

uint32_t fv_read_slowly(struct fv *f, uint32_t va, void *to, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > END) {
		*fault = MAX(va, END);
		return 0;
	}
	memcpy(to, ram + va, n);
	return FV_OK;
}
uint32_t fv_write(struct fv *f, uint32_t va, const void *from, unsigned n, uint32_t *fault)
{
	if ((uint64_t)va + n > END) {
		*fault = MAX(va, END);
		return PF_WRITE;
	}
	memcpy(ram + va, from, n);
	return FV_OK;
}
uint32_t fv_walk(struct fv *f, uint32_t va, uint32_t access, struct fv_place *place)
{
	assert_true(access & PF_USER);
	if (va >= END)
		return access;
	if (va / PAGE_SIZE == KERNEL / PAGE_SIZE ||
	    (va / PAGE_SIZE == READONLY / PAGE_SIZE && (access & PF_WRITE)))
		return access | PF_PRESENT;
	return FV_OK;
}
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = (struct segment){.limit = ~0u, .big = !small_code, .readable = true, .writable = true};
	return !no_code;
}
bool fv_descriptor(struct fv *f, uint16_t selector, uint64_t *d)
{
	*d = selector / 8 < ARRAY_SIZE(descriptor) ? descriptor[selector / 8] : 0;
	return *d;
}
bool fv_code32(const struct fv *f, uint16_t selector, uint32_t *base)
{
	*base = 0;
	return !code32_fails;
}
uint32_t fv_flags_get(const struct vcpu *v)
{
	return SEEN;
}
void fv_flags_set(struct vcpu *v, uint32_t flags, uint32_t mask)
{
	did.flags = flags;
	did.mask = mask;
}
bool fv_iret(struct vcpu *v, bool wide)
{
	did.irets++;
	did.wide = wide;
	return !iret_fails;
}
void fv_inject(struct vcpu *v, uint8_t vector, enum fv_source source)
{
	did.vector = vector;
	did.source = source;
}
void fv_inject_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	did.vector = vector;
	did.source = -1;
	did.error = error;
}
void fv_inject_page_fault(struct vcpu *v, uint32_t va, uint32_t error)
{
	did.faults++;
	did.fault_va = va;
	did.fault_error = error;
}
void fv_page_fault(struct vcpu *v, uint32_t va, uint32_t error)
{
	did.page_fault_va = va;
	did.page_fault_error = error;
}
void fv_shadow_invlpg(struct fv *f, uint32_t va)
{
	did.invlpg = va;
}
void fv_shadow_sync(struct fv *f)
{
	did.shadow_syncs++;
}
bool fv_segments_sync(struct fv *f)
{
	did.syncs++;
	return sync_changes;
}
enum fv_result fv_write_cr0(struct vcpu *v, uint32_t value)
{
	fv.cr0 = value;
	return FV_DONE;
}
static enum fv_result elsewhere(void)
{
	did.others++;
	return others;
}
enum fv_result fv_mov_cr(struct emul *e)
{
	return elsewhere();
}
enum fv_result fv_rdmsr(struct vcpu *v)
{
	return elsewhere();
}
enum fv_result fv_wrmsr(struct vcpu *v)
{
	return elsewhere();
}
enum emul_result emul_mov_dr(struct emul *e)
{
	did.others++;
	return dr_result;
}
uint32_t fv_port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	did.reads++;
	did.port = port;
	did.size = size;
	return 0x87654321;
}
void fv_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	did.writes++;
	did.port = port;
	did.size = size;
	did.value = value;
}
void domain_crash(struct domain *d, const char *fmt, ...)
{
	did.crashes++;
}
void vcpu_block(struct vcpu *v)
{
	did.blocks++;
}
void debugreg_report(struct vcpu *v)
{
	did.reports++;
}

/* ---- the stage ---- */

static struct cpu_user_regs *const r = &vcpu.regs;

static int setup(void **state)
{
	memset(&did, 0, sizeof(did));
	did.vector = -2;
	memset(ram, 0x90, sizeof(ram));
	memset(descriptor, 0, sizeof(descriptor));
	domain = (struct domain){0};
	fv = (struct fv){.v = &vcpu, .cr0 = CR0_PE | CR0_TS};
	vcpu = (struct vcpu){.domain = &domain, .fv = &fv, .upcall = upcall};
	upcall[0] = upcall[1] = 0;
	r->cs = 0x09;
	r->ss = 0x11;
	r->rsp = STACK;
	r->rflags = RFLAGS_RF | RFLAGS_MBS;
	small_code = no_code = iret_fails = sync_changes = code32_fails = false;
	others = FV_DONE;
	dr_result = EMUL_DONE;
	return 0;
}

static void in_user(void)
{
	r->cs = 0x1b;
	r->ss = 0x23;
}

static void put(const char *bytes, unsigned n)
{
	memset(ram + CODE, 0x90, 64);
	memcpy(ram + CODE, bytes, n);
	r->rip = CODE;
}

/* The guest comes to these bytes. What was done is behind them, what was not stays. */
static enum fv_result meets(const char *bytes, unsigned n)
{
	enum fv_result result;

	put(bytes, n);
	result = fv_emulate(&vcpu);
	assert_int_equal(r->rip, CODE + (result == FV_DONE ? n : 0));
	return result;
}
#define done(bytes)    assert_int_equal(meets(bytes, sizeof(bytes) - 1), FV_DONE)
#define refused(bytes) assert_int_equal(meets(bytes, sizeof(bytes) - 1), FV_REFUSED)
/* A page fault at @va. */
#define faults(bytes, va, error)                                            \
	do {                                                                \
		did.faults = 0;                                             \
		assert_int_equal(meets(bytes, sizeof(bytes) - 1), FV_STAY); \
		assert_int_equal(did.faults, 1);                            \
		assert_int_equal(did.fault_va, va);                         \
		assert_int_equal(did.fault_error, error);                   \
	} while (0)

static uint32_t word(uint32_t at, unsigned n)
{
	uint32_t value = 0;

	memcpy(&value, ram + at, n);
	return value;
}

static void set_word(uint32_t at, uint32_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

/* ---- flags, stack ---- */

static void flags(void **state)
{
	done("\x9c");
	assert_int_equal(r->rsp, STACK - 4);
	assert_int_equal(word(STACK - 4, 4), SEEN);
	done("\x66\x9c");
	assert_int_equal(r->rsp, STACK - 6);
	assert_int_equal(word(STACK - 6, 2), SEEN & 0xffff);
	set_word(STACK - 6, 0x12345678);
	done("\x66\x9d");
	assert_int_equal(r->rsp, STACK - 4);
	assert_int_equal(did.flags, 0x5678);
	assert_int_equal(did.mask, 0x7fd5);
	set_word(STACK - 4, 0x89abcdef);
	done("\x9d");
	assert_int_equal(r->rsp, STACK);
	assert_int_equal(did.flags, 0x89abcdef);
	assert_int_equal(did.mask, 0x247fd5);
	r->rsp = END + 4;
	faults("\x9c", END, PF_WRITE);
	faults("\x9d", END + 4, 0);
	assert_int_equal(r->rsp, END + 4);
	in_user();
	r->rsp = STACK;
	done("\x9d");
	assert_int_equal(did.mask, 0x247fd5 & ~(RFLAGS_IF | RFLAGS_IOPL));
}

static void selectors_seen(void **state)
{
	done("\x0e"); /* push cs */
	assert_int_equal(word(STACK - 4, 4), 0x08);
	done("\x16");
	assert_int_equal(word(STACK - 8, 4), 0x10);
	r->rax = ~0ull;
	done("\x66\x8c\xc8"); /* mov ax, cs */
	assert_int_equal(r->rax, 0xffffffffffff0008);
	done("\x8c\xd0"); /* mov eax, ss */
	assert_int_equal(r->rax, 0x10);
	refused("\x8c\xd8"); /* ds: it does not trap, and is not ours */
	set_word(DATA, 0xeeeeeeee);
	done("\x8c\x0d\x00\x40\x00\x00"); /* to memory: 16 bits */
	assert_int_equal(word(DATA, 4), 0xeeee0008);
	faults("\x8c\x0d\xff\x8f\x00\x00", END, PF_WRITE);
	in_user();
	done("\x8c\xc8");
	assert_int_equal(r->rax, 0x1b);
	done("\x8c\xd0");
	assert_int_equal(r->rax, 0x23);
}

/* ---- segments and tables ---- */

#define STACK_SEGMENT 0x00cf92000000ffffull

static void stack_segments(void **state)
{
	descriptor[3] = STACK_SEGMENT;
	descriptor[4] = STACK_SEGMENT & ~DESC_P;
	r->rax = 0x18;
	done("\x8e\xd0"); /* mov ss, eax */
	assert_int_equal(r->ss, 0x19);
	for (unsigned rpl = 1; rpl < 4; rpl++) {
		r->rax = 0x18 | rpl;
		refused("\x8e\xd0");
	}
	r->rax = 0x20; /* not present */
	refused("\x8e\xd0");
	r->rax = 0x28; /* none */
	refused("\x8e\xd0");
	r->rax = 0x18;
	refused("\x8e\xd8"); /* ds */
	r->ss = 0x11;
	set_word(DATA, 0x18);
	done("\x8e\x15\x00\x40\x00\x00");
	assert_int_equal(r->ss, 0x19);
	faults("\x8e\x15\xff\x8f\x00\x00", END, 0);
	r->ss = 0x11;
	set_word(STACK, 0x18);
	done("\x17");
	assert_int_equal(r->ss, 0x19);
	assert_int_equal(r->rsp, STACK + 4);
	set_word(STACK + 4, 0x20);
	refused("\x17");
	assert_int_equal(r->rsp, STACK + 4);
	r->rsp = END - 2;
	faults("\x17", END, 0);
	in_user();
	refused("\x17");
	refused("\x8e\xd0");
}

static void task_and_ldt(void **state)
{
	fv.tr = 0x30;
	fv.ldtr = 2;
	r->rax = ~0ull;
	done("\x0f\x00\xc0"); /* sldt eax */
	assert_int_equal(r->rax, 2);
	done("\x0f\x00\xc8"); /* str eax */
	assert_int_equal(r->rax, 0x30);
	done("\x0f\x00\x0d\x00\x40\x00\x00");
	assert_int_equal(word(DATA, 2), 0x30);
	/* A TSS that is available and present. */
	descriptor[5] = 0x1200893456780067ull;
	r->rax = 0x28;
	done("\x0f\x00\xd8"); /* ltr ax */
	assert_int_equal(fv.tr, 0x28);
	assert_int_equal(fv.tss.base, 0x12345678);
	assert_int_equal(fv.tss.limit, 0x67);
	fv.tr = 0;
	for (unsigned type = 0; type < 32; type++) {
		descriptor[5] = (0x1200893456780067ull & ~DESC_TYPE_S) | (uint64_t)type << 40;
		assert_int_equal(meets("\x0f\x00\xd8", 3), type == 9 ? FV_DONE : FV_REFUSED);
	}
	descriptor[5] = 0x1200893456780067ull & ~DESC_P;
	refused("\x0f\x00\xd8");
	r->rax = 0x30;
	refused("\x0f\x00\xd8"); /* none */
	descriptor[5] = 0x1200893456780067ull;
	set_word(DATA, 0x28);
	fv.tr = 0;
	done("\x0f\x00\x1d\x00\x40\x00\x00");
	assert_int_equal(fv.tr, 0x28);
	refused("\x0f\x00\x1d\xff\x8f\x00\x00");
	/* No LDT but none. */
	for (r->rax = 0; r->rax <= 3; r->rax++) {
		done("\x0f\x00\xd0");
		assert_int_equal(fv.ldtr, r->rax);
	}
	refused("\x0f\x00\xd0");
	refused("\x0f\x00\xe0"); /* VERR */
	in_user();
	done("\x0f\x00\xc0");
	r->rax = 0;
	refused("\x0f\x00\xd0");
	r->rax = 0x28;
	refused("\x0f\x00\xd8");
}

static void tables(void **state)
{
	fv.gdtr = (struct fv_table){0x11223344, 0x5566};
	fv.idtr = (struct fv_table){0x778899aa, 0xbbcc};
	done("\x0f\x01\x05\x00\x40\x00\x00"); /* sgdt */
	assert_int_equal(word(DATA, 2), 0x5566);
	assert_int_equal(word(DATA + 2, 4), 0x11223344);
	assert_int_equal(ram[DATA + 6], 0x90);
	done("\x0f\x01\x0d\x10\x40\x00\x00"); /* sidt */
	assert_int_equal(word(DATA + 0x12, 4), 0x778899aa);
	done("\x0f\x01\x15\x10\x40\x00\x00"); /* lgdt */
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	assert_int_equal(fv.gdtr.limit, 0xbbcc);
	assert_int_equal(fv.idtr.limit, 0xbbcc);
	assert_int_equal(did.syncs, 1);
	done("\x66\x0f\x01\x1d\x00\x40\x00\x00"); /* lidt with a base of 24 bits */
	assert_int_equal(fv.idtr.base, 0x223344);
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	faults("\x0f\x01\x15\xfd\x8f\x00\x00", END, 0);
	faults("\x0f\x01\x05\xfd\x8f\x00\x00", END, PF_WRITE);
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	for (unsigned reg = 2; reg < 4; reg++) { /* VMCALL and others lie there */
		char bytes[] = {0x0f, 0x01, 0xc0 | reg << 3};

		assert_int_equal(meets(bytes, 3), FV_REFUSED);
	}
	refused("\x0f\x01\xf8");
	refused("\x0f\x01\x2d\x00\x40\x00\x00");
	done("\x0f\x01\x3d\x78\x56\x34\x12");
	assert_int_equal(did.invlpg, 0x12345678);
	in_user();
	done("\x0f\x01\x05\x00\x40\x00\x00");
	refused("\x0f\x01\x15\x10\x40\x00\x00");
	refused("\x0f\x01\x3d\x78\x56\x34\x12");
	refused("\x0f\x01\xf0"); /* lmsw */
}

/* LMSW sets PE and never clears it; the rest below TS is its own. */
static void machine_status(void **state)
{
	fv.cr0 = CR0_PG | CR0_WP | CR0_PE | CR0_TS;
	r->rbx = 0;
	done("\x0f\x01\xe3"); /* smsw ebx */
	assert_int_equal(r->rbx, CR0_PG | CR0_WP | CR0_PE | CR0_TS);
	r->rax = CR0_MP | 0x20;
	done("\x0f\x01\xf0");
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_MP);
	set_word(DATA, CR0_TS | CR0_EM);
	done("\x0f\x01\x35\x00\x40\x00\x00");
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_TS | CR0_EM);
	refused("\x0f\x01\x35\xff\x8f\x00\x00");
	done("\x0f\x06"); /* clts */
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_EM);
	in_user();
	done("\x0f\x01\xe3");
	refused("\x0f\x06");
}

/* LAR and LSL, of every descriptor that there can be, for each CPL and RPL (SDM 2A). */
static void looking_at_segments(void **state)
{
	for (unsigned n = 0; n < 1u << 13; n++) {
		unsigned type = n & 15, s = n >> 4 & 1, dpl = n >> 5 & 3, rpl = n >> 7 & 3, lsl = n >> 9 & 1;
		unsigned user = n >> 10 & 1, big = n >> 11 & 1, none = n >> 12 & 1, cpl = user ? 3 : 0;
		bool conforming = s && (type & 12) == 12;
		bool known =
		    s || (type != 0 && type != 8 && type != 10 && type != 13 && type != 6 && type != 7 &&
			  type != 14 && type != 15 && (!lsl || (type != 4 && type != 5 && type != 12)));
		bool ok = !none && known && (conforming || (cpl <= dpl && rpl <= dpl));
		uint32_t want;

		setup(NULL);
		if (user)
			in_user();
		descriptor[2] = none ? 0
				     : 0x00090000ffffull | (uint64_t)type << 40 | (uint64_t)s << 44 |
					   (uint64_t)dpl << 45 | DESC_P | (uint64_t)big << 55 | 5ull << 48;
		want = lsl ? (big ? 0x5ffff << 12 | 0xfff : 0x5ffff)
			   : (type << 8 | s << 12 | dpl << 13 | 1 << 15 | big << 23);
		r->rbx = 0x10 | rpl;
		r->rax = 0x77;
		r->rflags |= ok ? 0 : RFLAGS_ZF;
		assert_int_equal(meets(lsl ? "\x0f\x03\xc3" : "\x0f\x02\xc3", 3), FV_DONE);
		if (!!(r->rflags & RFLAGS_ZF) != ok || r->rax != (ok ? want : 0x77))
			fail_msg("%s: type %u, s %u, dpl %u, rpl %u, cpl %u: %lx", lsl ? "LSL" : "LAR", type,
				 s, dpl, rpl, cpl, r->rax);
	}
	setup(NULL);
	descriptor[2] = STACK_SEGMENT;
	set_word(DATA, 0x10);
	done("\x0f\x02\x05\x00\x40\x00\x00");
	assert_int_equal(r->rax, 0x00c09200);
	faults("\x0f\x02\x05\xff\x8f\x00\x00", END, 0);
}

/* ---- what an application may ---- */

static void pages_of_applications(void **state)
{
	in_user();
	done("\x0f\x01\x05\xfa\x5f\x00\x00"); /* sgdt: all six bytes before the kernel's page */
	faults("\x0f\x01\x05\xfb\x5f\x00\x00", KERNEL, PF_PRESENT | PF_USER | PF_WRITE);
	faults("\x0f\x01\x05\x10\x60\x00\x00", KERNEL + 0x10, PF_PRESENT | PF_USER | PF_WRITE);
	faults("\x0f\x01\x05\x00\x70\x00\x00", READONLY, PF_PRESENT | PF_USER | PF_WRITE);
	r->rsp = READONLY;
	done("\x9d");
	r->rsp = READONLY - 2;
	faults("\x9d", READONLY - 2, PF_PRESENT | PF_USER);
	r->rsp = END - 2; /* the first of its bytes is there */
	faults("\x9d", END, PF_USER);
	setup(NULL); /* and the kernel anything */
	done("\x0f\x01\x05\x10\x60\x00\x00");
	done("\x0f\x01\x05\x00\x70\x00\x00");
}

static void only_for_kernels(void **state)
{
	static const struct {
		char bytes[3];
		unsigned n;
	} list[] = {{"\xf4", 1},         {"\xfa", 1},         {"\xfb", 1},         {"\x0f\x06", 2},
		    {"\x0f\x08", 2},     {"\x0f\x09", 2},     {"\x0f\x30", 2},     {"\x0f\x32", 2},
		    {"\x0f\x20\xc0", 3}, {"\x0f\x22\xc0", 3}, {"\x0f\x21\xc0", 3}, {"\x0f\x23\xc0", 3},
		    {"\xcf", 1}};

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		setup(NULL);
		assert_int_equal(meets(list[i].bytes, list[i].n),
				 list[i].bytes[0] == '\xcf' ? FV_STAY : FV_DONE);
		setup(NULL);
		in_user();
		assert_int_equal(meets(list[i].bytes, list[i].n), FV_REFUSED);
		assert_int_equal(did.others + did.blocks + did.irets, 0);
	}
	setup(NULL);
	others = FV_REFUSED;
	dr_result = EMUL_REFUSED;
	refused("\x0f\x22\xc0");
	refused("\x0f\x21\xc0");
	refused("\x0f\x30");
	refused("\x0f\x32");
	assert_int_equal(did.others, 4);
	refused("\x90");
	refused("\xcd\x80");
	iret_fails = true;
	refused("\xcf");
	assert_true(did.wide);
	iret_fails = false;
	put("\x66\xcf", 2);
	assert_int_equal(fv_emulate(&vcpu), FV_STAY);
	assert_false(did.wide);
}

static void ports(void **state)
{
	r->rax = 0xffffffff11223344;
	r->rdx = 0xaaaa0abc;
	done("\xe4\x60"); /* in al, 0x60 */
	assert_int_equal(did.port, 0x60);
	assert_int_equal(did.size, 1);
	assert_int_equal(r->rax, 0xffffffff11223321);
	done("\xed"); /* in eax, dx */
	assert_int_equal(did.port, 0x0abc);
	assert_int_equal(did.size, 4);
	assert_int_equal(r->rax, 0x87654321);
	done("\xe6\xf0"); /* out 0xf0, al */
	assert_int_equal(did.port, 0xf0);
	assert_int_equal(did.value, 0x21);
	done("\x66\xef"); /* out dx, ax */
	assert_int_equal(did.size, 2);
	assert_int_equal(did.value, 0x4321);
	assert_int_equal(did.reads, 2);
	assert_int_equal(did.writes, 2);
	in_user();
	for (vcpu.iopl = 0; vcpu.iopl < 3; vcpu.iopl++) {
		refused("\xe4\x60");
		refused("\xef");
		refused("\x6c");
		refused("\x6f");
	}
	assert_int_equal(did.reads + did.writes, 4);
	done("\xe4\x60");
	done("\xef");
	r->rdi = r->rsi = DATA;
	done("\x6c");
	done("\x6f");
}

/* ---- strings of ports ---- */

static void strings(void **state)
{
	r->rdx = 0x3f8;
	r->rdi = DATA;
	r->rsi = DATA + 0x100;
	set_word(DATA + 0x100, 0x55667788);
	done("\x6d"); /* insd */
	assert_int_equal(word(DATA, 4), 0x87654321);
	assert_int_equal(r->rdi, DATA + 4);
	done("\x66\x6f"); /* outsw */
	assert_int_equal(did.value, 0x7788);
	assert_int_equal(did.size, 2);
	assert_int_equal(r->rsi, DATA + 0x102);
	r->rflags |= RFLAGS_DF;
	done("\x6e"); /* outsb */
	assert_int_equal(did.value, 0x66);
	assert_int_equal(r->rsi, DATA + 0x101);
	r->rflags &= ~RFLAGS_DF;
	/* As often as ECX says, one at a time. */
	r->rcx = 2;
	assert_int_equal(meets("\xf3\x6c", 2), FV_STAY);
	assert_int_equal(r->rcx, 1);
	done("\xf3\x6c");
	assert_int_equal(r->rcx, 0);
	assert_int_equal(r->rdi, DATA + 6);
	did.reads = did.writes = 0;
	done("\xf3\x6c");
	done("\xf2\x6e");
	assert_int_equal(did.reads + did.writes, 0);
	assert_int_equal(r->rdi, DATA + 6);
	/* With addresses of 16 bits. */
	r->rdi = 0xabcd4000;
	r->rcx = 0xabcd0001;
	done("\xf3\x67\x6c");
	assert_int_equal(r->rdi, 0xabcd4001);
	assert_int_equal(r->rcx, 0xabcd0000);
	/* Memory first, then the device. */
	did.reads = did.writes = 0;
	r->rdi = r->rsi = END - 2;
	r->rcx = 5;
	faults("\xf3\x6d", END, 0);
	faults("\xf3\x6f", END, 0);
	assert_int_equal(r->rcx, 5);
	vcpu.iopl = 3;
	in_user();
	r->rdi = READONLY;
	faults("\x6c", READONLY, PF_PRESENT | PF_USER | PF_WRITE);
	r->rsi = KERNEL;
	faults("\x6e", KERNEL, PF_PRESENT | PF_USER);
	assert_int_equal(did.reads + did.writes, 0);
	assert_int_equal(r->rdi, READONLY);
}

/* ---- one visit ---- */

static void visit(const char *bytes, unsigned n, unsigned executed)
{
	put(bytes, n);
	assert_int_equal(fv_emulate(&vcpu), FV_DONE);
	assert_int_equal(r->rip, CODE + executed);
}

static void halting(void **state)
{
	upcall[1] = 1;
	visit("\xfb\xf4\xfa", 3, 2); /* sti; hlt: together, and no further */
	assert_int_equal(did.blocks, 1);
	assert_int_equal(upcall[1], 0);
	done("\xfa");
	assert_int_equal(upcall[1], 1);
	done("\xf4");
	assert_int_equal(did.blocks, 1);
	assert_int_equal(did.crashes, 1);
}

static void many_in_one_visit(void **state)
{
	visit("\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa", 12, MAX_ROUNDS + 1);
	assert_false(r->rflags & RFLAGS_RF);
	visit("\xfa\x90\xfa", 3, 1);
	visit("\xe4\x60\xec\xed\xe6\x80\xee\xfb\x90", 9, 8);
	visit("\xfa\x66\xed", 3, 1); /* nor is looked behind prefixes */
	visit("\xfa\x9c", 2, 1);     /* PUSHF does not trap by itself */
	r->rflags |= RFLAGS_TF;
	visit("\xfa\xfa", 2, 1);
	r->rflags &= ~RFLAGS_TF;
	domain.shut_down = true;
	visit("\xfa\xfa", 2, 1);
	domain.shut_down = false;
	/* An interrupt that waits comes first, if they are on. */
	upcall[0] = 1;
	upcall[1] = 0;
	visit("\xec\xec", 2, 1);
	upcall[1] = 1;
	visit("\xec\xec", 2, 2);
	visit("\xfb\xec\xec", 3, 2); /* STI holds it off by one */
	upcall[0] = 0;
	/* The second one is refused: it faults by itself. */
	iret_fails = true;
	put("\xfa\xcf", 2);
	assert_int_equal(fv_emulate(&vcpu), FV_STAY);
	assert_int_equal(r->rip, CODE + 1);
	iret_fails = false;
	put("\xfa\xcf", 2);
	assert_int_equal(fv_emulate(&vcpu), FV_STAY);
	assert_int_equal(did.irets, 2);
	in_user();
	vcpu.iopl = 3;
	visit("\xec\xec", 2, 1);
}

static void fetching(void **state)
{
	/* To the end of memory, and over the border of a page. */
	memset(ram + END - 4, 0xfa, 4);
	r->rip = END - 4;
	assert_int_equal(fv_emulate(&vcpu), FV_DONE);
	assert_int_equal(r->rip, END);
	assert_int_equal(fv_emulate(&vcpu), FV_REFUSED);
	ram[END - 1] = 0x0f;
	r->rip = END - 1;
	assert_int_equal(fv_emulate(&vcpu), FV_REFUSED);
	ram[CODE + 0xfff] = 0x0f;
	ram[CODE + 0x1000] = 0x06;
	r->rip = CODE + 0xfff;
	assert_int_equal(fv_emulate(&vcpu), FV_DONE);
	assert_int_equal(r->rip, CODE + 0x1001);
	small_code = true;
	done("\x9c");
	assert_int_equal(r->rsp, STACK - 2);
	no_code = true;
	refused("\xfa");
}

/* ---- exceptions ---- */

static void traps(uint32_t vector, uint32_t error)
{
	unsigned syncs = did.shadow_syncs;

	did.vector = -2;
	r->entry_vector = vector;
	r->error_code = error;
	fv_trap(&vcpu, r);
	assert_int_equal(did.shadow_syncs, syncs + 1);
}

static void expect_error(int vector, uint32_t error)
{
	assert_int_equal(did.vector, vector);
	assert_int_equal(did.source, -1);
	assert_int_equal(did.error, error);
}

static void expect(int vector, int source)
{
	assert_int_equal(did.vector, vector);
	assert_int_equal(did.source, source);
}

static void exceptions(void **state)
{
	static const uint8_t hardware[] = {0, 5, 6, 7, 16, 19, 2, 9}, software[] = {3, 4, 0x80, 0x82};

	traps(TRAP_PF, 7);
	assert_int_equal(did.page_fault_va, 0x12345000);
	assert_int_equal(did.page_fault_error, 7);
	for (unsigned i = 0; i < ARRAY_SIZE(hardware); i++) {
		traps(hardware[i], 0);
		expect(hardware[i], FV_HARDWARE);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(software); i++) {
		traps(software[i], 0);
		expect(software[i], FV_SOFTWARE);
	}
	traps(TRAP_DB, 0);
	expect(TRAP_DB, FV_HARDWARE);
	assert_int_equal(did.reports, 1);
	traps(TRAP_TS, 0x28);
	expect_error(TRAP_TS, 0x28);
	traps(TRAP_AC, 0);
	expect_error(TRAP_AC, 0);
	traps(TRAP_NP, 0);
	expect_error(TRAP_NP, 0);
	traps(TRAP_SS, 0);
	expect_error(TRAP_SS, 0);
}

static void general_protection_faults(void **state)
{
	put("\xfa\x90", 2);
	traps(TRAP_GP, 0);
	assert_int_equal(did.vector, -2);
	assert_int_equal(upcall[1], 1);
	traps(TRAP_GP, 0); /* at a NOP */
	expect_error(TRAP_GP, 0);
	/* INT n. */
	put("\xcd\x31", 2);
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect(0x31, FV_SOFTWARE);
	assert_int_equal(r->rip, CODE + 2);
	put("\xcc\x31", 2);
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
	r->rip = END - 1;
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
	put("\xcd\x31", 2);
	no_code = true;
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
}

/* A selector that the processor's table refuses: IRET, a table that has changed, an instruction of ring 0, or a fault. */
static void selector_faults(void **state)
{
	static const uint8_t vectors[] = {TRAP_GP, TRAP_NP, TRAP_SS};

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		setup(NULL);
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.irets, 1);
		assert_true(did.wide);
		assert_int_equal(did.vector, -2);
		assert_int_equal(did.syncs, 0);
		iret_fails = true;
		traps(vectors[i], 0x20);
		expect_error(vectors[i], 0x20);
		sync_changes = true;
		traps(vectors[i], 0x20);
		assert_int_equal(did.vector, -2);
		/* Nor plain: in code of 16 bits, behind a prefix, where nothing can be read. */
		setup(NULL);
		code32_fails = true;
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.syncs, 1);
		assert_int_equal(did.irets, 1);
		setup(NULL);
		r->rip = END;
		traps(vectors[i], 0x10020);
		expect_error(vectors[i], 0x20);
		setup(NULL);
		descriptor[3] = STACK_SEGMENT;
		r->rax = 0x18;
		put("\x8e\xd0", 2);
		traps(vectors[i], 0x18);
		assert_int_equal(did.vector, -2);
		assert_int_equal(r->ss, 0x19);
		setup(NULL);
		in_user();
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.irets, 0);
		expect_error(vectors[i], 0x20);
		put("\x9c", 1); /* what an application may is no way out either */
		traps(vectors[i], 0x20);
		expect_error(vectors[i], 0x20);
	}
}

#define EMUL_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    EMUL_TEST(flags),
	    EMUL_TEST(selectors_seen),
	    EMUL_TEST(stack_segments),
	    EMUL_TEST(task_and_ldt),
	    EMUL_TEST(tables),
	    EMUL_TEST(machine_status),
	    EMUL_TEST(looking_at_segments),
	    EMUL_TEST(pages_of_applications),
	    EMUL_TEST(only_for_kernels),
	    EMUL_TEST(ports),
	    EMUL_TEST(strings),
	    EMUL_TEST(halting),
	    EMUL_TEST(many_in_one_visit),
	    EMUL_TEST(fetching),
	    EMUL_TEST(exceptions),
	    EMUL_TEST(general_protection_faults),
	    EMUL_TEST(selector_faults),
	};

	return cmocka_run_group_tests_name("fv instructions", tests, NULL, NULL);
}
