/* SPDX-License-Identifier: MIT */
/*
 * Specification: the consoles' devices, in memory and behind ports that a test has.
 *   vga       each character at its place, lines and tabs; the display follows the text, and the window begins again at its
 *             end with what was to be seen; the cursor is behind the last character
 *   serial    set as asked, if there is one; as many characters as the FIFO takes between two looks; a line that nobody
 *             reads costs its patience once
 *   console   what is typed is read once and in order, and what finds no place is lost; three times ^A make a debug key of
 *             the next
 */
#include "irq_host.h"

#include <stdio.h>

static uint8_t vga_memory[32768];
#define put vga_put
#include "mm/page.h"
#undef DIRECTMAP
#define DIRECTMAP ((uint64_t)vga_memory - TEXT_BASE)
#include "dev/vga.c"
#undef put
#include "dev/serial.c"
#include "dev/console.c"

static uint8_t crtc[256], crtc_index, com1[8], divisor[2];
static char sent[300], typed[3000];
static unsigned sent_count, looks, empty_at, typed_at, typed_count, keys, news;
static char key;
struct options options;
static void (*sink)(const char *text, size_t n);

static uint32_t port_in(uint16_t port, unsigned size)
{
	if (port == LSR) {
		looks++;
		return (looks >= empty_at ? LSR_TX_EMPTY : 0) | (typed_at < typed_count ? LSR_DATA : 0);
	}
	if (port == DATA)
		return (uint8_t)typed[typed_at++];
	return com1[port - COM1];
}
static void port_out(uint16_t port, unsigned size, uint32_t value)
{
	if (port == CRTC_INDEX)
		crtc_index = value;
	else if (port == CRTC_DATA)
		crtc[crtc_index] = value;
	else if ((port == DATA || port == IER) && com1[LCR - COM1] & LCR_DLAB)
		divisor[port - COM1] = value;
	else if (port == DATA)
		sent[sent_count++] = value;
	else
		com1[port - COM1] = value;
}
void printk_set_sink(void (*fn)(const char *text, size_t n))
{
	sink = fn;
}
void printk(const char *fmt, ...)
{
}
bool log_admits(enum log_source source, enum log_level level)
{
	return false;
}
void debug_key(char c)
{
	keys++;
	key = c;
}
uint32_t ioapic_isa_to_gsi(uint8_t isa_irq)
{
	return isa_irq + 20;
}
static struct irq_user *rx;
static int line_error;
int irq_attach_gsi(struct irq_user *u, uint32_t gsi)
{
	assert_int_equal(gsi, COM1_IRQ + 20);
	rx = u;
	return line_error;
}
static void told(void)
{
	news++;
}

static int setup(void **state)
{
	options =
	    (struct options){.console_com1 = true, .console_vga = true, .com1_baud = 9600, .com1_lcr = 0x03};
	memset(com1, 0, sizeof(com1));
	sent_count = looks = empty_at = typed_at = typed_count = keys = news = 0;
	notify = NULL;
	memset(vga_memory, 0x55, sizeof(vga_memory));
	console_init();
	return 0;
}

static char seen(unsigned r, unsigned c)
{
	uint16_t cell = cells[r * COLUMNS + c];

	assert_int_equal(cell & 0xff00, ATTRIBUTE);
	return cell;
}

static unsigned shown(uint8_t index)
{
	return crtc[index] << 8 | crtc[index + 1];
}

static void vga(void **state)
{
	static char line[COLUMNS + 1];
	unsigned r;

	for (r = 0; r < ROWS; r++)
		assert_int_equal(seen(r, COLUMNS - 1), ' ');
	assert_int_equal(cells[ROWS * COLUMNS], 0x5555);
	assert_int_equal(shown(0x0c), 0);
	vga_write("ab\tc\rd\bx\x01\x7f\n\b", 12);
	assert_int_equal(seen(0, 0), 'x');
	assert_int_equal(seen(0, 1), 0x7f);
	assert_int_equal(seen(0, 8), 'c');
	assert_int_equal(shown(0x0e), COLUMNS);
	/* A full line ends by itself. */
	memset(line, 'l', COLUMNS);
	vga_write(line, COLUMNS);
	vga_write("m", 1);
	assert_int_equal(seen(1, COLUMNS - 1), 'l');
	assert_int_equal(seen(2, 0), 'm');
	assert_int_equal(shown(0x0e), 2 * COLUMNS + 1);
	for (r = 3; r < ROWS; r++)
		vga_write("\n", 1);
	assert_int_equal(shown(0x0c), 0);
	vga_write("\nn", 2);
	assert_int_equal(shown(0x0c), COLUMNS);
	assert_int_equal(seen(ROWS, 0), 'n');
	assert_int_equal(seen(ROWS, 1), ' ');
	/* To the last row of the window, and over it. */
	for (r = ROWS + 1; r < WINDOW_ROWS; r++) {
		char text[3] = {'\n', 'A' + r % 26};

		vga_write(text, 2);
	}
	assert_int_equal(shown(0x0c), (WINDOW_ROWS - ROWS) * COLUMNS);
	vga_write("\nz", 2);
	assert_int_equal(shown(0x0c), 0);
	assert_int_equal(seen(ROWS - 1, 0), 'z');
	for (r = 0; r < ROWS - 1; r++)
		assert_int_equal(seen(r, 0), 'A' + (WINDOW_ROWS - ROWS + 1 + r) % 26);
}

static void serial(void **state)
{
	assert_int_equal(divisor[0] | divisor[1] << 8, 12);
	assert_int_equal(com1[LCR - COM1], 3);
	assert_int_equal(com1[FCR - COM1], FCR_ENABLE);
	assert_int_equal(com1[MCR - COM1], MCR_LINES);
	assert_int_equal(com1[IER - COM1], 0);
	sink("a\nb", 3);
	assert_int_equal(sent_count, 4);
	assert_memory_equal(sent, "a\r\nb", 4);
	assert_int_equal(looks, 1);
	sink("0123456789abc", 13); /* the twelve that are left of 16, and one more */
	assert_int_equal(looks, 2);
	assert_int_equal(sent_count, 17);
	sink("0123456789abcde", 15);
	assert_int_equal(looks, 2);
	/* Nobody reads: once it is waited for, then each character is lost at a look, until it goes on. */
	empty_at = ~0u;
	sink("x", 1);
	assert_int_equal(looks, 2 + TX_PATIENCE);
	sink("xyz", 3);
	assert_int_equal(looks, 2 + TX_PATIENCE + 3);
	assert_int_equal(sent_count, 32);
	empty_at = 0;
	sink("xyz", 3);
	assert_int_equal(sent_count, 35);
	empty_at = looks + 10;
	for (unsigned i = 0; i < 14; i++)
		sink("-", 1);
	assert_int_equal(sent_count, 49); /* it is patient again */
	/* None there. */
	setup(state);
	options.console_vga = false;
	present = false;
	sink("x", 1);
	assert_int_equal(sent_count, 0);
	assert_int_equal(serial_getc(), -1);
	serial_rx_enable();
	assert_int_equal(com1[IER - COM1], 0);
}

static void types(const char *text, size_t n)
{
	memcpy(typed, text, n);
	typed_at = 0;
	typed_count = n;
	host_percpu.pending = 0;
	rx->at_once();
}

static void input(void **state)
{
	static char many[RX_SIZE + 5];

	console_set_notify(told);
	console_rx_start();
	assert_int_equal(com1[IER - COM1], IER_RX);
	console_work();
	assert_int_equal(news, 0);
	assert_int_equal(console_getc(), -1);
	types("hi", 2);
	console_work();
	assert_int_equal(news, 1);
	assert_int_equal(console_getc(), 'h');
	assert_int_equal(console_getc(), 'i');
	assert_int_equal(console_getc(), -1);
	console_work();
	assert_int_equal(news, 1);
	/* Debug keys. */
	types("\1\1x\1\1\1q", 7);
	console_work();
	assert_int_equal(keys, 1);
	assert_int_equal(key, 'q');
	console_work();
	assert_int_equal(keys, 1);
	for (const char *c = "\1\1x\1\1\1"; *c; c++)
		assert_int_equal(console_getc(), *c);
	assert_int_equal(console_getc(), -1);
	for (unsigned i = 0; i < sizeof(many); i++)
		many[i] = 'a' + i % 26;
	types(many, sizeof(many));
	for (unsigned i = 0; i < RX_SIZE; i++)
		assert_int_equal(console_getc(), many[i]);
	assert_int_equal(console_getc(), -1);
	assert_false(rx_lock.held);
	/* Without a line, or without the UART, nothing comes. */
	setup(state);
	line_error = -1;
	console_rx_start();
	assert_int_equal(com1[IER - COM1], 0);
	line_error = 0;
	rx = NULL;
	options.console_com1 = false;
	console_rx_start();
	assert_null(rx);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(vga), TEST(serial), TEST(input)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
