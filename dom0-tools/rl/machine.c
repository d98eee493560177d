/* SPDX-License-Identifier: MIT */
/* rl info, dmesg, debug-keys: the machine and the hypervisor. */
#include "verbs.h"
#include "err.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <xen/version.h>

static void line_text(const char *key, const char *value)
{
	printf("%-23s: %s\n", key, value);
}

static void line_number(const char *key, unsigned long long value)
{
	printf("%-23s: %llu\n", key, value);
}

/* A text from the hypervisor; empty if it does not know. */
static void line_version(struct hv *hv, const char *key, unsigned cmd, size_t size)
{
	char text[1025] = "";

	if (hv_version(hv, cmd, text, size) < 0)
		text[0] = '\0';
	text[size] = '\0';
	line_text(key, text);
}

static void print_dom0(void)
{
	struct utsname name;

	if (uname(&name))
		return;
	line_text("host", name.nodename);
	line_text("release", name.release);
	line_text("version", name.version);
	line_text("machine", name.machine);
	line_text("rl_changeset", rl_built_from);
}

static int print_physinfo(struct hv *hv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};
	const struct xen_sysctl_physinfo *p = &op.u.physinfo;
	long rc = hv_sysctl(hv, &op);

	if (rc < 0) {
		fail_errno(rc, "cannot ask the hypervisor about the machine");
		return EXIT_FAILED;
	}
	line_number("nr_cpus", p->nr_cpus);
	line_number("max_cpu_id", p->max_cpu_id);
	line_number("nr_nodes", p->nr_nodes);
	line_number("cores_per_socket", p->cores_per_socket);
	line_number("threads_per_core", p->threads_per_core);
	printf("%-23s: %u.%03u\n", "cpu_mhz", p->cpu_khz / 1000, p->cpu_khz % 1000);
	printf("%-23s:", "hw_caps");
	for (int i = 0; i < 8; i++)
		printf("%c%08x", i ? ':' : ' ', p->hw_cap[i]);
	printf("\n%-23s: %s%s\n", "virt_caps", p->capabilities & XEN_SYSCTL_PHYSCAP_pv ? "pv" : "",
	       p->capabilities & XEN_SYSCTL_PHYSCAP_hvm ? " hvm" : "");
	line_number("total_memory", p->total_pages / 256);
	line_number("free_memory", p->free_pages / 256);
	line_number("free_pages", p->free_pages);
	return EXIT_OK;
}

static void print_version(struct hv *hv)
{
	xen_extraversion_t extra = "";
	struct xen_compile_info compile;
	struct xen_platform_parameters platform;
	long version = hv_version(hv, XENVER_version, extra, sizeof(extra));

	if (version < 0)
		return;
	hv_version(hv, XENVER_extraversion, extra, sizeof(extra));
	line_number("xen_major", version >> 16);
	line_number("xen_minor", version & 0xffff);
	printf("%-23s: %.16s\n", "xen_extra", extra);
	printf("%-23s: %ld.%ld%.16s\n", "xen_version", version >> 16, version & 0xffff, extra);
	line_version(hv, "xen_caps", XENVER_capabilities, sizeof(xen_capabilities_info_t));
	line_number("xen_pagesize", FRAME_SIZE);
	if (hv_version(hv, XENVER_platform_parameters, &platform, sizeof(platform)) >= 0)
		printf("%-23s: virt_start=0x%llx\n", "platform_params",
		       (unsigned long long)platform.virt_start);
	line_version(hv, "xen_changeset", XENVER_changeset, sizeof(xen_changeset_info_t));
	line_version(hv, "xen_commandline", XENVER_commandline, sizeof(xen_commandline_t));
	if (hv_version(hv, XENVER_compile_info, &compile, sizeof(compile)) >= 0)
		printf("%-23s: %.64s\n%-23s: %.32s\n", "cc_compiler", compile.compiler, "cc_compile_date",
		       compile.compile_date);
}

static int do_info(int argc, char **argv)
{
	struct hv *hv;
	int code;

	if (argc != 1)
		return verb_usage("info");
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	print_dom0();
	code = print_physinfo(hv);
	print_version(hv);
	return code;
}

/* One piece of the log from byte *index on, which moves past it. Its length, or -errno. */
static long read_log(struct hv *hv, uint32_t *index, bool clear, char *out, size_t size)
{
	size_t mark = hv->used;
	char *buf = hv_buf(hv, size);
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole};
	long rc;

	if (!buf)
		return -ENOMEM;
	op.u.readconsole.clear = clear;
	op.u.readconsole.incremental = 1;
	op.u.readconsole.index = *index;
	op.u.readconsole.count = size;
	set_xen_guest_handle(op.u.readconsole.buffer, buf);
	rc = hv_sysctl(hv, &op);
	if (rc >= 0) {
		rc = op.u.readconsole.count;
		*index = op.u.readconsole.index;
		memcpy(out, buf, rc);
	}
	hv_release(hv, mark);
	return rc;
}

static int do_dmesg(int argc, char **argv)
{
	char piece[8192];
	bool clear = false;
	uint32_t index = 0;
	struct hv *hv;
	long got;
	int c;

	optind = 1;
	while ((c = verb_option("dmesg", argc, argv, "c")) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		clear = true;
	}
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	while ((got = read_log(hv, &index, clear, piece, sizeof(piece))) > 0)
		fwrite(piece, 1, got, stdout);
	if (got < 0) {
		fail_errno(got, "cannot read the hypervisor's log");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int do_debug_keys(int argc, char **argv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys};
	struct hv *hv;
	size_t len;
	char *keys;
	long rc;

	if (argc != 2 || !argv[1][0] || strlen(argv[1]) > 256)
		return verb_usage("debug-keys");
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	len = strlen(argv[1]);
	keys = hv_buf(hv, len);
	memcpy(keys, argv[1], len);
	set_xen_guest_handle(op.u.debug_keys.keys, keys);
	op.u.debug_keys.nr_keys = len;
	rc = hv_sysctl(hv, &op);
	if (rc < 0) {
		fail_errno(rc, "cannot send debug keys");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

const struct verb verbs_machine[] = {
    {.name = "info",
     .args = "",
     .summary = "show the machine, its free memory and the hypervisor",
     .run = do_info},
    {.name = "dmesg",
     .args = "[-c]",
     .summary = "print the hypervisor's messages",
     .text = "  -c  and forget them\n",
     .run = do_dmesg},
    {.name = "debug-keys",
     .args = "KEYS",
     .summary = "make the hypervisor write its state to its log",
     .text = "Each letter asks for one report; `rl debug-keys h` lists them. See them with `rl dmesg`.\n",
     .run = do_debug_keys},
    {0},
};
