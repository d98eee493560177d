/* SPDX-License-Identifier: MIT */
/* The grammar of a network device: see nic_spec.h. Entries stand between commas, blanks before one vanish, of two with the same
 * key the later holds: as in xl. */
#include "nic_spec.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MTU_MIN        68    /* RFC 791 */
#define MTU_MAX        65521 /* with the header the most that the rings carry */
#define DEVID_MAX      0xffff
#define NAME_MAX_LINUX 15 /* of a network device */

int nic_refuse(char why[NIC_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, NIC_WHY, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- MAC addresses ---- */

bool nic_mac_read(const char *text, uint8_t mac[NIC_MAC_LEN])
{
	for (int i = 0; i < NIC_MAC_LEN; i++) {
		char *end;

		if (!isxdigit((unsigned char)*text))
			return false;
		mac[i] = (uint8_t)strtoul(text, &end, 16);
		if (end - text > 2 || (i < NIC_MAC_LEN - 1 ? *end != ':' && *end != '-' : *end))
			return false;
		text = end + 1;
	}
	return true;
}

void nic_mac_print(const uint8_t mac[NIC_MAC_LEN], char out[NIC_MAC_TEXT])
{
	snprintf(out, NIC_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

void nic_mac_make(uint8_t mac[NIC_MAC_LEN])
{
	static const uint8_t xen[3] = {0x00, 0x16, 0x3e};

	memcpy(mac, xen, sizeof(xen));
	while (getrandom(mac + 3, 3, 0) != 3)
		;
	mac[3] &= 0x7f;
}

/* ---- Keys ---- */

struct parse {
	struct nic *nic;
	char *why;
};

struct key {
	const char *key; /* with its '=', if it has a value */
	int (*take)(struct parse *p, const struct key *k, const char *value);
	size_t field;
};

static int take_text(struct parse *p, const struct key *k, const char *value)
{
	char **text = (char **)((char *)p->nic + k->field);

	free(*text);
	*text = strdup(value);
	return *text ? 0 : nic_refuse(p->why, "out of memory");
}

static int take_mac(struct parse *p, const struct key *k, const char *value)
{
	static const uint8_t none[NIC_MAC_LEN];
	struct nic *n = p->nic;

	(void)k;
	if (!nic_mac_read(value, n->mac))
		return nic_refuse(
		    p->why,
		    "mac=%s is no address; needed: six bytes as mac=00:16:3e:11:22:33, or no mac, "
		    "and it gets one",
		    value);
	if (n->mac[0] & 1)
		return nic_refuse(
		    p->why,
		    "mac=%s is a group's address (the first byte is odd); needed: an even first "
		    "byte, as mac=00:16:3e:11:22:33",
		    value);
	n->has_mac = memcmp(n->mac, none, sizeof(none)) != 0;
	return 0;
}

static int take_type(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	if (!strcmp(value, "vif"))
		return 0;
	return strcmp(value, "ioemu")
		   ? nic_refuse(p->why, "type=%s is no kind of device; needed: type=vif, or no type", value)
		   : nic_refuse(p->why, "type=ioemu is a card that QEMU emulates, and a paravirtual guest "
					"has none; leave it out");
}

/* A decimal number, as strtoul() takes it. */
static bool number_of(const char *value, unsigned long least, unsigned long most, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)*value))
		return false;
	*out = strtoul(value, &end, 10);
	return !*end && *out >= least && *out <= most;
}

static int take_number(struct parse *p, const struct key *k, const char *value)
{
	bool is_mtu = *k->key == 'm';
	unsigned long n;

	if (!number_of(value, is_mtu ? MTU_MIN : 0, is_mtu ? MTU_MAX : DEVID_MAX, &n))
		return nic_refuse(p->why, "%s%s is out of range; needed: %d to %d", k->key, value,
				  is_mtu ? MTU_MIN : 0, is_mtu ? MTU_MAX : DEVID_MAX);
	if (is_mtu)
		p->nic->mtu = (unsigned)n;
	else
		p->nic->devid = (long)n;
	return 0;
}

static int take_rate(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	return nic_rate(value, &p->nic->rate, &p->nic->rate_us, p->why);
}

static int take_vlan(struct parse *p, const struct key *k, const char *value)
{
	struct vlans vlans;
	const char *wrong = vlans_parse(value, &vlans);

	return wrong ? nic_refuse(p->why, "vlan=%s; %s", value, wrong) : take_text(p, k, value);
}

static int take_flag(struct parse *p, const struct key *k, const char *value)
{
	(void)value;
	*(bool *)((char *)p->nic + k->field) = true;
	return 0;
}

static int take_trusted(struct parse *p, const struct key *k, const char *value)
{
	(void)k, (void)value;
	p->nic->untrusted = false;
	return 0;
}

static int refuse_colo(struct parse *p, const struct key *k, const char *value)
{
	(void)value;
	return nic_refuse(p->why, "%s is of replication (COLO), which is not supported; leave it out",
			  k->key);
}

#define TEXT(name) take_text, offsetof(struct nic, name)

static const struct key keys[] = {
    {"mac=", take_mac, 0},
    {"bridge=", TEXT(bridge)},
    {"vlan=", take_vlan, offsetof(struct nic, vlan)},
    {"rate=", take_rate, 0},
    {"mtu=", take_number, 0},
    {"vifname=", TEXT(vifname)},
    {"ip=", TEXT(ip)},
    {"script=", TEXT(script)},
    {"gatewaydev=", TEXT(gatewaydev)},
    {"netdev=", TEXT(gatewaydev)},
    {"backend=", TEXT(backend)},
    {"devid=", take_number, 0},
    {"type=", take_type, 0},
    {"model=", TEXT(model)},
    {"group=", TEXT(group)},
    {"trusted", take_trusted, 0},
    {"untrusted", take_flag, offsetof(struct nic, untrusted)},
    {"isolated", take_flag, offsetof(struct nic, isolated)},
    {"antispoof", take_flag, offsetof(struct nic, antispoof)},
    {"forwarddev=", refuse_colo, 0},
    {"colo_", refuse_colo, 0},
};
#define NR_KEYS    (sizeof(keys) / sizeof(*keys))
#define FIRST_COLO (NR_KEYS - 2) /* not offered to those who ask for keys */

const char *const nic_keys[] = {"mac=",      "bridge=",  "vlan=",     "rate=",       "mtu=",
				"vifname=",  "ip=",      "script=",   "gatewaydev=", "backend=",
				"devid=",    "type=vif", "model=",    "group=",      "trusted",
				"untrusted", "isolated", "antispoof", NULL};

static int no_such_key(struct parse *p, const char *entry)
{
	int len = (int)strcspn(entry, "=");

	for (size_t i = 0; i < FIRST_COLO; i++)
		if (!strncmp(keys[i].key, entry, (size_t)len) && keys[i].key[len] == '=' && !entry[len])
			return nic_refuse(p->why, "%s has no value; needed: %.*s=VALUE", entry, len, entry);
	return nic_refuse(
	    p->why,
	    "unrecognized argument \"%s\"; needed: key=value between commas, keys as mac, bridge, vlan, "
	    "rate, mtu, ip (`rl help network-attach`)",
	    entry);
}

static int take_entry(struct parse *p, const char *entry)
{
	for (const struct key *k = keys; k < keys + NR_KEYS; k++) {
		size_t len = strlen(k->key);
		bool part = k->key[len - 1] == '=' || k->take == refuse_colo;

		if (part ? !strncmp(entry, k->key, len) : !strcmp(entry, k->key))
			return k->take(p, k, entry + len);
	}
	return no_such_key(p, entry);
}

/* ---- The whole ---- */

bool nic_is_name(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isgraph((unsigned char)*at) || *at == '/')
			return false;
	return *text && strlen(text) <= NAME_MAX_LINUX && strcmp(text, ".") && strcmp(text, "..");
}

/* What follows from all that was said. */
static int complete(struct parse *p)
{
	struct nic *n = p->nic;

	if (n->backend && *n->backend && strcmp(n->backend, "0") && strcmp(n->backend, "Domain-0"))
		return nic_refuse(p->why, "back ends run in Domain-0 only, not in \"%s\"; leave backend= out",
				  n->backend);
	if (n->vifname && !nic_is_name(n->vifname))
		return nic_refuse(
		    p->why,
		    "vifname=%s cannot be a device's name; needed: 1 to 15 characters, no blank "
		    "and no '/'",
		    n->vifname);
	return 0;
}

int nic_parse(const char *spec, struct nic *nic, char why[NIC_WHY])
{
	struct parse p = {.nic = nic, .why = why};
	char *text = strdup(spec), *rest = text, *entry;
	int rc = text ? 0 : nic_refuse(why, "out of memory");

	*nic = (struct nic){.devid = -1};
	while (!rc && (entry = strsep(&rest, ","))) {
		entry += strspn(entry, " ");
		if (*entry)
			rc = take_entry(&p, entry);
	}
	free(text);
	return rc ? rc : complete(&p);
}

void nic_clear(struct nic *n)
{
	char *texts[] = {n->bridge,  n->gatewaydev, n->vifname, n->script, n->ip,
			 n->backend, n->vlan,       n->group,   n->model};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	*n = (struct nic){.devid = -1};
}
