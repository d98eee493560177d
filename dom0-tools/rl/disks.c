/* SPDX-License-Identifier: MIT */
/* rl block-attach, block-list, block-detach, cd-insert, cd-eject. */
#include "verbs.h"
#include "disk_image.h"
#include "disk_store.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A verb's domain, which can have disks. -1 and a report. */
static int guest(const char *verb, const char *arg, struct hv **hv, struct xen_domctl_getdomaininfo *info)
{
	struct record r;

	*hv = rl_hv();
	if (!*hv || domain_find(*hv, arg, info) || !xs_shared())
		return -1;
	if (info->domain == 0)
		return fail("%s: Domain-0 has no virtual disks: it drives the machine's own", verb);
	if (!record_load(info->domain, &r) && !strcmp(r.kind, "fv"))
		return fail("%s: domain %u is of type \"fv\": an unmodified kernel has no driver for virtual "
			    "disks",
			    verb, info->domain);
	return 0;
}

/* The same, and its disk. -1 and a report, which begins as xl's does. */
static int guest_and_disk(const char *verb, char **args, struct xen_domctl_getdomaininfo *info,
			  struct disk_seen *seen)
{
	long number = vdev_number(args[1]);
	struct hv *hv;

	if (guest(verb, args[0], &hv, info))
		return -1;
	if (number >= 0 && disk_find(xs_shared(), 0, info->domain, number, seen))
		return 0;
	return fail("Error: Device %s not connected; `rl block-list %s` shows what is", args[1], args[0]);
}

/* What a restart will find: the domain's disks as they are now. One that xl made has no record. */
static void keep_for_restart(unsigned id, long removed, const struct disk *added)
{
	const char *path = record_path(id, "config");
	struct cfg cfg = {0};
	struct record r;

	if (record_load(id, &r))
		return;
	if (!cfg_load(&cfg, path)) {
		domconf_remove_disk(&cfg, removed);
		if (!added || !domconf_add_disk(&cfg, added))
			record_save_config(id, &cfg);
	}
	cfg_free(&cfg);
}

/* ---- block-attach ---- */

static int attach(struct hv *hv, unsigned id, const struct disk *disk, char why[DISK_WHY])
{
	struct disk_seen seen;
	char ignored[DISK_WHY];
	unsigned failed;

	if (disk_check_image(disk, why) || disk_has_server(disk, why) ||
	    disks_attach(hv, xs_shared(), id, disk, 1, &failed, why))
		return -1;
	if (!disk_wait(xs_shared(), id, disk, why))
		return 0;
	if (disk_find(xs_shared(), 0, id, vdev_number(disk->vdev), &seen))
		disk_detach(xs_shared(), &seen, true, ignored);
	return -1;
}

static int do_block_attach(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	char why[DISK_WHY];
	struct disk disk;
	struct hv *hv;
	int code = EXIT_FAILED;

	if (argc < 3)
		return verb_usage("block-attach");
	if (guest(argv[0], argv[1], &hv, &info))
		return EXIT_FAILED;
	if (disk_parse_parts(argc - 2, argv + 2, &disk, why) || disk_usable(&disk, why))
		fail("disk \"%.100s\": %s", argv[2], why);
	else if (disk_find_target(&disk, NULL))
		fail("out of memory");
	else if (attach(hv, info.domain, &disk, why))
		fail("disk %s: %s", disk.vdev, why);
	else
		code = EXIT_OK;
	if (code == EXIT_OK)
		keep_for_restart(info.domain, -1, &disk);
	disk_clear(&disk);
	return code;
}

/* ---- block-list ---- */

/* In xl's columns. What is the guest's to say may be missing: -1, as there. */
static void print_disk(const struct disk_seen *d)
{
	struct xs *xs = xs_shared();

	printf("%-5ld %-3d %-6u %-5ld %-6ld %-8ld %-30s\n", d->number, 0, d->id,
	       device_number(xs, 0, d->front, "state"), device_number(xs, 0, d->front, "event-channel"),
	       device_number(xs, 0, d->front, "ring-ref"), d->back);
}

static int do_block_list(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct disk_seen *list;
	struct hv *hv = rl_hv();
	int code = EXIT_OK;
	size_t n;

	if (argc < 2)
		return verb_usage("block-list");
	printf("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch", "ring-ref",
	       "BE-path");
	for (int i = 1; i < argc; i++) {
		if (!hv || domain_find(hv, argv[i], &info) || !xs_shared()) {
			code = EXIT_FAILED;
			continue;
		}
		n = disks_of(xs_shared(), 0, info.domain, &list);
		for (size_t d = 0; d < n; d++)
			print_disk(&list[d]);
		free(list);
	}
	return code;
}

/* ---- block-detach ---- */

static int do_block_detach(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct disk_seen seen;
	char why[DISK_WHY];
	bool force = false;
	int c;

	optind = 1;
	while ((c = verb_option("block-detach", argc, argv, "f")) != -1) {
		if (c != 'f')
			return EXIT_USAGE;
		force = true;
	}
	if (argc - optind != 2)
		return verb_usage("block-detach");
	if (guest_and_disk("block-detach", argv + optind, &info, &seen))
		return EXIT_FAILED;
	if (disk_detach(xs_shared(), &seen, force, why)) {
		fail("disk %s of domain %u: %s", seen.dev, info.domain, why);
		return EXIT_FAILED;
	}
	keep_for_restart(info.domain, seen.number, NULL);
	return EXIT_OK;
}

/* ---- cd-insert, cd-eject ---- */

/* @target: "", nothing. */
static int change_disc(char **argv, const char *target)
{
	struct xen_domctl_getdomaininfo info;
	struct disk_seen drive;
	struct disk disk = {0};
	char why[DISK_WHY], *path = strdup(target), *vdev = NULL;
	int rc = -1;

	if (!path || guest_and_disk(argv[0], argv + 1, &info, &drive)) {
		free(path);
		return EXIT_FAILED;
	}
	vdev = strdup(drive.dev);
	disk = (struct disk){.target = path, .vdev = vdev, .cdrom = true, .readonly = true};
	disk.format = *target ? DISK_RAW : DISK_EMPTY;
	if (!drive.cdrom)
		disk_refuse(why, "it is no CD-ROM drive; needed: one that was made as \",,%s,cdrom\"",
			    drive.dev);
	else if (!vdev || disk_find_target(&disk, NULL))
		disk_refuse(why, "out of memory");
	else if (!disk_usable(&disk, why) && !disk_check_image(&disk, why))
		rc = disk_insert(xs_shared(), &drive, &disk, why);
	if (rc)
		fail("disk %s of domain %u: %s", drive.dev, info.domain, why);
	else
		keep_for_restart(info.domain, drive.number, &disk);
	disk_clear(&disk);
	return rc ? EXIT_FAILED : EXIT_OK;
}

static int do_cd_insert(int argc, char **argv)
{
	return argc == 4 ? change_disc(argv, argv[3]) : verb_usage("cd-insert");
}

static int do_cd_eject(int argc, char **argv)
{
	return argc == 3 ? change_disc(argv, "") : verb_usage("cd-eject");
}

const struct verb verbs_disks[] = {
    {.name = "block-attach",
     .args = "DOMAIN SPEC...",
     .summary = "give a running domain another virtual disk",
     .text = "SPEC is one disk as `disk` in a configuration has it, in one piece or in several:\n"
	     "  rl block-attach demo64 /vm/data.img,raw,xvdb,w\n"
	     "  rl block-attach demo64 phy:vg/data xvdb w\n"
	     "It returns when the back end is ready. A restart of the domain keeps the disk.\n",
     .run = do_block_attach},
    {.name = "block-list",
     .args = "DOMAIN...",
     .summary = "show the virtual disks of domains",
     .text =
	 "Vdev is the disk's number, state its front end's (4: in use; 1: the guest has not looked at it),\n"
	 "evt-ch and ring-ref what it has told the back end, or -1; BE-path is the back end's directory in\n"
	 "the store, where `rl store ls` shows more.\n",
     .run = do_block_list},
    {.name = "block-detach",
     .args = "[-f] DOMAIN VDEV",
     .summary = "take a virtual disk away from a running domain",
     .text =
	 "  -f  at once, whatever its guest does with it\n\n"
	 "Without -f its guest is asked, which says no by silence while it has the disk mounted. VDEV is a\n"
	 "name as xvdb, or a number that `rl block-list` shows.\n",
     .run = do_block_detach},
    {.name = "cd-insert",
     .args = "DOMAIN VDEV TARGET",
     .summary = "put a disc into a domain's CD-ROM drive",
     .text =
	 "TARGET is an image or a block device. The drive is a disk that was made as \",,xvdc,cdrom\"; what\n"
	 "was in it before is taken out.\n",
     .run = do_cd_insert},
    {.name = "cd-eject",
     .args = "DOMAIN VDEV",
     .summary = "take the disc out of a domain's CD-ROM drive",
     .run = do_cd_eject},
    {0},
};
