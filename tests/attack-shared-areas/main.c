/* SPDX-License-Identifier: MIT */
/*
 * An area for a vCPU's runstate has a kernel address. The vCPU runs its application when it is taken off its processor
 * and put back, and the application's tables have a page of its own at that address: the hypervisor must write to the
 * kernel's. The application never sees the kernel's page either.
 */
#include "time.h"

const char test_title[] = "attack-shared-areas";

#ifndef __x86_64__
void test_main(void)
{
	skip("one tree serves kernel and applications");
}
#else

#define FLAGS (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define AREA  0x10000000000ul /* root slot 2 */
#define MARK  0x5a

/* Count at the start of the own page, for ever. */
__asm__(".pushsection .rodata\nuser_code: mov $0x10000000ff8, %rdi\n1: incq (%rdi); jmp "
	"1b\nuser_end:\n.popsection");
extern const char user_code[], user_end[];

static char kernels[4096] __attribute__((aligned(4096)));
static char users[4096] __attribute__((aligned(4096)));

/* Tables that show @page at AREA, below the root. */
static pte_t branch(const char *page)
{
	pte_t entry = (pte_t)va_to_mfn(page) << 12 | FLAGS;

	for (int level = 1; level < 4; level++) {
		pte_t *table = page_alloc();

		table[0] = entry;
		table_ready(table);
		entry = (pte_t)va_to_mfn(table) << 12 | FLAGS;
	}
	return entry;
}

static struct vcpu_guest_context *application(void)
{
	struct vcpu_guest_context *c = vcpu_context(NULL);

	c->flags = 0;
	c->ctrlreg[1] = xen_pfn_to_cr3(user_root_mfn());
	c->user_regs.rip = USER_CODE;
	c->user_regs.rsp = USER_STACK + 8;
	c->user_regs.cs = FLAT_USER_CS;
	c->user_regs.ss = FLAT_USER_SS;
	return c;
}

/* It runs some time more. */
static void goes_on(void)
{
	volatile unsigned long *count = (void *)(users + 0xff8);
	unsigned long from = *count;
	uint64_t until = system_time() + 20000000000ull;

	while (*count - from < 1000 && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	if (*count - from < 1000)
		error("vCPU 1 does not run");
}

/* It is off its processor, which may take a moment. */
static void leaves(void)
{
	struct vcpu_runstate_info run = {0};
	uint64_t until = system_time() + 20000000000ull;

	do
		check_eq(hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, &run), 0);
	while (run.state != RUNSTATE_offline && system_time() < until);
	check_eq(run.state, RUNSTATE_offline);
}

void test_main(void)
{
	struct vcpu_register_runstate_memory_area area = {.addr.p = AREA};
	volatile struct vcpu_runstate_info *seen = (void *)kernels;

	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	user_map(user_code, user_end - user_code);
	check_eq(pte_write(pte_maddr(AREA, 4), branch(kernels)), 0);
	check_eq(pte_write(((uint64_t)user_root_mfn() << 12) + (AREA >> 39) * 8, branch(users)), 0);
	__builtin_memset(users, MARK, 0xff8);
	check_eq(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 1, &area), 0);
	check_eq(seen->state, RUNSTATE_offline);
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, application()), 0);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t entered = seen->state_entry_time;

		check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
		goes_on();
		check_eq(seen->state, RUNSTATE_running);
		check(seen->state_entry_time > entered);
		check_eq(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
		leaves();
	}
	for (unsigned i = 0; i < 0xff8; i++)
		if (users[i] != MARK) {
			failure("byte %u of the application's page is %x", i, users[i]);
			break;
		}
	check_eq(*(unsigned long *)(kernels + 0xff8), 0);
}
#endif
