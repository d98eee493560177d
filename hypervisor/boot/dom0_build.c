/* SPDX-License-Identifier: MIT */
/*
 * Building the initial domain from the loader's modules. Runs once, on the boot CPU, before any guest; a
 * failure ends the boot, so nothing is undone.
 */
#include "boot/dom0_build.h"
#include "boot/dom0_memory.h"
#include "boot/dom0_plan.h"
#include "boot/dom0_size.h"
#include "boot/kernel_image.h"
#include "dev/console.h"
#include "dev/ioapic.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "dom/elf.h"
#include "dom/guest_ops.h"
#include "entry/hypercall.h"
#include "evt/evtchn.h"
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

/* Its kernel wants more than @has. */
static void report_need(const struct dom0_size *has, uint64_t need)
{
	if (need < has->available)
		log_error("Dom0 has %lu MiB and needs %lu: dom0_mem=%luM would do\n", MIB(has->pages),
			  MIB(need) + 1, MIB(need) + 16);
	else
		log_error("Dom0 needs %lu MiB, and the machine has only %lu to give: it needs more memory\n",
			  MIB(need) + 1, MIB(has->available));
}

static const struct guest_ops *kind_of(const struct elf *e)
{
	static const struct guest_ops *const kinds[] = {&pv64_ops, &pv32_ops};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->elf_class == e->class)
			return kinds[i];
	BUG(); /* elf_open() knows no others */
}

static int create(const struct elf_kernel *k)
{
	uint32_t vcpus = options.dom0_max_vcpus ? options.dom0_max_vcpus : nr_cpus;
	const struct guest_ops *ops = kind_of(&k->elf);
	int rc;

	dom0 = domain_create(0, ops, &rc);
	if (!dom0)
		return rc;
	dom0->privileged = true;
	dom0->hypercalls = hypercalls_for(true);
	if (k->notes.extended_cr3)
		dom0->vm_assist = 1u << VMASST_TYPE_pae_extended_cr3;
	dom0->max_vcpus = MIN(vcpus, (uint32_t)MAX_VCPUS);
	domain_set_quota(dom0);
	for (uint32_t id = 0; id < dom0->max_vcpus && !rc; id++)
		rc = vcpu_create(dom0, id);
	return rc;
}

static int plan(struct dom0_plan *p, const struct elf_kernel *k, const struct dom0_size *size,
		uint64_t initrd_size)
{
	const struct guest_ops *ops = dom0->ops;
	struct dom0_request rq = {
	    .kernel = k,
	    .root_level = ops->root_level,
	    .word_size = (1u << ops->word_shift) / 8,
	    .nr_pages = size->pages,
	    .initrd_size = initrd_size,
	};
	const char *wrong = dom0_plan_make(p, &rq);

	if (wrong && p->used_pages > rq.nr_pages)
		report_need(size, p->used_pages);
	if (!wrong && !range_ok(ops, p->v_start, p->v_end - p->v_start))
		wrong = "it wants addresses that are the hypervisor's";
	if (!wrong && p->p2m_pfn && !range_ok(ops, p->p2m, p->p2m_frames << PAGE_SHIFT))
		wrong = "it wants its P2M at addresses that are the hypervisor's";
	return wrong ? refuse(wrong) : 0;
}

static void load(const struct dom0_memory *m, const struct elf_kernel *k)
{
	struct elf_part p;

	for (uint32_t i = 0; elf_segment(&k->elf, i, &p); i++)
		if (elf_loadable(&p)) /* fresh frames are zero: no need to clear the rest */
			dom0_copy(m, p.paddr - k->notes.paddr_offset, k->elf.data + p.offset, p.filesz);
	dom0_copy(m, k->symbols.start, k->symbols.head, k->symbols.head_size);
	for (unsigned i = 0; i < ARRAY_SIZE(k->symbols.piece); i++)
		dom0_copy(m, k->symbols.piece[i].at, k->symbols.piece[i].data, k->symbols.piece[i].size);
}

/* The P2M in the guest's words. */
static void write_p2m(const struct dom0_memory *m, const struct dom0_plan *p)
{
	uint64_t size = (1u << m->d->ops->word_shift) / 8;
	uint64_t pa = p->p2m_pfn ? p->p2m_pfn << PAGE_SHIFT : p->p2m - p->v_start;

	for (pfn_t pfn = 0; pfn < m->nr_pages; pfn++)
		dom0_copy(m, pa + pfn * size, &m->mfn[pfn], size);
}

static void write_start_info(const struct dom0_memory *m, const struct dom0_plan *p, uint64_t initrd_size,
			     const char *cmdline)
{
	struct domain *d = m->d;
	static struct start_info si; /* zero, and too big for the stack */

	strlcpy(si.magic, d->ops->magic, sizeof(si.magic));
	si.nr_pages = m->nr_pages;
	si.shared_info = d->shared_info_mfn << PAGE_SHIFT;
	si.flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si.pt_base = p->tables;
	si.nr_pt_frames = p->nr_tables;
	si.mfn_list = p->p2m;
	if (p->p2m_pfn) {
		si.first_p2m_pfn = p->p2m_pfn;
		si.nr_p2m_frames = p->p2m_frames + p->p2m_tables;
	}
	si.mod_len = initrd_size;
	si.mod_start = p->initrd;
	if (initrd_size && !p->initrd) {
		si.mod_start = p->initrd_pfn;
		si.flags |= SIF_MOD_START_PFN;
	}
	strlcpy((char *)si.cmd_line, cmdline, sizeof(si.cmd_line));
	d->ops->put_start_info(dom0_page(m, (p->start_info - p->v_start) >> PAGE_SHIFT), &si);
}

static int allocate(struct dom0_memory *m, const struct dom0_plan *p, const struct dom0_size *size)
{
	return dom0_memory_alloc(m, dom0, size->pages, (p->tables - p->v_start) >> PAGE_SHIFT);
}

/* Make plain memory into page tables, pinned and the current ones. */
static int adopt_tables(struct domain *d, mfn_t root)
{
	int rc;

	do
		rc = page_pin(mfn_to_page(root), d->ops->root_level);
	while (rc == -ERESTART);
	return rc ? rc : vcpu_set_root(d->vcpu[0], root);
}

static int fill(const struct dom0_memory *m, const struct dom0_plan *p, const struct elf_kernel *k,
		const struct module *initrd, const char *cmdline)
{
	struct domain *d = m->d;
	uint64_t initrd_size = initrd ? initrd->end - initrd->start : 0;
	gva_t stubs = k->notes.hypercall_page;

	load(m, k);
	if (initrd)
		dom0_copy(m, p->initrd_pfn << PAGE_SHIFT, paddr_to_virt(initrd->start), initrd_size);
	write_p2m(m, p);
	write_start_info(m, p, initrd_size, cmdline);
	if (stubs) {
		if (stubs % PAGE_SIZE || stubs < p->v_start || stubs >= p->v_end)
			return refuse("its hypercall page lies outside its memory");
		d->ops->fill_hypercall_page(dom0_page(m, (stubs - p->v_start) >> PAGE_SHIFT));
	}
	d->ops->start_regs(d->vcpu[0], k->notes.entry, p->stack + PAGE_SIZE, p->start_info);
	d->vcpu[0]->initialised = true;
	return adopt_tables(d, dom0_tables_build(m, p));
}

static void console_input(void)
{
	send_global_virq(VIRQ_CONSOLE);
}

/* From here on the machine's events have somebody to go to. */
static void start(struct domain *d)
{
	console_set_notify(console_input);
	irq_set_pirq_handler(send_pirq);
	debug_keys_init();
	d->state = DOMAIN_ALIVE;
	d->controller_pauses = 0;
	vcpu_online(d->vcpu[0]);
	domain_unpause(d);
}

int dom0_build(const struct module *kernel, const struct module *initrd, const char *cmdline)
{
	struct kernel_image image;
	struct elf_kernel k;
	struct dom0_plan p;
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
		log_error("Dom0: the machine's memory does not suffice, %lu KiB are free\n",
			  frames_free() << (PAGE_SHIFT - 10));
	if (rc)
		return rc;
	dom0->max_pages = size.max_pages;
	log_info("Dom0: %s, %lu MiB, %u vCPUs, entry %lx, first area %lx-%lx\n", dom0->ops->name,
		 MIB(m.nr_pages), dom0->max_vcpus, k.notes.entry, p.v_start, p.v_end);
	dom0_memory_free_list(&m);
	kernel_image_close(&image);
	boot_release(kernel->start, kernel->end);
	if (initrd)
		boot_release(initrd->start, initrd->end);
	start(dom0);
	return 0;
}
