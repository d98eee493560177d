/* SPDX-License-Identifier: MIT */
/* Console output, and the one result line that the runner looks for. */
#include "fw.h"
#include "hypercall_errors.h"
#include "xen/io/console.h"

static unsigned failures, skipped, errors;
static char verdict[160];

struct out {
	char *at, *end;
};

static void put(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

/* *n /= base, returning the remainder: by shifts, since 32-bit code has no 64-bit division without a library.
 */
static unsigned divide(uint64_t *n, unsigned base)
{
	uint64_t quotient = 0;
	unsigned rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		rest = rest * 2 + ((*n >> bit) & 1);
		if (rest >= base) {
			rest -= base;
			quotient |= 1ull << bit;
		}
	}
	*n = quotient;
	return rest;
}

static void put_number(struct out *o, uint64_t n, unsigned base, int width, char pad)
{
	char digits[24];
	int len = 0;

	do {
		unsigned d = divide(&n, base);
		digits[len++] = d < 10 ? '0' + d : 'a' + d - 10;
	} while (n);
	for (; width > len; width--)
		put(o, pad);
	while (len)
		put(o, digits[--len]);
}

/* %s %c %d %u %x %p with l or ll, a width and a zero: what test messages need. */
static size_t format(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {buf, buf + size - 1};

	for (; *fmt; fmt++) {
		int width = 0, longs = 0;
		char pad = ' ';

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++) {
			if (*fmt == '0' && !width)
				pad = '0';
			width = width * 10 + *fmt - '0';
		}
		for (; *fmt == 'l'; fmt++)
			longs++;
		if (*fmt == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(&o, *s);
		} else if (*fmt == 'c') {
			put(&o, va_arg(ap, int));
		} else if (*fmt == 'd') {
			int64_t n = longs > 1 ? va_arg(ap, long long)
				    : longs   ? va_arg(ap, long)
					      : va_arg(ap, int);
			if (n < 0)
				put(&o, '-');
			put_number(&o, n < 0 ? -(uint64_t)n : (uint64_t)n, 10, width, pad);
		} else if (*fmt == 'u' || *fmt == 'x' || *fmt == 'p') {
			uint64_t n = longs > 1              ? va_arg(ap, unsigned long long)
				     : longs || *fmt == 'p' ? va_arg(ap, unsigned long)
							    : va_arg(ap, unsigned);
			put_number(&o, n, *fmt == 'u' ? 10 : 16, width, pad);
		} else {
			put(&o, *fmt);
		}
	}
	*o.at = 0;
	return o.at - buf;
}

/* A Xen that does not let other domains than Dom0 write to its own console has only their rings. */
static void ring_write(const char *text, size_t n)
{
	struct xencons_interface *ring = mfn_to_va(start_info->console.domU.mfn);
	struct evtchn_send send = {.port = start_info->console.domU.evtchn};

	for (size_t i = 0; i < n; i++) {
		while (ring->out_prod - *(volatile XENCONS_RING_IDX *)&ring->out_cons == sizeof(ring->out))
			hypercall_sched_op(SCHEDOP_yield, NULL);
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = text[i];
		barrier();
		ring->out_prod++;
	}
	hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void vprint(const char *prefix, const char *fmt, va_list ap)
{
	static char line[512];
	size_t n = 0;

	for (; *prefix; prefix++)
		line[n++] = *prefix;
	n += format(line + n, sizeof(line) - n, fmt, ap);
	if (hypercall_console_io(CONSOLEIO_write, n, line) < 0 && !(start_info->flags & SIF_INITDOMAIN))
		ring_write(line, n);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint("", fmt, ap);
	va_end(ap);
}

static void note(const char *kind, const char *fmt, va_list ap)
{
	char text[160];

	format(text, sizeof(text), fmt, ap);
	printk("%s: %s\n", kind, text);
	if (!verdict[0])
		__builtin_memcpy(verdict, text, sizeof(verdict));
}

void failure(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note("failure", fmt, ap);
	va_end(ap);
	failures++;
}

void error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note("error", fmt, ap);
	va_end(ap);
	errors++;
	finish();
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note("skip", fmt, ap);
	va_end(ap);
	skipped++;
	finish();
}

void finish(void)
{
	struct sched_shutdown off = {SHUTDOWN_poweroff};

	printk("RESULT %s %s\n",
	       failures  ? "failure"
	       : errors  ? "error"
	       : skipped ? "skip"
			 : "success",
	       verdict);
	hypercall_sched_op(SCHEDOP_shutdown, &off);
	for (;;)
		hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* Xen's rows are not ours: there the tests run for comparison (XEN=, scripts/guest_test.py). */
static bool ours(void)
{
	struct xen_compile_info info = {0};
	const char *by = info.compile_by;

	/* Ringlet's says so. */
	return !hypercall_xen_version(XENVER_compile_info, &info) && by[0] == 'r' && by[1] == 'i' &&
	       by[2] == 'n' && by[3] == 'g';
}

void hypercall_failed(unsigned nr, long result)
{
	if (!hypercall_may_fail(nr, -result) && ours())
		failure("hypercall %u returned %ld, which its row in abi/hypercalls.def does not list", nr,
			result);
}
