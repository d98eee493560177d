/* SPDX-License-Identifier: MIT */
/*
 * One network device of a domain as xl writes it: "mac=00:16:3e:00:00:01,bridge=xenbr0,rate=10Mb/s"
 * (xl-network-configuration(5)). What xl 4.17 takes is taken here, and `vlan=` of later ones; `isolated`, `antispoof` and
 * `group=` are rl-netd's. A text is refused with a sentence; so is what this toolset does not do.
 */
#pragma once

#include "vlan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_MAC_LEN  6
#define NIC_MAC_TEXT 18 /* with the end */
#define NIC_WHY      400
#define NIC_BRIDGE   "xenbr0" /* without bridge= */

/* Texts are malloc()ed, or NULL: not said. */
struct nic {
	char *bridge, *gatewaydev, *vifname, *script, *ip, *backend, *vlan, *group, *model;
	uint8_t mac[NIC_MAC_LEN];
	bool has_mac;
	long devid;    /* -1: not said */
	unsigned mtu;  /* 0: not said */
	uint64_t rate; /* bytes in each... */
	uint32_t rate_us;
	bool untrusted, isolated, antispoof;
};

/* Put a sentence into @why. Returns -1. */
int nic_refuse(char why[NIC_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Read @spec; "" is a device with all defaults. -1 and @why, which says what was needed. @nic is for nic_clear() in any case. */
int nic_parse(const char *spec, struct nic *nic, char why[NIC_WHY]);
void nic_clear(struct nic *nic);

/* "10Mb/s@20ms": bytes in each so many microseconds. Xen's grammar, and nothing else (tests/host/tools_nics.c compares). -1 and
 * @why. */
int nic_rate(const char *text, uint64_t *bytes, uint32_t *us, char why[NIC_WHY]);
bool nic_mac_read(const char *text, uint8_t mac[NIC_MAC_LEN]);
void nic_mac_print(const uint8_t mac[NIC_MAC_LEN], char out[NIC_MAC_TEXT]);
/* One of Xen's 8 million: 00:16:3e and 23 random bits. */
void nic_mac_make(uint8_t mac[NIC_MAC_LEN]);

/* Can a network device have this name on Linux? */
bool nic_is_name(const char *text);

/* The switch of rl-netd and the VLANs on it ("": none), both malloc()ed. What Xen 4.17 has in the name of a bridge is read here:
 * "ovs0.10" is an access port, "ovs0:10:20" a trunk, "ovs0.5:10:20" a trunk whose native VLAN is 5. -1 and @why. */
int nic_switch(const struct nic *nic, char **name, char **vlan, char why[NIC_WHY]);

extern const char *const nic_keys[]; /* "mac=", "trusted"...; ends with NULL */
