/* SPDX-License-Identifier: MIT */
/* The boot CPU's way from the first line of C to the idle loop, in order. Nothing registers itself elsewhere.
 */
#include "audit/audit.h"
#include "boot/boot.h"
#include "boot/cmdline.h"
#include "boot/dom0_build.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#include "cpu/lapic.h"
#include "cpu/panic.h"
#include "cpu/tsc.h"
#include "dev/acpi.h"
#include "dev/console.h"
#include "dev/ioapic.h"
#include "dev/irq.h"
#include "dev/power.h"
#include "dom/domain.h"
#include "dom/report.h"
#include "entry/entry.h"
#include "guest/kind.h"
#include "lib/image.h"
#include "lib/loglevel.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "trace/trace.h"

static void print_banner(void)
{
	log_info("Ringlet, a paravirtual hypervisor: Xen's PV guests in ring 1 and ring 3\n");
	cmdline_report();
}

static void print_memory_map(void)
{
	static const char *const names[] = {"?", "RAM", "reserved", "ACPI", "ACPI NVS", "bad"};
	uint64_t ram = 0;

	for (unsigned i = 0; i < boot_ram_count; i++) {
		const struct mem_range *r = &boot_ram[i];

		log_info("  %012lx-%012lx %s\n", r->start, r->end,
			 names[r->type < ARRAY_SIZE(names) ? r->type : 0]);
		if (r->type == MEM_RAM)
			ram += r->end - r->start;
	}
	log_info("RAM: %lu MiB; our image: %lu KiB\n", ram >> 20,
		 ((uint64_t)image_end - (uint64_t)image_start) >> 10);
}

static void print_processor(void)
{
	log_info("CPU: %s%s%s%s%s%s%s%s\n", features.brand[0] ? features.brand : features.vendor, " [nx",
		 features.smep ? " smep" : "", features.smap ? " smap" : "", features.xsave ? " xsave" : "",
		 features.x2apic ? " x2apic" : "", features.cpuid_fault ? " cpuid-fault" : "",
		 features.tcg ? " tcg]" : "]");
}

static void start_dom0(void)
{
	const struct module *kernel = boot_modules, *initrd = boot_module_count > 1 ? boot_modules + 1 : NULL;
	int rc;

	if (!boot_module_count) {
		log_error(
		    "No Dom0 kernel: pass one as the first module (and its initrd as the second).\n"
		    "  GRUB:  multiboot /ringlet.elf; module /kernel.elf <arguments>; module /dom0.cpio\n"
		    "  QEMU:  -kernel ringlet.elf -initrd \"kernel.elf <arguments>,dom0.cpio\"\n"
		    "Nothing to run, so the machine is switched off.\n");
		power_off();
	}
	rc = dom0_build(kernel, initrd, kernel->cmdline);
	if (rc) {
		log_error("Dom0 cannot be built (error %d)\n", rc);
		power_stop();
	}
}

static void list_kinds(void)
{
	guest_kinds[KIND_PV64] = &pv64_kind;
	guest_kinds[KIND_PV32] = &pv32_kind;
	guest_kinds[KIND_FV] = &fv_kind;
}

void boot_main(uint32_t magic, uint64_t info)
{
	percpu_init_boot();           /* this_cpu, descriptor tables: spinlocks and panic work */
	multiboot_parse(magic, info); /* the loader's information, before anything overwrites it */
	cmdline_parse(boot_cmdline);
	console_init(); /* printk output appears */
	print_banner();
	print_memory_map();
	power_init();        /* a panic may reboot */
	idt_init(idt_stubs); /* exceptions are reported */
	features_init();
	features_cpu_init(syscall_entry, syscall32_entry); /* NX, WP, SYSCALL */
	fpu_cpu_init();
	print_processor();
	acpi_init();                        /* while the early map still shows all tables */
	tsc_calibrate_begin(acpi.pm_timer); /* the window runs while memory is set up */
	mm_init();                          /* frames, heap, the hypervisor's page tables */
	guest_access_init();                /* before there is any guest */
	lapic_init(map_mmio(acpi.lapic_address, PAGE_SIZE));
	mmio_hide(acpi.lapic_address); /* Dom0 may map devices, but not these */
	irq_init();
	ioapic_init();
	tsc_calibrate_end();
	time_init();
	hypercall_init();
	trace_init(); /* its hooks are known, and off */
	domains_init();
	panic_set_context(report_current);
	list_kinds();
	audit_init();
	sched_init();
	sched_cpu_init(vcpu_alloc(&dom_idle, 0)); /* from here on `current` is the idle vCPU */
	smp_init();
	stays_init(); /* if asked for */
	console_rx_start();
	start_dom0();
	idle_loop();
}
