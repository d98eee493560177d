/* SPDX-License-Identifier: MIT */
/*
 * What can be written of a network device (lib/nic_spec.c and those beside it): each key, what is refused and by which words, VLANs
 * in the name of a bridge, the lines of a configuration, what a restart finds; and rates beside Xen's own reader of them
 * (Debian's libxlutil), with texts made at random of the grammar's pieces (SEED=, TEXTS=).
 */
#include "cfg.h"
#include "domconf.h"
#include "err.h"
#include "nic_spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has another */

#include <libxlutil.h>

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 16) % n;
}

/* ---- Rates ---- */

static XLU_Config *xl;

/* 1: both read the same, 0: both refuse, -1: they differ, and it is told. */
static int compare(const char *text)
{
	libxl_device_nic theirs;
	char why[NIC_WHY] = "";
	uint64_t bytes = 0;
	uint32_t us = 0;
	int we, they, same;

	libxl_device_nic_init(&theirs);
	errno = 0; /* it takes an old ERANGE for its own */
	they = xlu_vif_parse_rate(xl, text, &theirs);
	we = nic_rate(text, &bytes, &us, why);
	same = they && we ? 0
	       : !they && !we && bytes == theirs.rate_bytes_per_interval && us == theirs.rate_interval_usecs
		   ? 1
		   : -1;
	if (we && strstr(why, "begins with 0")) /* which it takes for octal */
		same = 0;
	assert_true(!we || strlen(why) > 20);
	if (same < 0)
		print_message("# [%s]\n# xl: %d %llu,%u\n# ours: %llu,%u %s\n", text, they,
			      (unsigned long long)theirs.rate_bytes_per_interval, theirs.rate_interval_usecs,
			      (unsigned long long)bytes, us, why);
	libxl_device_nic_dispose(&theirs);
	return same;
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		uint32_t us; /* 0: refused */
	} cases[] = {
	    {"10Mb/s", 62500, 50000},
	    {"1MB/s@20ms", 20000, 20000},
	    {"100b/s", 0, 50000},
	    {"1B/s@1", 1, 1000000},
	    {"4294967295B/s@4294s", 18442589564730, 4294000000},
	    {"1GB/s@4294967295us", 4294967295000, 4294967295},
	    {"4294967295KB/s", 214748364750, 50000},
	    {"4294967296b/s", 0, 0},
	    {"4294967295GB/s", 0, 0},
	    {"18446744073709551617B/s", 0, 0},
	    {"1B/s@0", 0, 0},
	    {"1B/s@4295", 0, 0},
	    {"1B/s@18446744073709551617us", 0, 0},
	    {"1B/s@", 0, 0},
	    {"0B/s", 0, 0},
	    {"010B/s", 0, 0},
	    {"1B/s@010s", 0, 0},
	    {"@5ms", 0, 0},
	    {"", 0, 0},
	    {"1.5MB/s", 0, 0},
	    {"1kB/s", 0, 0},
	    {"10Mb", 0, 0},
	    {"1B/s@5ms@7", 0, 0},
	};
	char why[NIC_WHY];
	uint64_t bytes;
	uint32_t us;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(compare(cases[i].text), cases[i].us != 0);
		assert_int_equal(nic_rate(cases[i].text, &bytes, &us, why), cases[i].us ? 0 : -1);
		if (!cases[i].us)
			continue;
		assert_int_equal(bytes, cases[i].bytes);
		assert_int_equal(us, cases[i].us);
	}
}

static void rates_at_random(void **state)
{
	static const char *const numbers[] = {"0",
					      "1",
					      "7",
					      "10",
					      "100",
					      "007",
					      "4294967295",
					      "4294967296",
					      "5000000000",
					      "4294",
					      "4295",
					      "999999",
					      "18446744073709551616"};
	static const char *const wrong[] = {"",  "G", "M",  "K", "k",   "B",  "b",  "/s", "/",   "s",  "@",
					    "@", "5", "ms", "u", "@ms", " 1", "-1", "+1", "0x1", "@@", "B/s"};
	static const char *const factors[] = {"", "", "K", "M", "G"}, *const kinds[] = {"B/s", "b/s"},
				 *const units[] = {"", "s", "ms", "m", "us", "u"};
	unsigned texts = getenv("TEXTS") ? (unsigned)atoi(getenv("TEXTS")) : 20000, taken = 0, differ = 0;
	const unsigned nr_numbers = sizeof(numbers) / sizeof(*numbers);

	seed = (getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1) * 0x9e3779b97f4a7c15;
	for (unsigned i = 0; i < texts; i++) {
		char text[160];
		int len = snprintf(text, sizeof(text), "%s%s%s", numbers[below(nr_numbers)],
				   factors[below(5)], kinds[below(2)]);
		int same;

		if (below(2))
			len += snprintf(text + len, sizeof(text) - (size_t)len, "@%s%s",
					numbers[below(nr_numbers)], units[below(6)]);
		for (unsigned hits = below(2) ? 0 : 1 + below(3); hits; hits--)
			len += snprintf(text + len, sizeof(text) - (size_t)len, "%s",
					wrong[below(sizeof(wrong) / sizeof(*wrong))]);
		if (!below(4))
			text[below((unsigned)len)] = "0@/sbBMm 9"[below(10)];
		same = compare(text);
		taken += same == 1;
		differ += same < 0;
	}
	print_message("# %u texts: %u read the same by both, %u differ\n", texts, taken, differ);
	assert_int_equal(differ, 0);
	assert_true(taken > texts / 10);
	assert_true(texts - taken > texts / 10);
}

/* ---- Devices ---- */

static void each_key(void **state)
{
	static const char all[] =
	    "mac=00:16:3E:1:22:ff, bridge=br1,gatewaydev=eth0,type=vif,model=e1000,vifname=web0,"
	    "script=vif-bridge,ip=10.0.0.5,backend=0,rate=10Mb/s,devid=7,mtu=9000,untrusted,"
	    "vlan=10p/100+10x4,isolated,antispoof,group=g";
	static const uint8_t mac[] = {0x00, 0x16, 0x3e, 0x01, 0x22, 0xff};
	char why[NIC_WHY];
	struct nic n;

	assert_int_equal(nic_parse(all, &n, why), 0);
	assert_true(n.has_mac);
	assert_memory_equal(n.mac, mac, sizeof(mac));
	assert_string_equal(n.bridge, "br1");
	assert_string_equal(n.gatewaydev, "eth0");
	assert_string_equal(n.vifname, "web0");
	assert_string_equal(n.script, "vif-bridge");
	assert_string_equal(n.ip, "10.0.0.5");
	assert_string_equal(n.vlan, "10p/100+10x4");
	assert_string_equal(n.group, "g");
	assert_int_equal(n.rate, 62500);
	assert_int_equal(n.rate_us, 50000);
	assert_int_equal(n.devid, 7);
	assert_int_equal(n.mtu, 9000);
	assert_true(n.untrusted && n.isolated && n.antispoof);
	nic_clear(&n);
	/* All defaults; and of two the later. */
	assert_int_equal(nic_parse("", &n, why), 0);
	assert_true(!n.has_mac && n.devid == -1 && !n.bridge && !n.rate_us && !n.untrusted);
	nic_clear(&n);
	assert_int_equal(nic_parse("bridge=a,,bridge=b,untrusted,trusted,mac=00:00:00:00:00:00", &n, why), 0);
	assert_string_equal(n.bridge, "b");
	assert_true(!n.untrusted && !n.has_mac);
	nic_clear(&n);
	assert_int_equal(nic_parse("netdev=eth1", &n, why), 0);
	assert_string_equal(n.gatewaydev, "eth1");
	nic_clear(&n);
}

static void what_is_refused(void **state)
{
	static const char *const cases[][2] = {
	    {"bogus=1", "unrecognized argument \"bogus=1\""},
	    {"bridge", "bridge has no value; needed: bridge=VALUE"},
	    {"Bridge=a", "unrecognized argument"},
	    {"trustedx", "unrecognized argument"},
	    {"type=ioemu", "a paravirtual guest has none"},
	    {"type=foo", "needed: type=vif"},
	    {"mac=00:16:3e", "is no address"},
	    {"mac=00:16:3e:00:00:100", "is no address"},
	    {"mac=00:16:3e:00:00:01:02", "is no address"},
	    {"mac=g0:16:3e:00:00:01", "is no address"},
	    {"mac=01:16:3e:00:00:01", "group's address"},
	    {"mtu=67", "needed: 68 to 65521"},
	    {"mtu=9000k", "out of range"},
	    {"devid=-1", "out of range"},
	    {"devid=65536", "needed: 0 to 65535"},
	    {"rate=10M", "is no rate"},
	    {"rate=fast", "begins with no number"},
	    {"backend=net", "Domain-0 only"},
	    {"vlan=0", "needed: VLANs from 1 to 4094"},
	    {"vlan=10p/20p", "one native VLAN"},
	    {"vifname=a/b", "vifname=a/b"},
	    {"vifname=sixteencharacter", "1 to 15 characters"},
	    {"colo_sock_id=1", "COLO"},
	    {"forwarddev=eth0", "COLO"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char why[NIC_WHY] = "";
		struct nic n;

		assert_int_equal(nic_parse(cases[i][0], &n, why), -1);
		if (!strstr(why, cases[i][1]))
			print_message("# %s: %s\n", cases[i][0], why);
		assert_non_null(strstr(why, cases[i][1]));
		nic_clear(&n);
	}
}

static void vlans_in_a_bridges_name(void **state)
{
	static const struct {
		const char *spec, *name, *vlan; /* name NULL: refused because of `vlan` */
	} cases[] = {
	    {"", "xenbr0", ""},
	    {"bridge=br0", "br0", ""},
	    {"bridge=br0,vlan=10", "br0", "10"},
	    {"bridge=ovs0.10", "ovs0", "10"},
	    {"bridge=ovs0:10:20", "ovs0", "1p/10/20"},
	    {"bridge=ovs0.5:10:20", "ovs0", "5p/10/20"},
	    {"bridge=ovs0.", NULL, "no VLANs"},
	    {"bridge=ovs0.x", NULL, "no VLANs"},
	    {"bridge=ovs0:4095", NULL, "no VLANs"},
	    {"bridge=.5", NULL, "cannot be a bridge's name"},
	    {"bridge=a/b", NULL, "cannot be a bridge's name"},
	    {"bridge=ovs0.10,vlan=10", NULL, "said twice"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char why[NIC_WHY] = "", *name, *vlan;
		struct nic n;

		assert_int_equal(nic_parse(cases[i].spec, &n, why), 0);
		assert_int_equal(nic_switch(&n, &name, &vlan, why), cases[i].name ? 0 : -1);
		if (cases[i].name) {
			assert_string_equal(name, cases[i].name);
			assert_string_equal(vlan, cases[i].vlan);
		} else {
			assert_non_null(strstr(why, cases[i].vlan));
		}
		free(name);
		free(vlan);
		nic_clear(&n);
	}
}

static void addresses_that_are_given(void **state)
{
	uint8_t mac[NIC_MAC_LEN], either = 0, again[NIC_MAC_LEN];
	char text[NIC_MAC_TEXT];

	for (int i = 0; i < 200; i++) {
		nic_mac_make(mac);
		assert_memory_equal(mac, "\0\x16\x3e", 3);
		assert_int_equal(mac[3] & 0x80, 0);
		either |= mac[3];
		nic_mac_print(mac, text);
		assert_true(nic_mac_read(text, again));
		assert_memory_equal(mac, again, sizeof(mac));
	}
	assert_int_equal(either, 0x7f);
}

/* The line is the device's own, not the list's. */
static void lines_of_a_configuration(void **state)
{
	static const char *const cases[][2] = {
	    {"vif = [\n  '',\n  'bridge=b,mtu=1' ]",
	     "x.cfg:5: vif \"bridge=b,mtu=1\": mtu=1 is out of range; needed: 68 to 65521"},
	    {"vif = [ '' ]\nvif += [\n'devid=0' ]", "x.cfg:5: vif \"devid=0\": 0 is another device's id "
						    "already; needed: one of its own, or no devid"},
	    {"vif = 'bridge=b'", "x.cfg:3: vif is one text; needed: a list, as vif = [ \"bridge=b\" ]"},
	    {"vif = [ [ ] ]",
	     "x.cfg:3: vif has a list in its list; needed: one text for each network device"},
	    {"vif = [ '' ]\ntype = 'fv'",
	     "x.cfg:3: vif is for type = \"pv\": an unmodified kernel has no driver for virtual networks"},
	    {"vif = [ '', '', 'devid=9' ]", NULL},
	    {"vif = [ ]\ntype = 'fv'", NULL},
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

static const char *entry(const struct cfg *cfg, unsigned i)
{
	return cfg_find(cfg, "vif")->value.list[i].text;
}

/* An address and an id that are given stay: leases and names in the guest hang on them. */
static void what_a_restart_finds(void **state)
{
	static const char text[] =
	    "vif = [ '', 'bridge=b', 'mac=02:00:00:00:00:01', 'mac=02:00:00:00:00:02,devid=9', 'bogus=1' ]\n";
	struct cfg cfg = {0};
	char kept[96];

	assert_int_equal(cfg_parse(&cfg, "x.cfg", text, strlen(text)), 0);
	domconf_settle_nics(&cfg);
	assert_memory_equal(entry(&cfg, 0), "mac=00:16:3e:", 13);
	assert_string_equal(entry(&cfg, 0) + 21, ",devid=0");
	assert_memory_equal(entry(&cfg, 1), "bridge=b,mac=00:16:3e:", 22);
	assert_string_equal(entry(&cfg, 1) + 30, ",devid=1");
	assert_string_equal(entry(&cfg, 2), "mac=02:00:00:00:00:01,devid=2");
	assert_string_equal(entry(&cfg, 3), "mac=02:00:00:00:00:02,devid=9");
	assert_string_equal(entry(&cfg, 4), "bogus=1");
	snprintf(kept, sizeof(kept), "%s", entry(&cfg, 1));
	domconf_settle_nics(&cfg);
	assert_string_equal(entry(&cfg, 1), kept);
	/* Hot-plugged ones. */
	domconf_remove_nic(&cfg, 0);
	domconf_remove_nic(&cfg, 77);
	assert_string_equal(entry(&cfg, 0), kept);
	assert_int_equal(domconf_add_nic(&cfg, "mac=02:00:00:00:00:03,devid=10"), 0);
	assert_int_equal(cfg_find(&cfg, "vif")->value.count, 5);
	assert_string_equal(entry(&cfg, 4), "mac=02:00:00:00:00:03,devid=10");
	cfg_free(&cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates),
	    cmocka_unit_test(rates_at_random),
	    cmocka_unit_test(each_key),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(vlans_in_a_bridges_name),
	    cmocka_unit_test(addresses_that_are_given),
	    cmocka_unit_test(lines_of_a_configuration),
	    cmocka_unit_test(what_a_restart_finds),
	};
	FILE *nowhere = fopen("/dev/null", "w");
	int rc;

	fail_quiet(true);
	xl = xlu_cfg_init(nowhere, "xl");
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xlu_cfg_destroy(xl);
	fclose(nowhere);
	return rc;
}
