/* SPDX-License-Identifier: MIT */
/*
 * The consoles (dev/console.h). Output comes from printk under its lock. Input: the interrupt handler fills a
 * ring of which it owns the head; the tail belongs to the reader, under rx_lock. A full ring drops what is
 * typed.
 */
#include "dev/console.h"
#include "cpu/percpu.h"
#include "dev/ioapic.h"
#include "dev/irq.h"
#include "dev/serial.h"
#include "dev/vga.h"
#include "lib/options.h"
#include "lib/loglevel.h"
#include "lib/spinlock.h"

#define RX_SIZE     1024
#define ESCAPE      0x01 /* ^A: three in a row, and the next character is a debug key */
#define ESCAPE_RUNS 3

static struct spinlock rx_lock;
static uint8_t rx_ring[RX_SIZE];
static uint32_t rx_head, rx_tail;
static void (*notify)(void);
static unsigned escapes; /* ^A seen in a row */
static char wanted_key;  /* debug key typed, 0: none */

static void output(const char *text, size_t n)
{
	if (options.console_com1)
		serial_write(text, n);
	if (options.console_vga)
		vga_write(text, n);
}

void console_init(void)
{
	if (options.console_com1)
		options.console_com1 = serial_init(options.com1_baud, options.com1_lcr);
	if (options.console_vga)
		vga_init();
	printk_set_sink(output);
}

static void rx_put(uint8_t c)
{
	if (escapes == ESCAPE_RUNS) {
		escapes = 0;
		wanted_key = (char)c;
		return;
	}
	escapes = c == ESCAPE ? escapes + 1 : 0;
	if (rx_head - __atomic_load_n(&rx_tail, __ATOMIC_ACQUIRE) == RX_SIZE)
		return;
	rx_ring[rx_head % RX_SIZE] = c;
	__atomic_store_n(&rx_head, rx_head + 1, __ATOMIC_RELEASE);
}

static void rx_interrupt(void)
{
	int c;

	while ((c = serial_getc()) >= 0)
		rx_put((uint8_t)c);
	cpu_raise(this_cpu->self, PENDING_DEBUG);
}

void console_rx_start(void)
{
	static struct irq_user rx_user = {.at_once = rx_interrupt};

	if (!options.console_com1)
		return;
	if (irq_attach_gsi(&rx_user, ioapic_isa_to_gsi(COM1_IRQ)))
		log_warning("Console input: no interrupt line for COM1, so there is none\n");
	else
		serial_rx_enable();
}

int console_getc(void)
{
	int c = -1;

	spin_lock(&rx_lock);
	if (rx_tail != __atomic_load_n(&rx_head, __ATOMIC_ACQUIRE)) {
		c = rx_ring[rx_tail % RX_SIZE];
		__atomic_store_n(&rx_tail, rx_tail + 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&rx_lock);
	return c;
}

void console_set_notify(void (*fn)(void))
{
	notify = fn;
}

void console_work(void)
{
	char key = __atomic_exchange_n(&wanted_key, 0, __ATOMIC_ACQ_REL);

	if (key)
		debug_key(key);
	if (notify && rx_tail != __atomic_load_n(&rx_head, __ATOMIC_ACQUIRE))
		notify();
}
