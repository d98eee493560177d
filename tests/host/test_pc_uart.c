/* SPDX-License-Identifier: MIT */
/*
 * Specification of a virtual PC's serial port (hypervisor/pc/uart.c), whose other end is Dom0's console ring.
 *   sends     each byte is in the ring and Dom0 is told; into a full ring none is written, and what is there stays
 *   waits     a full ring shows the transmitter as busy, for a fifth of a second only; as soon as there is room it is
 *             not
 *   receives  bytes come in order; Dom0 is told when there may be more that found no room: at the last one, or a full ring
 *   tells     the interrupt line follows IER, what there is and OUT2; IIR names the reason, and ends that of sending
 *   keeps     divisor, line and modem control, scratch are as written, the divisor apart from data and IER
 *   hostile   whatever Dom0 writes into the indices, nothing outside the ring is touched
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pc/uart.c"

static ns_t clock_ns;
static unsigned told;
static bool line;
static struct pc pc;
static struct xencons_interface *ring;

ns_t now(void)
{
	return clock_ns;
}
static void console(struct pc *which)
{
	assert_ptr_equal(which, &pc);
	told++;
}
void pic_set_line(struct pic *pic, unsigned which, bool level)
{
	assert_int_equal(which, 4);
	line = level;
}

static int setup(void **state)
{
	static const struct pc_user user = {.console = console};

	free(ring);
	ring = calloc(1, sizeof(*ring));
	pc = (struct pc){.user = &user, .console = ring};
	clock_ns = 5000000000ull;
	told = 0;
	line = false;
	return 0;
}

static void give(const char *text)
{
	for (; *text; text++, ring->in_prod++)
		ring->in[ring->in_prod % sizeof(ring->in)] = *text;
}

static uint8_t status(void)
{
	return uart_read(&pc, REG_LSR);
}

static void sends(void **state)
{
	ring->out_prod = ring->out_cons = ~0u; /* they wrap */
	for (unsigned i = 0; i < sizeof(ring->out); i++) {
		assert_int_equal(status(), LSR_EMPTY);
		uart_write(&pc, REG_DATA, i);
		assert_int_equal(told, i + 1);
		assert_int_equal(ring->out_prod, i);
		assert_int_equal((uint8_t)ring->out[(i - 1) % sizeof(ring->out)], (uint8_t)i);
	}
	uart_write(&pc, REG_DATA, 0x77); /* lost */
	assert_int_equal(ring->out_prod, sizeof(ring->out) - 1);
	assert_int_equal(ring->out[sizeof(ring->out) - 1], 0);
	assert_int_equal(told, sizeof(ring->out) + 1); /* perhaps Dom0 sleeps */
}

static void waits(void **state)
{
	ring->out_prod = sizeof(ring->out);
	assert_int_equal(status(), 0);
	clock_ns += 199000000;
	assert_int_equal(status(), 0);
	clock_ns += 2000000;
	assert_int_equal(status(), LSR_EMPTY); /* Dom0 does not read */
	ring->out_cons = 1;
	assert_int_equal(status(), LSR_EMPTY);
	ring->out_prod++;
	assert_int_equal(status(), 0); /* full once more: it has as long again */
	ring->out_cons++;
	assert_int_equal(status(), LSR_EMPTY);
}

static void receives(void **state)
{
	ring->in[0] = 'a'; /* an old one */
	assert_int_equal(uart_read(&pc, REG_DATA), 0);
	assert_int_equal(ring->in_cons, 0);
	assert_int_equal(told, 0);
	ring->in_prod = ring->in_cons = ~0u - 1;
	give("abcd");
	assert_int_equal(status(), LSR_EMPTY | LSR_RECEIVED);
	for (const char *c = "abcd"; *c; c++) {
		assert_int_equal(told, 0);
		assert_int_equal(uart_read(&pc, REG_DATA), *c);
	}
	assert_int_equal(told, 1); /* that was the last */
	assert_int_equal(status(), LSR_EMPTY);
	assert_int_equal(ring->in_cons, ring->in_prod);
	ring->in_prod += sizeof(ring->in);
	uart_read(&pc, REG_DATA);
	assert_int_equal(told, 2); /* it was full */
	uart_read(&pc, REG_DATA);
	assert_int_equal(told, 2);
}

static void tells(void **state)
{
	uart_write(&pc, REG_MCR, MCR_OUT2);
	give("x");
	uart_poll(&pc);
	assert_false(line); /* it did not ask */
	assert_int_equal(uart_read(&pc, REG_IIR), IIR_FIFO | IIR_NONE);
	uart_write(&pc, REG_IER, IER_RECEIVED);
	assert_true(line);
	assert_int_equal(uart_read(&pc, REG_IIR), IIR_FIFO | IIR_RECEIVED);
	assert_true(line); /* until it is read */
	uart_read(&pc, REG_DATA);
	assert_false(line);
	uart_write(&pc, REG_IER, IER_RECEIVED | IER_SENT);
	assert_true(line); /* there is room to send */
	uart_write(&pc, REG_MCR, 0);
	assert_false(line); /* it is not connected */
	uart_write(&pc, REG_MCR, MCR_OUT2);
	assert_true(line);
	assert_int_equal(uart_read(&pc, REG_IIR), IIR_FIFO | IIR_SENT);
	assert_false(line); /* seen */
	assert_int_equal(uart_read(&pc, REG_IIR), IIR_FIFO | IIR_NONE);
	uart_write(&pc, REG_DATA, 'y');
	assert_true(line);
	give("z"); /* what came goes first */
	assert_int_equal(uart_read(&pc, REG_IIR), IIR_FIFO | IIR_RECEIVED);
	uart_write(&pc, REG_IER, 0);
	assert_false(line);
}

static void keeps(void **state)
{
	uart_write(&pc, REG_LCR, DLAB | 3);
	uart_write(&pc, REG_DATA, 0x12);
	uart_write(&pc, REG_IER, 0x34);
	assert_int_equal(uart_read(&pc, REG_DATA), 0x12);
	assert_int_equal(uart_read(&pc, REG_IER), 0x34);
	assert_int_equal(ring->out_prod, 0);
	assert_false(pc.uart.sent);
	uart_write(&pc, REG_LCR, 3);
	assert_int_equal(uart_read(&pc, REG_LCR), 3);
	assert_int_equal(uart_read(&pc, REG_IER), 0);
	uart_write(&pc, REG_IER, 0xff);
	assert_int_equal(uart_read(&pc, REG_IER), 0x0f);
	uart_write(&pc, REG_MCR, 0x0b);
	assert_int_equal(uart_read(&pc, REG_MCR), 0x0b);
	uart_write(&pc, REG_SCRATCH, 0xa5);
	assert_int_equal(uart_read(&pc, REG_SCRATCH), 0xa5);
	uart_write(&pc, REG_IIR, 0xff);
	uart_write(&pc, REG_LSR, 0xff);
	uart_write(&pc, REG_MSR, 0xff);
	assert_int_equal(uart_read(&pc, REG_MSR), MSR_CONNECTED);
	assert_int_equal(told, 0);
}

/* The ring ends where its page's part does: the address checker looks on. */
static void hostile(void **state)
{
	static const uint32_t odd[] = {0, 1, 1023, 1024, 2047, 2048, 0x7fffffff, 0x80000000, ~0u};

	for (unsigned i = 0; i < ARRAY_SIZE(odd) * ARRAY_SIZE(odd); i++) {
		ring->in_prod = ring->out_cons = odd[i % ARRAY_SIZE(odd)];
		ring->in_cons = ring->out_prod = odd[i / ARRAY_SIZE(odd)];
		for (unsigned n = 0; n < 3; n++) {
			uart_read(&pc, REG_DATA);
			uart_write(&pc, REG_DATA, n);
			status();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(sends, setup),    cmocka_unit_test_setup(waits, setup),
	    cmocka_unit_test_setup(receives, setup), cmocka_unit_test_setup(tells, setup),
	    cmocka_unit_test_setup(keeps, setup),    cmocka_unit_test_setup(hostile, setup),
	};
	int failed = cmocka_run_group_tests_name("pc uart", tests, NULL, NULL);

	free(ring);
	return failed;
}
