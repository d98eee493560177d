/* SPDX-License-Identifier: MIT */
/* The hypervisor's printf (lib/format.h). No state: any context, any CPU. */
#include "lib/format.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size, len; /* len counts on past size: the length of the whole text */
};

struct spec {
	bool left, zero;
	int width, precision; /* precision < 0: none */
	int longs;            /* 2: 64 bits, -1: 16, -2: 8 */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *f, const char *text, size_t n)
{
	int pad = f->width - (int)n;

	if (!f->left)
		for (; pad > 0; pad--)
			put(o, ' ');
	while (n--)
		put(o, *text++);
	for (; pad > 0; pad--)
		put(o, ' ');
}

/* @sign is '-' or 0; @digits is the alphabet. */
static void put_number(struct out *o, struct spec *f, uint64_t v, char sign, unsigned base,
		       const char *digits)
{
	char text[72];
	size_t n = sizeof(text);
	size_t zeros = f->zero && !f->left ? MIN((size_t)f->width, sizeof(text) - 4) : 0;

	do {
		text[--n] = digits[v % base];
		v /= base;
	} while (v);
	while (sizeof(text) - n + !!sign < zeros)
		text[--n] = '0';
	if (sign)
		text[--n] = sign;
	put_padded(o, f, text + n, sizeof(text) - n);
}

static int64_t take_signed(const struct spec *f, va_list *ap)
{
	int64_t v = f->longs > 0 ? va_arg(*ap, long) : va_arg(*ap, int);

	return f->longs == -1 ? (int16_t)v : f->longs == -2 ? (int8_t)v : v;
}

static uint64_t take_unsigned(const struct spec *f, va_list *ap)
{
	uint64_t v = f->longs > 0 ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);

	return f->longs == -1 ? (uint16_t)v : f->longs == -2 ? (uint8_t)v : v;
}

static int parse_int(const char **fmt, va_list *ap)
{
	int v = 0;

	if (**fmt == '*') {
		++*fmt;
		return va_arg(*ap, int);
	}
	for (; **fmt >= '0' && **fmt <= '9'; ++*fmt)
		v = v * 10 + **fmt - '0';
	return v;
}

static const char *parse_spec(const char *fmt, struct spec *f, va_list *ap)
{
	*f = (struct spec){.precision = -1};
	for (;; fmt++) {
		if (*fmt == '-')
			f->left = true;
		else if (*fmt == '0')
			f->zero = true;
		else if (*fmt != '#' && *fmt != '+' && *fmt != ' ')
			break;
	}
	f->width = parse_int(&fmt, ap);
	if (f->width < 0) {
		f->left = true;
		f->width = -f->width;
	}
	if (*fmt == '.') {
		fmt++;
		f->precision = parse_int(&fmt, ap);
	}
	for (;; fmt++) {
		if (*fmt == 'l' || *fmt == 'z' || *fmt == 'j')
			f->longs++;
		else if (*fmt == 'h')
			f->longs--;
		else
			return fmt;
	}
}

static void put_string(struct out *o, struct spec *f, const char *s)
{
	if (!s)
		s = "(null)";
	put_padded(o, f, s, strnlen(s, f->precision < 0 ? SIZE_MAX : (size_t)f->precision));
}

static void put_conversion(struct out *o, struct spec *f, char c, va_list *ap)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	int64_t v;
	char ch;

	switch (c) {
	case 'd':
	case 'i':
		v = take_signed(f, ap);
		put_number(o, f, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0 ? '-' : 0, 10, lower);
		break;
	case 'u':
		put_number(o, f, take_unsigned(f, ap), 0, 10, lower);
		break;
	case 'x':
		put_number(o, f, take_unsigned(f, ap), 0, 16, lower);
		break;
	case 'X':
		put_number(o, f, take_unsigned(f, ap), 0, 16, upper);
		break;
	case 'p':
		*f = (struct spec){.zero = true, .width = 16};
		put_number(o, f, (uint64_t)va_arg(*ap, void *), 0, 16, lower);
		break;
	case 'c':
		ch = (char)va_arg(*ap, int);
		put_padded(o, f, &ch, 1);
		break;
	case 's':
		put_string(o, f, va_arg(*ap, const char *));
		break;
	default: /* %%, and conversions that do not exist */
		put(o, c);
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.buf = buf, .size = size};
	struct spec f;
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &f, &args);
		if (!*fmt)
			break;
		put_conversion(&o, &f, *fmt, &args);
	}
	va_end(args);
	if (size)
		buf[MIN(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
