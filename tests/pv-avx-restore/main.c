/* SPDX-License-Identifier: MIT */
/*
 * A domain's extended registers go to another domain, as a tool saves and restores: one domain loads them and suspends;
 * its pages, its vCPU's context and entry points (get and set_ext_vcpucontext) and its extended state (getvcpuextstate,
 * setvcpuextstate) go to a fresh domain, whose code then stores all that it finds in its registers. With AVX switched on
 * in the first, the second finds it on and the same 256 bits in each; a third, whose upper halves are changed on the way,
 * finds the changed ones, which were in no register before. Without AVX, XMM goes the same way; without XSAVE in the
 * processor there is no extended state to ask for, none is taken, and the context has all of XMM.
 */
#include "control.h"
#include "fw.h"
#include "time.h"
#include "xen/arch-x86/cpuid.h"

const char test_title[] = "pv-avx-restore";

/* A domain's frames: its root, L1, L3 (pv64) and L2s, of which the hypervisor has the last (pv32); what it maps from 0 on. */
enum {
	ROOT,
	L1,
	L3,
	L2 = 4,
	MAPPED = 8,
	CODE = MAPPED,
	GIVEN,
	FOUND,
	PAGES
};
#define RW (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_U)

#define AVX_AT   576 /* in the standard form of XSAVE (SDM 1 13.4.3) */
#define XCR0_AVX 4

struct image { /* what the domctls carry (xen/domctl.h) */
	uint64_t xcr0, ever;
	union {
		uint8_t xsave[AVX_AT + 256];
		struct {
			uint8_t x87[160];
			uint32_t xmm[16][4];
			uint8_t unused[96];
			uint64_t xstate_bv;
			uint8_t rest[56];
			uint32_t upper[16][4];
		};
	};
};

/* The pages GIVEN and FOUND. */
struct registers {
	uint32_t word[16][8];
	struct sched_shutdown suspend, poweroff;
};

/*
 * The domain's code, at 0: load what is given, suspend; then, in the domain to which all was brought, store and end. All
 * addresses are those of the pages above.
 */
#ifdef __x86_64__
#define REGISTERS     16
#define EACH(op)      EACH8(op) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define SCHED_OP(arg) "mov $29, %eax\n mov $2, %edi\n mov $" arg ", %esi\n syscall\n"
#define OSXSAVE_ON    "mov %cr4, %rax\n bts $18, %eax\n mov %rax, %cr4\n"
#else
#define REGISTERS     8
#define EACH(op)      EACH8(op)
#define SCHED_OP(arg) "mov $29, %eax\n mov $2, %ebx\n mov $" arg ", %ecx\n int $0x82\n"
#define OSXSAVE_ON    "mov %cr4, %eax\n bts $18, %eax\n mov %eax, %cr4\n"
#endif
#define EACH8(op)    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_SSE(n)  "movdqu 0x1000 + 32 * " #n ", %xmm" #n "\n"
#define LOAD_AVX(n)  "vmovdqu 0x1000 + 32 * " #n ", %ymm" #n "\n"
#define STORE_SSE(n) "movdqu %xmm" #n ", 0x2000 + 32 * " #n "\n"
#define STORE_AVX(n) "vmovdqu %ymm" #n ", 0x2000 + 32 * " #n "\n"
#define PROGRAM(name, start, load, store)                                                                \
	__asm__(".pushsection .rodata\n" name "_code:\n" start EACH(load) SCHED_OP("0x1200") EACH(store) \
		    SCHED_OP("0x1204") "ud2\n" name "_end:\n.popsection");
PROGRAM("sse", "", LOAD_SSE, STORE_SSE)
PROGRAM("avx", OSXSAVE_ON "mov $7, %eax\n xor %edx, %edx\n xor %ecx, %ecx\n xsetbv\n", LOAD_AVX, STORE_AVX)
extern const char sse_code[], sse_end[], avx_code[], avx_end[];
_Static_assert(offsetof(struct registers, suspend) == 0x200 && offsetof(struct registers, poweroff) == 0x204,
	       "the program's addresses");

struct guest {
	domid_t id;
	xen_pfn_t mfn[PAGES];
};

static char window[PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned timer;

/* ---- a domain of our own kind ---- */

static void *map(const struct guest *g, unsigned page)
{
	check_eq(hypercall_update_va_mapping_otherdomain(
		     (unsigned long)window, (pte_t)g->mfn[page] << 12 | (RW & ~PTE_U), UVMF_INVLPG, g->id),
		 0);
	return window;
}

static void unmap(void)
{
	check_eq(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
}

static void copy_in(const struct guest *g, unsigned page, const void *from, size_t len)
{
	__builtin_memcpy(map(g, page), from, len);
	unmap();
}

static void table(const struct guest *g, unsigned page, unsigned entries, unsigned first, pte_t flags)
{
	pte_t entry[8];

	for (unsigned i = 0; i < entries; i++)
		entry[i] = (pte_t)g->mfn[first + i] << 12 | flags;
	copy_in(g, page, entry, entries * sizeof(*entry));
}

static void tables(const struct guest *g)
{
	struct mmuext_op pin = {.cmd = ROOT_LEVEL == 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE,
				.arg1.mfn = g->mfn[ROOT]};

	table(g, L1, PAGES - MAPPED, MAPPED, RW);
	table(g, L2, 1, L1, RW);
	if (ROOT_LEVEL == 4) {
		table(g, L3, 1, L2, RW);
		table(g, ROOT, 1, L3, RW);
	} else {
		table(g, ROOT, 4, L2, PTE_P);
	}
	check_eq(hypercall_mmuext_op(&pin, 1, NULL, g->id), 0);
}

static void create(struct guest *g)
{
	struct xen_memory_reservation r = {.nr_extents = PAGES, .mem_flags = XENMEMF_address_bits(32)};

	__builtin_memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 1;
	op.u.createdomain.max_maptrack_frames = 1;
	check_eq(domctl(XEN_DOMCTL_createdomain, 0), 0);
	r.domid = g->id = op.domain;
	op.u.address_size.size = ROOT_LEVEL == 4 ? 64 : 32;
	check_eq(domctl(XEN_DOMCTL_set_address_size, g->id), 0);
	op.u.max_vcpus.max = 1;
	check_eq(domctl(XEN_DOMCTL_max_vcpus, g->id), 0);
	op.u.max_mem.max_memkb = PAGES * 4;
	check_eq(domctl(XEN_DOMCTL_max_mem, g->id), 0);
	for (unsigned i = 0; i < PAGES; i++)
		g->mfn[i] = i;
	set_xen_guest_handle(r.extent_start, g->mfn);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), PAGES);
	tables(g);
}

static void destroy(const struct guest *g)
{
	check_eq(domctl(XEN_DOMCTL_destroydomain, g->id), 0);
}

static int context(unsigned cmd, const struct guest *g, struct vcpu_guest_context *c)
{
	__builtin_memset(&op, 0, sizeof(op));
	set_xen_guest_handle(op.u.vcpucontext.ctxt, c);
	return domctl(cmd, g->id);
}

static int extended(unsigned cmd, const struct guest *g, struct image *image, uint64_t size)
{
	__builtin_memset(&op, 0, sizeof(op));
	op.u.vcpuextstate.size = size;
	set_xen_guest_handle(op.u.vcpuextstate.buffer, (void *)image);
	return domctl(cmd, g->id);
}

/* Let it go on until it shuts down, which must be for @reason. */
static void run(const struct guest *g, unsigned reason)
{
	uint32_t flags = 0;

	check_eq(domctl(XEN_DOMCTL_unpausedomain, g->id), 0);
	for (unsigned i = 0; i < 10000 && !(flags & XEN_DOMINF_shutdown); i++) {
		wait_for_port(timer, system_time() + 1000000);
		check_eq(domctl(XEN_DOMCTL_getdomaininfo, g->id), 0);
		flags = op.u.getdomaininfo.flags;
	}
	check(flags & XEN_DOMINF_shutdown);
	check_eq(flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, reason);
}

/* ---- save and restore ---- */

static struct registers given = {.suspend.reason = SHUTDOWN_suspend, .poweroff.reason = SHUTDOWN_poweroff};

struct saved {
	bool avx;
	struct vcpu_guest_context context;
	struct xen_domctl_ext_vcpucontext entries;
	uint64_t size; /* of what is in the image: 0 without XSAVE */
	struct image image;
};

static void load_program(const struct guest *g, bool avx)
{
	const char *code = avx ? avx_code : sse_code;

	copy_in(g, CODE, code, (avx ? avx_end : sse_end) - code);
	copy_in(g, GIVEN, &given, sizeof(given));
}

static void start(const struct guest *g)
{
	static struct vcpu_guest_context c;

	c = *vcpu_context(NULL); /* at 0 */
	c.flags |= VGCF_online;
	c.ctrlreg[3] = xen_pfn_to_cr3(g->mfn[ROOT]);
	check_eq(context(XEN_DOMCTL_setvcpucontext, g, &c), 0);
	run(g, SHUTDOWN_suspend);
}

static void check_image(const struct saved *s)
{
	check_eq(s->image.xcr0, s->avx ? 7 : 0);
	check_eq(s->image.xstate_bv & XCR0_AVX, s->avx ? XCR0_AVX : 0);
	for (unsigned r = 0; r < REGISTERS; r++)
		for (unsigned w = 0; w < 4; w++) {
			check_eq(s->image.xmm[r][w], given.word[r][w]);
			check_eq(s->image.upper[r][w], s->avx ? given.word[r][4 + w] : 0);
		}
}

/* Tools that let it go on after all set its context again: its XCR0 must not change under it. */
static void check_resumed(const struct guest *g, struct saved *s)
{
	static struct image now;

	check_eq(context(XEN_DOMCTL_setvcpucontext, g, &s->context), 0);
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, g, &now, sizeof(now)), 0);
	check_eq(now.xcr0, s->avx ? 7 : 1);
}

static void save(const struct guest *g, struct saved *s)
{
	check_eq(context(XEN_DOMCTL_getvcpucontext, g, &s->context), 0);
	__builtin_memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_get_ext_vcpucontext, g->id), 0);
	s->entries = op.u.ext_vcpucontext;
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, g, NULL, 0), 0);
	s->size = op.u.vcpuextstate.size;
	if (!s->size)
		return;
	check_eq(s->size, sizeof(s->image));
	check_eq(extended(XEN_DOMCTL_getvcpuextstate, g, &s->image, s->size), 0);
	check_image(s);
	check_resumed(g, s);
}

static void restore(const struct guest *g, struct saved *s)
{
	s->context.ctrlreg[3] = xen_pfn_to_cr3(g->mfn[ROOT]);
	check_eq(context(XEN_DOMCTL_setvcpucontext, g, &s->context), 0);
	__builtin_memset(&op, 0, sizeof(op));
	op.u.ext_vcpucontext = s->entries;
	check_eq(domctl(XEN_DOMCTL_set_ext_vcpucontext, g->id), 0);
	if (s->size) {
		check_eq(extended(XEN_DOMCTL_setvcpuextstate, g, &s->image, s->size), 0);
	} else { /* AVX from another machine */
		s->image = (struct image){.xcr0 = 7, .ever = 7, .xstate_bv = 7};
		check_eq(extended(XEN_DOMCTL_setvcpuextstate, g, &s->image, sizeof(s->image)), -XEN_EINVAL);
	}
}

/* A fresh domain finds what was saved, its upper halves changed by @change on the way. */
static void received(struct saved *s, uint32_t change)
{
	const struct registers *found;
	struct guest g;

	for (unsigned r = 0; s->avx && r < REGISTERS; r++)
		for (unsigned w = 0; w < 4; w++)
			s->image.upper[r][w] = given.word[r][4 + w] ^ change;
	create(&g);
	load_program(&g, s->avx);
	restore(&g, s);
	run(&g, SHUTDOWN_poweroff);
	found = map(&g, FOUND);
	for (unsigned r = 0; r < REGISTERS; r++)
		for (unsigned w = 0; w < (s->avx ? 8 : 4); w++) {
			uint32_t wanted = given.word[r][w] ^ (w < 4 ? 0 : change);

			if (found->word[r][w] != wanted)
				failure("register %u, word %u: %x, not %x", r, w, found->word[r][w], wanted);
		}
	unmap();
	destroy(&g);
}

static void transfer(bool avx)
{
	static struct saved s;
	struct guest g;

	for (unsigned r = 0; r < REGISTERS; r++)
		for (unsigned w = 0; w < 8; w++)
			given.word[r][w] = 0x51000000 + avx * 0x10000 + r * 0x100 + w;
	s = (struct saved){.avx = avx};
	create(&g);
	load_program(&g, avx);
	start(&g);
	save(&g, &s);
	if (avx)
		received(&s, 0xa5a5a5a5);
	received(&s, 0);
	destroy(&g);
	printk("AVX %s: %u registers, %u bytes of extended state\n", avx ? "on" : "off", REGISTERS,
	       (unsigned)s.size);
}

static bool has_avx(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 28 & 1;
}

void test_main(void)
{
	timer = bind_timer();
	transfer(false);
	if (has_avx())
		transfer(true);
}
