/* SPDX-License-Identifier: MIT */
/* See vlan.h. */
#include "vlan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char needed[] = "needed: VLANs from 1 to 4094 as 10, 10p/20 (10 without a tag) or 10p/100+10x4";

static unsigned number(const char **at, unsigned most)
{
	char *end;
	unsigned long value;

	if (**at < '0' || **at > '9')
		return 0;
	value = strtoul(*at, &end, 10);
	*at = end;
	return value <= most ? (unsigned)value : 0;
}

static void add(struct vlans *v, unsigned vid)
{
	v->tagged[vid / 64] |= 1ull << (vid % 64);
}

/* FIRST, or FIRST+STEPxCOUNT, or FIRSTp. */
static const char *take_entry(const char **at, struct vlans *v)
{
	unsigned vid = number(at, VLAN_MAX), step, count;

	if (!vid)
		return needed;
	if (**at == 'p') {
		++*at;
		if (v->native)
			return "needed: one native VLAN (p), and there are two";
		v->native = (uint16_t)vid;
		return NULL;
	}
	if (**at != '+') {
		add(v, vid);
		return NULL;
	}
	++*at;
	step = number(at, VLAN_MAX);
	count = step && **at == 'x' ? (++*at, number(at, VLAN_MAX)) : 0;
	if (!count || vid + step * (count - 1) > VLAN_MAX)
		return needed;
	for (; count; count--, vid += step)
		add(v, vid);
	return NULL;
}

static bool is_one_number(const char *text)
{
	return !text[strspn(text, "0123456789")];
}

const char *vlans_parse(const char *text, struct vlans *out)
{
	const char *at = text, *wrong;

	*out = (struct vlans){.native = VLAN_DEFAULT};
	if (!text || !*text)
		return NULL;
	if (is_one_number(text)) {
		out->native = (uint16_t)number(&at, VLAN_MAX);
		return out->native ? NULL : needed;
	}
	*out = (struct vlans){.trunk = true};
	for (;;) {
		wrong = take_entry(&at, out);
		if (wrong || !*at)
			break;
		if (*at++ != '/')
			return needed;
	}
	if (out->native) /* it is the one that has no tag */
		out->tagged[out->native / 64] &= ~(1ull << (out->native % 64));
	return wrong;
}

static size_t print_range(char *out, size_t size, const char *before, unsigned first, unsigned last)
{
	int n = first == last ? snprintf(out, size, "%s%u", before, first)
			      : snprintf(out, size, "%s%u-%u", before, first, last);

	return n < 0 || (size_t)n >= size ? size - 1 : (size_t)n;
}

void vlans_print(const struct vlans *v, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, v->trunk ? "trunk" : "access %u", v->native);
	const char *before = ", tagged ";
	unsigned first = 0;

	if (v->trunk && v->native)
		at += print_range(out + at, size - at, ", native ", v->native, v->native);
	for (unsigned vid = 1; v->trunk && vid <= VLAN_MAX + 1; vid++) {
		bool has = vid <= VLAN_MAX && vlans_has_tagged(v, (uint16_t)vid);

		if (has && !first)
			first = vid;
		if (has || !first)
			continue;
		at += print_range(out + at, size - at, before, first, vid - 1);
		before = ",";
		first = 0;
	}
}
