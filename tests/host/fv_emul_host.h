/* SPDX-License-Identifier: MIT */
/* The instructions and exceptions of an fv domain (fv/emul.c, trap.c, with what they share with other guests) on a small memory; what they call only takes
 * notes. Included by one file of a test. */
#pragma once

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
#undef KERNEL
#include "emul/operand.c"
#include "fv/emul.c"
#include "emul/emul.c"
#include "emul/string_io.c"
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
static union vcpu_view shared;
static uint64_t descriptor[8];
static bool small_code, no_code, iret_fails, sync_changes, code32_fails;
static enum emul_result others; /* what happens to instructions that are carried out elsewhere */
static enum emul_result dr_result;

static struct {
	unsigned crashes, blocks, syncs, shadow_syncs, irets, others, reports;
	uint32_t flags, mask;
	uint32_t fault_va, fault_error;
	unsigned faults;
	int vector;
	enum {
		FV_WITH_ERROR = -1,
		FV_HARDWARE,
		FV_SOFTWARE
	} source;
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
	if (va >= END)
		return access;
	if (!(access & PF_USER))
		return FV_OK;
	if (va / PAGE_SIZE == KERNEL / PAGE_SIZE ||
	    (va / PAGE_SIZE == READONLY / PAGE_SIZE && (access & PF_WRITE)))
		return access | PF_PRESENT;
	return FV_OK;
}
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = (struct segment){
	    .limit = ~0u, .code = true, .big = !small_code, .readable = true, .writable = true};
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
void fv_inject(struct vcpu *v, uint8_t vector)
{
	did.vector = vector;
	did.source = FV_HARDWARE;
}
static uint8_t int_raises;
void fv_inject_int(struct vcpu *v, uint8_t vector, unsigned length, fv_refused_fn *refused)
{
	did.vector = vector;
	did.source = FV_SOFTWARE;
	if (int_raises)
		refused(v, vector, length, int_raises);
}
void fv_inject_error(struct vcpu *v, uint8_t vector, uint32_t error)
{
	did.vector = vector;
	did.source = FV_WITH_ERROR;
	did.error = error;
}
void fv_inject_page_fault(struct vcpu *v, gva_t va, uint32_t error)
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
enum emul_result fv_write_cr0(struct vcpu *v, uint32_t value)
{
	fv.cr0 = value;
	return EMUL_DONE;
}
static inline enum emul_result elsewhere(void)
{
	did.others++;
	return others;
}
enum emul_result fv_mov_cr(struct emul *e)
{
	return elsewhere();
}
enum emul_result fv_rdmsr(struct emul *e)
{
	return elsewhere();
}
enum emul_result fv_cpuid(struct emul *e)
{
	return elsewhere();
}
enum emul_result fv_wrmsr(struct emul *e)
{
	return elsewhere();
}
enum emul_result emul_xsetbv(struct emul *e)
{
	return e->insn.mod_rm == 0xd1 ? elsewhere() : EMUL_REFUSED;
}
uint64_t debugreg_port_hits(const struct vcpu *v, uint16_t port, unsigned size)
{
	return 2;
}
enum emul_result emul_mov_dr(struct emul *e)
{
	did.others++;
	return dr_result;
}
uint32_t pc_read(struct pc *pc, uint16_t port, unsigned size)
{
	did.reads++;
	did.port = port;
	did.size = size;
	return 0x87654321;
}
void pc_write(struct pc *pc, uint16_t port, unsigned size, uint32_t value)
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
static struct emul e;

static inline int setup(void **state)
{
	memset(&did, 0, sizeof(did));
	did.vector = -2;
	memset(ram, 0x90, sizeof(ram));
	memset(descriptor, 0, sizeof(descriptor));
	domain = (struct domain){0};
	fv = (struct fv){.v = &vcpu, .cr0 = CR0_PE | CR0_TS};
	vcpu = (struct vcpu){.domain = &domain, .fv = &fv, .info = &shared};
	shared.upcall_pending = shared.upcall_mask = 0;
	r->cs = 0x09;
	r->ss = 0x11;
	r->rsp = STACK;
	r->rflags = RFLAGS_RF | RFLAGS_MBS;
	small_code = no_code = iret_fails = sync_changes = code32_fails = false;
	others = EMUL_DONE;
	int_raises = 0;
	dr_result = EMUL_DONE;
	return 0;
}

static inline void in_user(void)
{
	r->cs = 0x1b;
	r->ss = 0x23;
}

static inline void put(const char *bytes, unsigned n)
{
	memset(ram + CODE, 0x90, 64);
	memcpy(ram + CODE, bytes, n);
	r->rip = CODE;
}

/* The guest comes to these bytes. What was done is behind them, what was not stays. */
static inline enum emul_result meets(const char *bytes, unsigned n)
{
	enum emul_result result;

	put(bytes, n);
	result = fv_emulate(&e, &vcpu);
	assert_int_equal(r->rip, CODE + (result == EMUL_DONE ? n : 0));
	return result;
}
#define done(bytes)    assert_int_equal(meets(bytes, sizeof(bytes) - 1), EMUL_DONE)
#define refused(bytes) assert_int_equal(meets(bytes, sizeof(bytes) - 1), EMUL_REFUSED)
/* A page fault at @va. */
#define faults(bytes, va, error)                                               \
	do {                                                                   \
		assert_int_equal(meets(bytes, sizeof(bytes) - 1), EMUL_FAULT); \
		assert_int_equal((uint32_t)e.fault_address, va);               \
		assert_int_equal(e.fault_error, error);                        \
	} while (0)

static inline uint32_t word(uint32_t at, unsigned n)
{
	uint32_t value = 0;

	memcpy(&value, ram + at, n);
	return value;
}

static inline void set_word(uint32_t at, uint32_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

#define STACK_SEGMENT 0x00cf92000000ffffull
