/* SPDX-License-Identifier: MIT */
/*
 * Parse the command line into struct options. One table row per option: Xen's name, and a function that takes
 * the text after "=" (empty without one) and says whether it understood it. Errors are remembered, not
 * printed: this runs before the console that it configures.
 */
#include "boot/cmdline.h"
#include "boot/boot.h"
#include "lib/loglevel.h"
#include "lib/string.h"

static char unknown[256]; /* words not understood, separated by blanks */

static bool is_no(const char *v)
{
	return !strcmp(v, "0") || !strcmp(v, "no") || !strcmp(v, "off") || !strcmp(v, "false");
}

static bool is_yes(const char *v)
{
	return !*v || !strcmp(v, "1") || !strcmp(v, "yes") || !strcmp(v, "on") || !strcmp(v, "true");
}

static bool set_tristate(int8_t *option, const char *v)
{
	if (!is_no(v) && !is_yes(v))
		return false;
	*option = is_yes(v);
	return true;
}

static bool set_count(uint32_t *option, const char *v)
{
	const char *end;

	*option = (uint32_t)parse_number(v, &end);
	return end != v && !*end;
}

/* console=com1,vga: exactly the named ones; "none" for neither. */
static bool opt_console(const char *v)
{
	options.console_com1 = options.console_vga = false;
	while (*v) {
		size_t n = strchr(v, ',') ? (size_t)(strchr(v, ',') - v) : strlen(v);

		if (n == 4 && !strncmp(v, "com1", n))
			options.console_com1 = true;
		else if (n == 3 && !strncmp(v, "vga", n))
			options.console_vga = true;
		else if (n != 4 || strncmp(v, "none", n))
			return false;
		v += n + (v[n] == ',');
	}
	return true;
}

/* Three characters: data bits, parity (none, odd, even, mark, space), stop bits; as the line control register has
 * them (PC16550D 8.1, Line Control Register). */
static bool parse_format(const char *v, uint8_t *lcr)
{
	static const char parity[] = "noems";
	static const uint8_t parity_bits[] = {0x00, 0x08, 0x18, 0x28, 0x38};
	const char *p;

	if (strlen(v) != 3 || v[0] < '5' || v[0] > '8' || (v[2] != '1' && v[2] != '2'))
		return false;
	p = strchr(parity, v[1]);
	if (!p)
		return false;
	*lcr = (v[0] - '5') | parity_bits[p - parity] | (v[2] == '2' ? 0x04 : 0);
	return true;
}

/* com1=<baud>[,<format>]: the clock is the standard one, and so are port and interrupt line. */
static bool opt_com1(const char *v)
{
	const char *end;
	uint64_t baud = parse_number(v, &end);
	uint8_t lcr = options.com1_lcr;

	if (baud < 50 || baud > 115200 || 115200 % baud ||
	    (*end && (*end != ',' || !parse_format(end + 1, &lcr))))
		return false;
	options.com1_baud = baud;
	options.com1_lcr = lcr;
	return true;
}

/* <size>, <n>%, <size>+<n>%, or "-" and one of them (a plain number counts KiB, as in Xen). */
static bool parse_amount(const char *v, const char **end, struct mem_amount *a)
{
	uint64_t percent;

	*a = (struct mem_amount){.given = true, .minus = *v == '-'};
	v += a->minus;
	parse_number(v, end);
	if (*end == v)
		return false;
	if (**end != '%') {
		a->bytes = parse_size(v, end, 1024);
		if (**end != '+')
			return true;
		v = *end + 1;
	}
	percent = parse_number(v, end);
	if (*end == v || **end != '%' || percent > 100)
		return false;
	a->percent = percent;
	++*end;
	return true;
}

/* dom0_mem=<amount>,min:<amount>,max:<amount>, each at most once and in any order. */
static bool opt_dom0_mem(const char *v)
{
	struct dom0_mem m = {0};
	struct mem_amount *to;
	const char *end;

	for (;; v = end + 1) {
		to = !strncmp(v, "min:", 4) ? &m.min : !strncmp(v, "max:", 4) ? &m.max : &m.size;
		if (to->given || !parse_amount(to == &m.size ? v : v + 4, &end, to) || (*end && *end != ','))
			return false;
		if (!*end)
			break;
	}
	options.dom0_mem = m;
	return true;
}

static bool opt_dom0_max_vcpus(const char *v)
{
	return set_count(&options.dom0_max_vcpus, v);
}

static bool opt_maxcpus(const char *v)
{
	return set_count(&options.maxcpus, v);
}

static bool opt_noreboot(const char *v)
{
	options.noreboot = is_yes(v);
	return is_yes(v) || is_no(v);
}

static bool opt_reboot(const char *v)
{
	options.noreboot = is_no(v);
	return true;
}

static bool opt_sched(const char *v)
{
	return strlcpy(options.sched, v, sizeof(options.sched)) < sizeof(options.sched);
}

static bool opt_smep(const char *v)
{
	return set_tristate(&options.smep, v);
}

static bool opt_smap(const char *v)
{
	return set_tristate(&options.smap, v);
}

static bool opt_audit(const char *v)
{
	options.audit_exit = !strcmp(v, "exit");
	return options.audit_exit;
}

static bool opt_stays(const char *v)
{
	options.stays = is_yes(v);
	return is_yes(v) || is_no(v);
}

static bool opt_loglvl(const char *v)
{
	return log_set_level(LOG_OWN, v);
}

static bool opt_guest_loglvl(const char *v)
{
	return log_set_level(LOG_GUEST, v);
}

static bool opt_guest_lograte(const char *v)
{
	return log_set_guest_rate(v);
}

/* Debian's GRUB scripts put this word where older loaders put the file's name. */
static bool opt_placeholder(const char *v)
{
	return true;
}

static const struct {
	const char *name;
	bool (*set)(const char *value);
} table[] = {
    {"console", opt_console},
    {"com1", opt_com1},
    {"dom0_mem", opt_dom0_mem},
    {"dom0_max_vcpus", opt_dom0_max_vcpus},
    {"loglvl", opt_loglvl},
    {"guest_loglvl", opt_guest_loglvl},
    {"guest_lograte", opt_guest_lograte},
    {"maxcpus", opt_maxcpus},
    {"noreboot", opt_noreboot},
    {"reboot", opt_reboot},
    {"sched", opt_sched},
    {"smep", opt_smep},
    {"smap", opt_smap},
    {"audit", opt_audit},
    {"stays", opt_stays},
    {"placeholder", opt_placeholder},
};

static void note_unknown(const char *word)
{
	size_t used = strlen(unknown);

	if (used && used + 1 < sizeof(unknown)) {
		unknown[used++] = ' ';
		unknown[used] = '\0';
	}
	strlcpy(unknown + used, word, sizeof(unknown) - used);
}

static void parse_word(char *word)
{
	char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : strlen(word);

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == n && !strncmp(table[i].name, word, n)) {
			if (!table[i].set(value ? value + 1 : word + n))
				note_unknown(word);
			return;
		}
	note_unknown(word);
}

void cmdline_parse(const char *line)
{
	char word[128];

	options.line = line;
	while (*line) {
		size_t n = 0;

		for (; *line && *line != ' '; line++)
			if (n + 1 < sizeof(word))
				word[n++] = *line;
		word[n] = '\0';
		if (n)
			parse_word(word);
		while (*line == ' ')
			line++;
	}
}

void cmdline_report(void)
{
	log_info("Command line: %s\n", boot_cmdline);
	if (*unknown)
		log_warning("Warning: not understood and ignored: %s\n", unknown);
}
