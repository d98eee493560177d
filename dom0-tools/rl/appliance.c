/* SPDX-License-Identifier: MIT */
/* rl pack, rl run: a domain in one file, see lib/appliance.h. */
#include "verbs.h"
#include "appliance.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLIANCES "/var/lib/rl/appliances"

const char *const appliance_folders[] = {APPLIANCES, "/host", NULL};

/* ---- pack ---- */

/* A living domain's configuration, if no file has this name. Else @name. */
static const char *of_domain(const char *name)
{
	struct hv *hv;
	long id;

	if (strchr(name, '/') || strchr(name, '=') || strchr(name, '.') || !access(name, R_OK) ||
	    access("/dev/xen/privcmd", F_OK))
		return name;
	hv = rl_hv();
	id = hv ? domain_named(hv, name) : -1;
	return id > 0 ? record_path(id, "config") : name;
}

static int do_pack(int argc, char **argv)
{
	static const struct option none[] = {{0}};
	char path[256], made[RECORD_NAME_MAX + 8];
	const char *out = NULL, *name = NULL, *file;
	struct cfg cfg = {0};
	int c, rc;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:", none, NULL)) != -1) {
		if (c == '?')
			return verb_usage("pack");
		out = optarg;
	}
	if (optind >= argc)
		return verb_usage("pack");
	file = of_domain(argv[optind]);
	rc = config_read(&cfg, argc - optind - 1, argv + optind + 1, file, true, path);
	if (!rc)
		rc = cfg_text(&cfg, "name", &name);
	if (!rc && !out) {
		snprintf(made, sizeof(made), "%s" APPLIANCE_SUFFIX, name && !name_fault(name) ? name : "a");
		out = made;
	}
	rc = rc || appliance_pack(&cfg, out);
	cfg_free(&cfg);
	return rc ? EXIT_FAILED : EXIT_OK;
}

/* ---- run ---- */

struct run_options {
	bool attach, fresh, remove;
	const char *state; /* where the parts go, each appliance into a folder of its own */
};

static bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* A file as given, or one of the folders by its name. */
static const char *find(const char *name, char path[PATH_MAX])
{
	if (strchr(name, '/') || is_there(name))
		return name;
	for (const char *const *folder = appliance_folders; *folder; folder++) {
		for (unsigned i = 0; i < 2; i++) {
			snprintf(path, PATH_MAX, "%s/%s%s", *folder, name, i ? "" : APPLIANCE_SUFFIX);
			if (is_there(path))
				return path;
		}
	}
	return NULL;
}

/* The folder of the appliance @name. -1 and a report: it cannot have one, or its domain lives. */
static int folder_of(const char *name, const struct run_options *options, char dir[PATH_MAX])
{
	struct hv *hv;
	long id;

	if (name_fault(name) || *name == '.')
		return fail("\"%s\" cannot be an appliance's name: %s", name,
			    *name == '.' ? "it begins with a dot" : name_fault(name));
	hv = rl_hv();
	if (!hv)
		return -1;
	id = domain_named(hv, name);
	snprintf(dir, PATH_MAX, "%s/%s", options->state, name);
	return id < 0 ? 0 : name_is_taken(name, id);
}

static int write_config(const struct cfg *cfg, const char *dir, char path[PATH_MAX + 16])
{
	FILE *out;

	snprintf(path, PATH_MAX + 16, "%s/domain.cfg", dir);
	out = fopen(path, "we");
	if (!out)
		return fail_errno(-errno, "%s: cannot make it", path);
	cfg_write(cfg, out);
	return fclose(out) ? fail_errno(-errno, "%s: cannot write it", path) : 0;
}

/* Everything is there as it should be, when this returns 0. */
static int unpack(struct appliance *a, struct cfg *cfg, const char *dir, const struct run_options *options)
{
	int rc = make_dirs(dir);

	if (rc)
		return fail_errno(rc, "%s: cannot make this folder", dir);
	if (!options->fresh && appliance_keeps_other(a, dir))
		return fail(
		    "%s: its disks in %s are above those of another file; `rl run --fresh` forgets what was "
		    "written on them, another name=... keeps both",
		    a->path, dir);
	if (appliance_unpack(a, dir)) {
		rmdir(dir); /* if nothing is in it */
		return -1;
	}
	rc = options->fresh ? appliance_remove(dir, false) : 0;
	return rc ? fail_errno(rc, "%s: cannot remove the old disks", dir) : appliance_settle(a, dir, cfg);
}

static int start(const char *config, const struct run_options *options, int argc, char **argv)
{
	char **words = calloc(argc + 5, sizeof(*words));
	int n = 0, rc;

	if (!words)
		return fail("out of memory");
	words[n++] = (char *)"create";
	words[n++] = (char *)(options->attach ? "-qc" : "-q");
	words[n++] = (char *)config;
	memcpy(words + n, argv, argc * sizeof(*words));
	rc = verb_find("create")->run(n + argc, words);
	free(words);
	return rc;
}

/* The name is the last that was given: the file's, or that of a setting behind it. */
static int name_from(struct cfg *cfg, int argc, char **argv, const char **name)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "name", 4) && cfg_override(cfg, argv[i]))
			return -1;
	if (cfg_text(cfg, "name", name))
		return -1;
	return *name ? 0 : cfg_missing(cfg, "name", "demo");
}

static int run_file(const char *file, const struct run_options *options, int argc, char **argv)
{
	char dir[PATH_MAX], config[PATH_MAX + 16];
	const char *name = NULL;
	struct cfg cfg = {0};
	struct appliance a;
	int rc = EXIT_FAILED;

	if (appliance_open(&a, file))
		return rc;
	if (!cfg_parse(&cfg, file, a.config, strlen(a.config)) && !name_from(&cfg, argc, argv, &name) &&
	    !folder_of(name, options, dir) && !unpack(&a, &cfg, dir, options) &&
	    !write_config(&cfg, dir, config))
		rc = start(config, options, argc, argv);
	cfg_free(&cfg);
	appliance_close(&a);
	return rc;
}

static int remove_state(const char *name, const struct run_options *options)
{
	char dir[PATH_MAX];
	int rc;

	if (folder_of(name, options, dir))
		return EXIT_FAILED;
	rc = appliance_remove(dir, true);
	if (rc == -ENOENT)
		fail("%s: nothing of an appliance is there", dir);
	else if (rc)
		fail_errno(rc, "%s: cannot remove it", dir);
	return rc ? EXIT_FAILED : EXIT_OK;
}

static int do_run(int argc, char **argv)
{
	static const struct option names[] = {
	    {"fresh", no_argument, NULL, 'f'}, {"remove", no_argument, NULL, 'r'}, {0}};
	struct run_options options = {.state = APPLIANCES};
	char path[PATH_MAX];
	const char *file;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "cd:", names, NULL)) != -1) {
		if (c == '?')
			return verb_usage("run");
		options.attach |= c == 'c';
		options.fresh |= c == 'f';
		options.remove |= c == 'r';
		options.state = c == 'd' ? optarg : options.state;
	}
	if (optind >= argc)
		return verb_usage("run");
	if (options.remove)
		return remove_state(argv[optind], &options);
	file = find(argv[optind], path);
	if (!file) {
		fail("no appliance \"%s\" here, nor one of that name in " APPLIANCES " or /host",
		     argv[optind]);
		return EXIT_FAILED;
	}
	return run_file(file, &options, argc - optind - 1, argv + optind + 1);
}

const struct verb verbs_appliance[] = {
    {.name = "pack",
     .args = "[-o FILE] CONFIG|NAME [key=value...]",
     .summary = "make one file of a domain: its kernel, its disks, its configuration",
     .text =
	 "The file is an appliance, which `rl run` starts. CONFIG is looked for as `rl create` does; NAME is "
	 "a "
	 "domain\n"
	 "that runs without disks (the images of one with disks are in use: shut it down, and pack its "
	 "CONFIG).\n\n"
	 "  -o FILE  its name; else that of the domain with .rla, in this folder\n\n"
	 "It is a cpio archive with a manifest of SHA-256 sums: `cpio -id <FILE; sha256sum -c manifest`.\n"
	 "Disks become qcow2 images with nothing behind them, and take no room for zeros.\n",
     .run = do_pack},
    {.name = "run",
     .args = "[-c] [-d FOLDER] [--fresh] [--remove] APPLIANCE [key=value...]",
     .summary = "check a file that rl pack made, and start its domain",
     .text =
	 "  -c         attach its console\n"
	 "  -d FOLDER  where its parts are unpacked, in a folder with the domain's name; else "
	 "/var/lib/rl/appliances\n"
	 "  --fresh    its disks are as they were packed, and what its guest wrote is gone\n"
	 "  --remove   start nothing: remove what is unpacked for the domain of this name, with what it "
	 "wrote\n\n"
	 "APPLIANCE is a file, or the name of one (without .rla) in /var/lib/rl/appliances or /host. Each "
	 "part is\n"
	 "checked before anything starts. What the guest writes on its disks stays from run to run.\n"
	 "key=value settings win over the file's; with another name it has another folder, and disks of its "
	 "own.\n",
     .run = do_run},
    {0},
};
