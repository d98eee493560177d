/* SPDX-License-Identifier: MIT */
/*
 * The auditor's reading of vCPUs and CPUs (audit/audit.c): which frames a vCPU holds by its roots, descriptor tables
 * and areas; that it can run on what it has; and whose translations each CPU may hold (mm/root.c).
 */
#include "audit/audit.h"
#include "cpu/cpuset.h"
#include "guest/domain.h"
#include "guest/kind.h"
#include "mm/memory.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "pv/context.h"

/* A page of a GDT or LDT: held, shown by the window, and harmless in every descriptor. */
static void segdesc(struct vcpu *v, mfn_t mfn, uint64_t shown)
{
	const uint64_t *desc = mfn_to_virt(mfn);

	audit_use(mfn, PGT_SEGDESC);
	if (pte_mfn(shown) != mfn || !(shown & PTE_P) || (shown & PTE_U))
		audit_wrong("%s vCPU %u: its window shows %lx, not frame %lx", v->domain->name, v->id,
			    (unsigned long)shown, (unsigned long)mfn);
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*desc); i++) {
		uint64_t d = desc[i];

		if (!v->domain->paging->descriptor_ok(&d) || d != desc[i])
			audit_wrong("%s vCPU %u: descriptor %016lx in frame %lx", v->domain->name, v->id,
				    (unsigned long)desc[i], (unsigned long)mfn);
	}
}

#define LDT_PAGE_FIRST 16 /* in the window, behind the GDT's pages (mm/mm.h) */

static void descriptor_tables(struct vcpu *v)
{
	if (!v->mm.desc_l1)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(v->pv.gdt_frames); i++)
		if (v->pv.gdt_frames[i] != INVALID_MFN)
			segdesc(v, v->pv.gdt_frames[i], v->mm.desc_l1[i]);
	for (unsigned i = 0; i < v->pv.gdt_next_pages; i++)
		audit_use(v->pv.gdt_next[i], PGT_SEGDESC);
	for (unsigned i = 0; i < LDT_PAGE_FIRST; i++) {
		uint64_t shown = v->mm.desc_l1[LDT_PAGE_FIRST + i];

		if (v->pv.ldt_mapped >> i & 1)
			segdesc(v, pte_mfn(shown), shown);
		else if (shown & PTE_P)
			audit_wrong("%s vCPU %u: its window shows LDT page %u, which it does not hold",
				    v->domain->name, v->id, i);
	}
}

/* What a CPU would walk for @v: the hypervisor's slots are there, or the first segment load ends the machine. */
static void loadable(struct vcpu *v, uint64_t cr3, const char *what)
{
	const uint64_t by_processor = PTE_A | PTE_D, *top = mfn_to_virt(pte_mfn(cr3));

	if (!mfn_valid(pte_mfn(cr3)) || pte_mfn(cr3) == virt_to_mfn(idle_root)) {
		audit_wrong("%s vCPU %u: %s %lx, on which no guest runs", v->domain->name, v->id, what,
			    (unsigned long)cr3);
		return;
	}
	for (unsigned slot = SLOT_FIRST; slot <= SLOT_LAST; slot++)
		if (slot != SLOT_M2P &&
		    (top[slot] ^ audit_reserved_entry(v->domain, 4, slot)) & ~by_processor)
			audit_wrong("%s vCPU %u: %s %lx has %lx in slot %u", v->domain->name, v->id, what,
				    (unsigned long)cr3, (unsigned long)top[slot], slot);
}

static void roots(struct vcpu *v)
{
	const struct domain *d = v->domain;

	if (v->mm.root != INVALID_MFN)
		audit_use(v->mm.root, d->paging->root_level);
	if (v->mm.user_root != INVALID_MFN)
		audit_use(v->mm.user_root, d->paging->root_level);
	if ((v->mm.user_root != INVALID_MFN) != (v->mm.user_cr3 != 0) ||
	    (v->mm.user_cr3 && pte_mfn(v->mm.user_cr3) != v->mm.user_root))
		audit_wrong("%s vCPU %u: user root %lx, and %lx to be loaded", d->name, v->id,
			    (unsigned long)v->mm.user_root, (unsigned long)v->mm.user_cr3);
	if (v->mm.user_cr3)
		loadable(v, v->mm.user_cr3, "user root");
}

/* Rules (3) and (4) of vcpu.entry.special (guest/entry_state.h). */
static void shortcuts(const struct vcpu *v)
{
	if (v->entry.special.no_user_root != !v->mm.user_cr3)
		audit_wrong("%s vCPU %u: user root %lx, which system calls' shortcuts do not know",
			    v->domain->name, v->id, (unsigned long)v->mm.user_cr3);
	if (v->entry.special.no_entry == context_takes_syscalls(v) ||
	    (!v->entry.special.no_entry && v->entry.syscall_sp != context_syscall_sp(v)))
		audit_wrong(
		    "%s vCPU %u: system calls enter at %lx on %lx, which their shortcut does not know",
		    v->domain->name, v->id, (unsigned long)v->entry.syscall_cb.address,
		    (unsigned long)v->entry.kernel_sp);
}

/* Rules (1) and (2) of the essay in mm/root.c. */
static void context(struct vcpu *v)
{
	if (v->state != VCPU_OFFLINE && !v->dom.initialised)
		audit_wrong("%s vCPU %u: online without a context", v->domain->name, v->id);
	if (!v->dom.initialised)
		return;
	loadable(v, v->mm.kernel_cr3, "root");
	if (v->domain->paging && v->domain->paging->user_root)
		shortcuts(v);
	if (v->entry.user_mode && !v->mm.user_cr3)
		audit_wrong("%s vCPU %u: in user mode without a user root", v->domain->name, v->id);
}

/* Do flushes reach the CPUs that may know others' frames by @d's mappings? */
static bool is_listed(const struct domain *d)
{
	const struct domain *p = privileged_domains;

	while (p && p != d)
		p = p->next_privileged;
	return p;
}

void audit_vcpus(struct domain *d)
{
	static const struct audit_report report = {.use = audit_use, .wrong = audit_wrong};
	struct vcpu *v;

	if (d->privileged && !is_listed(d))
		audit_wrong("%s is privileged, but flushes do not include it", d->name);
	if (d->evt.pirq_eoi_mfn)
		audit_use(d->evt.pirq_eoi_mfn, PGT_WRITABLE);
	for_each_vcpu (d, v) {
		roots(v);
		if (d->state < DOMAIN_DYING)
			context(v);
		descriptor_tables(v);
		if (v->dom.info_mfn != INVALID_MFN)
			audit_use(v->dom.info_mfn, PGT_WRITABLE);
		if (v->mm.memory_work)
			memory_exchange_audit(&v->mm.memory_work->x, audit_ref);
		if (d->doors->audit)
			d->doors->audit(v, &report);
	}
}

static bool exists(const struct vcpu *wanted)
{
	bool found = false;
	struct domain *d;
	struct vcpu *v;

	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		for_each_vcpu (d, v)
			found |= v == wanted;
	}
	return found;
}

/* It walks the tables of the vCPU that it holds, which exists, or the idle ones and holds none. */
static void one_cpu(const struct percpu *cpu)
{
	const struct vcpu *v = cpu->tlb_vcpu;
	uint64_t idle = virt_to_mfn(idle_root) << PAGE_SHIFT;

	if (v && !exists(v)) {
		audit_wrong("CPU %u holds translations of a vCPU that no longer exists", cpu->id);
		return;
	}
	if (v != (cpu->vcpu == cpu->idle ? NULL : cpu->vcpu))
		audit_wrong("CPU %u holds translations of a vCPU other than its own", cpu->id);
	if (cpu->cr3 != (!v ? idle : v->entry.user_mode ? v->mm.user_cr3 : v->mm.kernel_cr3))
		audit_wrong("CPU %u walks %lx", cpu->id, (unsigned long)cpu->cr3);
	if (v && !cpuset_has(v->domain->mm.tlb_cpus, cpu->id))
		audit_wrong("CPU %u holds translations of %s, whose flushes do not reach it", cpu->id,
			    v->domain->name);
}

void audit_cpus(void)
{
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (cpu_table[i]->online)
			one_cpu(cpu_table[i]);
}
