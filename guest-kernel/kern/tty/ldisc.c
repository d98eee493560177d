/* SPDX-License-Identifier: MIT */
/* The line discipline: what happens to characters between the keyboard and read(), and back to the screen. */
#include "kern/lib/string.h"
#include "kern/proc/process.h"
#include "kern/tty/tty.h"

#define CTRL(c)       ((c) - '@')
#define CONSOLE_CFLAG 0x0cbd /* 38400 baud, 8 bits, receiver on, hang up on close */

static const struct termios defaults = {
    .iflag = ICRNL,
    .oflag = OPOST | ONLCR,
    .cflag = CONSOLE_CFLAG,
    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .cc = {[VINTR] = CTRL('C'),
	   [VQUIT] = CTRL('\\'),
	   [VERASE] = 0x7f,
	   [VKILL] = CTRL('U'),
	   [VEOF] = CTRL('D'),
	   [VMIN] = 1,
	   [VSUSP] = CTRL('Z'),
	   [VWERASE] = CTRL('W')},
};

void tty_init(struct tty *tty, void (*write)(const char *text, size_t n))
{
	memset(tty, 0, sizeof(*tty));
	tty->termios = defaults;
	tty->size = (struct winsize){24, 80, 0, 0};
	tty->write = write;
	wait_init(&tty->readers);
	wait_init(&tty->writers);
}

/* "\n" as "\r\n" is also what every console driver of the machine sends, so ONLCR needs nothing here. */
void tty_output(struct tty *tty, const char *text, size_t n)
{
	if (tty->show)
		tty->show(tty, text, n);
	else
		tty->write(text, n);
}

static bool has(const struct tty *tty, u32 local)
{
	return tty->termios.lflag & local;
}

static bool is_cc(const struct tty *tty, int which, u8 c)
{
	return c && tty->termios.cc[which] == c;
}

void tty_echo(struct tty *tty, char c)
{
	char text[2] = {'^', c ^ 0x40};

	if (!has(tty, ECHO) && !(c == '\n' && has(tty, ECHONL)))
		return;
	if (((u8)c < 32 || c == 0x7f) && c != '\n' && c != '\t' && has(tty, ECHOCTL))
		tty_output(tty, text, 2);
	else
		tty_output(tty, &c, 1);
}

static void rub_out(struct tty *tty, char c)
{
	if (!has(tty, ECHO) || !has(tty, ECHOE))
		return;
	if ((u8)c < 32 || c == 0x7f)
		tty_output(tty, "\b \b\b \b", 6);
	else if (((u8)c & 0xc0) != 0x80) /* the bytes that continue a UTF-8 character have no width */
		tty_output(tty, "\b \b", 3);
}

static bool erase_one(struct tty *tty)
{
	if (tty->end == tty->ready)
		return false;
	tty->end--;
	rub_out(tty, tty->input[tty->end % TTY_BUFFER]);
	return true;
}

static void erase_word(struct tty *tty)
{
	while (tty->end != tty->ready && tty->input[(tty->end - 1) % TTY_BUFFER] == ' ')
		erase_one(tty);
	while (tty->end != tty->ready && tty->input[(tty->end - 1) % TTY_BUFFER] != ' ')
		erase_one(tty);
}

static bool store(struct tty *tty, char c)
{
	if (tty->end - tty->read_at >= TTY_BUFFER)
		return false;
	tty->input[tty->end++ % TTY_BUFFER] = c;
	return true;
}

static void publish(struct tty *tty)
{
	tty->ready = tty->end;
	wake_all(&tty->readers);
}

static int signal_of(const struct tty *tty, u8 c)
{
	if (!has(tty, ISIG))
		return 0;
	if (is_cc(tty, VINTR, c))
		return SIGINT;
	if (is_cc(tty, VQUIT, c))
		return SIGQUIT;
	return is_cc(tty, VSUSP, c) ? SIGTSTP : 0;
}

/*
 * The length of a terminal's answer to "where is the cursor?" (ECMA-48, CPR: ESC [ row ; column R) at the end of the
 * input after `from`; else 0. Who asked reads in raw mode. What comes in line mode comes too late, and is no line.
 */
u32 tty_answer_length(const struct tty *tty, u32 from)
{
	u32 at = tty->end, numbers = 0;
	char c = at-- != from ? tty->input[at % TTY_BUFFER] : 0;

	if (c != 'R')
		return 0;
	for (; at != from; numbers += c == ';') {
		c = tty->input[--at % TTY_BUFFER];
		if (c == '[')
			break;
		if (c != ';' && (c < '0' || c > '9'))
			return 0;
	}
	return numbers == 1 && at != from && tty->input[--at % TTY_BUFFER] == 0x1b ? tty->end - at : 0;
}

/* Line mode. The end of file is stored as a zero byte: it ends a line but read() does not return it. */
static void edit(struct tty *tty, char c)
{
	if (is_cc(tty, VERASE, c) || c == '\b') {
		erase_one(tty);
	} else if (is_cc(tty, VKILL, c)) {
		while (erase_one(tty))
			;
	} else if (is_cc(tty, VWERASE, c) && has(tty, IEXTEN)) {
		erase_word(tty);
	} else if (c == '\n' || is_cc(tty, VEOF, c)) {
		if (!store(tty, c == '\n' ? c : 0))
			return;
		if (c == '\n')
			tty_echo(tty, c);
		tty->line_ends++;
		publish(tty);
	} else if (tty->end - tty->read_at < TTY_BUFFER - 1 && c) { /* keep room for the end of the line */
		store(tty, c);
		tty_echo(tty, c);
		for (u32 n = tty_answer_length(tty, tty->read_at); n; n--)
			if (!erase_one(tty)) /* it began before line mode */
				tty->ready = tty->ahead = --tty->end;
	}
}

void tty_flush_input(struct tty *tty)
{
	tty->read_at = tty->ready = tty->ahead = tty->end;
	tty->line_ends = 0;
}

void tty_input(struct tty *tty, char c)
{
	u32 iflag = tty->termios.iflag;
	int sig;

	if (c == '\r' && (iflag & IGNCR))
		return;
	if (c == '\r' && (iflag & ICRNL))
		c = '\n';
	else if (c == '\n' && (iflag & INLCR))
		c = '\r';
	sig = signal_of(tty, c);
	if (sig) {
		tty_echo(tty, c);
		if (!has(tty, NOFLSH))
			tty_flush_input(tty);
		if (tty->foreground)
			signal_send_group(tty->foreground, sig);
	} else if (has(tty, ICANON)) {
		edit(tty, c);
	} else if (store(tty, c)) {
		tty_echo(tty, c);
		publish(tty);
	}
}

void tty_hangup_session(struct tty *tty, int sid)
{
	struct process *p;

	if (tty->session != sid)
		return;
	if (tty->foreground) {
		signal_send_group(tty->foreground, SIGHUP);
		signal_send_group(tty->foreground, SIGCONT);
	}
	tty->session = tty->foreground = 0;
	list_for_each (p, &all_processes, all) {
		if (p->job.tty == tty && p->job.sid == sid)
			p->job.tty = NULL;
	}
}
