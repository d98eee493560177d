/* SPDX-License-Identifier: MIT */
/*
 * What one vCPU takes away, another one's TLB remembers. vCPU 1 reads or writes one address without pause while vCPU 0
 * changes what it leads to and asks for no flush.
 *   tables    an entry above the leaf is cleared, at each level: from then on vCPU 1 faults, at the address and at
 *             the table's own in a linear mapping; the page below is free for other uses at once
 *   types     the frame becomes a page table, a GDT page, an LDT page, another domain's memory: no store of vCPU 1's
 *             arrives there any more
 *   vcpu_info a frame that is one stays memory: neither given away nor made a table is it another domain's
 *   user      vCPU 1 begins in its application, on page tables of that, and stays there: each flush of other
 *             vCPUs that there is reaches these too
 */
#include "time.h"

const char test_title[] = "attack-tlb-vcpus";

#define RW     (PTE_P | PTE_RW | PTE_A | PTE_D)
#define RO     (PTE_P | PTE_A)
#define MARK   0x1234u
#define ROUNDS 4
#define HOLE   0x10000000ul /* far below everything else */
#ifdef __x86_64__
#define TOP_LEVEL 4
#define LINEAR    0x40000000ul /* entry 1 of HOLE's L3 names the L3 itself */
#else
#define TOP_LEVEL 3
#define LINEAR    0x20000000ul /* its L2 entry names the L2 itself */
#endif

static char window[4096] __attribute__((aligned(4096)));
static char under[4096] __attribute__((aligned(4096))); /* what HOLE maps */

/* ---- vCPU 1 in its kernel ---- */

static volatile unsigned long job, job_writes, job_value; /* the address, 0: rest */
static volatile unsigned long asked, begun, done; /* rounds: what vCPU 0 wants to see, and what happened */
static volatile unsigned long faults, seen;

static void work(void)
{
	for (;;) {
		begun = asked; /* and with it all that vCPU 0 stored before */
		volatile unsigned long *at = (void *)job;

		if (at && job_writes)
			*at = job_value;
		else if (at)
			seen = *at;
		done = begun;
	}
}

/* Its page fault handler: note it, and start again on the same stack. */
unsigned long work_stack;
void work_fault(void);
void worked_badly(void);
#ifdef __x86_64__
__asm__(".pushsection .text\nwork_fault: mov work_stack(%rip), %rsp; jmp worked_badly\n.popsection");
#else
__asm__(".pushsection .text\nwork_fault: mov work_stack, %esp; jmp worked_badly\n.popsection");
#endif

void worked_badly(void)
{
	faults++;
	done = begun;
	work();
}

static bool waits_for(volatile unsigned long *count, unsigned long wanted)
{
	uint64_t until = system_time() + 20000000000ull;

	while ((long)(*count - wanted) < 0 && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	return (long)(*count - wanted) >= 0;
}

/* What vCPU 1 had begun is over, and what it is to do now it has done. */
static void pass(void)
{
	asked++;
	if (!waits_for(&done, asked))
		error("vCPU 1 does not run");
}

static void begin(unsigned long at, bool writes, unsigned long value)
{
	job_writes = writes;
	job_value = value;
	job = at;
	pass();
}

static void rest(void)
{
	job = 0;
	pass();
}

static pte_t leaf(const void *page, pte_t flags)
{
	return (pte_t)va_to_mfn(page) << 12 | flags;
}

/* ---- entries of upper tables ---- */

static pte_t *l1;

static void build(void)
{
	pte_t *table = l1 = page_alloc();
	pte_t flags = RW | PTE_U;

	*(volatile unsigned long *)under = MARK;
	l1[HOLE >> 12 & 511] = leaf(under, RW);
	for (int level = 2; level < TOP_LEVEL; level++) {
		pte_t *upper = page_alloc();

		upper[HOLE >> (12 + 9 * (level - 1)) & 511] = leaf(table, flags);
		if (level == TOP_LEVEL - 1)
			upper[LINEAR >> (12 + 9 * (level - 1)) & 511] =
			    leaf(upper, RO | (TOP_LEVEL == 4 ? PTE_U : 0));
		table_ready(table);
		table = upper;
	}
	table_ready(table);
	check_eq(pte_write(pte_maddr(HOLE, TOP_LEVEL), leaf(table, TOP_LEVEL == 4 ? flags : PTE_P)), 0);
}

/* Where the linear mapping shows the entry that maps HOLE. */
static unsigned long linear_address(void)
{
#ifdef __x86_64__
	return LINEAR + (HOLE >> 12 & 0x7ffffff) * 8;
#else
	return LINEAR + (HOLE >> 12 & 0x3ffff) * 8;
#endif
}

/* vCPU 1 reads at @va through the entry of @level at HOLE, which goes. */
static void unhooked(unsigned long va, int level)
{
	uint64_t hook = pte_maddr(HOLE, level);
	pte_t entry = *pte_of(HOLE, level);

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned long before;

		begin(va, false, 0);
		check(seen != 0);
		check_eq(pte_write(hook, 0), 0);
		pass();
		seen = 0;
		before = faults;
		pass();
		check_eq(seen, 0);
		check(faults > before);
		rest();
		check_eq(pte_write(hook, entry), 0);
	}
}

/* The L1 is data the moment it is unhooked, and vCPU 1 does not walk what is written there. */
static void unhooked_table_is_memory(void)
{
	uint64_t hook = pte_maddr(HOLE, 2);
	pte_t entry = *pte_of(HOLE, 2), mine = l1[HOLE >> 12 & 511];

	for (unsigned i = 0; i < ROUNDS; i++) {
		begin(HOLE, true, MARK + i);
		check_eq(pte_write(hook, 0), 0);
		check_eq(page_set_ro(l1, false), 0);
		l1[HOLE >> 12 & 511] = leaf(root_page(), RW | PTE_U);
		l1[(HOLE >> 12 & 511) + 1] = leaf(root_page(), RW | PTE_U);
		begin(HOLE + 4096 + 8, true, 0x1000);
		begin(HOLE + 8, true, 0x1000);
		check(((volatile pte_t *)root_page())[1] != 0x1000);
		rest();
		l1[HOLE >> 12 & 511] = mine;
		l1[(HOLE >> 12 & 511) + 1] = 0;
		table_ready(l1);
		check_eq(pte_write(hook, entry), 0);
	}
	check_eq(((volatile unsigned long *)under)[0], MARK + ROUNDS - 1);
	*(volatile unsigned long *)under = MARK;
}

/* ---- frames that become something else ---- */

/* vCPU 1 writes @value into @page at `window`; the entry goes, and no flush is asked for. */
static void leave_stale(const void *page, unsigned long value)
{
	check_eq(hypercall_update_va_mapping((unsigned long)window, leaf(page, RW), UVMF_INVLPG), 0);
	begin((unsigned long)window + 512, true, value);
	check_eq(((const volatile unsigned long *)page)[512 / sizeof(long)], value);
	check_eq(pte_write(pte_maddr((unsigned long)window, 1), 0), 0);
}

/* Now that @page is something else, stores of other values must not arrive. */
static void check_untouched(const void *page, unsigned long value)
{
	unsigned long before = faults;

	for (unsigned i = 1; i < 4; i++) {
		job_value = value + 16 * i;
		pass();
		check_eq(((const volatile unsigned long *)page)[512 / sizeof(long)], value);
	}
	check(faults > before);
	rest();
}

static void becomes_table(void)
{
	void *page = page_alloc();

	for (unsigned i = 0; i < ROUNDS; i++) {
		check_eq(page_set_ro(page, true), 0);
		leave_stale(page, 0x1000 * (i + 1)); /* an entry that is not present */
		check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(page), 0), 0);
		check_untouched(page, 0x1000 * (i + 1));
		check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(page), 0), 0);
	}
}

static void becomes_gdt(void)
{
	uint64_t *page = page_alloc();
	unsigned long mfn = va_to_mfn(page);

	for (unsigned i = 0; i < ROUNDS; i++) {
		check_eq(page_set_ro(page, true), 0);
		leave_stale(page, i + 1);
		check_eq(hypercall_set_gdt(&mfn, 512), 0);
		check_untouched(page, i + 1);
		check_eq(hypercall_set_gdt(NULL, 0), 0);
	}
}

/* An LDT page is shown when it is first used: entry 0, data. */
static void becomes_ldt(void)
{
	uint64_t *page = page_alloc();

	page[0] = 0x00cff2000000ffffull;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned short ds;

		check_eq(page_set_ro(page, true), 0);
		leave_stale(page, i + 1);
		check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)page, 512), 0);
		__asm__ volatile("mov %%ds, %0; mov %1, %%ds; mov %0, %%ds" : "=&r"(ds) : "r"(7));
		check_untouched(page, i + 1);
		check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	}
}

/* What is got next is clean, and stays so. Mostly it is the same frame. If it is another one, what was given away is free, and
 * vCPU 1 may reach it until somebody gets it: nothing need fault. */
static void given_away(void)
{
	char *page = page_alloc();
	unsigned long va = (unsigned long)page;
	xen_pfn_t mfn, got;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
	unsigned same = 0;

	mfn = va_to_mfn(page);
	for (unsigned i = 0; i < ROUNDS; i++) {
		check_eq(
		    hypercall_update_va_mapping((unsigned long)window, (pte_t)mfn << 12 | RW, UVMF_INVLPG),
		    0);
		begin((unsigned long)window + 512, true, i + 1);
		check_eq(hypercall_update_va_mapping(va, 0, UVMF_INVLPG), 0);
		check_eq(pte_write(pte_maddr((unsigned long)window, 1), 0), 0);
		set_xen_guest_handle(r.extent_start, &mfn);
		check_eq(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
		got = 0xf0000 + i;
		set_xen_guest_handle(r.extent_start, &got);
		check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
		check_eq(hypercall_update_va_mapping(va, (pte_t)got << 12 | RW, UVMF_INVLPG), 0);
		if (got == mfn) {
			check_untouched(page, 0);
			same++;
		}
		rest();
		check_eq(*(volatile unsigned long *)(page + 512), 0);
		mfn = got;
	}
	check(same > 0);
}

/* The hypervisor writes there whatever the guest thinks of the frame. */
static void registered_info(void)
{
	struct vcpu_info *info = page_alloc();
	xen_pfn_t mfn = va_to_mfn(info), got = 0xf1000;
	struct vcpu_register_vcpu_info reg = {.mfn = mfn};
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 1, &reg), -XEN_EINVAL); /* it runs */
	check_eq(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
	check_eq(page_set_ro(info, true), 0);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL);
	check_eq(hypercall_set_gdt(&reg.mfn, 512) < 0, 1);
	check_eq(hypercall_update_va_mapping((unsigned long)info, 0, UVMF_INVLPG), 0);
	set_xen_guest_handle(r.extent_start, &mfn);
	check_eq(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
	set_xen_guest_handle(r.extent_start, &got);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), 0); /* it counts as ours still */
}

/* ---- vCPU 2 in its application ---- */

#define USER_PAGE   (USER_STACK)
#define USER_REPORT (USER_STACK + 0x1000)

/* What the page shows, and how often it was looked at. */
__asm__(
    ".pushsection .rodata\nuser_code: mov 0x402000, %eax; mov %eax, 0x403000; incl 0x403008; jmp user_code\n"
    "user_end:\n.popsection");
extern const char user_code[], user_end[];
static volatile unsigned long report[512] __attribute__((aligned(4096)));
static char shown[2][4096] __attribute__((aligned(4096)));

static long op_multi(unsigned cmd, unsigned long va)
{
	unsigned long mask = 4;
	struct mmuext_op op = {.cmd = cmd};

	op.arg1.linear_addr = va;
	set_xen_guest_handle(op.arg2.vcpumask, &mask);
	return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* The entry of its page becomes another, and its TLBs hear of it by way @way. */
static void show(unsigned i, unsigned way)
{
	static unsigned long mask = 4;
	pte_t pte = leaf(shown[i], RO | PTE_U);

	if (way < 2) {
		unsigned long flags = way ? UVMF_TLB_FLUSH : UVMF_INVLPG;

		check_eq(hypercall_update_va_mapping(USER_PAGE, pte, flags | (unsigned long)&mask), 0);
		return;
	}
	check_eq(pte_write(pte_maddr(USER_PAGE, 1), pte), 0);
	switch (way) {
	case 2:
		check_eq(mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
		break;
	case 3:
		check_eq(mmuext1(MMUEXT_INVLPG_ALL, USER_PAGE, 0), 0);
		break;
	case 4:
		check_eq(op_multi(MMUEXT_TLB_FLUSH_MULTI, 0), 0);
		break;
	default:
		check_eq(op_multi(MMUEXT_INVLPG_MULTI, USER_PAGE), 0);
	}
}

static struct vcpu_guest_context *application(void)
{
	struct vcpu_guest_context *c = vcpu_context(NULL);

#ifdef __x86_64__
	c->flags = 0;
	c->ctrlreg[1] = xen_pfn_to_cr3(user_root_mfn());
	c->user_regs.rip = USER_CODE;
	c->user_regs.rsp = USER_STACK + 8;
#else
	c->user_regs.eip = USER_CODE;
	c->user_regs.esp = USER_STACK + 8;
	c->user_regs.ds = c->user_regs.es = FLAT_USER_DS;
#endif
	c->user_regs.cs = FLAT_USER_CS;
	c->user_regs.ss = FLAT_USER_SS;
	return c;
}

static void user(void)
{
	volatile unsigned long *count = &report[8 / sizeof(long)];

	user_map(user_code, user_end - user_code);
	*(uint32_t *)shown[0] = 1;
	*(uint32_t *)shown[1] = 2;
	check_eq(pte_write(pte_maddr(USER_REPORT, 1), leaf((void *)report, RW | PTE_U)), 0);
	show(0, 2);
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 2, application()), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 2, NULL), 0);
	check(waits_for(count, 3));
	check_eq((uint32_t)report[0], 1);
	for (unsigned n = 1; n <= 6 * ROUNDS; n++) {
		show(n & 1, n % 6);
		check(waits_for(count, *count + 3));
		check_eq((uint32_t)report[0], (n & 1) + 1);
	}
	check_eq(hypercall_vcpu_op(VCPUOP_down, 2, NULL), 0);
}

static void start(void)
{
	struct vcpu_guest_context *c = vcpu_context(work);

	work_stack = c->kernel_sp - sizeof(long);
	c->trap_ctxt[VEC_PF] =
	    (struct trap_info){.vector = VEC_PF, .cs = FLAT_KERNEL_CS, .address = (unsigned long)work_fault};
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, c), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	pass();
}

void test_main(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	build();
	start();
	for (int level = 2; level <= TOP_LEVEL; level++)
		unhooked(HOLE, level);
	unhooked(linear_address(), 2);
	unhooked_table_is_memory();
	becomes_table();
	becomes_gdt();
	becomes_ldt();
	given_away();
	registered_info();
	check_eq(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
	user();
}
