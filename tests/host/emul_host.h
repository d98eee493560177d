/* SPDX-License-Identifier: MIT */
/* The stage for the emulator of PV guests (hypervisor/emul/pv.c, control.c): a guest with three pages of code, and what the
 * emulator calls. */
#pragma once

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
