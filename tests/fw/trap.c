/* SPDX-License-Identifier: MIT */
/* Exceptions and events: expected ones are recorded and recovered from, others end the test as an error. */
#include "fw.h"

struct fault fault;
struct recovery *recovery;
bool (*trap_hook)(struct frame *f);
void (*event_hook)(struct frame *f);
volatile unsigned long upcalls;
struct start_info *start_info;
struct shared_info *shared;

extern const unsigned long trap_stubs[33];
extern char event_entry[], failsafe_entry[], syscall_entry[];
void recovery_resume(struct recovery *r) __attribute__((noreturn));
void fw_trap(struct frame *f), fw_event(struct frame *f), fw_failsafe(void), fw_main(struct start_info *si);

static struct shared_info shared_page __attribute__((aligned(4096)));
static char shared_rest[4096 - sizeof(struct shared_info)] __attribute__((used));

void fw_trap(struct frame *f)
{
	if (trap_hook && trap_hook(f))
		return;
	fault = (struct fault){.happened = true,
			       .vector = f->vector,
			       .error = f->error,
			       .ip = f->ip,
			       .cr2 = shared->vcpu_info[0].arch.cr2};
	if (!recovery)
		error("unexpected exception %lu error %lx at %lx cr2 %lx", f->vector, f->error, f->ip,
		      fault.cr2);
	recovery_resume(recovery);
}

void fw_event(struct frame *f)
{
	upcalls++;
	shared->vcpu_info[0].evtchn_upcall_pending = 0;
	shared->vcpu_info[0].evtchn_pending_sel = 0;
	barrier();
	if (event_hook)
		event_hook(f);
}

void fw_failsafe(void)
{
	error("failsafe callback");
}

void events_on(void)
{
	struct vcpu_info *v = &shared->vcpu_info[0];

	barrier();
	v->evtchn_upcall_mask = 0;
	barrier();
	if (v->evtchn_upcall_pending)
		hypercall_xen_version(XENVER_version, NULL); /* any hypercall delivers what is pending */
}

void events_off(void)
{
	shared->vcpu_info[0].evtchn_upcall_mask = 1;
	barrier();
}

bool event_test_and_clear(unsigned port)
{
	unsigned bits = sizeof(long) * 8;
	unsigned long bit = 1ul << (port % bits);

	return __atomic_fetch_and(&shared->evtchn_pending[port / bits], ~bit, __ATOMIC_SEQ_CST) & bit;
}

void event_mask(unsigned port, bool masked)
{
	unsigned bits = sizeof(long) * 8;
	unsigned long bit = 1ul << (port % bits);

	if (masked)
		__atomic_fetch_or(&shared->evtchn_mask[port / bits], bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&shared->evtchn_mask[port / bits], ~bit, __ATOMIC_SEQ_CST);
}

static void callback(unsigned type, const void *entry)
{
	struct callback_register reg = {.type = type};

#ifdef __x86_64__
	reg.address = (unsigned long)entry;
#else
	reg.address.cs = FLAT_KERNEL_CS;
	reg.address.eip = (unsigned long)entry;
#endif
	if (hypercall_callback_op(CALLBACKOP_register, &reg))
		error("callback_op register %u", type);
}

void trap_init(void)
{
	static struct trap_info table[34];

	for (unsigned i = 0; i < 33; i++) {
		table[i].vector = i < 32 ? i : 0x80;
		table[i].flags = (i == VEC_BP || i == VEC_OF || i == 32) ? 3 : 0;
		table[i].cs = FLAT_KERNEL_CS;
		table[i].address = trap_stubs[i];
	}
	if (hypercall_set_trap_table(table))
		error("set_trap_table");
	callback(CALLBACKTYPE_event, event_entry);
	callback(CALLBACKTYPE_failsafe, failsafe_entry);
#ifdef __x86_64__
	callback(CALLBACKTYPE_syscall, syscall_entry);
#endif
}

/* The first C function: find the console and shared_info, set up traps, run the test. */
void fw_main(struct start_info *si)
{
	start_info = si;
	printk("\n%s (%s)\n", test_title, KIND);
	if (hypercall_update_va_mapping((unsigned long)&shared_page,
					si->shared_info | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG))
		error("cannot map shared_info");
	shared = &shared_page;
	trap_init();
	test_main();
	finish();
}
