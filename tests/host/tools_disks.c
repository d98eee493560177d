/* SPDX-License-Identifier: MIT */
/*
 * Disks in the store (lib/disk_store.c and those beside it), against the store itself: what is written and who may read it, that a
 * second writer is refused, that it is all or nothing, what a back end that refuses or is silent leads to, a guest
 * that does not let go, the end of a domain, discs in drives; images, their paths, and the lines of a configuration.
 *
 * The store and a back end are a child process (disks_host.h).
 */
#include "disks_host.h"

static void check_perms(const char *path, const char *perms)
{
	size_t len = 0;
	char *have = xs_get_perms(xs, 0, path, &len);

	assert_non_null(have);
	assert_int_equal(len, 6);
	have[2] = ' ';
	assert_string_equal(have, perms);
	free(have);
}

static void what_is_written(void **state)
{
	static const char *const back[][2] = {
	    {"frontend", "/local/domain/2/device/vbd/51712"},
	    {"frontend-id", "2"},
	    {"online", "1"},
	    {"removable", "0"},
	    {"bootable", "1"},
	    {"dev", "xvda"},
	    {"type", "qdisk"},
	    {"mode", "w"},
	    {"device-type", "disk"},
	    {"discard-enable", "1"},
	    {"direct-io-safe", "0"},
	    {"specification", "xen"},
	    {"state", "2"},
	};
	static const char *const front[][2] = {
	    {"backend", "/local/domain/0/backend/qdisk/2/51712"},
	    {"backend-id", "0"},
	    {"virtual-device", "51712"},
	    {"device-type", "disk"},
	    {"protocol", "x86_32-abi"},
	    {"state", "1"},
	};
	char why[DISK_WHY], params[160];

	assert_int_equal(attach(2, "xvda", "format=qcow2", path_of("a.img"), why), 0);
	for (size_t i = 0; i < sizeof(back) / sizeof(*back); i++)
		assert_string_equal(node("/local/domain/0/backend/qdisk/2/51712/%s", back[i][0]), back[i][1]);
	for (size_t i = 0; i < sizeof(front) / sizeof(*front); i++)
		assert_string_equal(node("/local/domain/2/device/vbd/51712/%s", front[i][0]), front[i][1]);
	snprintf(params, sizeof(params), "qcow2:%s", path_of("a.img"));
	assert_string_equal(node("/local/domain/0/backend/qdisk/2/51712/params"), params);
	/* The guest owns its own directory and may read the other; Dom0 the converse. */
	check_perms("/local/domain/2/device/vbd/51712", "n2 r0");
	check_perms("/local/domain/2/device/vbd/51712/state", "n2 r0");
	check_perms("/local/domain/0/backend/qdisk/2/51712", "n0 r2");
	check_perms("/local/domain/0/backend/qdisk/2/51712/state", "n0 r2");
	/* Of a 64-bit guest, read-only, a drive. */
	assert_int_equal(attach(1, "hdc", "cdrom,no-discard", "", why), 0);
	assert_string_equal(node("/local/domain/1/device/vbd/5632/protocol"), "x86_64-abi");
	assert_string_equal(node("/local/domain/1/device/vbd/5632/device-type"), "cdrom");
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/5632/params"), "");
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/5632/mode"), "r");
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/5632/removable"), "1");
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/5632/discard-enable"), "0");
}

static void a_drivers_disk(void **state)
{
	char why[DISK_WHY];
	struct disk disk = disk_at("xvda", "backendtype=phy", "/dev/pool/v");

	/* rl-blkd serves it where the kernel has no such driver. */
	assert_int_equal(disk_has_server(&disk, why), 0);
	device_drivers = dir;
	assert_int_equal(disk_has_server(&disk, why), -1);
	assert_non_null(strstr(why, "modprobe xen-blkback"));
	mkdir(path_of("drivers"), 0700);
	mkdir(path_of("drivers/vbd"), 0700);
	assert_int_equal(disk_has_server(&disk, why), 0);
	disk_clear(&disk);
	disk = disk_at("xvda", "backendtype=phy", path_of("a.img"));
	assert_int_equal(disk_has_server(&disk, why), -1);
	assert_non_null(strstr(why, "for block devices"));
	disk_clear(&disk);

	*behaves = SILENT;
	device_limits.ready = device_limits.closed = 1;
	assert_int_equal(attach(1, "xvda", "backendtype=phy", "/dev/pool/v", why), -1);
	assert_string_equal(node("/local/domain/0/backend/vbd/1/51712/params"), "/dev/pool/v");
	assert_string_equal(node("/local/domain/0/backend/vbd/1/51712/physical-device"), "fd:11");
	assert_string_equal(node("/local/domain/0/backend/vbd/1/51712/type"), "phy");
	/* It is the same device by another back end. */
	assert_int_equal(attach(2, "xvda", "access=r", "/dev/pool/v", why), -1);
	assert_non_null(strstr(why, "xvda of domain 1 (\"one\")"));
	/* A Linux kernel says elsewhere what is wrong. */
	xs_print(xs, 0, "/local/domain/0/error/backend/vbd/1/51728/error", "2 creating vbd structure");
	device_limits.ready = 20000;
	assert_int_equal(attach(1, "xvdb", "backendtype=phy,access=r", "/dev/pool/w", why), -1);
	assert_non_null(strstr(why, "2 creating vbd structure"));
	disks_remove(xs, 1);
	assert_string_equal(node("/local/domain/0/backend/vbd/1"), "[none]");
}

static void a_second_user_is_refused(void **state)
{
	char why[DISK_WHY];

	assert_int_equal(attach(1, "xvda", "access=r", path_of("a.img"), why), 0);
	assert_int_equal(attach(2, "xvda", "access=r", path_of("a.img"), why), 0);
	/* A writer beside a reader, by another name of the file. */
	assert_int_equal(link(path_of("a.img"), path_of("same.img")), 0);
	assert_int_equal(attach(3, "xvda", "access=w", path_of("same.img"), why), -1);
	assert_non_null(strstr(why, "xvda of domain"));
	assert_non_null(strstr(why, "this one would write"));
	assert_string_equal(node("/local/domain/3/device/vbd/51712/state"), "[none]");
	/* A reader beside a writer, in one domain as well. */
	assert_int_equal(attach(3, "xvda", "access=w", path_of("b.img"), why), 0);
	assert_int_equal(attach(2, "xvdb", "access=r", path_of("b.img"), why), -1);
	assert_non_null(strstr(why, "in use: it is xvda of domain 3 (\"three\"), and that one writes"));
	assert_int_equal(attach(3, "xvdb", "access=r", path_of("b.img"), why), -1);
	/* But the domain that it replaces does not count. */
	struct disk disk = disk_at("xvda", "access=w", path_of("b.img"));

	assert_int_equal(disk_is_free(xs, 0, &disk, NULL, 3, why), 0);
	assert_int_equal(disk_is_free(xs, 0, &disk, NULL, -1, why), -1);
	disk_clear(&disk);
	/* Freed with the domain. */
	disks_remove(xs, 3);
	assert_int_equal(attach(2, "xvdb", "access=w", path_of("b.img"), why), 0);
	unlink(path_of("same.img"));
}

/* A disk and its partitions are one image, and two partitions are not. */
static void partitions(void **state)
{
	static const char *const cases[][3] = {
	    {"/dev/vdb", "/dev/vdb1", "in use"},
	    {"/dev/vdb10", "/dev/vdb", "in use"},
	    {"/dev/vdb1", "/dev/vdb10", NULL},
	    {"/dev/vdb1", "/dev/vdc", NULL},
	    {"/dev/nvme0n1", "/dev/nvme0n1p2", "in use"},
	    {"/dev/nvme0n1p1", "/dev/nvme0n1p2", NULL},
	    {"/dev/nvme0n1p1", "/dev/pool/v", NULL},
	};
	static const char list[] =
	    "major minor  #blocks  name\n\n 253       17      1024 dm-1\n"
	    " 254       16      1024 vdb\n 254       17       512 vdb1\n 254       26       512 vdb10\n"
	    " 254       32      1024 vdc\n 259        0      1024 nvme0n1\n 259        1       512 "
	    "nvme0n1p1\n"
	    " 259       20       512 nvme0n1p2\n";
	char why[DISK_WHY];

	disk_partitions = make_file("partitions", list, sizeof(list) - 1, sizeof(list) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(attach(1, "xvda", "access=w", cases[i][0], why), 0);
		assert_int_equal(attach(2, "xvda", "access=r", cases[i][1], why), cases[i][2] ? -1 : 0);
		if (cases[i][2])
			assert_non_null(strstr(why, cases[i][2]));
		disks_remove(xs, 1);
		disks_remove(xs, 2);
	}
}

static void all_or_none(void **state)
{
	struct disk disks[] = {disk_at("xvda", "access=w", path_of("a.img")),
			       disk_at("xvdb", "access=w", path_of("a.img")),
			       disk_at("xvda", "access=w", path_of("b.img"))};
	char why[DISK_WHY];
	unsigned failed;

	assert_int_equal(disks_attach(&hv, xs, 1, disks, 2, &failed, why), -1);
	assert_int_equal(failed, 1);
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/51712/state"), "[none]");
	assert_string_equal(node("/local/domain/1/device/vbd/51712/state"), "[none]");
	assert_int_equal(disks_attach(&hv, xs, 1, disks, 1, &failed, why), 0);
	assert_int_equal(disks_attach(&hv, xs, 1, disks + 2, 1, &failed, why), -1);
	assert_non_null(strstr(why, "domain 1 has a disk xvda already"));
	for (size_t i = 0; i < 3; i++)
		disk_clear(&disks[i]);
}

static void back_ends_that_do_not_come(void **state)
{
	char why[DISK_WHY];

	*behaves = REFUSING;
	assert_int_equal(attach(1, "xvda", "access=w", path_of("a.img"), why), -1);
	assert_string_equal(why, "its back end says: the moon is full");
	*behaves = SILENT;
	device_limits.ready = 1;
	assert_int_equal(attach(1, "xvdb", "access=w", path_of("b.img"), why), -1);
	assert_non_null(strstr(why, "not ready"));
}

static void a_guest_lets_go_or_not(void **state)
{
	struct disk_seen seen;
	char why[DISK_WHY];

	assert_int_equal(attach(1, "xvda", "access=w", path_of("a.img"), why), 0);
	assert_true(disk_find(xs, 0, 1, 51712, &seen));
	assert_false(disk_find(xs, 0, 1, 51728, &seen));
	assert_true(disk_find(xs, 0, 1, 51712, &seen));
	assert_int_equal(disk_detach(xs, &seen, false, why), 0);
	assert_string_equal(node("/local/domain/0/backend/qdisk/1"), "[none]");
	assert_string_equal(node("/local/domain/1/device/vbd/51712/backend"), "[none]");

	assert_int_equal(attach(1, "xvda", "access=w", path_of("a.img"), why), 0);
	*behaves = STUBBORN_GUEST;
	device_limits.guest = 1;
	assert_int_equal(disk_detach(xs, &seen, false, why), -1);
	assert_non_null(strstr(why, "has not let go"));
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/51712/online"), "0");
	/* It is still there, and goes by force. */
	assert_true(disk_find(xs, 0, 1, 51712, &seen));
	assert_int_equal(disk_detach(xs, &seen, true, why), 0);
	assert_false(disk_find(xs, 0, 1, 51712, &seen));
	assert_string_equal(node("/local/domain/1/device/vbd/51712/backend"), "[none]");
}

/* Whatever the guest wrote; what xl made is xl's. */
static void the_end_of_a_domain(void **state)
{
	char why[DISK_WHY];

	assert_int_equal(attach(1, "xvda", "access=w", path_of("a.img"), why), 0);
	assert_int_equal(attach(1, "xvdb", "access=w", path_of("b.img"), why), 0);
	assert_int_equal(attach(2, "hdc", "cdrom", "", why), 0);
	xs_print(xs, 0, "/local/domain/1/device/vbd/51712/backend", "/local/domain/0/backend/qdisk/2/5632");
	xs_print(xs, 0, "/libxl/1/device/vbd/51728/backend", "/local/domain/0/backend/qdisk/1/51728");
	*behaves = STUBBORN_GUEST;
	disks_remove(xs, 1);
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/51712/state"), "[none]");
	assert_string_equal(node("/local/domain/0/backend/qdisk/1/51728/online"), "1");
	assert_string_equal(node("/local/domain/0/backend/qdisk/2/5632/online"), "1");
	xs_rm(xs, 0, "/libxl");
	/* A back end that hangs keeps no domain from its end. */
	*behaves = SILENT;
	device_limits.closed = 1;
	disks_remove(xs, 1);
	assert_string_equal(node("/local/domain/0/backend/qdisk/1"), "[none]");
}

static void discs_in_drives(void **state)
{
	struct disk disc = disk_at("hdc", "cdrom", path_of("a.img")), none = disk_at("hdc", "cdrom", "");
	char why[DISK_WHY], params[160];
	struct disk_seen drive;

	snprintf(params, sizeof(params), "raw:%s", path_of("a.img"));
	assert_int_equal(attach(1, "hdc", "cdrom", "", why), 0);
	assert_true(disk_find(xs, 0, 1, 5632, &drive));
	assert_true(drive.cdrom);
	assert_int_equal(disk_insert(xs, &drive, &disc, why), 0);
	assert_string_equal(node("%s/params", drive.back), params);
	assert_int_equal(disk_insert(xs, &drive, &disc, why), 0); /* it is there already */
	assert_int_equal(disk_insert(xs, &drive, &none, why), 0);
	assert_string_equal(node("%s/params", drive.back), "");
	/* Not what another domain writes. */
	assert_int_equal(attach(2, "xvda", "access=w", path_of("a.img"), why), 0);
	assert_int_equal(disk_insert(xs, &drive, &disc, why), -1);
	assert_non_null(strstr(why, "xvda of domain 2"));
	disks_remove(xs, 2);
	/* What the back end cannot read is taken out again. */
	*behaves = REFUSING;
	assert_int_equal(disk_insert(xs, &drive, &disc, why), -1);
	assert_string_equal(why, "its back end says: the moon is full");
	assert_string_equal(node("%s/params", drive.back), "");
	disk_clear(&disc);
	disk_clear(&none);
}

static void images(void **state)
{
	static const struct {
		const char *name, *head;
		size_t len, size;
		const char *format, *wrong;
	} cases[] = {
	    {"ok", "", 0, 1024, "raw", NULL},
	    {"none", NULL, 0, 0, "raw", "no such file"},
	    {"tiny", "", 0, 511, "raw", "511 bytes"},
	    {"q", "QFI\xfb", 4, 1024, "qcow2", NULL},
	    {"q", "QFI\xfb", 4, 1024, "raw", "say format=qcow2"},
	    {"ok", "", 0, 1024, "qcow2", "is not qcow2"},
	    {"v", "KDMV", 4, 1024, "raw", "begins like vmdk"},
	};
	char why[DISK_WHY];
	struct disk d;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char options[32];

		if (cases[i].head)
			make_file(cases[i].name, cases[i].head, cases[i].len, cases[i].size);
		snprintf(options, sizeof(options), "format=%s", cases[i].format);
		d = disk_at("xvda", options, path_of(cases[i].name));
		assert_int_equal(disk_check_image(&d, why), cases[i].wrong ? -1 : 0);
		if (cases[i].wrong)
			assert_non_null(strstr(why, cases[i].wrong));
		disk_clear(&d);
	}
	d = disk_at("xvda", "format=raw", dir);
	assert_int_equal(disk_check_image(&d, why), -1);
	assert_non_null(strstr(why, "neither a file nor a block device"));
	disk_clear(&d);
	d = disk_at("xvda", "format=qcow2", "/dev/pool/v");
	assert_int_equal(disk_check_image(&d, why), -1);
	assert_non_null(strstr(why, "is a block device, and a qcow2 image must be a file"));
	disk_clear(&d);
}

static void paths(void **state)
{
	static const char *const cases[][2] = {
	    {"phy:pool/v,xvda,w", "/dev/pool/v"}, {"/x,raw,xvda", "/x"},
	    {"a.img,raw,xvda", "DIR/a.img"},      {"sub/c.img,raw,xvda", "DIR/beside/sub/c.img"},
	    {"none.img,raw,xvda", "none.img"},    {",,hdc,cdrom", ""},
	};
	char here[256], why[DISK_WHY], beside[160], *text;
	struct disk d, again;

	mkdir(path_of("beside"), 0700);
	mkdir(path_of("beside/sub"), 0700);
	make_file("beside/sub/c.img", "", 0, 512);
	snprintf(beside, sizeof(beside), "%s/x.cfg", path_of("beside"));
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *wanted = cases[i][1];

		assert_int_equal(disk_parse(cases[i][0], &d, why), 0);
		assert_int_equal(disk_find_target(&d, beside), 0);
		if (!strncmp(wanted, "DIR/", 4))
			wanted = path_of(wanted + 4);
		assert_string_equal(d.target, wanted);
		/* And what is kept for a restart means the same. */
		text = disk_print(&d);
		assert_int_equal(disk_parse(text, &again, why), 0);
		assert_string_equal(again.target, d.target);
		assert_string_equal(again.vdev, d.vdev);
		assert_int_equal(again.format, d.format);
		assert_int_equal(again.readonly, d.readonly);
		assert_int_equal(again.cdrom, d.cdrom);
		disk_clear(&again);
		disk_clear(&d);
		free(text);
	}
	assert_int_equal(chdir(here), 0);
}

/* The line is the disk's own, not the list's. */
static void lines_of_a_configuration(void **state)
{
	static const char *const cases[][2] = {
	    {"disk = [\n  '/a,raw,xvda',\n  '/b,xvdb,w' ]",
	     "x.cfg:5: disk \"/b,xvdb,w\": \"xvdb\" is no format; needed: raw or qcow2 behind the target, as "
	     "in "
	     "\"/vm/a.img,raw,xvda,w\""},
	    {"disk = [ '/a,raw,xvda,w' ]\ndisk += [\n'/b,raw,xvda,r' ]",
	     "x.cfg:5: disk \"/b,raw,xvda,r\": xvda is another disk's vdev already; needed: one of its own"},
	    {"disk = '/a,raw,xvda,w'",
	     "x.cfg:3: disk is one text; needed: a list, as disk = [ \"/a,raw,xvda,w\" ]"},
	    {"disk = [ [ ] ]", "x.cfg:3: disk has a list in its list; needed: one text for each disk"},
	    {"disk = [ '/a,raw,xvda' ]\ntype = 'fv'",
	     "x.cfg:3: disk is for type = \"pv\": an unmodified kernel has no driver for virtual disks"},
	    {"disk = [ '/a,raw,xvda,w', ',,hdc,cdrom' ]", NULL},
	    {"disk = [ ]\ntype = 'fv'", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cfg cfg = {0};
		struct domconf conf;
		char text[256];

		snprintf(text, sizeof(text), "name = 'd'\nkernel = '/k'\n%s\n", cases[i][0]);
		assert_int_equal(cfg_parse(&cfg, "x.cfg", text, strlen(text)), 0);
		assert_int_equal(domconf_from(&cfg, &conf), cases[i][1] ? -1 : 0);
		if (cases[i][1])
			assert_string_equal(fail_last(), cases[i][1]);
		else
			domconf_free(&conf);
		cfg_free(&cfg);
	}
}

/* Hot-plugged disks are in the configuration that a restart reads. */
static void what_a_restart_finds(void **state)
{
	const char text[] = "disk = [ '/a,raw,xvda', ',,hdc,cdrom' ]\n";
	struct disk d = disk_at("xvdb", "access=r,format=qcow2", "/b");
	struct cfg cfg = {0};

	assert_int_equal(cfg_parse(&cfg, "x.cfg", text, strlen(text)), 0);
	assert_int_equal(domconf_add_disk(&cfg, &d), 0);
	domconf_remove_disk(&cfg, 51712);
	domconf_remove_disk(&cfg, 7);
	assert_int_equal(cfg_find(&cfg, "disk")->value.count, 2);
	assert_string_equal(cfg_find(&cfg, "disk")->value.list[0].text, ",,hdc,cdrom");
	assert_string_equal(cfg_find(&cfg, "disk")->value.list[1].text,
			    "format=qcow2,vdev=xvdb,access=ro,target=/b");
	cfg_free(&cfg);
	assert_int_equal(domconf_add_disk(&cfg, &d), 0);
	assert_int_equal(cfg_find(&cfg, "disk")->value.count, 1);
	cfg_free(&cfg);
	disk_clear(&d);
}

int main(void)
{
	static const struct hv_ops ops = {.hypercall = hypercall};
	static const char *const names[] = {"one", "two", "three"};
	char path[64], command[128];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_is_written, begin_test),
	    cmocka_unit_test_setup(a_drivers_disk, begin_test),
	    cmocka_unit_test_setup(a_second_user_is_refused, begin_test),
	    cmocka_unit_test_setup(partitions, begin_test),
	    cmocka_unit_test_setup(all_or_none, begin_test),
	    cmocka_unit_test_setup(back_ends_that_do_not_come, begin_test),
	    cmocka_unit_test_setup(a_guest_lets_go_or_not, begin_test),
	    cmocka_unit_test_setup(the_end_of_a_domain, begin_test),
	    cmocka_unit_test_setup(discs_in_drives, begin_test),
	    cmocka_unit_test_setup(images, begin_test),
	    cmocka_unit_test_setup(paths, begin_test),
	    cmocka_unit_test(lines_of_a_configuration),
	    cmocka_unit_test(what_a_restart_finds),
	};
	int rc;

	fail_quiet(true);
	behaves = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run_dir = mkdtemp(dir);
	hv_open_with(&hv, &ops);
	store_child_begin("rl-blkd", back_end);
	xs = xs_shared();
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/name", i + 1);
		xs_print(xs, 0, path, "%s", names[i]);
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xs_close(xs);
	hv_close(&hv);
	wait(NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) || rc;
}
