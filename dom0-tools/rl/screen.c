/* SPDX-License-Identifier: MIT */
/* See screen.h. */
#include "screen.h"
#include "files.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios cooked;

void screen_begin(struct screen *s)
{
	struct winsize size;
	struct termios raw;

	*s = (struct screen){.rows = 24, .columns = 80};
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
		s->rows = size.ws_row;
		s->columns = size.ws_col;
	}
	s->keys = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !tcgetattr(STDIN_FILENO, &cooked);
	if (!s->keys)
		return;
	raw = cooked;
	raw.c_lflag &= ~(ECHO | ICANON);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void screen_clear(const struct screen *s)
{
	if (s->keys)
		fputs("\033[999;999H\033[6n", stdout);
	fputs("\033[H\033[J", stdout);
}

bool screen_answer(struct screen *s, char c)
{
	unsigned rows, columns;
	char end;

	if (c == '\033' || s->len == sizeof(s->typed) - 1)
		s->len = 0;
	s->typed[s->len++] = c;
	s->typed[s->len] = '\0';
	if (sscanf(s->typed, "\033[%4u;%4u%c", &rows, &columns, &end) != 3 || end != 'R' || !rows || !columns)
		return false;
	s->len = 0;
	s->rows = rows;
	s->columns = columns;
	return true;
}

/* True: the user ends it, or the terminal is gone. */
static bool take_keys(struct screen *s)
{
	char keys[64];
	ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

	if (got <= 0)
		return got == 0 || errno != EINTR;
	for (ssize_t i = 0; i < got; i++) {
		if (keys[i] == 'q')
			return true;
		if (screen_answer(s, keys[i]))
			ioctl(STDOUT_FILENO, TIOCSWINSZ,
			      &(struct winsize){.ws_row = s->rows, .ws_col = s->columns});
	}
	return false;
}

bool screen_wait(struct screen *s, unsigned ms)
{
	uint64_t until = now_ms() + ms, now;

	while ((now = now_ms()) < until) {
		struct pollfd in = {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN};
		int rc = poll(&in, 1, until - now);

		if (rc < 0)
			return false; /* a signal: the caller looks which */
		if (rc > 0 && take_keys(s))
			return true;
	}
	return false;
}

void screen_end(const struct screen *s)
{
	putchar('\n');
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}
