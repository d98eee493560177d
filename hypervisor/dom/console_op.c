/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 18, console_io. Dom0's output goes out as it is: Dom0 owns the terminal. Other guests may use it as
 * an emergency console; their lines are gathered, marked with the domain and limited in their rate, and control
 * characters are dropped, so that they cannot play tricks on a reader. Only Dom0 reads what is typed.
 */
#include "dev/console.h"
#include "dom/domain.h"
#include "dom/report.h"
#include "guest/hypercall.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/loglevel.h"
#include "mm/guest_copy.h"
#include "xen/xen.h"

/* Written between two looks at other work: what a UART takes without waiting. */
#define CHUNK 16

static void end_line(struct domain *d)
{
	if (!d->dom.con_len)
		return;
	d->dom.con_line[d->dom.con_len] = 0;
	d->dom.con_len = 0;
	log_guest_line(&d->dom.con_limit, d->id, d->dom.con_line);
}

/* The caller that ends the domain may hold any lock; if it is this one, or another vCPU is just writing, the rest of a
 * line is lost. */
void console_flush(struct domain *d)
{
	if (spin_trylock(&d->dom.lock)) {
		end_line(d);
		spin_unlock(&d->dom.lock);
	}
	log_guest_left_out(&d->dom.con_limit, d->id);
}

static void guest_put_char(struct domain *d, char c)
{
	if (c == '\n' || d->dom.con_len == sizeof(d->dom.con_line) - 1)
		end_line(d);
	if ((c >= ' ' && c != 0x7f) || c == '\t')
		d->dom.con_line[d->dom.con_len++] = c;
}

static long console_write(uint32_t count, gva_t buffer)
{
	struct domain *d = current->domain;

	while (count) {
		char text[CHUNK];
		uint32_t n = MIN(count, (uint32_t)CHUNK);

		if (guest_read(text, buffer, n))
			return -EFAULT;
		if (d->privileged) {
			printk_raw(text, n);
		} else {
			spin_lock(&d->dom.lock);
			for (uint32_t i = 0; i < n; i++)
				guest_put_char(d, text[i]);
			spin_unlock(&d->dom.lock);
		}
		count -= n;
		buffer += n;
		if (count && hypercall_preempt_check())
			return HYPERCALL_RESTART(console_io, CONSOLEIO_write, count, buffer);
	}
	return 0;
}

static long console_read(uint32_t count, gva_t buffer)
{
	uint32_t n;

	if (!current->domain->privileged)
		return -EPERM;
	for (n = 0; n < count; n++) {
		int c = console_getc();
		char ch = c;

		if (c < 0)
			break;
		if (guest_write(buffer + n, &ch, 1))
			return -EFAULT;
	}
	return n;
}

long hc_console_io(uint64_t cmd, uint64_t count, uint64_t buffer)
{
	if ((int32_t)count < 0)
		return -E2BIG;
	hypercall_was_long(); /* lines go to a UART */
	switch ((uint32_t)cmd) {
	case CONSOLEIO_write:
		return console_write(count, buffer);
	case CONSOLEIO_read:
		return console_read(count, buffer);
	default:
		return -ENOSYS;
	}
}
