/* SPDX-License-Identifier: MIT */
/* Formatted printing into a buffer of known size. */
#include "string.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	unsigned width;
	int precision; /* -1: none given */
	bool left, zero;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_field(struct out *o, const struct spec *s, const char *text, size_t len)
{
	unsigned pad = s->width > len ? s->width - len : 0;

	if (!s->left && s->zero && len && (*text == '-')) {
		put(o, *text++);
		len--;
	}
	for (; !s->left && pad; pad--)
		put(o, s->zero ? '0' : ' ');
	while (len--)
		put(o, *text++);
	for (; pad; pad--)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, u64 value, unsigned base, bool negative,
		       bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[32], *p = tmp + sizeof(tmp);

	/* 32-bit kernels have no 64-bit division: split by hand until the value fits a word. */
	do {
		unsigned digit;

		if (base == 10) {
			u32 high = value >> 32, low = (u32)value, rest, quotient;

			rest = high % 10;
			high = high / 10;
			__asm__("divl %4" : "=a"(quotient), "=d"(digit) : "0"(low), "1"(rest), "r"(10U));
			value = (u64)high << 32 | quotient;
		} else {
			digit = value & (base - 1);
			value >>= base == 16 ? 4 : 3;
		}
		*--p = digits[digit];
	} while (value || tmp + sizeof(tmp) - p < s->precision);
	if (negative)
		*--p = '-';
	put_field(o, s, p, tmp + sizeof(tmp) - p);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	struct spec plain = *s;

	plain.zero = false;
	if (!text)
		text = "(null)";
	put_field(o, &plain, text, s->precision >= 0 ? strnlen(text, s->precision) : strlen(text));
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else
			break;
	}
	if (*f == '*') {
		s->width = va_arg(*ap, int);
		f++;
	} else {
		s->width = parse_number(&f, 10);
	}
	if (*f == '.') {
		f++;
		if (*f == '*') {
			s->precision = va_arg(*ap, int);
			f++;
		} else {
			s->precision = parse_number(&f, 10);
		}
	}
	return f;
}

static u64 get_number(va_list *ap, int length, bool is_signed)
{
	if (length >= 2)
		return va_arg(*ap, u64);
	if (length == 1)
		return is_signed ? (u64)(s64)va_arg(*ap, long) : va_arg(*ap, ulong);
	return is_signed ? (u64)(s64)va_arg(*ap, int) : va_arg(*ap, unsigned);
}

int vsnprintf(char *buf, size_t size, const char *f, va_list args)
{
	struct out o = {buf, size, 0};
	struct spec s;
	va_list ap;

	va_copy(ap, args);
	for (; *f; f++) {
		int length = 0;
		u64 v;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &s, &ap);
		for (; *f == 'l' || *f == 'h' || *f == 'z'; f++)
			length += *f == 'h' ? 0 : 1;
		switch (*f) {
		case 'd':
		case 'i':
			v = get_number(&ap, length, true);
			put_number(&o, &s, (s64)v < 0 ? -v : v, 10, (s64)v < 0, false);
			break;
		case 'u':
			put_number(&o, &s, get_number(&ap, length, false), 10, false, false);
			break;
		case 'o':
			put_number(&o, &s, get_number(&ap, length, false), 8, false, false);
			break;
		case 'x':
		case 'X':
			put_number(&o, &s, get_number(&ap, length, false), 16, false, *f == 'X');
			break;
		case 'p':
			s.precision = 2 * sizeof(void *);
			put_number(&o, &s, (ulong)va_arg(ap, void *), 16, false, false);
			break;
		case 'c': {
			char c = va_arg(ap, int);

			put_field(&o, &s, &c, 1);
			break;
		}
		case 's':
			put_string(&o, &s, va_arg(ap, const char *));
			break;
		case '%':
			put(&o, '%');
			break;
		default:
			put(&o, '?');
			break;
		}
	}
	va_end(ap);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return o.len;
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
