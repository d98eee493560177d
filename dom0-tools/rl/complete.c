/* SPDX-License-Identifier: MIT */
/*
 * rl complete: what may come next on a command line of rl, for a shell's Tab (etc/rl-completion.bash). It knows that from the
 * usage lines of the verbs: options, alternatives, and words in capitals, each of which means a kind of thing.
 */
#include "verbs.h"
#include "disk_store.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "nic_store.h"
#include "xs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 32

/* One word of a usage line. */
struct token {
	char text[24];
	bool is_option, is_value; /* a value is that of the option before it */
	unsigned operand;         /* of the others: which one it is, alternatives being one; 0 is the first */
	bool repeats;
};

static const char *begun;  /* the word that is to be completed, as far as it was typed */
static const char *before; /* the operand before it, or NULL */

static void offer(const char *word)
{
	if (!strncmp(word, begun, strlen(begun)))
		puts(word);
}

static size_t read_usage(const char *args, struct token *tokens)
{
	unsigned operands = 0;
	size_t n = 0;

	while (n < TOKENS) {
		struct token *t = &tokens[n];
		size_t gap = strspn(args, " []|"), len = strcspn(args + gap, " []|");
		bool other = memchr(args, '|', gap);

		if (!len)
			break;
		snprintf(t->text, sizeof(t->text), "%.*s", (int)len, args + gap);
		t->is_option = *t->text == '-';
		t->is_value = n && tokens[n - 1].is_option && gap == 1 && *args == ' ' && isupper(*t->text);
		t->repeats = len >= 3 && !strcmp(t->text + strlen(t->text) - 3, "...");
		if (t->repeats)
			t->text[strlen(t->text) - 3] = '\0';
		if (!t->is_option && !t->is_value)
			t->operand = other && operands ? operands - 1 : operands++;
		args += gap + len;
		n++;
	}
	return n;
}

static void offer_verbs(void)
{
	const struct verb *v;

	for (size_t i = 0; (v = verb_at(i)); i++)
		offer(v->name);
}

/* Domain-0 only to verbs that take several: they look, and change nothing. */
static void offer_domains(bool with_dom0, bool ids)
{
	struct xen_domctl_getdomaininfo *list = NULL;
	struct hv *hv = rl_hv();
	long n = hv ? domains_list(hv, &list) : 0;
	char id[16];

	for (long i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%u", list[i].domain);
		if ((list[i].domain || with_dom0) && domain_is_shown(&list[i]))
			offer(ids ? id : domain_name(list[i].domain));
	}
	free(list);
}

/* Those of /etc/rl, which rl create finds by their names, and any file. */
static void offer_configurations(void)
{
	DIR *dir = opendir("/etc/rl");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strlen(entry->d_name) > 4 && !strcmp(entry->d_name + strlen(entry->d_name) - 4, ".cfg"))
			offer(entry->d_name);
	if (dir)
		closedir(dir);
	puts("@file");
}

/* Appliances in the folders where rl run looks for their names, and any file. */
static void offer_appliances(void)
{
	const char *dot;

	for (const char *const *folder = appliance_folders; *folder; folder++) {
		DIR *dir = opendir(*folder);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			dot = strrchr(entry->d_name, '.');
			if (dot && !strcmp(dot, APPLIANCE_SUFFIX)) {
				entry->d_name[dot - entry->d_name] = '\0';
				offer(entry->d_name);
			}
		}
		if (dir)
			closedir(dir);
	}
	puts("@file");
}

static void offer_settings(void)
{
	char word[64];

	for (const struct setting *s = settings; s->key; s++) {
		snprintf(word, sizeof(word), "%s=", s->key);
		offer(word);
	}
}

/* The nodes below the last whole one of the path; one that has others below it ends with a slash. */
static void offer_nodes(void)
{
	const char *slash = strrchr(begun, '/');
	int above = slash ? slash - begun : 0;
	size_t len = 0, below;
	char parent[256], path[512];
	char *names, *more;

	snprintf(parent, sizeof(parent), "%.*s", above, begun);
	names = xs_shared() ? xs_directory(xs_shared(), 0, *parent ? parent : "/", &len) : NULL;
	for (size_t at = 0; names && at < len; at += strlen(names + at) + 1) {
		snprintf(path, sizeof(path), "%s/%s", parent, names + at);
		more =
		    strncmp(path, begun, strlen(begun)) ? NULL : xs_directory(xs_shared(), 0, path, &below);
		if (more && below)
			strcat(path, "/");
		free(more);
		offer(path);
	}
	free(names);
}

/* Those of the domain that was named before. */
static void offer_disks(void)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv = before ? rl_hv() : NULL;
	struct disk_seen *list = NULL;
	size_t n = hv && !domain_find(hv, before, &info) && xs_shared()
		       ? disks_of(xs_shared(), 0, info.domain, &list)
		       : 0;

	for (size_t i = 0; i < n; i++)
		offer(list[i].dev);
	free(list);
}

/* The cards of all domains, as ports. */
static void offer_ports(void)
{
	struct xen_domctl_getdomaininfo *list = NULL;
	struct hv *hv = rl_hv();
	long n = hv && xs_shared() ? domains_list(hv, &list) : 0;
	char word[64], path[64], *devices;
	size_t len;

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u", list[i].domain);
		devices = xs_directory(xs_shared(), 0, path, &len);
		for (size_t at = 0; devices && at < len; at += strlen(devices + at) + 1) {
			snprintf(word, sizeof(word), "vif%u.%s", list[i].domain, devices + at);
			offer(word);
		}
		free(devices);
	}
	free(list);
}

static void offer_nic_keys(void)
{
	for (const char *const *key = nic_keys; *key; key++)
		offer(*key);
}

/* Those of the domain that was named before, by id or by address. */
static void offer_nics(bool by_id)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv = before ? rl_hv() : NULL;
	struct nic_seen *list = NULL;
	size_t n = hv && !domain_find(hv, before, &info) && xs_shared()
		       ? nics_of(xs_shared(), 0, info.domain, &list)
		       : 0;
	char word[NIC_MAC_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (by_id)
			snprintf(word, sizeof(word), "%ld", list[i].number);
		else
			nic_mac_print(list[i].mac, word);
		offer(word);
	}
	free(list);
}

static void offer_token(const struct token *t)
{
	const char *kind = t->text;

	if (!strcmp(kind, "DOMAIN") || !strcmp(kind, "NAME"))
		offer_domains(t->repeats, false);
	else if (!strcmp(kind, "ID"))
		offer_domains(false, true);
	else if (!strcmp(kind, "VERB"))
		offer_verbs();
	else if (!strcmp(kind, "PORT"))
		offer_ports();
	else if (!strcmp(kind, "VDEV"))
		offer_disks();
	else if (!strcmp(kind, "DEVID") || !strcmp(kind, "MAC"))
		offer_nics(!strcmp(kind, "DEVID"));
	else if (!strcmp(kind, "vif-key=value"))
		offer_nic_keys();
	else if ((!strcmp(kind, "FILE") && t->is_value) || !strcmp(kind, "TARGET") || !strcmp(kind, "SPEC") ||
		 !strcmp(kind, "FOLDER"))
		puts("@file");
	else if (!strcmp(kind, "APPLIANCE"))
		offer_appliances();
	else if (!strcmp(kind, "FILE") || !strcmp(kind, "CONFIG"))
		offer_configurations();
	else if (!strcmp(kind, "key=value"))
		offer_settings();
	else if (!*kind)
		offer_nodes(); /* "..." alone is said of `rl store` */
	else if (islower(*kind))
		offer(kind);
}

/* --timeout=SECONDS is typed as far as its =. */
static void offer_option(const struct token *t)
{
	char word[sizeof(t->text)];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(t->text, "="), t->text);
	if (strchr(t->text, '='))
		strcat(word, "=");
	offer(word);
}

/* The value that @word, an option, wants as the next word; NULL: none. */
static const struct token *value_of(const char *word, const struct token *tokens, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (tokens[i].is_option && tokens[i + 1].is_value && !strcmp(tokens[i].text, word))
			return &tokens[i + 1];
	return NULL;
}

/* @words: those behind the verb, the last one is to be completed. */
static void complete_verb(const struct verb *v, char **words, int count)
{
	struct token tokens[TOKENS];
	size_t n = read_usage(v->args, tokens);
	const struct token *value = NULL;
	unsigned operand = 0;

	for (int i = 0; i < count - 1; i++) {
		bool is_value = value;

		value = is_value ? NULL : value_of(words[i], tokens, n);
		if (is_value || *words[i] == '-')
			continue;
		operand++;
		before = words[i];
	}
	if (value) {
		offer_token(value);
		return;
	}
	for (const struct token *t = tokens; t < tokens + n; t++) {
		if (t->is_option && *begun == '-')
			offer_option(t);
		else if (!t->is_option && !t->is_value && *begun != '-' &&
			 (t->operand == operand || (t->repeats && t->operand < operand)))
			offer_token(t);
	}
}

static int do_complete(int argc, char **argv)
{
	const struct verb *v = argc > 2 ? verb_find(argv[1]) : NULL;

	begun = argc > 1 ? argv[argc - 1] : "";
	fail_quiet(true); /* it is called while somebody types */
	if (v)
		complete_verb(v, argv + 2, argc - 2);
	else if (argc <= 2)
		offer_verbs();
	return EXIT_OK;
}

const struct verb verbs_complete[] = {
    {.name = "complete",
     .args = "[WORD...]",
     .summary = "print what may come next on a command line of rl, for shells",
     .text = "The last WORD is completed, perhaps an empty one; the others stand before it. A line `@file`\n"
	     "means: any file. /usr/share/bash-completion/completions/rl has bash ask this at each Tab.\n",
     .run = do_complete},
    {0},
};
