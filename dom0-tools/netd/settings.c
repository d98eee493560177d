/* SPDX-License-Identifier: MIT */
/* See settings.h. */
#include "settings.h"
#include "capture.h"
#include "cfg.h"
#include "err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *settings_path = "/etc/rl/switch.cfg";
struct lan *lans;
struct card *cards;

/* Groups and rules, which are the same in each switch. */
static struct lan groups;

static void copy_groups(struct lan *to)
{
	memcpy(to->groups, groups.groups, sizeof(to->groups));
	memcpy(to->rules, groups.rules, sizeof(to->rules));
	to->nr_groups = groups.nr_groups;
	to->nr_rules = groups.nr_rules;
}

struct lan *lan_of(const char *name)
{
	struct lan **end = &lans;

	for (; *end; end = &(*end)->next)
		if (!strcmp((*end)->name, name))
			return *end;
	*end = calloc(1, sizeof(**end));
	if (*end) {
		snprintf((*end)->name, sizeof((*end)->name), "%s", name);
		(*end)->observe = capture_observe;
		copy_groups(*end);
	}
	return *end;
}

/* ---- The file ---- */

/* Call @each with every text of the list @key. */
static int each_entry(const struct cfg *cfg, const char *key,
		      int (*each)(const struct cfg *cfg, const struct cfg_value *entry, void *arg), void *arg)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	int rc = 0;

	if (!item)
		return 0;
	if (item->value.kind != CFG_LIST)
		return cfg_fail(cfg, key, "is no list; needed: %s = [ \"...\" ]", key);
	for (size_t i = 0; i < item->value.count && !rc; i++) {
		const struct cfg_value *entry = &item->value.list[i];

		if (entry->kind == CFG_LIST)
			return cfg_fail_entry(cfg, key, entry, "has a list in its list");
		rc = each(cfg, entry, arg);
	}
	return rc;
}

static int take_group(const struct cfg *cfg, const struct cfg_value *entry, void *arg)
{
	struct lan *into = arg;
	char name[PORT_NAME], end;
	unsigned vid;

	if (sscanf(entry->text, "%31[^= ]=%u%c", name, &vid, &end) != 2 || vid > VLAN_MAX ||
	    group_add(into, name, (uint16_t)vid) < 0)
		return cfg_fail_entry(cfg, "group", entry,
				      "\"%.60s\"; needed: NAME=VLAN, each name and each VLAN once",
				      entry->text);
	return 0;
}

/* "tcp/80", "udp", "icmp", "17"; "": all. */
static bool parse_service(const char *text, struct rule *rule)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} known[] = {{"icmp", PROTOCOL_ICMP},
		     {"tcp", PROTOCOL_TCP},
		     {"udp", PROTOCOL_UDP},
		     {"icmp6", PROTOCOL_ICMPV6}};
	char name[8] = "", end;
	unsigned port = 0;
	int n = sscanf(text, "%7[a-z0-9]/%u%c", name, &port, &end);

	if (!*text)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(name, known[i].name))
			rule->protocol = known[i].protocol;
	rule->port = (uint16_t)port;
	if (n == 1)
		return rule->protocol && !strchr(text, '/');
	return n == 2 && port && port < 65536 &&
	       (rule->protocol == PROTOCOL_TCP || rule->protocol == PROTOCOL_UDP);
}

static int take_rule(const struct cfg *cfg, const struct cfg_value *entry, void *arg)
{
	char from[PORT_NAME] = "", to[PORT_NAME] = "", service[16] = "", end;
	int n = sscanf(entry->text, "%31s %31s %15s %c", from, to, service, &end);
	struct lan *into = arg;
	int a = group_find(into, from), b = group_find(into, to);
	struct rule rule = {.from = (uint8_t)a, .to = (uint8_t)b};

	if (n < 2 || n > 3 || a < 0 || b < 0 || a == b || !parse_service(service, &rule) ||
	    rule_add(into, &rule) < 0)
		return cfg_fail_entry(
		    cfg, "allow", entry,
		    "\"%.60s\"; needed: GROUP GROUP, and perhaps tcp/PORT, udp/PORT, tcp, udp, icmp "
		    "or icmp6",
		    entry->text);
	return 0;
}

/* ---- Cards ---- */

/* The parts of "eth1,bridge=office,vlan=1p/10"; they point into @text. */
struct card_text {
	char text[160];
	const char *name, *bridge;
	struct vlans vlans;
	bool isolated;
};

static const char *parse_card(const char *text, struct card_text *out)
{
	const char *wrong = vlans_parse("", &out->vlans);
	char *save = NULL, *word;

	snprintf(out->text, sizeof(out->text), "%s", text);
	out->name = strtok_r(out->text, ",", &save);
	out->bridge = "xenbr0";
	out->isolated = false;
	if (!out->name || strlen(out->name) > 15)
		return "needed: the name of an interface, of at most 15 characters";
	while (!wrong && (word = strtok_r(NULL, ",", &save))) {
		if (!strncmp(word, "bridge=", 7) && word[7] && strlen(word + 7) < SWITCH_NAME)
			out->bridge = word + 7;
		else if (!strncmp(word, "vlan=", 5))
			wrong = vlans_parse(word + 5, &out->vlans);
		else if (!strcmp(word, "isolated"))
			out->isolated = true;
		else
			wrong = "needed behind the interface: bridge=NAME, vlan=VLANS or isolated";
	}
	return wrong;
}

static int check_card(const struct cfg *cfg, const struct cfg_value *entry, void *arg)
{
	struct card_text text;
	const char *wrong = parse_card(entry->text, &text);

	return wrong ? cfg_fail_entry(cfg, arg, entry, "\"%.60s\": %s", entry->text, wrong) : 0;
}

static struct card *find_card(enum card_kind kind, const char *name)
{
	struct card *c = cards;

	while (c && (c->kind != kind || strcmp(c->port.name, name)))
		c = c->next;
	return c;
}

/* One that cannot be is reported, and the others work. */
static int take_card(const struct cfg *cfg, const struct cfg_value *entry, void *arg)
{
	enum card_kind kind = !strcmp(arg, "tap") ? CARD_TAP : CARD_UPLINK;
	struct card_text text;
	struct card *c;
	struct lan *lan;

	parse_card(entry->text, &text);
	c = find_card(kind, text.name);
	lan = lan_of(text.bridge);
	if (!lan)
		return 0;
	if (!c) {
		c = card_open(kind, text.name);
		if (!c)
			return 0;
		c->next = cards;
		cards = c;
	}
	c->wanted = true;
	if (c->port.lan != lan) {
		if (c->port.lan)
			switch_remove(&c->port);
		switch_add(lan, &c->port);
	}
	c->port.vlans = text.vlans;
	c->port.isolated = text.isolated;
	mac_forget(&c->port);
	return 0;
}

static void drop_unwanted(void)
{
	struct card **at = &cards;

	while (*at) {
		struct card *c = *at;

		if (c->wanted) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		if (c->port.lan)
			switch_remove(&c->port);
		card_close(c);
	}
}

static int apply(const struct cfg *cfg)
{
	static struct lan next;

	memset(&next, 0, sizeof(next));
	if (each_entry(cfg, "group", take_group, &next) || each_entry(cfg, "allow", take_rule, &next) ||
	    each_entry(cfg, "uplink", check_card, "uplink") || each_entry(cfg, "tap", check_card, "tap"))
		return -1;
	groups = next;
	for (struct lan *lan = lans; lan; lan = lan->next)
		copy_groups(lan);
	for (struct card *c = cards; c; c = c->next)
		c->wanted = false;
	each_entry(cfg, "uplink", take_card, "uplink");
	each_entry(cfg, "tap", take_card, "tap");
	drop_unwanted();
	return 0;
}

int settings_load(void)
{
	struct cfg cfg = {0};
	int rc = 0;

	if (!access(settings_path, F_OK))
		rc = cfg_load(&cfg, settings_path);
	if (!rc)
		rc = apply(&cfg);
	cfg_free(&cfg);
	return rc;
}
