/* SPDX-License-Identifier: MIT */
/*
 * Specification of the way to a PV guest's emulated instruction, and of its control registers (hypervisor/emul/pv.c,
 * control.c):
 *   fetch      the bytes at RIP by the code segment's base, size and presence; to the end of the last page that is there
 *   forced     the prefix is seen wherever it lies, and only the whole of it
 *   who may    kernels all, applications ports and the interrupt flag by the virtual IOPL; a row for each instruction
 *   memory     what an instruction reads and writes is allowed by the rights of the code that executes it, in both pages
 *   control    CR0 changes in TS alone, CR3 as the page tables permit, 32 bits from 32-bit code; errors are told apart
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "cpu/x86.h"
static uint64_t host_cr0;
#define read_cr0()   host_cr0
#define write_cr0(v) (host_cr0 = (v))
#define clts()       (host_cr0 &= ~CR0_TS)
#include "emul/decode.c"
#include "emul/operand.c"
#include "emul/emul.c"
#include "emul/control.c"
#include "emul/pv.c"

#define NO_SELECTOR 0x44

struct percpu host_percpu;
static uint8_t *code; /* three pages below 4 GiB; the last one cannot be read */
static bool kernel, one_page;
static struct segment segment[8];
static int root_rc, settle_rc, dr_rc;
static uint64_t cr2, fpu_value;
static struct fpu_area fpu;
static unsigned calls;
static enum emul_result (*asked)(struct emul *e);

/* ---- what they call ---- */

int guest_read_any(void *dst, gva_t src, size_t n)
{
	gva_t end = (gva_t)code + (one_page ? 1 : 2) * PAGE_SIZE;

	if (src < (gva_t)code || src + n > end)
		return -EFAULT;
	memcpy(dst, (const void *)src, n);
	return 0;
}
static uint64_t no_access[2]; /* pages that the guest may not use: the first, the second for writing */
static bool mapped;           /* is there anything at all? */
static uint32_t walked_as;
static int written;
bool walk_permits(uint64_t cr3, gva_t va, uint32_t error)
{
	walked_as = error;
	return va >> PAGE_SHIFT != no_access[0] && (!(error & PF_WRITE) || va >> PAGE_SHIFT != no_access[1]);
}
bool walk_leaf(uint64_t cr3, gva_t va, uint64_t *leaf)
{
	return mapped;
}
int guest_write_any(gva_t dst, const void *src, size_t n)
{
	written++;
	return one_page ? -EFAULT : 0;
}
const struct emul_ports emul_pv_ports;
void bounce_trap(struct vcpu *v, uint8_t vector)
{
}
void bounce_trap_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
}
void bounce_page_fault(struct vcpu *v, gva_t at, uint32_t error)
{
}
void debugreg_bounce(struct vcpu *v, uint64_t dr6)
{
}
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = segment[selector / 8 & 7];
	return selector != NO_SELECTOR;
}
#define ASKED(fn)                           \
	enum emul_result fn(struct emul *e) \
	{                                   \
		asked = fn;                 \
		return EMUL_DONE;           \
	}
ASKED(emul_pv_io)
ASKED(emul_string_io)
ASKED(emul_rdmsr)
ASKED(emul_wrmsr)
void emul_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
	calls++;
}
uint64_t context_cr0(const struct vcpu *v)
{
	return v->pv.cr0 | (v->pv.ts_virtual ? CR0_TS : 0);
}
uint64_t context_cr4(uint64_t wanted)
{
	return CR4_PAE | (wanted & CR4_OSXSAVE);
}
void fpu_set_osxsave(struct fpu_area *area, bool on)
{
	fpu_value = area->xcr0 = on;
}
int fpu_set_xcr0(struct fpu_area *area, uint64_t xcr0)
{
	fpu_value = xcr0;
	return xcr0 & 1 ? 0 : -EINVAL;
}
int vcpu_set_root(struct vcpu *v, mfn_t root)
{
	v->mm.root = root;
	return root_rc;
}
int pt_settle_left(struct domain *d)
{
	calls++;
	return settle_rc;
}
int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value)
{
	if (!dr_rc)
		v->pv.debugreg[reg & 7] = value;
	return dr_rc;
}
int debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value)
{
	*value = v->pv.debugreg[reg & 7];
	return dr_rc;
}

/* ---- the stage ---- */

static bool is_kernel(const struct vcpu *v)
{
	return kernel;
}
static uint64_t get_cr2(const struct vcpu *v)
{
	return cr2;
}
static void set_cr2(struct vcpu *v, uint64_t value)
{
	cr2 = value;
}
static mfn_t unfold(uint64_t cr3)
{
	return cr3 >> PAGE_SHIFT;
}
static uint64_t fold(mfn_t mfn)
{
	return mfn << PAGE_SHIFT;
}
static struct guest_abi abi = {.flat_cs = {SEL_GUEST_CS64, SEL_GUEST_CS64 + 8}};
static const struct paging_rules paging = {.cr3_to_mfn = unfold, .mfn_to_cr3 = fold};
static const struct pv_doors pv = {.get_cr2 = get_cr2, .set_cr2 = set_cr2};
static const struct guest_doors doors = {.in_kernel = is_kernel};
static struct domain d = {.abi = &abi, .paging = &paging, .pv = &pv, .doors = &doors, .mm.pt_left = true};
static struct vcpu vcpu;
static struct emul e;
static struct cpu_user_regs *const r = &vcpu.regs;

static int setup(void **state)
{
	if (!code)
		code = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (code == MAP_FAILED)
		return -1;
	mprotect(code + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	memset(code, 0x90, 2 * PAGE_SIZE); /* NOP is not emulated */
	abi.flat_mode = 64;
	abi.low_end = 1ull << 47;
	abi.high_start = ~0ull;
	vcpu = (struct vcpu){.domain = &d, .fpu = &fpu, .pv.cr0 = CR0_PE | CR0_WP, .pv.cr4 = CR4_PAE};
	host_percpu.vcpu = &vcpu;
	r->cs = SEL_GUEST_CS64;
	r->rflags = RFLAGS_MBS | RFLAGS_RF;
	kernel = true;
	one_page = false;
	memset(segment, 0, sizeof(segment));
	root_rc = settle_rc = dr_rc = 0;
	calls = 0;
	host_cr0 = CR0_PE;
	return 0;
}

/* The guest comes to these bytes, @before the end of the first page. What is done is behind them, what is not stays. */
static enum emul_result meets(unsigned before, const char *bytes, unsigned n)
{
	uint8_t *at = code + PAGE_SIZE - before;
	enum emul_result result;

	memcpy(at, bytes, n);
	r->rip = (gva_t)at - segment[r->cs / 8 & 7].base;
	asked = NULL;
	result = emul_privileged(&e, &vcpu);
	assert_int_equal(r->rip + segment[r->cs / 8 & 7].base, (gva_t)at + (result == EMUL_DONE ? n : 0));
	memset(at, 0x90, n);
	return result;
}
#define comes(bytes, result) assert_int_equal(meets(100, bytes, sizeof(bytes) - 1), result)

/* ---- fetch ---- */

static void bytes_of_flat_code(void **state)
{
	uint8_t bytes[FETCH_BYTES];
	unsigned mode;

	for (unsigned before = 1; before <= 40; before++) {
		for (int missing = 0; missing < 2; missing++) {
			one_page = missing;
			memset(code, 0x11, PAGE_SIZE);
			code[PAGE_SIZE - before] = 0x77;
			r->rip = (gva_t)code + PAGE_SIZE - before;
			mode = 0;
			assert_int_equal(emul_fetch(&vcpu, bytes, &mode),
					 missing ? MIN(before, INSN_MAX) : INSN_MAX);
			assert_int_equal(mode, 64);
			assert_int_equal(bytes[0], 0x77);
		}
	}
	one_page = false;
	r->cs = SEL_GUEST_CS64 + 8; /* the other flat one */
	abi.flat_mode = 32;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 32);
	r->rip = (gva_t)code + 2 * PAGE_SIZE - 1; /* the last byte that is there */
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 1);
	abi.low_end = (gva_t)code; /* the hypervisor's own, which it could read */
	r->rip = (gva_t)code;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
}

static void bytes_by_segment(void **state)
{
	uint8_t bytes[FETCH_BYTES];
	unsigned mode;

	code[0] = 0x77;
	r->cs = 8;
	segment[1] = (struct segment){.base = 0x1000, .code = true};
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 16);
	assert_int_equal(bytes[0], 0x77);
	segment[1].base = 0xfffff000; /* the sum wraps at 4 GiB */
	segment[1].big = true;
	r->rip = (gva_t)code + 0x1000;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 32);
	assert_int_equal(bytes[0], 0x77);
	segment[1].code64 = true; /* 64-bit code has no base */
	r->rip = (gva_t)code;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 64);
	assert_int_equal(bytes[0], 0x77);
	r->rip = (gva_t)code + 2 * PAGE_SIZE; /* nothing is there */
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	r->rip = (gva_t)code;
	segment[1].code = false;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	segment[0].code = true;
	r->cs = NO_SELECTOR;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	segment[1] = (struct segment){.code = true, .big = true};
	r->cs = 8;
	assert_int_equal(meets(PAGE_SIZE, "\x0f\x06", 2), EMUL_DONE);
	r->rip = ~0u;
	emul_advance(&vcpu, 1); /* in 32 bits */
	assert_int_equal(r->rip, 0);
	r->cs = SEL_GUEST_CS64;
	r->rip = ~0u;
	r->rflags |= RFLAGS_RF;
	emul_advance(&vcpu, 1);
	assert_int_equal(r->rip, 1ull << 32);
	assert_int_equal(r->rflags, RFLAGS_MBS);
}

static void forced_cpuid(void **state)
{
	static const char prefix[] = "\x0f\x0bxen\x0f\xa2";

	for (unsigned before = 7; before <= 20; before++) {
		for (unsigned bit = 0; bit <= 56; bit++) {
			uint8_t *at = code + 2 * PAGE_SIZE - before;

			memcpy(at, prefix, 7);
			if (bit < 56)
				at[bit / 8] ^= 1 << bit % 8;
			r->rip = (gva_t)at;
			calls = 0;
			assert_int_equal(emul_undefined(&vcpu), bit == 56 ? UD_DONE : UD_FAULT);
			assert_int_equal(calls, bit == 56);
			assert_int_equal(r->rip, (gva_t)at + (bit == 56 ? 7 : 0));
		}
	}
	for (unsigned before = 0; before < 7; before++) {
		uint8_t *at = code + PAGE_SIZE - before;

		memcpy(at, prefix, 7);
		r->rip = (gva_t)at;
		assert_int_equal(emul_undefined(&vcpu), UD_DONE);
		one_page = true;
		r->rip = (gva_t)at;
		assert_int_equal(emul_undefined(&vcpu),
				 before ? UD_FAULT
					: UD_DONE); /* the word at a page's beginning is read at once */
		one_page = false;
	}
	memcpy(code, prefix, 7);
	r->cs = 8; /* in another segment */
	segment[1] = (struct segment){.base = 0x1000, .code = true, .big = true};
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_undefined(&vcpu), UD_DONE);
	segment[1].code = false;
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_undefined(&vcpu), UD_FAULT);
	r->cs = SEL_GUEST_CS64;
	r->rip = (gva_t)code;
	abi.low_end = (gva_t)code; /* not the guest's to execute */
	assert_int_equal(emul_undefined(&vcpu), UD_FAULT);
}

/* The first XGETBV or XSETBV of a vCPU, once, and nothing that looks like them. */
static void first_xcr0(void **state)
{
	static const uint8_t op[] = {0x0f, 0x01, 0xd0};

	r->rip = (gva_t)code;
	for (unsigned bit = 0; bit <= 24; bit++) {
		memcpy(code, op, sizeof(op));
		if (bit < 24)
			code[bit / 8] ^= 1 << bit % 8;
		for (unsigned osxsave = 0; osxsave < 2; osxsave++) {
			bool ours = osxsave && (bit == 16 || bit == 24); /* bit 16: XSETBV */

			vcpu.fpu->xcr0 = 0;
			vcpu.pv.cr4 = CR4_PAE | (osxsave ? CR4_OSXSAVE : 0);
			assert_int_equal(emul_undefined(&vcpu), ours ? UD_AGAIN : UD_FAULT);
			assert_int_equal(vcpu.fpu->xcr0, ours);
			assert_int_equal(r->rip, (gva_t)code);
			assert_int_equal(emul_undefined(&vcpu), UD_FAULT); /* it is on */
		}
	}
}

/* ---- who may ---- */

static void virtual_iopl(void **state)
{
	for (unsigned n = 0; n < 16; n++) {
		unsigned cpl;

		kernel = n & 4;
		vcpu.entry.special.iopl = n & 8; /* the guest's kernel sees itself in ring 0, or in ring 1 */
		vcpu.dom.iopl = n & 3;
		cpl = !kernel ? 3 : n & 8 ? 0 : 1;
		assert_int_equal(emul_iopl_ok(&vcpu), cpl <= vcpu.dom.iopl);
		comes("\xfa", cpl <= vcpu.dom.iopl ? EMUL_DONE : EMUL_REFUSED);
		comes("\xfb", cpl <= vcpu.dom.iopl ? EMUL_DONE : EMUL_REFUSED);
	}
}

static void each_instruction(void **state)
{
	static const struct {
		char bytes[4];
		unsigned n;
		enum emul_result (*to)(struct emul *e);
	} row[] = {
	    {"\x6c", 1, emul_string_io}, {"\x6f", 1, emul_string_io}, {"\xe4\x70", 2, emul_pv_io},
	    {"\xe7\x70", 2, emul_pv_io}, {"\xec", 1, emul_pv_io},     {"\xef", 1, emul_pv_io},
	    {"\x0f\xa2", 2, NULL},       {"\x0f\x30", 2, emul_wrmsr}, {"\x0f\x32", 2, emul_rdmsr},
	    {"\x0f\x08", 2, NULL},       {"\x0f\x09", 2, NULL},       {"\x0f\x06", 2, NULL},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		kernel = true;
		assert_int_equal(meets(100, row[i].bytes, row[i].n), EMUL_DONE);
		assert_ptr_equal(asked, row[i].to);
		kernel = false;
		assert_int_equal(meets(100, row[i].bytes, row[i].n), i < 7 ? EMUL_DONE : EMUL_REFUSED);
		assert_ptr_equal(asked, i < 6 ? row[i].to : NULL);
	}
	assert_int_equal(calls, 2); /* CPUID, by both: on processors that fault on it */
	kernel = true;
	comes("\x90", EMUL_REFUSED);         /* not in the table at all, */
	comes("\xcf", EMUL_REFUSED);         /* or for others than PV */
	comes("\x0f\x00\xd0", EMUL_REFUSED); /* lldt */
	e.insn.opcode = OP_0F(0x06);         /* what was decoded before is not done again */
	vcpu.pv.ts_virtual = true;
	comes("\x90", EMUL_REFUSED);
	abi.low_end = (gva_t)code; /* there are no bytes for it */
	assert_int_equal(emul_privileged(&e, &vcpu), EMUL_REFUSED);
	assert_true(vcpu.pv.ts_virtual);
	abi.low_end = 1ull << 47;
	code[2 * PAGE_SIZE - 1] = 0xe4; /* and of one that is cut short the beginning is none */
	r->rip = (gva_t)code + 2 * PAGE_SIZE - 1;
	asked = NULL;
	assert_int_equal(emul_privileged(&e, &vcpu), EMUL_REFUSED);
	assert_null(asked);
	e.dr6 = 0xf; /* met by none yet */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(e.dr6, 0);
	r->rflags |= RFLAGS_TF; /* it is to be stepped */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(e.dr6, DR6_BS);
	r->rflags &= ~RFLAGS_TF;
	assert_ptr_equal(e.v, &vcpu);
	assert_ptr_equal(e.regs, r);
}

/* ---- memory ---- */

static void memory(void **state)
{
	gva_t end = (gva_t)code + PAGE_SIZE, at = end - 2; /* four bytes from there lie in two pages */
	const struct emul_face *face = &emul_pv_face;
	uint32_t value = 0;

	emul_begin(&e, &vcpu, face);
	for (unsigned n = 0; n < 8; n++) {
		uint32_t user = n & 1 ? PF_USER : 0, present = n & 2 ? PF_PRESENT : 0;

		r->cs = n & 1 ? SEL_GUEST_CS64 : 0xe019; /* ring 3, or ring 1 */
		mapped = n & 2;
		no_access[0] = no_access[1] = 0;
		memcpy((void *)at, "abcd", 4);
		assert_int_equal(face->read(&e, at, &value, 4), EMUL_DONE);
		assert_memory_equal(&value, "abcd", 4);
		assert_int_equal(walked_as, user);
		assert_int_equal(face->may_write(&e, at, 4), EMUL_DONE);
		assert_int_equal(walked_as, user | PF_WRITE);
		no_access[n >> 2] = end >> PAGE_SHIFT; /* the second page cannot be used, or not be written */
		assert_int_equal(face->read(&e, at, &value, 4), n >> 2 ? EMUL_DONE : EMUL_FAULT);
		if (!(n >> 2)) {
			assert_int_equal(e.fault_address, end);
			assert_int_equal(e.fault_error, user | present);
		}
		assert_int_equal(face->read(&e, at, &value, 2), EMUL_DONE);
		assert_int_equal(face->may_write(&e, at, 2), EMUL_DONE);
		assert_int_equal(face->may_write(&e, at, 4), EMUL_FAULT);
		assert_int_equal(e.fault_address, end);
		assert_int_equal(e.fault_error, user | PF_WRITE | present);
		no_access[n >> 2] = at >> PAGE_SHIFT;
		assert_int_equal(face->may_write(&e, at + 1, 4), EMUL_FAULT);
		assert_int_equal(e.fault_address, at + 1);
	}
	no_access[0] = no_access[1] = 0;
	abi.low_end = end; /* where the hypervisor's memory begins */
	assert_int_equal(face->read(&e, at, &value, 2), EMUL_DONE);
	assert_int_equal(face->read(&e, at, &value, 4), EMUL_FAULT);
	assert_int_equal(e.fault_address, end);
	assert_int_equal(face->may_write(&e, end, 1), EMUL_FAULT);
	abi.low_end = 1ull << 47;
	/* It goes between the look and the access. */
	one_page = true;
	assert_int_equal(face->read(&e, at, &value, 4), EMUL_AGAIN);
	assert_int_equal(face->write(&e, at, &value, 4), EMUL_AGAIN);
	one_page = false;
	assert_int_equal(face->write(&e, at, &value, 4), EMUL_DONE);
	assert_int_equal(written, 2);
}

/* ---- control registers ---- */

static void cr0_and_ts(void **state)
{
	r->rax = 0;
	comes("\x0f\x20\xc0", EMUL_DONE); /* mov rax, cr0 */
	assert_int_equal(r->rax, CR0_PE | CR0_WP);
	comes("\x0f\x22\xc0", EMUL_DONE); /* and back: nothing changes */
	assert_int_equal(host_cr0, CR0_PE);
	r->rax |= CR0_TS;
	comes("\x0f\x22\xc0", EMUL_DONE);
	assert_true(vcpu.pv.ts_virtual);
	assert_int_equal(host_cr0, CR0_PE | CR0_TS);
	r->rbx = 0;
	comes("\x0f\x20\xc3", EMUL_DONE);
	assert_int_equal(r->rbx, CR0_PE | CR0_WP | CR0_TS);
	r->rax = CR0_WP;
	comes("\x0f\x22\xc0", EMUL_REFUSED);
	assert_true(vcpu.pv.ts_virtual);
	comes("\x0f\x06", EMUL_DONE);
	assert_false(vcpu.pv.ts_virtual);
	assert_int_equal(host_cr0, CR0_PE);
	host_cr0 = CR0_PE | CR0_TS; /* the processor's, left alone where there is no need */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(host_cr0, CR0_PE | CR0_TS);
}

static void other_crs(void **state)
{
	r->rax = 0x1234567890;
	comes("\x0f\x22\xd0", EMUL_DONE); /* cr2 */
	assert_int_equal(cr2, 0x1234567890);
	comes("\x0f\x20\xd1", EMUL_DONE);
	assert_int_equal(r->rcx, 0x1234567890);
	r->rax = CR4_OSXSAVE | CR4_UMIP;
	fpu_value = 7;
	comes("\x0f\x22\xe0", EMUL_DONE);
	assert_int_equal(vcpu.pv.cr4, CR4_PAE | CR4_OSXSAVE);
	assert_true(fpu_value);
	comes("\x0f\x20\xe3", EMUL_DONE);
	assert_int_equal(r->rbx, CR4_PAE | CR4_OSXSAVE);
	r->rax = 0;
	comes("\x0f\x22\xe0", EMUL_DONE);
	assert_false(fpu_value);
	comes("\x0f\x22\xc8", EMUL_REFUSED); /* cr1 */
	comes("\x0f\x20\xc8", EMUL_REFUSED);
	comes("\x44\x0f\x22\xc0", EMUL_REFUSED); /* cr8 */
	comes("\x44\x0f\x20\xc0", EMUL_REFUSED);
	abi.flat_mode = 32;
	r->rax = 0x1234567890;
	comes("\x0f\x22\xd0", EMUL_DONE);
	assert_int_equal(cr2, 0x34567890);
	cr2 = 0x9876543210;
	comes("\x0f\x20\xd0", EMUL_DONE);
	assert_int_equal(r->rax, 0x76543210);
}

static void cr3(void **state)
{
	static const struct {
		int root, settle;
		enum emul_result result;
		unsigned settled;
	} row[] = {
	    {0, 0, EMUL_DONE, 1},          {PT_LEFT, 0, EMUL_DONE, 1},
	    {0, -ERESTART, EMUL_AGAIN, 1}, {PT_LEFT, -ERESTART, EMUL_AGAIN, 1},
	    {-EINVAL, 0, EMUL_REFUSED, 0}, {-ERESTART, 0, EMUL_AGAIN, 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		root_rc = row[i].root;
		settle_rc = row[i].settle;
		calls = 0;
		r->rdi = 0x5000 + i * 0x1000;
		comes("\x0f\x22\xdf", row[i].result);
		assert_int_equal(vcpu.mm.root, 5 + i);
		assert_int_equal(calls, row[i].settled);
	}
	comes("\x0f\x20\xde", EMUL_DONE);
	assert_int_equal(r->rsi, 0xa000);
}

static void debug_registers(void **state)
{
	r->rdi = 0x1122334455;
	comes("\x0f\x23\xdf", EMUL_DONE); /* mov dr3, rdi */
	assert_int_equal(vcpu.pv.debugreg[3], 0x1122334455);
	comes("\x0f\x21\xd8", EMUL_DONE);
	assert_int_equal(r->rax, 0x1122334455);
	abi.flat_mode = 32;
	comes("\x0f\x21\xd8", EMUL_DONE);
	assert_int_equal(r->rax, 0x22334455);
	comes("\x0f\x23\xdf", EMUL_DONE);
	assert_int_equal(vcpu.pv.debugreg[3], 0x22334455);
	abi.flat_mode = 64;
	r->rax = 5;
	dr_rc = -EPERM;
	comes("\x0f\x23\xdf", EMUL_REFUSED);
	comes("\x0f\x21\xd8", EMUL_REFUSED);
	comes("\x44\x0f\x21\xf8", EMUL_UNDEFINED); /* dr15 */
	dr_rc = -ENODEV;
	comes("\x0f\x21\xe0", EMUL_UNDEFINED); /* dr4 with CR4.DE */
	comes("\x0f\x23\xe0", EMUL_UNDEFINED);
	dr_rc = -EINVAL;
	comes("\x0f\x21\xf8", EMUL_REFUSED); /* dr7 exists */
	assert_int_equal(r->rax, 5);
}

static void xcr0(void **state)
{
	r->rax = 0xffffffff00000007;
	r->rdx = 2;
	comes("\x0f\x01\xd1", EMUL_UNDEFINED);
	vcpu.pv.cr4 |= CR4_OSXSAVE;
	comes("\x0f\x01\xd1", EMUL_DONE);
	assert_int_equal(fpu_value, 0x200000007);
	r->rax = 2; /* without x87 */
	comes("\x0f\x01\xd1", EMUL_REFUSED);
	r->rax = 7;
	r->rcx = 1;
	comes("\x0f\x01\xd1", EMUL_REFUSED);
	r->rcx = 1ull << 32;
	comes("\x0f\x01\xd1", EMUL_DONE);
	comes("\x0f\x01\xd0", EMUL_REFUSED); /* xgetbv */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(bytes_of_flat_code, setup),
	    cmocka_unit_test_setup(bytes_by_segment, setup),
	    cmocka_unit_test_setup(forced_cpuid, setup),
	    cmocka_unit_test_setup(first_xcr0, setup),
	    cmocka_unit_test_setup(first_xcr0, setup),
	    cmocka_unit_test_setup(virtual_iopl, setup),
	    cmocka_unit_test_setup(each_instruction, setup),
	    cmocka_unit_test_setup(memory, setup),
	    cmocka_unit_test_setup(cr0_and_ts, setup),
	    cmocka_unit_test_setup(other_crs, setup),
	    cmocka_unit_test_setup(cr3, setup),
	    cmocka_unit_test_setup(debug_registers, setup),
	    cmocka_unit_test_setup(xcr0, setup),
	};

	return cmocka_run_group_tests_name("emul", tests, NULL, NULL);
}
