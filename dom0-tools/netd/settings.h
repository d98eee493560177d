/* SPDX-License-Identifier: MIT */
/*
 * What /etc/rl/switch.cfg says of the switches of this machine, in the syntax of configuration files:
 *
 *	uplink = [ "eth0", "eth1,bridge=office,vlan=1p/10" ]    real cards
 *	tap    = [ "rl0,vlan=10" ]                              interfaces of Dom0's own
 *	group  = [ "web=100", "db=200" ]                        names, each with a VLAN of its own
 *	allow  = [ "web db tcp/5432", "admin web" ]             who may open to whom, and what
 */
#pragma once

#include "card.h"

extern const char *settings_path; /* tests move it */
extern struct lan *lans;
extern struct card *cards;

/* The switch of this name, made at its first use. NULL: out of memory. */
struct lan *lan_of(const char *name);
/* Read the file, again perhaps: what is new begins, what is gone ends. -1 and a report, and all is as it was. */
int settings_load(void);
