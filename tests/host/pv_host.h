/* SPDX-License-Identifier: MIT */
/*
 * A PV kind on the build machine, pv64 or, with HOST_PV32, pv32: all of pv/ that has no test file of its own, over guest_host.h's memory and a
 * processor of a few registers. Segments, descriptor tables, roots and the FPU are noted (deeds.h), not done. Included by
 * one file of a test.
 */
#pragma once

#include "guest_host.h"
#undef HOST_TEST /* with tracepoints, which others have no use for */
#include "lib/tracepoint.h"
#define HOST_TEST

#include "compat_offsets.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "lib/options.h"
#include "mm/m2p.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/bounce.h"
#include "pv/desc.h"
#include "pv/segments.h"

/* ---- The processor ---- */

static struct {
	uint64_t fs_base, gs_base, cr0, cr3, dr[8];
	unsigned cr3_loads, dr_loads;
} host_cpu;
static inline uint64_t *host_msr(uint32_t msr)
{
	assert_true(msr == MSR_FS_BASE || msr == MSR_KERNEL_GS_BASE);
	return msr == MSR_FS_BASE ? &host_cpu.fs_base : &host_cpu.gs_base;
}
static void host_load_dr(unsigned n, uint64_t value)
{
	host_cpu.dr[n] = value;
	host_cpu.dr_loads |= 1u << n;
}
#define cpu_set_supervisor_protection(allow) note("protection %d", allow)
#define rdmsr(msr)                           (*host_msr(msr))
#define wrmsr(msr, value)                    (*host_msr(msr) = (value))
#define read_cr0()                           (host_cpu.cr0)
#define write_cr0(value)                     (host_cpu.cr0 = (value))
#define clts()                               (host_cpu.cr0 &= ~CR0_TS)
#define write_cr3(value)                     (host_cpu.cr3_loads++, host_cpu.cr3 = (value))
#define write_dr0(value)                     host_load_dr(0, value)
#define write_dr1(value)                     host_load_dr(1, value)
#define write_dr2(value)                     host_load_dr(2, value)
#define write_dr3(value)                     host_load_dr(3, value)
#define write_dr6(value)                     host_load_dr(6, value)
#define write_dr7(value)                     host_load_dr(7, value)
#define read_dr6()                           (host_cpu.dr[6])

/* Words of the guest that are not there fault. What it has above the hypervisor is a page of the test. */
static gva_t guest_absent; /* the page at this address; 0: all are there */
static uint8_t guest_high[PAGE_SIZE];
static uint8_t *guest_at(gva_t at)
{
	if (guest_absent && (at & PAGE_MASK) == guest_absent)
		return NULL;
	return at >> 63 ? guest_high + at % PAGE_SIZE : (uint8_t *)at;
}
#undef GUEST_LOAD
#undef GUEST_STORE
#define GUEST_LOAD(var, gva, fault)                          \
	do {                                                 \
		const uint8_t *at_ = guest_at((gva_t)(gva)); \
		if (!at_)                                    \
			goto fault;                          \
		memcpy(&(var), at_, sizeof(var));            \
	} while (0)
#define GUEST_STORE(gva, value, fault)                 \
	do {                                           \
		__typeof__(value) v_ = (value);        \
		uint8_t *at_ = guest_at((gva_t)(gva)); \
		if (!at_)                              \
			goto fault;                    \
		memcpy(at_, &v_, sizeof(v_));          \
	} while (0)

/* ---- What is noted ---- */

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note("crash: %s", text);
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	note("raise %x", bits);
}
static int desc_answer; /* of the next function of desc.h that can fail */
int desc_init(struct vcpu *v)
{
	note("desc");
	return desc_answer;
}
void desc_free(struct vcpu *v)
{
	note("no desc");
}
int desc_set_gdt(struct vcpu *v, const mfn_t *frames, uint32_t entries)
{
	note("gdt %u at %lx..%lx", entries, frames[0], frames[GDT_GUEST_PAGES - 1]);
	return desc_answer;
}
static int ldt_answer;
int desc_set_ldt(struct vcpu *v, gva_t base, uint32_t entries)
{
	note("ldt %u at %lx", entries, base);
	return ldt_answer;
}
void desc_switch_in(struct vcpu *v, uint64_t *reserved)
{
	note("desc in %s", reserved == host_percpu.gdt ? "64" : "32");
}
static gva_t segment_base; /* of any but a flat selector; 0: there is none */
bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	seg->base = segment_base;
	return segment_base;
}
bool desc_audit(uint64_t *desc, unsigned rpl, bool code64)
{
	note("audit %u %d", rpl, code64);
	return true;
}
void segments_save(struct vcpu *v)
{
	note("save");
}
static bool segments_fail;
bool segments_load(struct vcpu *v)
{
	note("segments");
	return !segments_fail;
}
void segments_forget(struct vcpu *v, struct segment_selectors *wanted)
{
	note("forget");
	*wanted = (struct segment_selectors){1, 2, 3, 4};
}
bool segments_load_gs(uint16_t selector, uint64_t *base)
{
	note("gs %x", selector);
	*base = selector;
	return selector != 0xbad;
}
static uint8_t fpu_image[512];
void fpu_reset(struct fpu_area *area)
{
	note("fpu");
}
void fpu_get_fxsave(const struct fpu_area *area, void *fxsave)
{
	memcpy(fxsave, fpu_image, sizeof(fpu_image));
}
void fpu_set_fxsave(struct fpu_area *area, const void *fxsave)
{
	note("fxsave %x", *(const uint8_t *)fxsave);
}
void fpu_start_osxsave(struct fpu_area *area, bool on)
{
	note("osxsave %d", on);
}
static uint64_t xcr0_mask;
uint64_t fpu_xcr0_mask(void)
{
	return xcr0_mask;
}
void vcpu_lose_context(struct vcpu *v)
{
	note("lose");
}
static int root_answer, user_root_answer;
int vcpu_set_root(struct vcpu *v, mfn_t root)
{
	note("root %lx", root);
	return root_answer;
}
int vcpu_set_user_root(struct vcpu *v, mfn_t root)
{
	note("user root %lx", root);
	return user_root_answer;
}

/* ---- The hypervisor's memory ---- */

static uint64_t idle_table[PTES_PER_TABLE], m2p_table[PTES_PER_TABLE];
uint64_t *idle_root = idle_table;
const uint64_t *m2p_compat_l2 = m2p_table;
static bool no_memory;
void *heap_alloc_for(struct domain *d, size_t size)
{
	return no_memory ? NULL : calloc(1, size);
}
void heap_free(void *p)
{
	free(p);
}
void *heap_alloc_pages_for(struct domain *d, unsigned order)
{
	return no_memory ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
}
void heap_free_pages(void *p, unsigned order)
{
	free(p);
}
void root_install_slots(uint64_t *root, struct domain *d)
{
	note("slots");
}

struct options options;
size_t strlcpy(char *to, const char *from, size_t size)
{
	return snprintf(to, size, "%s", from);
}

/* ---- Hypercalls ---- */

void (*tracepoint)(enum tracepoint_kind kind, uint64_t arg);
void tracepoint_report(enum tracepoint_kind kind, uint64_t arg)
{
	if (kind == TRACE_UPCALL)
		note("upcall");
}
const uint64_t hypercall_wide = 1ul << __HYPERVISOR_set_timer_op;
long hypercall_unknown(void)
{
	return -ENOSYS;
}
long hypercall_call(struct vcpu *v, uint64_t nr, const uint64_t words[6])
{
	note("call %lu %lx %lx", nr, words[0], words[5]);
	return 77;
}

#include "pv/bounce.c"
#include "pv/callback_op.c"
#include "pv/context.c"
#include "pv/debugreg.c"
#include "pv/misc_op.c"
#include "pv/multicall_op.c"
#include "pv/segment_op.c"
#include "pv/trap_op.c"
/* The image was linked without a note of its sum. */
const uint8_t build_id_start[1];
extern const uint8_t build_id_end[1] __attribute__((alias("build_id_start")));
#include "pv/version_op.c"

const char version_changeset[] = "2026-01-01 git:0123456789ab-dirty";
#ifdef HOST_PV32
#include "pv/pv32.c"
#include "pv/pv32_entry.c"
#include "pv/pv32_layout.c"
#include "pv/pv32_mm.c"
#define HOST_KIND pv32_kind
#else
#include "pv/pv64.c"
#include "pv/pv64_entry.c"
#include "pv/pv64_mm.c"
#define HOST_KIND pv64_kind
#endif

/* ---- The guest ---- */

static struct domain domain;
static struct vcpu vcpu, *const v = &vcpu;
static union vcpu_view shared;
static volatile uint8_t *const upcall_mask = &shared.upcall_mask;
static uint64_t *const gdt64 = (uint64_t *)0x6400, *const gdt32 = (uint64_t *)0x3200;

/* A fresh domain with one vCPU, which runs. */
static int setup(void **state)
{
	guest_memory();
	memset(guest_base, 0, GUEST_BYTES);
	memset(&host_cpu, 0, sizeof(host_cpu));
	memset(&shared, 0, sizeof(shared));
	memset(&vcpu, 0, sizeof(vcpu));
	domain = (struct domain){.kind = &HOST_KIND,
				 .abi = HOST_KIND.abi,
				 .calls = HOST_KIND.calls,
				 .paging = HOST_KIND.paging,
				 .pv = HOST_KIND.pv,
				 .doors = HOST_KIND.doors,
				 .max_vcpus = 1,
				 .vcpu = {v}};
	vcpu.domain = &domain;
	vcpu.info = &shared;
	host_percpu.vcpu = v;
	host_percpu.gdt = gdt64;
	host_percpu.gdt_compat = gdt32;
	host_percpu.cr3 = 0;
	guest_absent = segment_base = xcr0_mask = 0;
	desc_answer = ldt_answer = root_answer = user_root_answer = 0;
	segments_fail = no_memory = false;
	deeds[0] = '\0';
	context_init(v);
	return 0;
}

/* Words in the guest's memory, as they are expected; and put there. */
static inline void words_are(gva_t at, unsigned size, unsigned n, const uint64_t *expected)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t word = 0;

		memcpy(&word, guest_at(at + i * size), size);
		assert_int_equal(word, expected[i]);
	}
}
#define FRAME64(at, ...) words_are(at, 8, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})
#define FRAME32(at, ...) words_are(at, 4, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})

static inline void put_words(gva_t at, unsigned size, unsigned n, const uint64_t *words)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(guest_at(at + i * size), &words[i], size);
}
#define PUT64(at, ...) put_words(at, 8, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})
#define PUT32(at, ...) put_words(at, 4, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})
