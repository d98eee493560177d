/* SPDX-License-Identifier: MIT */
/*
 * Appliances: SHA-256 by the standard's examples; what is packed is unpacked, by rl and by Debian's cpio and sha256sum; of a file
 * with any bit changed, or any end missing, either a sentence comes or the same parts; what a hostile file wants, it does not
 * get: names with paths, parts without end, files of Dom0 as kernel or disk or behind an image. Disks: they stand alone, and
 * what guests write is kept beside them.
 */
#include "appliance.h"
#include "err.h"
#include "files.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/ringlet-appliance-XXXXXX";

/* Thousands of files are unpacked here, and need not outlive a power cut. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

static const char *in_dir(const char *name)
{
	static char names[4][PATH_MAX];
	static unsigned next;
	char *path = names[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

/* A shell command in the directory. Its exit code. */
static int sh(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd %s && { %s; }", dir, command);
	return system(line);
}

static void put(const char *name, const void *data, size_t len)
{
	FILE *out = fopen(in_dir(name), "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	fclose(out);
}

static char *get(const char *name, size_t *len)
{
	char *text = file_read(in_dir(name), 1 << 20, len);

	assert_non_null(text);
	return text;
}

static void says(const char *what)
{
	if (!strstr(fail_last(), what))
		fail_msg("\"%s\" does not say \"%s\"", fail_last(), what);
}

static int pack(const char *text, const char *out)
{
	struct cfg cfg = {0};
	int rc = cfg_parse(&cfg, "test", text, strlen(text)) || appliance_pack(&cfg, in_dir(out));

	cfg_free(&cfg);
	return rc ? -1 : 0;
}

/* Open, unpack and settle, as rl run does. */
static int unpack(const char *file, const char *to)
{
	struct appliance a;
	struct cfg cfg = {0};
	const char *folder = in_dir(to);
	int rc;

	assert_int_equal(make_dirs(folder), 0);
	if (appliance_open(&a, in_dir(file)))
		return -1;
	rc = cfg_parse(&cfg, file, a.config, strlen(a.config)) || appliance_unpack(&a, folder) ||
	     appliance_settle(&a, folder, &cfg);
	cfg_free(&cfg);
	appliance_close(&a);
	return rc ? -1 : 0;
}

static int set_up(void **state)
{
	uint8_t bytes[331];

	(void)state;
	fail_quiet(true);
	image_program = realpath("build/dom0-tools/rl-image", NULL);
	assert_non_null(image_program);
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7 + i / 256;
	put("k", bytes, sizeof(bytes));
	put("r", bytes, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free((char *)image_program);
	return sh("rm -rf $PWD");
}

/* ---- Sums ---- */

static void known_answers(void **state)
{
	static const struct {
		const char *text;
		unsigned times;
		const char *sum;
	} known[] = {
	    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaa"
	     "aaaaaaaaaaaaaaaaaaaaaaaaa",
	     8000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	};
	char sum[SHA256_TEXT];
	struct sha256 s;

	(void)state;
	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
		sha256_begin(&s);
		for (unsigned n = 0; n < known[i].times; n++)
			sha256_add(&s, known[i].text, strlen(known[i].text));
		sha256_end(&s, sum);
		assert_string_equal(sum, known[i].sum);
	}
}

/* ---- What is packed ---- */

static const char *small(void)
{
	static char text[512];

	snprintf(text, sizeof(text), "name=\"a\"\nkernel=\"%s/k\"\nramdisk=\"%s/r\"\nmemory=16\n", dir, dir);
	return text;
}

static void round_trip(void **state)
{
	(void)state;
	assert_int_equal(pack(small(), "a.rla"), 0);
	assert_int_equal(unpack("a.rla", "a"), 0);
	assert_int_equal(sh("cmp k a/kernel && cmp r a/ramdisk && [ $(ls a | wc -l) = 3 ]"), 0);
	assert_int_equal(sh("mkdir b && cd b && cpio -i --quiet <../a.rla && sha256sum --quiet -c manifest "
			    "&& cmp ../k kernel"),
			 0);
	/* And what Debian's cpio makes of the same files. */
	assert_int_equal(sh("cd b && (echo manifest; sed -n 's/^[0-9a-f]*  //p' manifest) | cpio -o --quiet "
			    "-H newc >../b.rla"),
			 0);
	assert_int_equal(unpack("b.rla", "c"), 0);
	assert_int_equal(sh("cmp k c/kernel && rm -r b c"), 0);
	/* Nothing to pack, nowhere to put it: a sentence, and no file. */
	assert_int_equal(pack("name=\"a\"\nkernel=\"/nowhere\"\n", "n.rla"), -1);
	says("/nowhere: cannot open it");
	assert_int_equal(pack(small(), "none/n.rla"), -1);
	assert_int_equal(sh("! ls | grep n.rla"), 0);
}

/* The same parts as before in @to, and nothing else. */
static bool is_as_before(const char *to)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "cmp -s k %s/kernel && cmp -s r %s/ramdisk && [ $(ls %s | wc -l) = 3 ]", to, to, to);
	return !sh(command);
}

static void damaged(void **state)
{
	unsigned refused = 0;
	size_t len;
	char *whole;

	(void)state;
	assert_int_equal(pack(small(), "a.rla"), 0);
	assert_int_equal(unpack("a.rla", "d"), 0);
	whole = get("a.rla", &len);
	for (size_t at = 0; at < len; at++) {
		whole[at] ^= 1 << at % 8;
		put("d.rla", whole, len);
		whole[at] ^= 1 << at % 8;
		if (unpack("d.rla", "d")) {
			says("d.rla");
			refused++;
		}
		/* Some numbers of a header mean nothing here. */
		if (at % 16 == 0)
			assert_true(is_as_before("d"));
	}
	assert_true(is_as_before("d"));
	assert_true(refused > len / 2);
	for (size_t end = 0; end < len; end++) {
		put("d.rla", whole, end);
		assert_int_equal(unpack("d.rla", "d"), -1);
		says("d.rla ends within its part \"");
	}
	assert_true(is_as_before("d"));
	free(whole);
}

/* ---- What others make ---- */

/* An appliance of the files @names in the folder h, with a manifest that begins so. */
static int by_hand(const char *head, const char *names)
{
	char command[512];

	snprintf(
	    command, sizeof(command),
	    "cd h && (echo '%s'; sha256sum %s) >manifest && printf '%%s\\n' manifest %s | cpio -o --quiet "
	    "-H newc >../h.rla",
	    head, names, names);
	return sh(command);
}

static void hand(const char *head, const char *names, const char *config, const char *sentence)
{
	put("h/config", config, strlen(config));
	assert_int_equal(by_hand(head, names), 0);
	assert_int_equal(unpack("h.rla", "to"), -1);
	says(sentence);
}

static void hostile(void **state)
{
	static const char now[] = "# Ringlet appliance, format 1", fine[] = "name=\"h\"\nkernel=\"kernel\"\n";

	(void)state;
	assert_int_equal(sh("mkdir h && cp k h/kernel && cp k outside && cp r h/ramdisk && mkdir h/sub && cp "
			    "k h/sub/kernel"),
			 0);
	put("h/config", fine, strlen(fine));
	assert_int_equal(by_hand(now, "config kernel"), 0);
	assert_int_equal(unpack("h.rla", "to"), 0);
	hand("# Ringlet appliance, format 2", "config kernel", fine, "too new: its manifest has format 2");
	hand("# Ringlet appliance, format 99999999999999999999", "config kernel", fine, "too new");
	hand("# Ringlet appliance, format 0", "config kernel", fine, "manifest");
	hand("# Ringlet appliance, format -1", "config kernel", fine, "manifest");
	hand("hello", "config kernel", fine, "is no appliance");
	hand(now, "config ../outside", fine, "\"manifest\" is damaged");
	hand(now, "config sub/kernel", fine, "\"manifest\" is damaged");
	hand(now, "config /etc/hostname", fine, "\"manifest\" is damaged");
	hand(now, "kernel config", fine, "\"manifest\" is damaged");
	hand(now, "config kernel kernel", fine, "\"manifest\" is damaged");
	/* As many parts as a manifest can have, and more. */
	assert_int_equal(sh("cd h && for i in $(seq 90); do : >disk-x$i.qcow2; done"), 0);
	hand(now, "config disk-*.qcow2", fine, "manifest");
	assert_int_equal(sh("cd h && rm disk-*; for i in $(seq 3000); do : >disk-x$i.qcow2; done"), 0);
	hand(now, "config disk-*.qcow2", fine, "manifest");
	/* An entry more than the manifest has; a link in place of a file. */
	assert_int_equal(
	    sh("cd h && rm disk-*; (echo manifest; echo config; echo kernel; echo ramdisk) >../l; "
	       "(echo '# Ringlet appliance, format 1'; sha256sum config kernel) >manifest; cpio -o --quiet "
	       "-H newc <../l >../h.rla"),
	    0);
	assert_int_equal(unpack("h.rla", "to"), -1);
	says("is damaged: its part \"TRAILER!!!\" is not where it should be");
	assert_int_equal(sh("cd h && mv kernel x && ln -s ../outside kernel"), 0);
	hand(now, "config kernel", fine, "\"kernel\" is not where it should be");
	assert_int_equal(sh("cd h && mv x kernel; cmp ../k ../outside"), 0);
	/* Files of Dom0's. */
	hand(now, "config kernel", "name=\"h\"\nkernel=\"/etc/passwd\"\n",
	     "kernel = \"/etc/passwd\", which is no part");
	hand(now, "config kernel", "name=\"h\"\nkernel=\"kernel\"\nramdisk=\"ramdisk\"\n",
	     "ramdisk = \"ramdisk\", which is no part");
	hand(now, "config kernel", "name=\"h\"\nkernel=\"kernel\"\ndisk=[\"phy:/dev/sda,xvda,w\"]\n",
	     "\"/dev/sda\", which is no part");
	hand(now, "config kernel", "name=\"h\"\nkernel=\"kernel\"\ndisk=[\"disk-xvda.qcow2,qcow2,xvda,w\"]\n",
	     "\"disk-xvda.qcow2\", which is no part");
	assert_int_equal(
	    sh("cd h && truncate -s 1M b && qemu-img create -q -f qcow2 -F raw -b b disk-xvda.qcow2"), 0);
	hand(now, "config kernel disk-xvda.qcow2",
	     "name=\"h\"\nkernel=\"kernel\"\ndisk=[\"disk-xvda.qcow2,qcow2,xvda,w\"]\n",
	     "\"disk-xvda.qcow2\" is no qcow2 image that stands alone");
	assert_int_equal(sh("cd h && rm disk-xvda.qcow2 && qemu-img create -q -f qcow2 -o "
			    "data_file=d,data_file_raw=on disk-xvda.qcow2 1M"),
			 0);
	hand(now, "config kernel disk-xvda.qcow2",
	     "name=\"h\"\nkernel=\"kernel\"\ndisk=[\"disk-xvda.qcow2,qcow2,xvda,w\"]\n",
	     "\"disk-xvda.qcow2\" is no qcow2 image that stands alone");
	hand(now, "config kernel disk-xvda.qcow2",
	     "name=\"h\"\nkernel=\"kernel\"\ndisk=[\"disk-xvda.qcow2,raw,xvda,w\"]\n", "stands alone");
	assert_int_equal(sh("[ \"$(ls to)\" = \"$(printf 'kernel\\nmanifest\\n')\" ]"), 0);
}

/* ---- Disks ---- */

static void disks(void **state)
{
	struct appliance a;
	char text[1024];

	(void)state;
	assert_int_equal(
	    sh("truncate -s 3M base && printf hello | dd of=base bs=1M seek=2 conv=notrunc status=none && "
	       "qemu-img create -q -f qcow2 -F raw -b base over && qemu-io -f qcow2 -c 'write -P 7 512k 64k' "
	       "over >/dev/null && "
	       "truncate -s 1M disc && qemu-img convert -O raw over flat"),
	    0);
	snprintf(text, sizeof(text),
		 "name=\"a\"\nkernel=\"%s/k\"\ndisk=[\"%s/over,qcow2,xvda,w\", "
		 "\"vdev=xvdb,devtype=cdrom,target=%s/disc\", \",,xvdc,cdrom\"]\n",
		 dir, dir, dir);
	assert_int_equal(pack(text, "disks.rla"), 0);
	assert_int_equal(sh("[ $(stat -c %s disks.rla) -lt 2000000 ] && ! ls *.new* 2>/dev/null"), 0);
	assert_int_equal(unpack("disks.rla", "s"), 0);
	assert_int_equal(sh("rm base over; cd s && ls -x >../l; [ \"$(ls | tr '\\n' ' ')\" = "
			    "'disk-xvda.qcow2 disk-xvdb.qcow2 kernel manifest state-xvda.qcow2 ' ]"),
			 0);
	assert_int_equal(
	    sh("qemu-img compare -q s/state-xvda.qcow2 flat && qemu-img check -q s/disk-xvda.qcow2"), 0);
	/* What a guest writes stays when the file is run again, and the image below it does not change. */
	assert_int_equal(sh("qemu-io -f qcow2 -c 'write -P 9 0 4k' s/state-xvda.qcow2 >/dev/null"), 0);
	assert_int_equal(unpack("disks.rla", "s"), 0);
	assert_int_equal(sh("qemu-io -f qcow2 -c 'read -P 9 0 4k' s/state-xvda.qcow2 | grep -q failed"), 256);
	assert_int_equal(sh("qemu-img compare -q s/disk-xvda.qcow2 flat"), 0);
	/* Another file is seen. */
	assert_int_equal(appliance_open(&a, in_dir("disks.rla")), 0);
	assert_false(appliance_keeps_other(&a, in_dir("s")));
	appliance_close(&a);
	assert_int_equal(appliance_open(&a, in_dir("a.rla")), 0);
	assert_true(appliance_keeps_other(&a, in_dir("s")));
	assert_false(appliance_keeps_other(&a, in_dir("nowhere")));
	appliance_close(&a);
	/* Fresh: only what was written goes. */
	assert_int_equal(appliance_remove(in_dir("s"), false), 0);
	assert_int_equal(appliance_open(&a, in_dir("a.rla")), 0);
	assert_false(appliance_keeps_other(&a, in_dir("s")));
	appliance_close(&a);
	assert_int_equal(sh("[ $(ls s | wc -l) = 4 ]"), 0);
	assert_int_equal(unpack("disks.rla", "s"), 0);
	assert_int_equal(sh("qemu-img compare -q s/state-xvda.qcow2 flat"), 0);
	/* A file of somebody's own is left, and the folder with it. */
	put("s/mine", "x", 1);
	assert_true(appliance_remove(in_dir("s"), true) < 0);
	assert_int_equal(sh("[ \"$(ls s)\" = mine ] && rm s/mine"), 0);
	assert_int_equal(appliance_remove(in_dir("s"), true), 0);
	assert_int_equal(sh("[ ! -e s ]"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers), cmocka_unit_test(round_trip), cmocka_unit_test(damaged),
	    cmocka_unit_test(hostile),       cmocka_unit_test(disks),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
