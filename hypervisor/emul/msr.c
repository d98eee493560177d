/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR (SDM 4) of a PV guest's kernel: msr.def lists the registers it may see, here are the functions that
 * the list names. Any other register is #GP, which kernels expect of registers that a machine lacks.
 */
#include "cpu/x86.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "guest/kind.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/page.h"

#define MSR_TSC            0x10
#define MSR_UCODE_REV      0x8b
#define MSR_MCG_CAP        0x179
#define MSR_MCG_STATUS     0x17a
#define MSR_MISC_ENABLE    0x1a0
#define MSR_DEBUGCTL       0x1d9
#define MSR_HYPERCALL_PAGE 0x40000000 /* named by CPUID leaf 0x40000002 */
#define MSR_AMD_SYSCFG     0xc0010010

#define MISC_ENABLE_FAST_STRING 1
#define HWCR_TSC_FREQ_SEL       (1ul << 24) /* the TSC runs at a constant rate */

struct msr_rule {
	uint32_t msr;
	bool (*read)(struct vcpu *v, uint64_t *value); /* NULL: the constant */
	uint64_t constant;
	bool (*write)(struct vcpu *v, uint64_t value); /* false: #GP */
};

static bool refuse_read(struct vcpu *v, uint64_t *value)
{
	return false;
}

static bool refuse(struct vcpu *v, uint64_t value)
{
	return false;
}

static bool drop(struct vcpu *v, uint64_t value)
{
	return true;
}

static bool zero_only(struct vcpu *v, uint64_t value)
{
	return value == 0;
}

static bool base_ok(struct vcpu *v, uint64_t value)
{
	return v->domain->abi->long_mode && is_canonical(value);
}

static bool fs_base_read(struct vcpu *v, uint64_t *value)
{
	*value = rdmsr(MSR_FS_BASE);
	return v->domain->abi->long_mode;
}

static bool fs_base_write(struct vcpu *v, uint64_t value)
{
	if (!base_ok(v, value))
		return false;
	wrmsr(MSR_FS_BASE, value);
	return true;
}

/* The guest's active base, which SWAPGS left in the other register on entry to the hypervisor. */
static bool gs_base_read(struct vcpu *v, uint64_t *value)
{
	*value = rdmsr(MSR_KERNEL_GS_BASE);
	return v->domain->abi->long_mode;
}

static bool gs_base_write(struct vcpu *v, uint64_t value)
{
	if (!base_ok(v, value))
		return false;
	wrmsr(MSR_KERNEL_GS_BASE, value);
	return true;
}

static bool shadow_gs_base_read(struct vcpu *v, uint64_t *value)
{
	*value = v->pv.gs_base_user;
	return v->domain->abi->long_mode;
}

static bool shadow_gs_base_write(struct vcpu *v, uint64_t value)
{
	if (!base_ok(v, value))
		return false;
	v->pv.gs_base_user = value;
	return true;
}

static bool efer_read(struct vcpu *v, uint64_t *value)
{
	uint64_t hidden = v->domain->abi->long_mode ? 0 : EFER_LME | EFER_LMA;

	*value = rdmsr(MSR_EFER) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) & ~hidden;
	return true;
}

/* Kernels may write the present value again. */
static bool efer_same(struct vcpu *v, uint64_t value)
{
	uint64_t now;

	efer_read(v, &now);
	return value == now;
}

static bool real_read(uint32_t msr, uint64_t *value)
{
	*value = rdmsr(msr);
	return true;
}

static bool pat_read(struct vcpu *v, uint64_t *value)
{
	return real_read(MSR_PAT, value);
}

static bool pat_same(struct vcpu *v, uint64_t value)
{
	return value == rdmsr(MSR_PAT);
}

static bool apic_base_read(struct vcpu *v, uint64_t *value)
{
	return real_read(MSR_APIC_BASE, value);
}

static bool tsc_read(struct vcpu *v, uint64_t *value)
{
	*value = rdtsc();
	return true;
}

/* The value is a guest frame's number as an address, in PV a machine frame's; low 12 bits: page index 0. */
static bool hypercall_page_write(struct vcpu *v, uint64_t value)
{
	mfn_t mfn = value >> PAGE_SHIFT;
	struct page_info *pg;

	if ((value & ~PAGE_MASK) || !mfn_valid(mfn))
		return false;
	pg = mfn_to_page(mfn);
	if (page_get_and_type(pg, v->domain, PGT_WRITABLE))
		return false;
	v->domain->doors->fill_hypercall_page(mfn_to_virt(mfn));
	page_put_and_type(pg);
	return true;
}

#define CONSTANT(n)                  NULL, n
#define BY(fn)                       fn, 0
#define MSR(name, read, write, what) {name, read, write},
static const struct msr_rule rules[] = {
#include "emul/msr.def"
};
#undef MSR

static const struct msr_rule *find(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].msr == msr)
			return &rules[i];
	return NULL;
}

enum emul_result emul_rdmsr(struct emul *e)
{
	const struct msr_rule *rule = find(e->regs->rcx);
	uint64_t value;

	if (!rule)
		return EMUL_REFUSED;
	value = rule->constant;
	if (rule->read && !rule->read(e->v, &value))
		return EMUL_REFUSED;
	e->regs->rax = (uint32_t)value;
	e->regs->rdx = value >> 32;
	return EMUL_DONE;
}

enum emul_result emul_wrmsr(struct emul *e)
{
	const struct msr_rule *rule = find(e->regs->rcx);
	uint64_t value = (uint32_t)e->regs->rax | e->regs->rdx << 32;

	if (!rule || !rule->write(e->v, value))
		return EMUL_REFUSED;
	return EMUL_DONE;
}
