/* SPDX-License-Identifier: MIT */
/*
 * Our reader of disks (lib/disk_spec.c) beside Xen's own (Debian's libxlutil): the forms that are documented, those that are
 * refused, and texts made at random of the grammar's pieces (SEED=, TEXTS=). Both must refuse the same texts and read the
 * same from the others. Numbers of virtual disks beside libxenlight's.
 *
 * The only differences are taken care of in compare(): at a '=' that nothing follows libxlutil's scanner stops without
 * a word, and takes the disk; it is refused here.
 */
#include "disk_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libxlutil.h>

/* Of libxenlight, but not in its header. */
int libxl__device_disk_dev_number(const char *name, int *disk, int *partition);

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % n;
}

/* ---- One form for both ---- */

static char *text_of(const char *target, const char *vdev, const char *script, const char *backend,
		     const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), "target %s, vdev %s, script %s, backend %s, %s", target ? target : "-",
		 vdev ? vdev : "-", script ? script : "-", backend ? backend : "-", rest);
	return strdup(text);
}

/* NULL: refused. @parts: as the arguments of xl block-attach. */
static char *xl_reads(const char *const *parts, size_t count)
{
	static const char *const formats[] = {
	    [LIBXL_DISK_FORMAT_RAW] = "raw",     [LIBXL_DISK_FORMAT_QCOW] = "qcow",
	    [LIBXL_DISK_FORMAT_QCOW2] = "qcow2", [LIBXL_DISK_FORMAT_VHD] = "vhd",
	    [LIBXL_DISK_FORMAT_QED] = "qed",     [LIBXL_DISK_FORMAT_EMPTY] = "",
	};
	FILE *nowhere = fopen("/dev/null", "w");
	XLU_Config *cfg = xlu_cfg_init(nowhere, "xl");
	libxl_device_disk d;
	char rest[128], *text = NULL;

	libxl_device_disk_init(&d);
	if (!xlu_disk_parse(cfg, (int)count, parts, &d)) {
		assert_int_equal(d.removable, d.is_cdrom);
		snprintf(rest, sizeof(rest), "format %s, %s%s, back end %d, model %d, discard %d, direct %d",
			 formats[d.format], d.readwrite ? "w" : "r", d.is_cdrom ? " cdrom" : "", d.backend,
			 d.specification,
			 libxl_defbool_is_default(d.discard_enable) ? 0
			 : libxl_defbool_val(d.discard_enable)      ? 1
								    : 2,
			 d.direct_io_safe);
		text = text_of(d.pdev_path, d.vdev, d.script, d.backend_domname, rest);
	}
	libxl_device_disk_dispose(&d);
	xlu_cfg_destroy(cfg);
	fclose(nowhere);
	return text;
}

static char *we_read(const char *const *parts, size_t count, char why[DISK_WHY])
{
	struct disk d;
	char rest[128], *text = NULL;

	why[0] = '\0';
	if (!disk_parse_parts(count, (char *const *)parts, &d, why)) {
		snprintf(rest, sizeof(rest), "format %s, %s%s, back end %d, model %d, discard %d, direct %d",
			 disk_format_name(d.format), d.readonly ? "r" : "w", d.cdrom ? " cdrom" : "", d.type,
			 d.model, d.discard, d.direct_io_safe);
		text = text_of(d.target, d.vdev, d.script, d.backend, rest);
	}
	disk_clear(&d);
	return text;
}

/* 1: both read the same, 0: both refuse, -1: they differ, and it is told. */
static int compare_parts(const char *const *parts, size_t count)
{
	const char *spec = parts[count - 1];
	char why[DISK_WHY], *theirs = xl_reads(parts, count), *ours = we_read(parts, count, why);
	int same = !theirs && !ours ? 0 : theirs && ours && !strcmp(theirs, ours) ? 1 : -1;

	if (same < 0 && theirs && !ours && spec[strlen(spec) - 1] == '=' && strstr(why, "fits nowhere"))
		same = 0;
	/* A refusal is a sentence. */
	assert_true(ours || strlen(why) > 20);
	if (same < 0)
		print_message("# [%s]\n# xl: %s\n# ours: %s\n", spec, theirs ? theirs : "refused",
			      ours ? ours : why);
	free(theirs);
	free(ours);
	return same;
}

static int compare(const char *spec)
{
	return compare_parts(&spec, 1);
}

/* ---- The tests ---- */

static const char *const good[] = {
    "/dev/vg/v,,hda",
    "/dev/vg/v,raw,xvda,rw",
    "format=raw, vdev=xvda, access=rw, target=/dev/vg/v",
    "/vm/a.qcow2,qcow2,xvda",
    "format=qcow2,/vm/a.qcow2,xvda",
    "file:/vm/a.img,xvda,w",
    "phy:/dev/vg/v,xvda1,r",
    "phy:vg/v,xvda,w",
    "tap:aio:/vm/a.img,xvda,w",
    "tap2:qcow2:/vm/a,xvda",
    "/root/i.iso,,hdc,cdrom",
    "/root/i.iso,raw,hdc:cdrom,r",
    ",hdc:cdrom,r",
    ",,hdc:cdrom,r",
    "vdev=hdc,cdrom",
    "vdev=hdc,devtype=cdrom,target=",
    "vdev=xvdb,script=block-nbd,target=host:port",
    "nbd:host:port,xvdb",
    "/vm/a.img,raw,xvda,no-discard,access=ro",
    "/vm/a.img,raw,xvda,discard,direct-io-safe,backendtype=qdisk,specification=xen,devtype=disk",
    "/vm/a.img,raw,xvda,backend=disks,backendtype=phy",
    "bar:x,raw,xvda",
    "vdev=xvda,target=/vm/a,b=c",
    "  /vm/a.img, raw,\txvda, w",
    "/vm/a.img,vhd,xvda,,colo,colo-host=a,colo-port=7,active-disk=/x,hidden-disk=/y,colo-export=z",
};

static const char *const bad[] = {
    "",
    "/vm/a.img",
    "/vm/a.img,raw",
    "raw,xvda",
    "/vm/a.img,xvda,w",
    "/vm/a.img,raw,xvda,w!",
    "/vm/a.img,raw,xvda,r!",
    "/vm/a.img,raw ,xvda",
    "foo:/x,raw,xvda",
    "/vm/a.img,raw,xvda,rw,extra",
    "/vm/a.img,raw,xvda,bogus=1",
    "/vm/a.img,raw,xvda,untrusted",
    "/vm/a.img,raw,xvda,format=qcow2",
    "qcow2:/vm/a,raw,xvda",
    "/vm/a=b,raw,xvda",
    "/vm/a,raw,xvda:floppy",
    "/vm/a,raw,xvda,devtype=floppy",
    "vdev=xvda",
    "vdev=xvda,vdev=xvda,/vm/a",
    "vdev=hdc:cdrom",
};

static void forms_that_are_documented(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(compare(good[i]), 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(compare(bad[i]), 0);
}

static void disks_in_parts(void **state)
{
	static const char *const parts[][4] = {
	    {"phy:vg/v", "xvda", "w", ""},
	    {"/vm/a.img", "raw", "xvda", "r"},
	    {"target=/vm/a,b", "vdev=xvda", "access=r", "cdrom"},
	    {"/vm/a.img,raw", "xvda,w", "discard", ""},
	};
	static const char *const wrong[][2] = {
	    {"/vm/a.img", "xvda"}, {"vdev=xvda,/vm/a.img", "vdev=xvda"}, {"qcow2:/vm/a", "format=raw,xvda"}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		assert_int_equal(compare_parts(parts[i], *parts[i][3] ? 4 : 3), 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(compare_parts(wrong[i], 2), 0);
}

/* Mostly as it should be, with pieces that are not. */
static void make_spec(char *spec, size_t size)
{
	static const char *const pieces[] = {
	    "/vm/a.img",
	    "raw",
	    "xvda",
	    "w",
	    "",
	    "qcow2",
	    "r",
	    "hdc:cdrom",
	    "xvdb:disk",
	    "rw",
	    "ro",
	    "w!",
	    "vhd",
	    "qed",
	    "qcow",
	    "format=",
	    "format=raw",
	    "format=qcow2",
	    "vdev=xvdc",
	    "vdev=",
	    "access=r",
	    "access=w",
	    "access=",
	    "target=/vm/b",
	    "target=",
	    "cdrom",
	    "discard",
	    "no-discard",
	    "devtype=disk",
	    "devtype=cdrom",
	    "devtype=",
	    "colo",
	    "no-colo",
	    "colo-host=h",
	    "colo-port=1",
	    "backend=d",
	    "backend=",
	    "script=s",
	    "script=",
	    "direct-io-safe",
	    "phy:vg/v",
	    "file:/a",
	    "raw:/a",
	    "qcow2:/a",
	    "tap:aio:/a",
	    "nbd:h",
	    "foo:bar",
	    "foo:/bar",
	    "foo:",
	    "Foo:/a",
	    "bogus=1",
	    "b-1=x",
	    "A=1",
	    "=",
	    "a=",
	    "untrusted",
	    "cdromx",
	    "cdrom=1",
	    " ",
	    "\t",
	    "a b ",
	    "drbd:r",
	    "tap2:tapdisk:ioemu:aio:/x",
	    "enbd:iscsi:x",
	    "active-disk=/x",
	    "hidden-disk=/y",
	    "colo-export=e",
	    "backendtype=phy",
	    "backendtype=qdisk",
	    "backendtype=tap",
	    "backendtype=standalone",
	    "backendtype=",
	    "specification=xen",
	    "specification=virtio",
	    "specification=",
	    "format=foo",
	};
	static const char *const plain[] = {"/vm/a.img", "raw", "xvda", "w"};
	size_t len = 0, n = 1 + below(7);
	const char *piece;

	spec[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		piece = i < 4 && below(6) ? plain[i] : pieces[below(sizeof(pieces) / sizeof(*pieces))];
		len += snprintf(spec + len, size - len, "%s%s%s", i ? "," : "", below(6) ? "" : " ", piece);
	}
	/* Some are damaged. */
	for (unsigned hits = below(4) ? 0 : 1 + below(2); hits && len; hits--)
		spec[below(len)] = "=,:x/ !2"[below(8)];
}

static void texts_at_random(void **state)
{
	unsigned texts = getenv("TEXTS") ? atoi(getenv("TEXTS")) : 5000, differ = 0, taken = 0;

	seed = (getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1) * 0x9e3779b97f4a7c15;
	for (unsigned i = 0; i < texts; i++) {
		char spec[512];
		int same;

		make_spec(spec, sizeof(spec));
		same = compare(spec);
		taken += same == 1;
		differ += same < 0;
	}
	print_message("# %u texts: %u read the same by both, %u differ\n", texts, taken, differ);
	assert_int_equal(differ, 0);
	assert_true(taken > texts / 8);
	assert_true(texts - taken > texts / 8);
}

/* "0" and more digits, perhaps behind a 'p'. */
static int is_octal(const char *digits)
{
	digits += *digits == 'p';
	return digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
}

/* What libxenlight takes is refused here in three cases: no name at all, for 0; hd without a letter, for hdb; and dNpN with
 * octal numbers. */
static void numbers_of_disks(void **state)
{
	static const char *const starts[] = {"xvd", "sd", "hd", "d", "", "vd", "XVD", "0x", "+"};
	static const char *const ends[] = {
	    "",     "a",   "b",    "d",    "p",   "q",  "z",   "aa",  "zz",      "fxsg",    "bjzzz",
	    "zzzz", "0",   "1",    "15",   "16",  "63", "64",  "255", "256",     "01",      "p0",
	    "p15",  "p16", "p255", "p256", "p01", "p",  "a b", "x1y", "1048575", "1048576", "51712"};

	for (size_t s = 0; s < sizeof(starts) / sizeof(*starts); s++) {
		for (size_t e = 0; e < sizeof(ends) / sizeof(*ends) * 40; e++) {
			const size_t n = sizeof(ends) / sizeof(*ends);
			char name[64];
			int theirs;

			snprintf(name, sizeof(name), "%s%s%s", starts[s], ends[e % n],
				 e / n ? ends[e / n % n] : "");
			if (!*name || (!strncmp(name, "hd", 2) && (name[2] < 'a' || name[2] > 'z')) ||
			    (*name == 'd' && (is_octal(name + 1) || is_octal(name + strcspn(name, "p")))))
				continue;
			theirs = libxl__device_disk_dev_number(name, NULL, NULL);
			theirs = theirs < 0 ? -1 : theirs;
			if (vdev_number(name) != theirs)
				print_message("# %s: %ld, libxl %d\n", name, vdev_number(name), theirs);
			assert_int_equal(vdev_number(name), theirs);
		}
	}
	assert_int_equal(vdev_number(""), -1);
	assert_int_equal(vdev_number("xvd"), -1);
	assert_int_equal(vdev_number("xvda1"), 51713);
	assert_int_equal(vdev_number("hdc"), 5632);
	assert_int_equal(vdev_number("xvdq"), (1 << 28) + 256 * 16);
}

/* What xl takes and this toolset does not do is refused by a sentence that says what instead. */
static void what_is_not_done(void **state)
{
	static const char *const cases[][2] = {
	    {"vdev=xvdb,script=block-nbd,target=host:port", "xl on a Linux Dom0"},
	    {"drbd:r0,xvda", "script block-drbd"},
	    {"/a,raw,vda", "no virtual disk"},
	    {",raw,,cdrom,,", "no virtual disk"},
	    {"/a,vhd,xvda", "qemu-img convert"},
	    {"/a,raw,xvda,backend=disks", "Domain-0 only"},
	    {"/a,raw,xvda,backendtype=standalone", "phy or qdisk"},
	    {"/a,raw,xvda,specification=virtio", "QEMU"},
	    {"/a,raw,xvda,colo", "COLO"},
	    {",raw,xvda,w", "no target"},
	    {"vdev=xvda,target=", "no target"},
	    {"/a,raw,xvda,backendtype=phy,script=block", NULL},
	    {"/a,raw,xvda,backend=Domain-0,backendtype=qdisk", NULL},
	    {",,hdc:cdrom,r", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char why[DISK_WHY] = "";
		struct disk d;

		assert_int_equal(disk_parse(cases[i][0], &d, why), 0);
		assert_int_equal(disk_usable(&d, why), cases[i][1] ? -1 : 0);
		if (cases[i][1])
			assert_non_null(strstr(why, cases[i][1]));
		disk_clear(&d);
	}
}

/* The trap that is named in older files is answered by its reason. */
static void shared_writers_are_explained(void **state)
{
	struct disk d;
	char why[DISK_WHY];

	assert_int_equal(disk_parse("phy:/dev/vg/v,xvda,w!", &d, why), -1);
	assert_non_null(strstr(why, "two domains write one image"));
	disk_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forms_that_are_documented), cmocka_unit_test(disks_in_parts),
	    cmocka_unit_test(texts_at_random),           cmocka_unit_test(numbers_of_disks),
	    cmocka_unit_test(what_is_not_done),          cmocka_unit_test(shared_writers_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
