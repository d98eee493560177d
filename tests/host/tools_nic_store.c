/* SPDX-License-Identifier: MIT */
/*
 * Network devices in the store (lib/nic_store.c and those beside it), against the store itself: what is written and who may read it,
 * for rl-netd and for Linux's netback with its scripts; all or nothing; a back end that refuses or is silent, a guest that does
 * not let go, the end of a domain.
 *
 * The store and a back end are a child process; `behaves` says how that one and the guest do.
 */
#include "err.h"
#include "nic_store.h"
#include "record.h"
#include "store_child.h"
#include "tools_store_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

static char dir[] = "/tmp/ringlet-nics-XXXXXX";
static char drivers[64], scripts[64];
static struct xs *xs;

static enum {
	WELL,
	SILENT,
	REFUSING,
	STUBBORN_GUEST,
	DRIVER /* its hotplug-status is a script's to write */
} * behaves;

/* ---- The other side ---- */

static void answer_hotplug(const char *back)
{
	char path[96], ran[96];

	snprintf(path, sizeof(path), "%s/hotplug-status", back);
	snprintf(ran, sizeof(ran), "%s/ran", dir);
	if (*behaves == REFUSING) {
		put_value(0, 0, path, "error");
		snprintf(path, sizeof(path), "%s/hotplug-error", back);
		put_value(0, 0, path, "the moon is full");
	} else if (*behaves != DRIVER || !access(ran, F_OK)) {
		put_value(0, 0, path, "connected");
	}
}

static void serve_one(unsigned dom, unsigned number)
{
	char path[96], back[80], front[80], state;

	snprintf(back, sizeof(back), "/local/domain/0/backend/vif/%u/%u", dom, number);
	snprintf(front, sizeof(front), "/local/domain/%u/device/vif/%u/state", dom, number);
	snprintf(path, sizeof(path), "%s/state", back);
	state = *value(0, 0, path);
	if (*behaves == SILENT || state == '[')
		return;
	if (state == '1' && *behaves != REFUSING)
		put_value(0, 0, path, "2");
	if (state == '5' && (*behaves != STUBBORN_GUEST || *value(0, 0, front) == '['))
		put_value(0, 0, path, "6");
	answer_hotplug(back);
}

static void back_end(void)
{
	for (unsigned dom = 1; dom <= 2; dom++)
		for (unsigned number = 0; number < 4; number++)
			serve_one(dom, number);
}

/* ---- This side ---- */

static const char *node(const char *fmt, ...)
{
	static char *text;
	char path[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	free(text);
	text = xs_read(xs, 0, path, NULL);
	return text ? text : "[none]";
}

static int begin_test(void **state)
{
	*behaves = WELL;
	device_drivers = "/nowhere";
	device_limits = (struct device_limits){.ready = 20000, .guest = 20000, .closed = 20000};
	for (unsigned dom = 1; dom <= 2; dom++)
		nics_remove(xs, dom);
	xs_rm(xs, 0, "/libxl");
	return 0;
}

static int attach(unsigned dom, const char *spec, char why[NIC_WHY])
{
	struct nic nic;
	unsigned failed;
	int rc = nic_parse(spec, &nic, why) || nic_has_server(&nic, why) ||
			 nics_attach(xs, dom, &nic, 1, &failed, why) || nic_wait(xs, dom, &nic, why)
		     ? -1
		     : 0;

	nic_clear(&nic);
	return rc;
}

static void check_perms(const char *path, const char *wanted)
{
	size_t len = 0;
	char *perms = xs_get_perms(xs, 0, path, &len);

	for (size_t i = 0; perms && i + 1 < len; i++)
		if (!perms[i])
			perms[i] = ' ';
	assert_non_null(perms);
	assert_string_equal(perms, wanted);
	free(perms);
}

static void check(const char *folder, const char *const (*nodes)[2], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *there = node("%s/%s", folder, nodes[i][0]);

		if (strcmp(there, nodes[i][1]))
			print_message("# %s/%s\n", folder, nodes[i][0]);
		assert_string_equal(there, nodes[i][1]);
	}
}
#define CHECK(folder, nodes) check(folder, nodes, sizeof(nodes) / sizeof(*(nodes)))

static const char full[] =
    "mac=00:16:3e:00:00:01,bridge=lan,vlan=10p/20,rate=10Mb/s,mtu=1400,ip=10.0.0.5,vifname=web0,"
    "untrusted,isolated,antispoof,group=g,devid=2";
static const char back_2[] = "/local/domain/0/backend/vif/1/2", front_2[] = "/local/domain/1/device/vif/2",
		  back_0[] = "/local/domain/0/backend/vif/1/0", front_0[] = "/local/domain/1/device/vif/0";

/* ---- The tests ---- */

static void what_is_written(void **state)
{
	static const char *const back[][2] = {{"frontend", front_2},    {"frontend-id", "1"},
					      {"online", "1"},          {"state", "2"},
					      {"handle", "2"},          {"type", "vif"},
					      {"bridge", "lan"},        {"vlan", "10p/20"},
					      {"vifname", "web0"},      {"ip", "10.0.0.5"},
					      {"rate", "62500,50000"},  {"mtu", "1400"},
					      {"isolated", "1"},        {"antispoof", "1"},
					      {"group", "g"},           {"mac", "00:16:3e:00:00:01"},
					      {"gatewaydev", "[none]"}, {"hotplug-status", "connected"}};
	static const char *const front[][2] = {
	    {"backend", back_2}, {"backend-id", "0"},          {"state", "1"},  {"handle", "2"},
	    {"mtu", "1400"},     {"mac", "00:16:3e:00:00:01"}, {"trusted", "0"}};
	static const char *const plain[][2] = {{"bridge", "xenbr0"}, {"vlan", "[none]"},
					       {"rate", "[none]"},   {"mtu", "[none]"},
					       {"ip", "[none]"},     {"isolated", "[none]"}};
	char why[NIC_WHY];

	assert_int_equal(attach(1, full, why), 0);
	CHECK(back_2, back);
	CHECK(front_2, front);
	/* The guest owns its own directory and may read the other; Dom0 the converse. */
	check_perms(front_2, "n1 r0");
	check_perms(back_2, "n0 r1");
	check_perms("/local/domain/0/backend/vif/1/2/mac", "n0 r1");
	/* The next id, and an address of Xen's. */
	assert_int_equal(attach(1, "", why), 0);
	CHECK("/local/domain/0/backend/vif/1/3", plain);
	assert_memory_equal(node("/local/domain/1/device/vif/3/mac"), "00:16:3e:", 9);
	assert_string_equal(node("/local/domain/1/device/vif/3/trusted"), "1");
	assert_int_equal(attach(2, "bridge=ovs0.5:10", why), 0);
	assert_string_equal(node("/local/domain/0/backend/vif/2/0/bridge"), "ovs0");
	assert_string_equal(node("/local/domain/0/backend/vif/2/0/vlan"), "5p/10");
}

/* Linux's netback: the bridge as it was written, and a script whose environment is libxl's. */
static void a_drivers_device(void **state)
{
	static const char *const refused[][2] = {{"vlan=10", "bridge=ovs0.10,script=vif-openvswitch"},
						 {"isolated", "rl-netd's"},
						 {"script=none", "is not there"}};
	char why[NIC_WHY], said[256], wanted[256];
	struct nic_seen seen;
	FILE *in;

	*behaves = DRIVER;
	device_drivers = drivers;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		assert_int_equal(attach(1, refused[i][0], why), -1);
		assert_non_null(strstr(why, refused[i][1]));
	}
	assert_int_equal(attach(1, "bridge=ovs0.10,script=vif-test,gatewaydev=eth0", why), 0);
	assert_string_equal(node("%s/bridge", back_0), "ovs0.10");
	assert_string_equal(node("%s/vlan", back_0), "[none]");
	assert_string_equal(node("%s/hotplug-status", back_0), "connected");
	snprintf(said, sizeof(said), "%s/vif-test", scripts);
	assert_string_equal(node("%s/script", back_0), said);
	assert_true(nic_find(xs, 0, 1, 0, NULL, &seen));
	assert_int_equal(nic_detach(xs, &seen, why), 0);
	snprintf(said, sizeof(said), "%s/ran", dir);
	in = fopen(said, "r");
	said[fread(said, 1, sizeof(said) - 1, in)] = '\0';
	fclose(in);
	snprintf(wanted, sizeof(wanted),
		 "online type_if=vif backend/vif/1/0 vif1.0 vif eth0\noffline type_if=vif backend/vif/1/0 "
		 "vif1.0 vif "
		 "eth0\n");
	assert_string_equal(said, wanted);
	/* One that never ends is ended. */
	nic_script_ms = 1;
	assert_int_equal(attach(1, "script=vif-slow", why), -1);
	assert_non_null(strstr(why, "has not ended"));
}

static void who_serves(void **state)
{
	char why[NIC_WHY];

	assert_int_equal(attach(1, "script=vif-route", why), -1);
	assert_non_null(strstr(why, "script vif-route needs Linux's netback"));
	assert_int_equal(attach(1, "script=/etc/xen/scripts/vif-openvswitch,bridge=ovs0.1", why), 0);
	assert_int_equal(attach(1, "bridge=ovs0.x", why), -1);
	assert_non_null(strstr(why, "no VLANs"));
}

static void all_or_none(void **state)
{
	struct nic nics[3];
	char why[NIC_WHY];
	unsigned failed;

	assert_int_equal(nic_parse("", &nics[0], why), 0);
	assert_int_equal(nic_parse("devid=0", &nics[1], why), 0);
	assert_int_equal(nic_parse("devid=0", &nics[2], why), 0);
	assert_int_equal(nics_attach(xs, 1, nics, 2, &failed, why), -1);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(why, "has a network device 0 already"));
	assert_string_equal(node("%s/state", back_0), "[none]");
	assert_string_equal(node("%s/state", front_0), "[none]");
	assert_int_equal(nics_attach(xs, 1, &nics[1], 1, &failed, why), 0);
	assert_int_equal(nics_attach(xs, 1, &nics[2], 1, &failed, why), -1);
}

static void back_ends_that_do_not_come(void **state)
{
	char why[NIC_WHY];

	*behaves = REFUSING;
	assert_int_equal(attach(1, "", why), -1);
	assert_string_equal(why, "its back end says: the moon is full");
	*behaves = SILENT;
	device_limits.ready = 1;
	assert_int_equal(attach(1, "", why), -1);
	assert_non_null(strstr(why, "not ready"));
}

static void found_by_id_and_address(void **state)
{
	uint8_t mac[NIC_MAC_LEN];
	struct nic_seen seen;
	char why[NIC_WHY];

	assert_int_equal(attach(1, "", why), 0);
	assert_int_equal(attach(1, full, why), 0);
	assert_true(nic_mac_read("00:16:3e:00:00:01", mac));
	assert_true(nic_find(xs, 0, 1, -1, mac, &seen));
	assert_int_equal(seen.number, 2);
	assert_true(nic_find(xs, 0, 1, 0, NULL, &seen));
	assert_false(nic_find(xs, 0, 1, 1, NULL, &seen));
	assert_false(nic_find(xs, 0, 2, -1, mac, &seen));
}

/* As with xl: a guest is asked, and then not asked any more. */
static void a_guest_lets_go_or_not(void **state)
{
	struct nic_seen seen;
	char why[NIC_WHY];

	assert_int_equal(attach(1, "", why), 0);
	assert_true(nic_find(xs, 0, 1, 0, NULL, &seen));
	assert_int_equal(nic_detach(xs, &seen, why), 0);
	assert_string_equal(node("/local/domain/0/backend/vif/1"), "[none]");
	assert_string_equal(node("%s/backend", front_0), "[none]");
	assert_int_equal(attach(1, "", why), 0);
	*behaves = STUBBORN_GUEST;
	device_limits.guest = 1;
	assert_int_equal(nic_detach(xs, &seen, why), 0);
	assert_string_equal(node("%s/backend", front_0), "[none]");
	assert_false(nic_find(xs, 0, 1, 0, NULL, &seen));
}

/* What xl made is xl's; a back end that hangs keeps no domain from its end. */
static void the_end_of_a_domain(void **state)
{
	char why[NIC_WHY];

	assert_int_equal(attach(1, "", why), 0);
	assert_int_equal(attach(1, "", why), 0);
	assert_int_equal(attach(2, "", why), 0);
	xs_print(xs, 0, "/libxl/1/device/vif/1/backend", "/local/domain/0/backend/vif/1/1");
	*behaves = STUBBORN_GUEST;
	nics_remove(xs, 1);
	assert_string_equal(node("%s/state", back_0), "[none]");
	assert_string_equal(node("/local/domain/0/backend/vif/1/1/online"), "1");
	assert_string_equal(node("/local/domain/0/backend/vif/2/0/online"), "1");
	xs_rm(xs, 0, "/libxl");
	*behaves = SILENT;
	device_limits.closed = 1;
	nics_remove(xs, 1);
	assert_string_equal(node("/local/domain/0/backend/vif/1"), "[none]");
}

static void make_script(const char *name, const char *text)
{
	char path[96];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", scripts, name);
	out = fopen(path, "w");
	fprintf(out, text, dir);
	fclose(out);
	chmod(path, 0700);
}

int main(void)
{
	char path[96], command[128];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_is_written, begin_test),
	    cmocka_unit_test_setup(who_serves, begin_test),
	    cmocka_unit_test_setup(all_or_none, begin_test),
	    cmocka_unit_test_setup(back_ends_that_do_not_come, begin_test),
	    cmocka_unit_test_setup(found_by_id_and_address, begin_test),
	    cmocka_unit_test_setup(a_guest_lets_go_or_not, begin_test),
	    cmocka_unit_test_setup(the_end_of_a_domain, begin_test),
	    cmocka_unit_test_setup(a_drivers_device, begin_test),
	};
	int rc;

	fail_quiet(true);
	behaves = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run_dir = mkdtemp(dir);
	snprintf(drivers, sizeof(drivers), "%s/bus", dir);
	snprintf(scripts, sizeof(scripts), "%s/scripts", dir);
	snprintf(path, sizeof(path), "%s/drivers", drivers);
	mkdir(drivers, 0700);
	mkdir(scripts, 0700);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/drivers/vif", drivers);
	mkdir(path, 0700);
	nic_scripts = scripts;
	nic_script_log = "/dev/null";
	make_script("vif-test", "#!/bin/sh\necho $* $XENBUS_PATH $vif $XENBUS_TYPE $gatewaydev >> %s/ran\n");
	make_script("vif-slow", "#!/bin/sh\nsleep 1000 # %s\n");
	store_child_begin("rl-netd", back_end);
	xs = xs_shared();
	for (unsigned i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/name", i);
		xs_print(xs, 0, path, "d%u", i);
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xs_close(xs);
	wait(NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) || rc;
}
