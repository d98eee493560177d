/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's vCPU from its beginning to its end (hypervisor/fv/fv.c); what it calls only takes notes:
 *   comes      one only; each part that cannot be allocated ends it, with what was made still to be freed
 *   goes       what it holds is given back in the order in which one needs the other; without parts there is little to do
 *   turns      it is switched in and out with the processor's state as a guest without SYSCALL needs it
 *   context    memory and registers as a loader leaves them, once; what fails on the way leaves it without
 *   shown      its registers in pv32's layout, with what the guest sees of its flags and control registers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/gdt.h"
#include "cpu/features.h"
#include "cpu/x86.h"
#include "pv/taskswitch.h"
static uint64_t host_efer;
static char notes[512];
static void note(const char *what)
{
	strcat(strcat(notes, what), " ");
	assert_true(strlen(notes) < sizeof(notes) - 40);
}
#define rdmsr(msr)                           host_efer
#define wrmsr(msr, value)                    (host_efer = (value))
#define cpu_set_cr4(value)                   (this_cpu->cr4 = (value))
#define cpu_set_supervisor_protection(allow) note("cpu_set_supervisor_protection")
#define taskswitch_load(who)                 note("taskswitch_load")
#define taskswitch_unload(who)               note("taskswitch_unload")
#include "fv/fv.c"

struct percpu host_percpu;
uint64_t host_directmap;
struct cpu_features features;
static struct domain d;
static struct vcpu vcpu, *const v = &vcpu;
static union vcpu_view shared;
static uint64_t windows[32];
static uint8_t ctx[COMPAT_SIZEOF_vcpu_guest_context];
static const char *fails; /* what says that it cannot, */
static int fails_with;    /* and how; -ERESTART: once */
static unsigned held;     /* pieces of memory */
static struct vcpu_guest_context shown;

static int noted(const char *what)
{
	int rc = fails && !strcmp(fails, what) ? fails_with : 0;

	note(what);
	if (rc == -ERESTART)
		fails = NULL;
	return rc;
}

/* ---- what it calls ---- */

void *heap_alloc_for(struct domain *which, size_t size)
{
	assert_ptr_equal(which, &d);
	if (noted("alloc"))
		return NULL;
	held++;
	return calloc(1, size);
}
void heap_free(void *p)
{
	held -= !!p;
	free(p);
}
#define INT_OF(fn, type)           \
	int fn(type arg)           \
	{                          \
		return noted(#fn); \
	}
#define VOID_OF(fn, type)  \
	void fn(type arg)  \
	{                  \
		note(#fn); \
	}
VOID_OF(context_init, struct vcpu *)
uint64_t context_cr4(uint64_t wanted)
{
	return wanted;
}
INT_OF(desc_init, struct vcpu *)
INT_OF(pv32_kind_root_alloc, struct vcpu *)
VOID_OF(pv32_kind_root_free, struct vcpu *)
VOID_OF(pc_stop, struct pc *)
VOID_OF(pc_go_on, struct pc *)
INT_OF(fv_segments_init, struct fv *)
VOID_OF(fv_segments_free, struct fv *)
INT_OF(fv_shadow_init, struct fv *)
INT_OF(fv_shadow_release, struct fv *)
VOID_OF(fv_shadow_free, struct fv *)
INT_OF(fv_memory_release, struct fv *)
VOID_OF(fv_memory_free, struct fv *)
VOID_OF(fv_code_free, struct fv *)
VOID_OF(desc_free, struct vcpu *)
VOID_OF(debugreg_load, struct vcpu *)
void debugreg_unload(void)
{
	note("debugreg_unload");
}
VOID_OF(vcpu_lose_context, struct vcpu *)
VOID_OF(fpu_reset, struct fpu_area *)
const struct pc_user fv_pc_user;
void pc_init(struct pc *pc, const struct pc_user *user)
{
	assert_ptr_equal(user, &fv_pc_user);
	note("pc_init");
}
int fv_memory_init(struct fv *fv, uint32_t info)
{
	assert_int_equal(info, 0x11223344);
	return noted("fv_memory_init");
}
void desc_switch_in(struct vcpu *which, uint64_t *reserved)
{
	assert_ptr_equal(reserved, host_percpu.gdt_compat);
	note("desc_switch_in");
}
VOID_OF(segments_save, struct vcpu *)
bool segments_load(struct vcpu *which)
{
	return !noted("segments_load");
}
void segments_forget(struct vcpu *which, struct segment_selectors *wanted)
{
	note("segments_forget");
}
void vcpu_set_periodic(struct vcpu *which, ns_t period)
{
	assert_int_equal(period, 0);
	note("vcpu_set_periodic");
}
uint32_t fv_flags_get(const struct vcpu *which)
{
	return 0x246;
}
void pv32_context_in(struct vcpu_guest_context *c, const void *from)
{
	assert_ptr_equal(from, ctx);
	c->user_regs.rip = 0x100000;
	c->user_regs.rsi = 0x9000;
	c->user_regs.cs = 0x1234; /* its own count for nothing */
	c->user_regs.rflags = RFLAGS_IOPL | RFLAGS_TF;
}
void pv32_context_out(void *to, const struct vcpu_guest_context *c, const struct vcpu *which)
{
	note("out");
	shown = *c;
}

/* Named in the table of the kind, and not called here. */
const struct xlat xlat_pv32[XLAT_COUNT];
#define ELSEWHERE(type, fn, ...) \
	type fn(__VA_ARGS__)     \
	{                        \
		abort();         \
	}
ELSEWHERE(enum slot_rule, pv32_slot_rule, int level, unsigned slot, bool carrier)
ELSEWHERE(int, pv32_root_promote, struct domain *which, mfn_t root)
ELSEWHERE(int, pv32_l2_promote, struct domain *which, mfn_t l2, bool carrier)
ELSEWHERE(uint64_t, pv32_make_cr3, struct vcpu *which, mfn_t root, bool user)
ELSEWHERE(mfn_t, pv32_cr3_to_mfn, uint64_t cr3)
ELSEWHERE(uint64_t, pv32_mfn_to_cr3, mfn_t mfn)
ELSEWHERE(uint64_t, fv_heap_most, uint64_t frames)
ELSEWHERE(void, fv_trap, struct vcpu *which, struct cpu_user_regs *regs)
ELSEWHERE(void, fv_audit, struct vcpu *which, const struct audit_report *to)
ELSEWHERE(void, fv_deliver, struct vcpu *which)

/* ---- the stage ---- */

static void put_word(unsigned offset, uint32_t value)
{
	memcpy(ctx + offset, &value, sizeof(value));
}

static int setup(void **state)
{
	vcpu = (struct vcpu){.domain = &d, .info = &shared, .mm.desc_l1 = windows};
	d = (struct domain){.abi = fv_kind.abi, .doors = fv_kind.doors};
	host_percpu.vcpu = v;
	shared.upcall_mask = 0;
	windows[0] = 7;
	notes[0] = '\0';
	fails = NULL;
	held = 0;
	put_word(COMPAT_vcpu_guest_context_failsafe_callback_eip, 0x11223344);
	put_word(COMPAT_vcpu_guest_context_event_callback_eip, 77);
	return 0;
}

static void is_noted(const char *what)
{
	assert_string_equal(notes, what);
	notes[0] = '\0';
}

static void freed(void)
{
	fv_kind.doors->vcpu_free(v);
	assert_int_equal(held, 0);
	assert_null(v->fv);
	assert_int_equal(v->mm.kernel_cr3, 0);
}

/* ---- comes and goes ---- */

static void comes(void **state)
{
	assert_int_equal(fv_kind.doors->vcpu_init(v), 0);
	is_noted("context_init desc_init pv32_kind_root_alloc alloc pc_init fv_segments_init ");
	assert_ptr_equal(v->fv->v, v);
	v->mm.kernel_cr3 = 5;
	freed();
	is_noted("pc_stop fv_shadow_release fv_memory_release fv_code_free fv_shadow_free fv_memory_free "
		 "fv_segments_free desc_free pv32_kind_root_free ");
	assert_int_equal(windows[0], 0); /* the page of segments is not the guest's to hold */
	v->id = 1;
	assert_int_equal(fv_kind.doors->vcpu_init(v), -EOPNOTSUPP);
	is_noted("");
}

static void comes_not(void **state)
{
	static const char *const parts[] = {"desc_init", "pv32_kind_root_alloc", "alloc", "fv_segments_init"};

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		setup(state);
		fails = parts[i];
		fails_with = -ENOMEM;
		assert_int_equal(fv_kind.doors->vcpu_init(v), -ENOMEM);
		assert_memory_equal(notes + strlen(notes) - strlen(parts[i]) - 1, parts[i],
				    strlen(parts[i])); /* nothing more was made */
		assert_int_equal(!!v->fv, i == 3);
		notes[0] = '\0';
		fails = NULL;
		freed();
		assert_int_equal(!!strstr(notes, "fv_shadow_free"), i == 3);
		assert_non_null(strstr(notes, "desc_free pv32_kind_root_free"));
	}
}

static void goes_in_pieces(void **state)
{
	assert_int_equal(fv_kind.doors->vcpu_relinquish(v), 0); /* of one that has nothing */
	is_noted("");
	assert_int_equal(fv_kind.doors->vcpu_init(v), 0);
	notes[0] = '\0';
	fails_with = -ERESTART;
	fails = "fv_shadow_release";
	assert_int_equal(fv_kind.doors->vcpu_relinquish(v), -ERESTART);
	is_noted("fv_shadow_release "); /* memory is let go when no table shows it any more */
	fails = "fv_memory_release";
	assert_int_equal(fv_kind.doors->vcpu_relinquish(v), -ERESTART);
	is_noted("fv_shadow_release fv_memory_release ");
	assert_int_equal(fv_kind.doors->vcpu_relinquish(v), 0);
	notes[0] = '\0';
	fails = "fv_memory_release"; /* one that was not asked to, until nothing is left */
	freed();
	is_noted("pc_stop fv_shadow_release fv_memory_release fv_shadow_release fv_memory_release "
		 "fv_code_free "
		 "fv_shadow_free fv_memory_free fv_segments_free desc_free pv32_kind_root_free ");
}

/* ---- turns ---- */

static void turns(void **state)
{
	for (unsigned n = 0; n < 4; n++) {
		features.umip = n & 1;
		host_percpu.cr4 = CR4_PAE;
		host_efer = EFER_NXE | EFER_SCE;
		v->pv.debugreg[7] = DR7_ENABLES;
		fails = n & 2 ? "segments_load" : NULL;
		fails_with = 1;
		fv_kind.doors->switch_in(v);
		is_noted(n & 2 ? "desc_switch_in cpu_set_supervisor_protection segments_load segments_forget "
				 "debugreg_load taskswitch_load "
			       : "desc_switch_in cpu_set_supervisor_protection segments_load debugreg_load "
				 "taskswitch_load ");
		assert_int_equal(host_percpu.cr4, CR4_PAE | (n & 1 ? CR4_UMIP : 0));
		assert_int_equal(host_efer, EFER_NXE);
		fv_kind.doors->switch_out(v);
		is_noted("segments_save debugreg_unload taskswitch_unload ");
		assert_int_equal(host_percpu.cr4, CR4_PAE);
		assert_int_equal(host_efer, EFER_NXE | EFER_SCE);
	}
}

/* ---- context ---- */

static void has_parts(void)
{
	static uint8_t root[4096] __aligned(4096);

	assert_int_equal(fv_kind.doors->vcpu_init(v), 0);
	v->mm.kind_root = root;
	notes[0] = '\0';
}

static void context(void **state)
{
	has_parts();
	d.dom.fv_nopatch = false;
	assert_int_equal(fv_kind.doors->set_context(v, ctx), 0);
	is_noted("alloc vcpu_lose_context fv_memory_init fv_shadow_init fpu_reset vcpu_set_periodic ");
	assert_int_equal(held, 1); /* the vCPU's own */
	assert_int_equal(v->mm.kernel_cr3, virt_to_mfn(v->mm.kind_root) << PAGE_SHIFT);
	assert_int_equal(v->fv->console_port, 77);
	assert_true(v->fv->patching);
	assert_int_equal(v->fv->cr0, CR0_PE | CR0_ET);
	assert_int_equal(v->regs.rip, 0x100000);
	assert_int_equal(v->regs.rsi, 0x9000);
	assert_int_equal(v->regs.cs, SEL_COMPAT_KERNEL_CS);
	assert_int_equal(v->regs.ss, SEL_COMPAT_KERNEL_DS);
	assert_int_equal(v->regs.gs, SEL_COMPAT_KERNEL_DS);
	assert_int_equal(v->regs.rflags, RFLAGS_IF | RFLAGS_MBS);
	assert_int_equal(shared.upcall_mask, 1);
	assert_true(v->pv.segs_fresh);
	assert_int_equal(fv_kind.doors->set_context(v, ctx), -EBUSY); /* it is powered on */
	is_noted("");
	freed();
}

static void context_fails(void **state)
{
	static const char *const parts[] = {"alloc", "fv_memory_init", "fv_shadow_init"};

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		setup(state);
		has_parts();
		d.dom.fv_nopatch = true;
		fails = parts[i];
		fails_with = i ? -ERESTART : -ENOMEM;
		assert_int_equal(fv_kind.doors->set_context(v, ctx), fails_with);
		assert_int_equal(held, 1);
		assert_int_equal(v->mm.kernel_cr3, 0);
		assert_int_equal(v->regs.rip, 0);
		assert_null(strstr(notes, "fpu_reset"));
		assert_int_equal(!!strstr(notes, "vcpu_lose_context"), i > 0);
		fails = NULL;
		assert_int_equal(fv_kind.doors->set_context(v, ctx), 0); /* gone on with */
		assert_false(v->fv->patching);
		freed();
	}
}

static void shown_context(void **state)
{
	has_parts();
	*v->fv = (struct fv){.v = v, .cr0 = 1, .cr2 = 2, .cr3 = 3, .cr4 = 4};
	v->regs.rax = 9;
	v->regs.rflags = RFLAGS_TF;
	v->pv.debugreg[7] = 0x400;
	for (unsigned n = 0; n < 4; n++) {
		v->regs.cs = n & 1 ? SEL_COMPAT_KERNEL_CS : SEL_COMPAT_USER_CS;
		v->state = n & 2 ? VCPU_OFFLINE : VCPU_RUNNABLE;
		fv_kind.doors->get_context(v, ctx);
		assert_int_equal(shown.flags,
				 VGCF_i387_valid | (n & 1 ? VGCF_in_kernel : 0) | (n & 2 ? 0 : VGCF_online));
		assert_int_equal(shown.user_regs.rax, 9);
		assert_int_equal(shown.user_regs.rflags, 0x246);
		assert_int_equal(shown.ctrlreg[0], 1);
		assert_int_equal(shown.ctrlreg[2], 2);
		assert_int_equal(shown.ctrlreg[3], 3);
		assert_int_equal(shown.ctrlreg[4], 4);
		assert_int_equal(shown.debugreg[7], 0x400);
		assert_int_equal(held, 1);
	}
	fails = "alloc"; /* nothing, and nothing of what stood there */
	fails_with = -ENOMEM;
	memset(ctx, 0xee, sizeof(ctx));
	notes[0] = '\0';
	fv_kind.doors->get_context(v, ctx);
	is_noted("alloc ");
	for (unsigned i = 0; i < sizeof(ctx); i++)
		assert_int_equal(ctx[i], 0);
	freed();
}

static void odds(void **state)
{
	uint8_t page[PAGE_SIZE] = {0};

	has_parts();
	assert_null(fv_kind.calls);
	assert_null(fv_kind.paging); /* so no frame of it is ever a table, or of descriptors */
	assert_null(fv_kind.pv);
	fv_kind.doors->fill_hypercall_page(page);
	assert_int_equal(page[0], 0xcc);
	assert_int_equal(page[PAGE_SIZE - 1], 0xcc);
	fv_kind.doors->timers_go_on(v);
	is_noted("pc_go_on ");
	fv_kind.doors->timers_go_on(&(struct vcpu){.domain = &d}); /* one that is not built yet */
	is_noted("");
	freed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(comes, setup),          cmocka_unit_test_setup(comes_not, setup),
	    cmocka_unit_test_setup(goes_in_pieces, setup), cmocka_unit_test_setup(turns, setup),
	    cmocka_unit_test_setup(context, setup),        cmocka_unit_test_setup(context_fails, setup),
	    cmocka_unit_test_setup(shown_context, setup),  cmocka_unit_test_setup(odds, setup),
	};

	return cmocka_run_group_tests_name("fv_vcpu", tests, NULL, NULL);
}
