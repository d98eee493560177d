/* SPDX-License-Identifier: MIT */
/*
 * A domain's configuration: the settings of a file, checked, with xl's defaults. Each setting is one row of domconf.c:
 * how it is read, its default, what it means, and what it does to a new domain. The builder and others read its value
 * here.
 */
#pragma once

#include "cfg.h"
#include "disk_spec.h"
#include "nic_spec.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

struct build;

/* Numbers are unsigned and texts are malloc()ed (or NULL), so that rows can name them. */
struct domconf {
	char *name, *kernel, *ramdisk, *cmdline;
	unsigned memory_kb, maxmem_kb;
	unsigned vcpus, online; /* how many it may have; how many it starts with */
	unsigned fv_patch;      /* replace instructions that do not trap */
	bool fv;                /* an unmodified kernel */
	struct disk *disks;     /* the entries of `disk`, in their order */
	unsigned nr_disks;
	struct nic *nics; /* the entries of `vif`, each with an id */
	unsigned nr_nics;
	bool has_uuid;
	uint8_t uuid[16];
	enum action on_poweroff, on_reboot, on_crash, on_watchdog;
};

struct setting {
	const char *key;
	const char *meaning, *without; /* for people: a sentence, and the default */
	/* Read it into @conf, where the rows above it have been read. -1 and a report. NULL: another row does it. */
	int (*take)(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
	size_t field;               /* of struct domconf: where it goes */
	size_t from;                /* the field that holds its default and minimum; 0: the following */
	unsigned least, most, unit; /* numbers: range; how many of the field's units one is */
	unsigned preset;            /* the default of a number or an action */
	/* Tell the hypervisor, when the domain exists and is empty. -1 and a report. NULL: it has its effect where the field
	 * is read. */
	int (*effect)(struct build *b);
};

extern const struct setting settings[]; /* ends with a row without key */

/* -1 and a report: something needed is missing or does not make sense. There is one warning, with its line, for each
 * value that changes nothing. */
int domconf_from(const struct cfg *cfg, struct domconf *out);
void domconf_free(struct domconf *conf);
/* Let each setting have its effect() on a domain that was just created. -1 and a report. */
int domconf_effect(struct build *b);
/* Why @name cannot be a domain's, as "needed: ..."; NULL if it can. */
const char *name_fault(const char *name);

/* domconf_take.c: how rows are read, see struct setting. */
int take_text(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
int take_number(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
int take_action(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
/* domconf_disk.c: */
int take_disks(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
void domconf_free_disks(struct domconf *conf);
/* Give the images of a configuration their whole paths: who restarts the domain is elsewhere. @beside: its file, or NULL. One
 * that is not there is left as it is, for the report. -1 and a report. */
int domconf_find_images(struct cfg *cfg, const char *beside);
/* Say that the @i-th disk cannot be, because of @why. -1. */
int domconf_disk_fail(const struct cfg *cfg, unsigned i, const char *why);
/* Add @disk to a configuration (-1 and a report), or take the one of this number out. */
int domconf_add_disk(struct cfg *cfg, const struct disk *disk);
void domconf_remove_disk(struct cfg *cfg, long number);
/* domconf_nic.c: */
int take_nics(const struct setting *s, const struct cfg *cfg, struct domconf *conf);
void domconf_free_nics(struct domconf *conf);
/* Give the network devices that have no address or id theirs, in the configuration: a restart finds them. */
void domconf_settle_nics(struct cfg *cfg);
/* Say that the @i-th device cannot be, because of @why. -1. */
int domconf_nic_fail(const struct cfg *cfg, unsigned i, const char *why);
/* Add the device of the text @spec (-1 and a report), or take the one with this id out. */
int domconf_add_nic(struct cfg *cfg, const char *spec);
void domconf_remove_nic(struct cfg *cfg, long devid);
/* domconf_list.c: lists of @devices ("disks"), each a text: their number into *count. -1 and a report: it is no list, or a domain
 * of type @fv has it. */
int domconf_list(const struct cfg *cfg, const char *key, const char *devices, bool fv, size_t *count);
/* Add @text (malloc()ed or NULL, and no longer the caller's) to a list; -1 and a report. */
int domconf_list_add(struct cfg *cfg, const char *key, char *text);
void domconf_list_remove(struct cfg *cfg, const char *key, size_t i);
/* domconf_keys.c: warn of settings that are not in @known (ends with NULL). */
void domconf_warn_keys(const struct cfg *cfg, const char *const *known);
