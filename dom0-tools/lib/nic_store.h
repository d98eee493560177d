/* SPDX-License-Identifier: MIT */
/*
 * Network devices in the store. Each is two directories, which its front end and its back end watch:
 *
 *	/local/domain/DOM/device/vif/N            owned by the guest: where the back end is, and what the guest writes
 *	/local/domain/0/backend/vif/DOM/N         owned by Dom0: what the device is, and what the back end writes
 *
 * N is the device's id: its place in the configuration's list, unless devid= says another. The back end is Linux's netback where
 * it is loaded, and a hotplug script of Xen's joins its port to a bridge; everywhere else it is rl-netd, whose switches
 * are the bridges. What is known of a device is read from Dom0's own directory only.
 */
#pragma once

#include "device.h"
#include "nic_spec.h"

/* A device that a domain has, as the store has it. */
struct nic_seen {
	unsigned id;
	long number;
	bool has_mac;
	uint8_t mac[NIC_MAC_LEN];
	char back[80], front[80];
};

extern const char *nic_scripts;    /* "/etc/xen/scripts"; tests move it */
extern unsigned nic_script_ms;     /* how long one may take */
extern const char *nic_script_log; /* where its output goes */

/* Can a back end be there for @nic? -1 and @why: said before anything is made. */
int nic_has_server(const struct nic *nic, char why[NIC_WHY]);
/*
 * Write devices of domain @id, all or none, in a transaction; one without an id gets the next. -1 and @why, with *failed the one
 * that it is about: the domain has one with its id.
 */
int nics_attach(struct xs *xs, unsigned id, struct nic *nics, unsigned count, unsigned *failed,
		char why[NIC_WHY]);
/* Wait until the back end is ready for the front end, and its port is where it belongs. -1 and @why, with what the back end
 * says. */
int nic_wait(struct xs *xs, unsigned id, const struct nic *nic, char why[NIC_WHY]);

/* All devices of domain @id, by their numbers, malloc()ed into *out. Their number. */
size_t nics_of(struct xs *xs, uint32_t tx, unsigned id, struct nic_seen **out);
/* The one with this id, or of @id -1 the one with this address; or false. */
bool nic_find(struct xs *xs, uint32_t tx, unsigned dom, long id, const uint8_t mac[NIC_MAC_LEN],
	      struct nic_seen *out);
/* Take it away from a running domain: one whose guest does not let go of it goes all the same, as with xl. -1 and @why. */
int nic_detach(struct xs *xs, const struct nic_seen *nic, char why[NIC_WHY]);
/* Take all away from a domain that does not run any more. */
void nics_remove(struct xs *xs, unsigned id);

/* ---- nic_script.c ---- */

/* The path of a script, which may be given by its name only. */
void nic_script_path(const char *script, char out[256]);
/* Run the script of a back end's directory: "online" or "offline". -1 and @why; what it has to say it writes into the store. */
int nic_script_run(struct xs *xs, const struct nic_seen *nic, const char *what, char why[NIC_WHY]);
