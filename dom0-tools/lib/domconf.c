/* SPDX-License-Identifier: MIT */
/* See domconf.h. */
#include "domconf.h"
#include "err.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

static const char *const known[] = {
    "name",     "kernel",      "ramdisk", "memory",   "maxmem", "vcpus",       "maxvcpus",
    "extra",    "root",        "cmdline", "builder",  "type",   "on_poweroff", "on_reboot",
    "on_crash", "on_watchdog", "uuid",    "fv_patch", NULL,
};

const char *name_fault(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= RECORD_NAME_MAX)
		return "needed: 1 to 63 characters";
	for (const char *p = name; *p; p++)
		if (iscntrl((unsigned char)*p) || strchr("/\"'\\", *p))
			return "needed: a name without quotes, '/', '\\' and control characters";
	if (name[0] == ' ' || name[len - 1] == ' ')
		return "needed: a name without blanks at its ends";
	if (strspn(name, "0123456789") == len)
		return "it could be taken for an id; begin it with a letter";
	return NULL;
}

static int get_name(const struct cfg *cfg, struct domconf *out)
{
	const char *name = NULL, *wrong;

	if (cfg_text(cfg, "name", &name))
		return -1;
	if (!name)
		return fail("%s: no name; add a line name = \"...\"", cfg->source);
	wrong = name_fault(name);
	if (wrong)
		return cfg_fail(cfg, "name", "= \"%s\"; %s", name, wrong);
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

/* `cmdline` stands alone; otherwise root= and extra make it, as in xl. */
static int get_cmdline(const struct cfg *cfg, struct domconf *out)
{
	const char *whole = NULL, *root = NULL, *extra = NULL;
	int len;

	if (cfg_text(cfg, "cmdline", &whole) || cfg_text(cfg, "root", &root) ||
	    cfg_text(cfg, "extra", &extra))
		return -1;
	if (whole && root)
		cfg_warn(cfg, "root", "has no effect: cmdline is the whole command line");
	if (whole && extra)
		cfg_warn(cfg, "extra", "has no effect: cmdline is the whole command line");
	out->cmdline = malloc(MAX_GUEST_CMDLINE);
	if (!out->cmdline)
		return fail("%s: out of memory", cfg->source);
	if (whole || !root)
		len = snprintf(out->cmdline, MAX_GUEST_CMDLINE, "%s", whole ? whole : extra ? extra : "");
	else
		len = snprintf(out->cmdline, MAX_GUEST_CMDLINE, "root=%s%s%s", root, extra ? " " : "",
			       extra ? extra : "");
	if (len >= MAX_GUEST_CMDLINE)
		return cfg_fail(cfg,
				whole   ? "cmdline"
				: extra ? "extra"
					: "root",
				"makes a command line of %d characters; needed: at most %d", len,
				MAX_GUEST_CMDLINE - 1);
	return 0;
}

static int get_size(const struct cfg *cfg, struct domconf *out)
{
	long memory = 128, maxmem, online = 1, vcpus;

	if (cfg_number(cfg, "memory", 1, 1024 * 1024, &memory))
		return -1;
	maxmem = memory;
	if (cfg_number(cfg, "maxmem", memory, 1024 * 1024, &maxmem) ||
	    cfg_number(cfg, "vcpus", 1, 32, &online))
		return -1;
	vcpus = online;
	if (cfg_number(cfg, "maxvcpus", online, 32, &vcpus))
		return -1;
	out->memory_kb = memory * 1024;
	out->maxmem_kb = maxmem * 1024;
	out->vcpus = vcpus;
	out->online = online;
	return 0;
}

/* Xen knows more actions than there are here: what is done instead, and what is missing then. */
static const struct {
	const char *name;
	enum action action;
	const char *missing;
} actions[] = {
    {"destroy", ACTION_DESTROY, NULL},
    {"restart", ACTION_RESTART, NULL},
    {"preserve", ACTION_PRESERVE, NULL},
    {"rename-restart", ACTION_RESTART, "restarts the domain, but does not keep the old one"},
    {"coredump-destroy", ACTION_DESTROY, "destroys the domain, but writes no core dump"},
    {"coredump-restart", ACTION_RESTART, "restarts the domain, but writes no core dump"},
};

static int get_action(const struct cfg *cfg, const char *key, enum action *out)
{
	const char *name = NULL;

	if (cfg_text(cfg, key, &name))
		return -1;
	if (!name)
		return 0;
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(name, actions[i].name))
			continue;
		if (actions[i].missing)
			cfg_warn(cfg, key, "= \"%s\" %s", name, actions[i].missing);
		*out = actions[i].action;
		return 0;
	}
	return cfg_fail(cfg, key, "= \"%s\"; needed: \"destroy\", \"restart\" or \"preserve\"", name);
}

static int get_actions(const struct cfg *cfg, struct domconf *out)
{
	out->on_poweroff = out->on_crash = ACTION_DESTROY;
	out->on_reboot = ACTION_RESTART;
	if (get_action(cfg, "on_poweroff", &out->on_poweroff) ||
	    get_action(cfg, "on_reboot", &out->on_reboot) || get_action(cfg, "on_crash", &out->on_crash))
		return -1;
	out->on_watchdog = out->on_crash;
	return get_action(cfg, "on_watchdog", &out->on_watchdog);
}

/* `type`, or xl's older `builder`. */
static int get_type(const struct cfg *cfg, struct domconf *out)
{
	const char *type = NULL, *builder = NULL;
	long patch = 1;

	if (cfg_text(cfg, "type", &type) || cfg_text(cfg, "builder", &builder) ||
	    cfg_number(cfg, "fv_patch", 0, 1, &patch))
		return -1;
	if (type && strcmp(type, "pv") && strcmp(type, "fv"))
		return cfg_fail(cfg, "type", "= \"%s\"; needed: \"pv\" or \"fv\"", type);
	if (builder && strcmp(builder, "generic") && strcmp(builder, "linux"))
		return cfg_fail(cfg, "builder", "= \"%s\"; needed: \"generic\", or type = \"pv\" or \"fv\"",
				builder);
	out->fv = type && !strcmp(type, "fv");
	out->fv_patch = patch;
	if (!out->fv && cfg_find(cfg, "fv_patch"))
		cfg_warn(cfg, "fv_patch", "has no effect: it is for type = \"fv\"");
	return 0;
}

/* 32 hexadecimal digits, with or without the four '-'. */
static int get_uuid(const struct cfg *cfg, struct domconf *out)
{
	const char *text = NULL;
	unsigned n = 0;

	if (cfg_text(cfg, "uuid", &text))
		return -1;
	if (!text || !*text)
		return 0;
	for (const char *p = text; *p && n <= 32; p++) {
		int c = (unsigned char)*p;

		if (c == '-' && n && n % 2 == 0 && p[-1] != '-' && p[1])
			continue;
		if (!isxdigit(c) || n == 32) {
			n = 0;
			break;
		}
		c = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
		out->uuid[n / 2] = (n % 2 ? out->uuid[n / 2] << 4 : 0) | c;
		n++;
	}
	if (n != 32)
		return cfg_fail(cfg, "uuid",
				"= \"%s\"; needed: 32 hexadecimal digits, as uuidgen prints them", text);
	out->has_uuid = true;
	return 0;
}

static int get_files(const struct cfg *cfg, struct domconf *out)
{
	const char *kernel = NULL, *ramdisk = NULL;

	if (cfg_text(cfg, "kernel", &kernel) || cfg_text(cfg, "ramdisk", &ramdisk))
		return -1;
	if (!kernel && cfg_find(cfg, "bootloader"))
		return cfg_fail(cfg, "bootloader",
				"cannot be run here, and there is no kernel; add a line kernel = "
				"\"...\" with the guest's kernel");
	if (!kernel || !*kernel)
		return fail("%s: no kernel; add a line kernel = \"/boot/kernel-pv64.elf\"", cfg->source);
	out->kernel = strdup(kernel);
	out->ramdisk = ramdisk && *ramdisk ? strdup(ramdisk) : NULL;
	if (!out->kernel || (ramdisk && *ramdisk && !out->ramdisk))
		return fail("%s: out of memory", cfg->source);
	return 0;
}

int domconf_from(const struct cfg *cfg, struct domconf *out)
{
	memset(out, 0, sizeof(*out));
	domconf_warn_keys(cfg, known);
	if (!get_name(cfg, out) && !get_size(cfg, out) && !get_actions(cfg, out) && !get_type(cfg, out) &&
	    !get_uuid(cfg, out) && !get_files(cfg, out) && !get_cmdline(cfg, out))
		return 0;
	domconf_free(out);
	return -1;
}

void domconf_free(struct domconf *conf)
{
	free(conf->kernel);
	free(conf->ramdisk);
	free(conf->cmdline);
	memset(conf, 0, sizeof(*conf));
}
