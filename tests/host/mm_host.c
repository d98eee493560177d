/* SPDX-License-Identifier: MIT */
/* See mm_host.h. */
#include "mm_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/features.h"
#include "cpu/ipi.h"
#include "guest/hypercall.h"
#include "lib/image.h"
#include "lib/loglevel.h"
#include "mm/bootmem.h"
#include "mm/m2p.h"
#include "pv/pv_mm.h"

#define LARGE (2ul << 20)

uint64_t host_directmap;
struct percpu host_percpu;
struct percpu *cpu_table[MAX_CPUS] = {&host_percpu};
uint32_t nr_cpus = 1, cpus_online = 1;
struct cpu_features features = {.phys_bits = 40};
uint8_t image_start[4 * PAGE_SIZE] __aligned(4096);
/* Its borders, a page apart. */
__asm__(".globl text_start, text_end, rodata_end, image_end");
__asm__(".set text_start, image_start + 4096; .set text_end, image_start + 8192");
__asm__(".set rodata_end, image_start + 12288; .set image_end, image_start + 16384");
struct domain *dom0 __attribute__((weak)), *dom_io __attribute__((weak)),
    *dom_xen __attribute__((weak)); /* test_create.c brings the real ones, and the next two */
static struct domain nobody;
struct domain *privileged_domains __attribute__((weak)) = &nobody;
unsigned host_flushes;
uint32_t host_stale_asked;
int host_allowance = 1 << 24; /* unless a test has it stop */
unsigned host_looks;
void (*host_meanwhile)(void);
int host_work = -1;

static struct domain host_dom_xen, host_dom_io;
uint64_t tlb_clock = 1;
static uint64_t tlb_flushed;

void cpu_service_requests(void)
{
	if (host_meanwhile)
		host_meanwhile();
}

void cpu_call(uint32_t cpus, void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

bool hypercall_preempt_check(void)
{
	host_looks++;
	return host_work < 0 ? host_random(4) == 0 : host_work;
}

void printk(const char *fmt, ...)
{
}

bool log_admits(enum log_source source, enum log_level level)
{
	return false;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	abort();
}

void __attribute__((weak)) domain_get(struct domain *d)
{
	d->refs++;
}

void __attribute__((weak)) domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	d->refs--;
}

/* One processor, which always holds guest translations. */
uint32_t tlb_stale_cpus(uint32_t cpus, uint32_t stamp)
{
	host_stale_asked = cpus;
	return tlb_flushed <= stamp ? cpus & 1 : 0;
}

void tlb_flush_cpus(uint32_t cpus)
{
	tlb_flushed = ++tlb_clock;
	host_flushes++;
}

void tlb_load_cr3(uint64_t cr3)
{
	host_percpu.cr3 = cr3;
	tlb_flush_cpus(1);
}

static bool descriptor_ok(uint64_t *desc)
{
	*desc |= 1; /* as an audit may */
	return *desc != ~0ull;
}

static const struct guest_abi abi_pv64 = {.low_end = PV64_LOW_END, .high_start = PV64_HIGH_START}, abi_pv32;
static const struct guest_doors doors;
static const struct paging_rules paging_pv64 = {
    .user_root = true,
    .root_level = 4,
    .allowed = PV64_PTE_ALLOWED,
    .added = PV64_PTE_ADDED,
    .slot_rule = pv64_slot_rule,
    .root_promote = pv64_root_promote,
    .l2_promote = pv64_l2_promote,
    .make_cr3 = pv64_make_cr3,
    .descriptor_ok = descriptor_ok,
};

static const struct paging_rules paging_pv32 = {
    .root_level = 3,
    .allowed = PV32_PTE_ALLOWED,
    .added = PV32_PTE_ADDED,
    .slot_rule = pv32_slot_rule,
    .root_promote = pv32_root_promote,
    .l2_promote = pv32_l2_promote,
    .make_cr3 = pv32_make_cr3,
    .descriptor_ok = descriptor_ok,
};

const struct guest_kind host_pv64 = {
    .name = "pv64", .abi = &abi_pv64, .paging = &paging_pv64, .doors = &doors};
const struct guest_kind host_pv32 = {
    .name = "pv32", .abi = &abi_pv32, .paging = &paging_pv32, .doors = &doors};

struct domain *host_domain(const struct guest_kind *kind, uint64_t max_pages)
{
	static uint32_t made;
	struct domain *d = calloc(1, sizeof(*d));

	d->pt_tag = 1 + made++ % 4095;
	d->kind = kind;
	d->abi = kind->abi;
	d->calls = kind->calls;
	d->paging = kind->paging;
	d->pv = kind->pv;
	d->doors = kind->doors;
	d->mm.max_pages = max_pages;
	d->mm.heap_quota = ~0ull;
	d->state = DOMAIN_ALIVE;
	d->mm.tlb_cpus = 1;
	d->refs = 1;
	return d;
}

void host_domain_free(struct domain *d)
{
	d->state = DOMAIN_DYING;
	while (mm_relinquish(d))
		;
	assert_int_equal(d->mm.tot_pages, 0);
	assert_int_equal(d->mm.partial_tables, 0);
	assert_int_equal(d->mm.page_head, 0);
	assert_int_equal(d->refs, 1);
	assert_int_equal(d->mm.heap_bytes, 0);
	free(d);
}

static uint64_t random_x = 88172645463325252ull;

void host_random_seed(uint64_t seed)
{
	random_x = seed;
}

uint32_t host_random(uint32_t n)
{
	uint64_t x = random_x;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_x = x;
	return (x >> 16) % n;
}

void host_init(void)
{
	static const struct mem_range map[] = {
	    {0, 0x9fc00, MEM_RAM},
	    {0xf0000, 0x100000, MEM_RESERVED},
	    {0x100000, (HOST_FRAMES - 16) * PAGE_SIZE + 0x800, MEM_RAM},
	    {(HOST_FRAMES - 15) * PAGE_SIZE, HOST_FRAMES * PAGE_SIZE, MEM_RESERVED},
	};
	size_t size = HOST_FRAMES * PAGE_SIZE;

	host_directmap =
	    (uint64_t)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset((void *)host_directmap, 0xcc, size);
	memcpy(boot_ram, map, sizeof(map));
	boot_ram_count = ARRAY_SIZE(map);
	boot_reserve(0, 0x100000);
	boot_reserve(0x100000, 0x140123);
	dom_xen = &host_dom_xen;
	dom_io = &host_dom_io;
	host_percpu.tlb_vcpu = (void *)&host_percpu;
	mm_init();
}
