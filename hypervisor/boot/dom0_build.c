/* SPDX-License-Identifier: MIT */
/*
 * Building the initial domain from the loader's modules. Runs once, on the boot CPU, before any guest; a
 * failure ends the boot, so nothing is undone.
 */
#include "boot/dom0_build.h"
#include "boot/dom0_memory.h"
#include "boot/dom0_size.h"
#include "boot/kernel_image.h"
#include "cpu/panic.h"
#include "dev/console.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "dom/first_memory.h"
#include "evt/evtchn.h"
#include "guest/hypercall.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/options.h"
#include "lib/loglevel.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/xen.h"

#define MIB(pages) ((pages) >> (20 - PAGE_SHIFT))

static int refuse(const char *why)
{
	log_error("Dom0's kernel cannot be started: %s\n", why);
	return -ENOEXEC;
}

static struct dom0_size choose_size(void)
{
	struct dom0_size s = dom0_size_choose(&options.dom0_mem, frames_free());

	if (s.wanted > s.available)
		log_warning(
		    "Warning: dom0_mem= asks for %lu MiB; Dom0 gets the %lu that the machine has to give\n",
		    MIB(s.wanted), MIB(s.pages));
	return s;
}

/* Its kernel needs more than @has. */
static void report_need(const struct dom0_size *has, uint64_t need)
{
	if (need < has->available)
		log_error("Dom0 has %lu MiB and needs %lu: dom0_mem=%luM would do\n", MIB(has->pages),
			  MIB(need) + 1, MIB(need) + 16);
	else
		log_error("Dom0 needs %lu MiB, and the machine has only %lu to give: it needs more memory\n",
			  MIB(need) + 1, MIB(has->available));
}

/* Dom0 is started at its entry point, so it is of a kind that has one. */
static const struct guest_kind *kind_of(const struct elf *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(guest_kinds); i++) {
		const struct guest_kind *kind = guest_kinds[i];

		if (kind && kind->pv && kind->abi->elf_class == e->class)
			return kind;
	}
	BUG(); /* elf_open() knows no others */
}

static int create(const struct elf_kernel *k)
{
	uint32_t vcpus = options.dom0_max_vcpus ? options.dom0_max_vcpus : nr_cpus;
	int rc;

	dom0 = domain_create(0, kind_of(&k->elf), &rc);
	if (!dom0)
		return rc;
	domain_make_privileged(dom0);
	dom0->hypercalls = hypercalls_for(true);
	if (k->notes.extended_cr3)
		dom0->vm_assist = 1u << VMASST_TYPE_pae_extended_cr3;
	dom0->max_vcpus = MIN(vcpus, (uint32_t)MAX_VCPUS);
	domain_set_quota(dom0);
	for (uint32_t id = 0; id < dom0->max_vcpus && !rc; id++)
		rc = vcpu_create(dom0, id);
	return rc;
}

static int plan(struct first_memory *p, const struct elf_kernel *k, const struct dom0_size *size,
		uint64_t initrd_size)
{
	struct first_request rq = {.kernel = k, .nr_pages = size->pages, .initrd_size = initrd_size};
	const char *wrong = first_memory_plan(p, &rq);

	if (wrong && p->used_pages > rq.nr_pages)
		report_need(size, p->used_pages);
	return wrong ? refuse(wrong) : 0;
}

static void load(const struct dom0_memory *m, const struct elf_kernel *k)
{
	struct elf_piece p;

	for (uint32_t i = 0; elf_kernel_piece(k, i, &p);
	     i++) /* fresh frames are zero: no need to clear the rest */
		dom0_copy(m, p.at, p.data, p.size);
}

/* The pages that the hypervisor itself fills: page tables, P2M, start_info. */
static void write_pages(const struct dom0_memory *m, const struct first_memory *p, const char *cmdline)
{
	const struct first_facts facts = {
	    .shared_info = m->d->shared_info_mfn << PAGE_SHIFT,
	    .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
	    .cmdline = cmdline,
	};

	for (pfn_t i = 0; i < p->tables.count; i++)
		first_table(p, p->tables.pfn + i, m->mfn, dom0_page(m, p->tables.pfn + i));
	for (pfn_t i = 0; i < p->p2m_tables.count; i++)
		first_table(p, p->p2m_tables.pfn + i, m->mfn, dom0_page(m, p->p2m_tables.pfn + i));
	for (pfn_t i = 0; i < p->p2m.count; i++)
		first_p2m_page(p, i, m->mfn, dom0_page(m, p->p2m.pfn + i));
	first_start_info(p, m->mfn, &facts, dom0_page(m, p->start_info.pfn));
}

static int allocate(struct dom0_memory *m, const struct first_memory *p, const struct dom0_size *size)
{
	return dom0_memory_alloc(m, dom0, size->pages, p->tables.pfn);
}

/* Turn plain memory into page tables: pinned, and the current ones. */
static int adopt_tables(struct domain *d, mfn_t root)
{
	int rc;

	do
		rc = page_pin(mfn_to_page(root), d->paging->root_level);
	while (rc == -ERESTART);
	return rc ? rc : vcpu_set_root(d->vcpu[0], root);
}

static int fill(const struct dom0_memory *m, const struct first_memory *p, const struct elf_kernel *k,
		const struct module *initrd, const char *cmdline)
{
	struct domain *d = m->d;
	gva_t stubs = k->notes.hypercall_page;

	load(m, k);
	if (initrd)
		dom0_copy(m, p->initrd.pfn << PAGE_SHIFT, paddr_to_virt(initrd->start), p->initrd_size);
	write_pages(m, p, cmdline);
	if (stubs)
		d->doors->fill_hypercall_page(dom0_page(m, first_pfn(p, stubs)));
	d->pv->start_regs(d->vcpu[0], k->notes.entry, first_va(p, p->stack.pfn + 1),
			  first_va(p, p->start_info.pfn));
	d->vcpu[0]->dom.initialised = true;
	return adopt_tables(d, m->mfn[p->tables.pfn]);
}

static void console_input(void)
{
	send_global_virq(VIRQ_CONSOLE);
}

/* From here on the machine's events go to Dom0. */
static void start(struct domain *d)
{
	console_set_notify(console_input);
	debug_keys_init();
	d->state = DOMAIN_ALIVE;
	d->dom.controller_pauses = 0;
	vcpu_online(d->vcpu[0]);
	domain_unpause(d);
}

int dom0_build(const struct module *kernel, const struct module *initrd, const char *cmdline)
{
	struct kernel_image image;
	struct elf_kernel k;
	struct first_memory p;
	struct dom0_memory m;
	struct dom0_size size;
	const char *wrong;
	int rc;

	wrong = kernel_image_open(&image, paddr_to_virt(kernel->start), kernel->end - kernel->start);
	if (!wrong)
		wrong = elf_kernel_open(&k, image.data, image.size);
	if (!wrong && k.notes.not_dom0)
		wrong = "it says in its note SUPPORTED_FEATURES that it cannot be Dom0";
	if (wrong)
		return refuse(wrong);
	rc = create(&k);
	size = choose_size();
	if (!rc)
		rc = plan(&p, &k, &size, initrd ? initrd->end - initrd->start : 0);
	if (!rc)
		rc = allocate(&m, &p, &size);
	if (!rc)
		rc = fill(&m, &p, &k, initrd, cmdline);
	if (rc == -ENOMEM)
		log_error("Dom0: the machine has too little memory: %lu KiB are free\n",
			  frames_free() << (PAGE_SHIFT - 10));
	if (rc)
		return rc;
	dom0->mm.max_pages = size.max_pages;
	log_info("Dom0: %s, %lu MiB, %u vCPUs, entry %lx, first area %lx-%lx\n", dom0->kind->name,
		 MIB(m.nr_pages), dom0->max_vcpus, k.notes.entry, p.v_start, p.v_end);
	if (size.max_pages > size.pages)
		log_info("Dom0 may grow to %lu MiB\n", MIB(size.max_pages));
	dom0_memory_free_list(&m);
	kernel_image_close(&image);
	boot_release(kernel->start, kernel->end);
	if (initrd)
		boot_release(initrd->start, initrd->end);
	start(dom0);
	return 0;
}
