/* SPDX-License-Identifier: MIT */
/*
 * rl console: shows what rl-consoled kept of a domain's output, follows it, and passes keys on through the FIFO beside
 * it. Any number of clients may be attached; no client can hold up the domain or another client. A domain that Xen's
 * xenconsoled serves has a terminal instead, which the store names; its clients share what comes.
 */
#include "verbs.h"
#include "conlog.h"
#include "ctl.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "home.h"
#include "line.h"
#include "question.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_MS 100  /* the parts of an answer are not further apart */
#define LOOK_MS   20   /* how often to look for new output */
#define TELL_MS   1000 /* so long a user waits without a word for a console that is not there yet */
#define QUIET_MS  1000 /* input from a file ended: leave after this long without output */

struct client {
	unsigned id;
	int escape;
	struct conlog log;
	int in;      /* -1: no input can be sent (the domain has ended) */
	int tty;     /* xenconsoled's; -1: rl-consoled's log and FIFO */
	bool closed; /* it is, by xenconsoled */
	bool terminal;
	bool eof;             /* standard input has ended */
	uint64_t last_output; /* now_ms() of it */
	struct question question;
};

static struct termios cooked;
static bool is_raw;

static void terminal_restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	is_raw = false;
}

static void on_signal(int sig)
{
	terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* However this program ends, the terminal is restored; being stopped is no end. */
static void catch_ends(void)
{
	static const int ends[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGALRM,
				   SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (signal(ends[i], on_signal) == SIG_IGN)
			signal(ends[i], SIG_IGN); /* as nohup needs it */
	signal(SIGPIPE, SIG_IGN);                 /* write() returns EPIPE */
	atexit(terminal_restore);
}

static bool terminal_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &cooked))
		return false;
	raw = cooked;
	raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_oflag &= ~OPOST;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_raw = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	return true;
}

/* -1: the reader is gone. */
static int put(const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(STDOUT_FILENO, text, len);

		if (done <= 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (done > 0) {
			text += done;
			len -= done;
		}
	}
	return 0;
}

/* What came to the terminal. It hangs up when xenconsoled lets go of the domain. */
static ssize_t read_tty(struct client *c, char *data, size_t max)
{
	ssize_t got = read(c->tty, data, max);

	c->closed |= got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
	return got;
}

/* Print what is new, without its questions to the terminal if it is @old. -1: the reader is gone. */
static int show_new(struct client *c, bool old)
{
	char piece[2048], quiet[sizeof(piece) + QUESTION_MAX];
	ssize_t got;

	while ((got = c->tty >= 0 ? read_tty(c, piece, sizeof(piece))
				  : conlog_read(&c->log, piece, sizeof(piece))) > 0) {
		size_t left = old ? drop_questions(&c->question, piece, got, quiet) : 0;

		if (old ? put(quiet, left) : put(piece, got))
			return -1;
		c->last_output = now_ms();
	}
	return 0;
}

/* The FIFO for keys. rl-consoled looks there only when it is told to. */
static int open_keys(unsigned id)
{
	int fd = open(console_path(id, "in"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int tries = 100;

	while (fd >= 0 && ctl_send("consoled", "keys %u", id) == -EAGAIN && --tries)
		sleep_ms(5);
	return fd;
}

/* Is it over, and why? "" while the domain lives. */
static const char *ended(const struct client *c)
{
	static struct record r;

	if (c->tty >= 0)
		return c->closed ? "xenconsoled has let go of its console" : "";
	if (!record_load(c->id, &r))
		return r.end;
	return access(console_path(c->id, "attached"), F_OK) ? "destroyed" : ""; /* xl's have no record */
}

/* Through the FIFO, or to the terminal. Without a reader, wait for rl-consoled to come again, if somebody starts it. */
static void pass_keys(struct client *c, const char *keys, size_t len)
{
	uint64_t begin = now_ms();
	ssize_t done = c->in < 0 ? -1 : write(c->in, keys, len);
	bool fifo = c->tty < 0;

	while (fifo && done < 0 && (c->in < 0 || errno == EPIPE) && console_daemon() && !*ended(c) &&
	       now_ms() - begin < CONSOLE_MS) {
		if (c->in >= 0)
			close(c->in);
		c->in = open_keys(c->id);
		done = c->in < 0 ? -1 : write(c->in, keys, len);
		if (done < 0)
			sleep_ms(LOOK_MS);
	}
	if (done != (ssize_t)len)
		put("\a", 1); /* the domain does not read: as a terminal does when its queue is full */
}

/* Pass keys on, those that came together as one. True: the user leaves. */
static bool pass_input(struct client *c)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char keys[256];
	size_t len = 0;
	bool leave = false;
	ssize_t got;

	do {
		/* From a terminal key by key: what is typed after the escape is for the shell. */
		got = read(STDIN_FILENO, keys + len, c->terminal ? 1 : sizeof(keys));
		leave = c->terminal && got == 1 && keys[len] == c->escape;
		if (got > 0 && !leave)
			len += got;
	} while (c->terminal && got > 0 && !leave && len < sizeof(keys) &&
		 poll(&in, 1, answer_begun(keys, len) ? ANSWER_MS : 0) > 0);
	c->eof = got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
	if (len)
		pass_keys(c, keys, len);
	return leave || (c->eof && c->terminal);
}

static int follow(struct client *c)
{
	const char *end = c->terminal ? "\r\n" : "\n";

	for (;;) {
		struct pollfd in = {.fd = c->eof ? -1 : STDIN_FILENO, .events = POLLIN};
		const char *why = ended(c);

		if (show_new(c, false))
			return 0;
		if (*why) {
			terminal_restore();
			printf(c->closed ? "%s(rl) domain %u: %s%s" : "%s(rl) domain %u has ended: %s%s", end,
			       c->id, why, end);
			fflush(stdout);
			return 1;
		}
		if (poll(&in, 1, LOOK_MS) > 0 && pass_input(c))
			return 0;
		if (c->eof && now_ms() - c->last_output > QUIET_MS)
			return 0;
	}
}

/* The terminal that xenconsoled made for the domain, raw; -1: none. */
static int open_tty(unsigned id)
{
	char *path = xs_shared() ? home_read(xs_shared(), id, "console/tty") : NULL;
	int fd = path ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
	struct termios raw;

	free(path);
	if (fd >= 0 && !tcgetattr(fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

/* Who keeps its console: rl-consoled, which attaches when the log is there already, or xenconsoled. False: nobody yet. */
static bool find_keeper(struct client *c)
{
	struct record r;

	if (!conlog_open(&c->log, console_path(c->id, "log"))) {
		if (!access(console_path(c->id, "attached"), F_OK) || (!record_load(c->id, &r) && *r.end))
			return true;
		conlog_close(&c->log);
		c->log.fd = -1;
	}
	c->tty = open_tty(c->id);
	return c->tty >= 0;
}

/* A domain that was made a moment ago has no console yet: the daemon is told by the store, or by rl, and a busy machine may
 * let that wait for seconds. A domain that the daemon has refused, and one without a daemon, will have none. */
static bool await_keeper(struct client *c)
{
	uint64_t begin = now_ms(), now = begin;
	struct xen_domctl_getdomaininfo info;
	struct stat st;
	bool told = false;

	while (!find_keeper(c)) {
		/* In this order, what comes between the look and the end is seen. */
		if (now - begin >= CONSOLE_MS || !console_daemon() || !rl_hv() ||
		    domain_info(rl_hv(), c->id, &info) < 0 || !lstat(console_path(c->id, "refused"), &st))
			return find_keeper(c);
		if (!told && now - begin >= TELL_MS && isatty(STDIN_FILENO))
			told = fprintf(stderr, "(rl) waiting for the console of %s\n", domain_name(c->id));
		sleep_ms(LOOK_MS);
		now = now_ms();
	}
	return true;
}

static int no_console(unsigned id)
{
	char why[256];
	ssize_t n = readlink(console_path(id, "refused"), why, sizeof(why) - 1);

	return n > 0 ? fail("domain %u has no console: %.*s", id, (int)n, why)
		     : fail("domain %u has no console here; is rl-consoled, or Xen's xenconsoled, running?",
			    id);
}

/* Open what its keeper has made. -1 and a report. */
static int open_console(struct client *c, bool log_only)
{
	if (!await_keeper(c))
		return no_console(c->id);
	if (c->tty < 0) {
		if (!log_only && !*ended(c))
			c->in = open_keys(c->id);
		return 0;
	}
	if (log_only) {
		close(c->tty);
		return fail("domain %u: xenconsoled has its console and keeps nothing for rl; leave out -l",
			    c->id);
	}
	c->in = c->tty;
	return 0;
}

int console_attach(unsigned id, const struct console_options *options)
{
	struct client c = {.id = id, .escape = options->escape, .in = -1, .tty = -1, .log.fd = -1};
	int rc = open_console(&c, options->log_only);

	if (rc)
		return rc;
	c.last_output = now_ms();
	catch_ends();
	if (options->log_only) {
		show_new(&c, true);
		conlog_close(&c.log);
		return 0;
	}
	fflush(stdout);
	c.terminal = options->bare || terminal_raw();
	if (is_raw)
		fprintf(stderr, "(rl) console of %s; leave it with ^%c\r\n", domain_name(id),
			c.escape ^ 0x40);
	show_new(&c, true);
	rc = follow(&c);
	terminal_restore();
	if (c.terminal && rc == 0)
		fprintf(stderr, "\r\n(rl) left the console of %s\r\n", domain_name(id));
	if (c.in >= 0)
		close(c.in);
	conlog_close(&c.log);
	return rc;
}

/* "^]" or a single character. */
static int parse_escape(const char *text)
{
	if (text[0] == '^' && text[1] && !text[2])
		return text[1] & 0x1f;
	if (text[0] && !text[1])
		return (unsigned char)text[0];
	return fail("-e %s: needed: one character, or ^ and a letter as in ^]", text);
}

/* The domain that @arg means: a living one, else one that has ended and whose console is kept. */
static long find_console(const char *arg)
{
	struct record r;
	bool digits = *arg && strspn(arg, "0123456789") == strlen(arg);
	struct xen_domctl_getdomaininfo info;
	struct hv *hv;

	if (digits && !record_load(strtoul(arg, NULL, 10), &r))
		return r.id;
	hv = rl_hv();
	if (!digits && hv && domain_named(hv, arg) < 0 && !record_find_ended(arg, &r))
		return r.id;
	if (!hv || domain_find(hv, arg, &info)) /* reports, with a suggestion */
		return -1;
	if (info.domain == 0)
		return fail("Domain-0 has the machine's own console: you are looking at it");
	return info.domain;
}

static int attach_bare(unsigned id)
{
	return console_attach(id, &(struct console_options){.escape = ']' & 0x1f, .bare = 1});
}

static int do_console(int argc, char **argv)
{
	static const struct option names[] = {{"on", required_argument, NULL, 'o'}, {0}};
	struct console_options options = {.escape = ']' & 0x1f};
	const char *line = NULL;
	long id;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "le:", names, NULL)) != -1) {
		if (c == '?')
			return verb_usage("console");
		if (c == 'o')
			line = optarg;
		if (c == 'l')
			options.log_only = 1;
		else if ((options.escape = parse_escape(optarg)) < 0)
			return EXIT_USAGE;
	}
	if (argc - optind != 1)
		return verb_usage("console");
	id = find_console(argv[optind]);
	if (id >= 0 && line)
		return line_attach(id, line, attach_bare) ? EXIT_FAILED : EXIT_OK;
	return id < 0 || console_attach(id, &options) < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct verb verbs_console[] = {
    {.name = "console",
     .args = "[-e CHAR] [-l | --on N] DOMAIN",
     .summary = "talk with a domain through its console; ^] leaves",
     .text =
	 "  -e CHAR  leave with another character, as ^A or ~\n"
	 "  -l       print what the domain wrote so far (the last 60 KiB) and return\n"
	 "  --on N   put it on serial line N of the machine and return; it stays there over\n"
	 "           restarts, and ^] typed there frees the line. On the host,\n"
	 "           `make run CONSOLES=4` gives lines 1 to 4, `make console N=1` shows one\n\n"
	 "Begins with what was written before. Works for a domain that has ended, too: the last 16 are "
	 "kept.\n"
	 "When input is not a terminal it is sent to the domain, and rl leaves after a second of silence.\n",
     .run = do_console},
    {0},
};
