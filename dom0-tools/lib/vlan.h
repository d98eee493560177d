/* SPDX-License-Identifier: MIT */
/*
 * Which VLANs a port of a switch is in, as Xen's `vlan=` has it: entries with `/` between them, each a number, a number with
 * `p` (the native VLAN, whose frames have no tag), or FIRST+STEPxCOUNT. One number alone is an access port.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VLAN_MAX     4094 /* IEEE 802.1Q: 0 is no VLAN, 4095 is reserved */
#define VLAN_DEFAULT 1

struct vlans {
	bool trunk;      /* false: an access port of `native` */
	uint16_t native; /* 0: frames without a tag are dropped */
	uint64_t tagged[(VLAN_MAX + 64) / 64];
};

/* "" and NULL: an access port of VLAN_DEFAULT. NULL, or what is needed instead. */
const char *vlans_parse(const char *text, struct vlans *out);
/* "access 10", "trunk, native 10, tagged 20,30-32". */
void vlans_print(const struct vlans *v, char *out, size_t size);

static inline bool vlans_has_tagged(const struct vlans *v, uint16_t vid)
{
	return v->tagged[vid / 64] >> (vid % 64) & 1;
}

/* Does a frame of this VLAN leave by the port? */
static inline bool vlans_has(const struct vlans *v, uint16_t vid)
{
	return vid && (v->native == vid || vlans_has_tagged(v, vid));
}
