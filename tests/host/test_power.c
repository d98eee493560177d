/* SPDX-License-Identifier: MIT */
/*
 * Specification: how the machine ends (hypervisor/dev/power.c), by what is written to its ports.
 *   off       both control registers, if there are two, with the types of sleep that the firmware says; without them a sentence
 *   reboot    the firmware's register first if there is one; the keyboard's, when it listens, and CF9 after that
 *   crash     is a reboot unless the option says that the machine is to stay
 */
#include "irq_host.h"
#include "deeds.h"
#include "cpu/gdt.h"

static jmp_buf end;
static _Noreturn void host_halt(void)
{
	note("halt");
	longjmp(end, 1);
}
#define halt_forever host_halt
#include "dev/power.c"

struct acpi_info acpi;
struct options options;
static unsigned busy; /* how often the keyboard says that it is */

static uint32_t port_in(uint16_t port, unsigned size)
{
	assert_int_equal(port, KBD_COMMAND);
	return busy && busy-- ? KBD_STATUS_FULL : 0;
}
static void port_out(uint16_t port, unsigned size, uint32_t value)
{
	note("%x=%x", port, value);
	if (port == CF9)
		longjmp(end, 1); /* the last that can be seen here */
}
void panic(const char *fmt, ...)
{
	abort();
}
static void (*panic_ends)(void);
void panic_set_end(void (*fn)(void))
{
	panic_ends = fn;
}
void debug_key_register(char key, const char *what, void (*fn)(void))
{
	note("key %c", key);
}
void delay_us(uint32_t us)
{
}
void printk(const char *fmt, ...)
{
	note("%.4s", fmt);
}

static int setup(void **state)
{
	acpi = (struct acpi_info){.s5_valid = true, .s5_type_a = 5, .s5_type_b = 6, .pm1a_control = 0x604};
	options.noreboot = false;
	busy = 0;
	deeds[0] = '\0';
	return 0;
}

#define ends_by(call, expected)        \
	do {                           \
		if (!setjmp(end))      \
			call;          \
		assert_done(expected); \
	} while (0)

static void off(void **state)
{
	ends_by(power_off(), "604=3401;It i;halt;");
	acpi.pm1b_control = 0x704;
	ends_by(power_off(), "604=3401;704=3801;It i;halt;");
	acpi.pm1a_control = 0;
	ends_by(power_off(), "It i;halt;");
	acpi.pm1a_control = 0x604;
	acpi.s5_valid = false;
	ends_by(power_off(), "It i;halt;");
}

static void reboot(void **state)
{
	ends_by(power_reboot(), "64=fe;cf9=6;");
	acpi.reset_valid = true;
	acpi.reset_port = 0x92;
	acpi.reset_value = 1;
	busy = 5;
	ends_by(power_reboot(), "92=1;64=fe;cf9=6;");
	assert_int_equal(busy, 0);
	busy = ~0u; /* for ever */
	ends_by(power_reboot(), "92=1;64=fe;cf9=6;");
}

static void crash(void **state)
{
	power_init();
	assert_done("key C;key R;");
	ends_by(panic_ends(), "Rebo;64=fe;cf9=6;");
	options.noreboot = true;
	ends_by(panic_ends(), "Halt;halt;");
	ends_by(power_stop(), "Halt;halt;");
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(off), TEST(reboot), TEST(crash)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
