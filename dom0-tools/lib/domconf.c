/* SPDX-License-Identifier: MIT */
/* See domconf.h. */
#include "domconf.h"
#include "err.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const known[] = {
    "name",        "kernel",      "ramdisk", "memory",  "maxmem",   "vcpus",       "maxvcpus",  "extra",
    "root",        "cmdline",     "type",    "builder", "uuid",     "on_poweroff", "on_reboot", "on_crash",
    "on_shutdown", "on_watchdog", "disk",    "vif",     "fv_patch", NULL,
};

static int get_name(const struct cfg *cfg, struct domconf *out)
{
	const char *name = cfg_text(cfg, "name", NULL);

	if (!name)
		return fail("%s: no name; add a line name = \"...\"", cfg->source);
	if (!*name || strlen(name) >= sizeof(out->name) || strpbrk(name, "/\"' \t\n"))
		return fail("%s: name = \"%s\"; needed: 1 to %d characters without spaces, quotes and '/'",
			    cfg->source, name, RECORD_NAME_MAX - 1);
	if (strspn(name, "0123456789") == strlen(name))
		return fail("%s: name = \"%s\" could be taken for an id; begin it with a letter", cfg->source,
			    name);
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

/* `cmdline` stands alone; otherwise root= and extra make it, as in xl. */
static char *get_cmdline(const struct cfg *cfg)
{
	const char *whole = cfg_text(cfg, "cmdline", NULL);
	const char *root = cfg_text(cfg, "root", NULL);
	const char *extra = cfg_text(cfg, "extra", "");
	char *out = malloc(1024);

	if (!out)
		return NULL;
	if (whole)
		snprintf(out, 1024, "%s", whole);
	else if (root)
		snprintf(out, 1024, "root=%s %s", root, extra ? extra : "");
	else
		snprintf(out, 1024, "%s", extra ? extra : "");
	return out;
}

static int get_size(const struct cfg *cfg, struct domconf *out)
{
	long memory = 128, maxmem, vcpus = 1;

	if (cfg_number(cfg, "memory", 1, 1024 * 1024, &memory))
		return -1;
	maxmem = memory;
	if (cfg_number(cfg, "maxmem", memory, 1024 * 1024, &maxmem) ||
	    cfg_number(cfg, "maxvcpus", 1, 32, &vcpus) || cfg_number(cfg, "vcpus", 1, 32, &vcpus))
		return -1;
	out->memory_kb = memory * 1024;
	out->maxmem_kb = maxmem * 1024;
	out->vcpus = vcpus;
	return 0;
}

static int get_actions(const struct cfg *cfg, struct domconf *out)
{
	const char *poweroff = cfg_text(cfg, "on_poweroff", "destroy");
	const char *reboot = cfg_text(cfg, "on_reboot", "restart");
	const char *crash = cfg_text(cfg, "on_crash", "destroy");

	if (!poweroff || !reboot || !crash || action_parse("on_poweroff", poweroff, &out->on_poweroff) ||
	    action_parse("on_reboot", reboot, &out->on_reboot) ||
	    action_parse("on_crash", crash, &out->on_crash))
		return -1;
	return 0;
}

static int get_type(const struct cfg *cfg, struct domconf *out)
{
	long patch = 1;
	const char *type = cfg_text(cfg, "type", "pv");
	const char *builder = cfg_text(cfg, "builder", "generic");

	if (!type || !builder)
		return -1;
	out->fv = !strcmp(type, "fv");
	if (cfg_number(cfg, "fv_patch", 0, 1, &patch))
		return -1;
	out->fv_patch = patch;
	if ((!out->fv && strcmp(type, "pv")) || (strcmp(builder, "generic") && strcmp(builder, "linux")))
		return fail("%s: type = \"%s\"; needed: \"pv\" or \"fv\"", cfg->source,
			    !out->fv && strcmp(type, "pv") ? type : builder);
	return 0;
}

int domconf_from(const struct cfg *cfg, struct domconf *out)
{
	const char *kernel = cfg_text(cfg, "kernel", NULL);
	const char *ramdisk = cfg_text(cfg, "ramdisk", NULL);

	memset(out, 0, sizeof(*out));
	cfg_warn_unknown(cfg, known);
	if (get_name(cfg, out) || get_size(cfg, out) || get_actions(cfg, out) || get_type(cfg, out))
		return -1;
	if (!kernel)
		return fail("%s: no kernel; add a line kernel = \"/boot/kernel-pv64.elf\"", cfg->source);
	if (cfg_find(cfg, "disk"))
		warn("%s: disk is not supported by this version; the domain gets none", cfg->source);
	if (cfg_find(cfg, "vif"))
		warn("%s: vif is not supported by this version; the domain gets none", cfg->source);
	out->kernel = strdup(kernel);
	out->ramdisk = ramdisk && *ramdisk ? strdup(ramdisk) : NULL;
	out->cmdline = get_cmdline(cfg);
	if (!out->kernel || !out->cmdline || (ramdisk && *ramdisk && !out->ramdisk)) {
		domconf_free(out);
		return fail("%s: out of memory", cfg->source);
	}
	return 0;
}

void domconf_free(struct domconf *conf)
{
	free(conf->kernel);
	free(conf->ramdisk);
	free(conf->cmdline);
	memset(conf, 0, sizeof(*conf));
}
