/* SPDX-License-Identifier: MIT */
/* Power-off by ACPI S5 (ACPI 6.4, 16.1.5), reset by every way a PC knows, in order of politeness. */
#include "dev/power.h"
#include "cpu/gdt.h"
#include "cpu/panic.h"
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "dev/acpi.h"
#include "dev/console.h"
#include "lib/options.h"
#include "lib/pm1.h"
#include "lib/printk.h"

#define KBD_COMMAND     0x64
#define KBD_STATUS_FULL 0x02
#define KBD_RESET       0xfe
#define CF9             0xcf9
#define CF9_HARD        0x06

static void crash_on_request(void)
{
	panic("requested by debug key");
}

void power_init(void)
{
	panic_set_end(power_crash);
	debug_key_register('C', "crash, to see the report", crash_on_request);
	debug_key_register('R', "reboot the machine", power_reboot);
}

void power_off(void)
{
	if (acpi.s5_valid && acpi.pm1a_control) {
		outw(acpi.pm1a_control, PM1_SLP_TYPE(acpi.s5_type_a) | PM1_SLP_EN | PM1_SCI_EN);
		if (acpi.pm1b_control)
			outw(acpi.pm1b_control, PM1_SLP_TYPE(acpi.s5_type_b) | PM1_SLP_EN | PM1_SCI_EN);
		delay_us(10000);
	}
	printk("It is now safe to turn off the machine.\n");
	halt_forever();
}

static void reset_by_triple_fault(void)
{
	struct gdtr none = {0, 0};

	__asm__ volatile("lidt %0; int3" : : "m"(none));
}

void power_reboot(void)
{
	if (acpi.reset_valid) {
		outb(acpi.reset_port, acpi.reset_value);
		delay_us(1000);
	}
	for (int i = 0; i < 1000 && (inb(KBD_COMMAND) & KBD_STATUS_FULL); i++)
		delay_us(10);
	outb(KBD_COMMAND, KBD_RESET);
	delay_us(1000);
	outb(CF9, CF9_HARD);
	delay_us(1000);
	reset_by_triple_fault();
	halt_forever();
}

void power_stop(void)
{
	printk("Halted: a reboot would end here again.\n");
	halt_forever();
}

void power_crash(void)
{
	if (options.noreboot) {
		printk("Halted (noreboot).\n");
		halt_forever();
	}
	printk("Rebooting.\n");
	power_reboot();
}
