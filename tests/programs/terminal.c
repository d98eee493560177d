/* SPDX-License-Identifier: MIT */
/*
 * The terminal: what one program writes keeps the kernel from no other, and what is typed is not held back. Without
 * arguments: the checks that need no typing. --flood writes without end in one call; --lines writes lines from
 * several processes at once, each line by one call; --type reads in raw and in line mode what is typed between
 * two of its lines.
 */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void others_run_while_one_writes(void)
{
	volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static char nothing_to_see[1 << 19];
	int terminal = open("/dev/tty", O_WRONLY), turns = 0;
	double last = seconds();
	cpu_set_t one;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK(terminal >= 0 && sched_setaffinity(0, sizeof(one), &one) == 0);
	memset(nothing_to_see, '\r', sizeof(nothing_to_see));
	pid = fork();
	if (!pid) {
		shared[0] = 1;
		CHECK(write(terminal, nothing_to_see, sizeof(nothing_to_see)) == sizeof(nothing_to_see));
		shared[0] = 2;
		_exit(0);
	}
	while (shared[0] < 2) {
		double now = seconds();

		turns += shared[0] == 1 && now - last > 0.002; /* the other one has run meanwhile */
		last = now;
	}
	CHECK(wait_code(pid) == 0 && turns >= 4);
}

static int flood(void)
{
	static char text[65536];
	static struct iovec parts[1024];

	for (int i = 0; i < 1024; i++)
		parts[i] = (struct iovec){text, sizeof(text)};
	CHECK(write(1, "flood\n", 6) == 6);
	CHECK(writev(1, parts, 1024) > 0);
	return 0;
}

#define LINE    300 /* more than the terminal takes at a time */
#define LINES   20
#define WRITERS 3

static void write_line(char letter)
{
	char text[LINE + 1];
	struct iovec parts[] = {{text, LINE / 3}, {text, LINE / 3}, {text, LINE / 3}, {"\n", 1}};

	memset(text, letter, LINE);
	text[LINE] = '\n';
	CHECK(write(1, text, sizeof(text)) == sizeof(text));
	CHECK(writev(1, parts, 4) == LINE + 1);
}

static int lines(void)
{
	pid_t pids[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		for (int n = 0; n < LINES; n++)
			write_line('a' + i);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK(wait_code(pids[i]) == 0);
	return 0;
}

static void wait_for_input(int n)
{
	int there = 0;

	while (there < n) {
		CHECK(ioctl(0, FIONREAD, &there) == 0);
		usleep(1000);
	}
}

static void reads(const char *text)
{
	struct pollfd p = {0, POLLIN, 0};
	char buf[64];
	int n;

	CHECK(poll(&p, 1, 10000) == 1);
	n = read(0, buf, sizeof(buf) - 1);
	CHECK(n == (int)strlen(text) && !memcmp(buf, text, n));
}

/* Typed ahead in raw mode: without the end of a line, with it in the middle, and a ^D that is no end of the file. */
static int type(void)
{
	struct termios line, raw;

	CHECK(tcgetattr(0, &line) == 0);
	raw = line;
	raw.c_lflag &= ~(ICANON | ECHO | ISIG);
	CHECK(tcsetattr(0, TCSANOW, &raw) == 0 && write(1, "type 5\n", 7) == 7);
	wait_for_input(5);
	CHECK(tcsetattr(0, TCSANOW, &line) == 0);
	reads("ab\n");
	reads("c\4");
	CHECK(write(1, "type a line\n", 12) == 12);
	reads("def\n");
	CHECK(tcsetattr(0, TCSANOW, &raw) == 0 && write(1, "type 3\n", 7) == 7);
	wait_for_input(3);
	CHECK(tcsetattr(0, TCSANOW, &line) == 0 && tcsetattr(0, TCSANOW, &raw) == 0);
	reads("ghi");
	/* A terminal's late answers are taken out: from what came in raw mode, across the change, and from a line. */
	CHECK(write(1, "type 18\n", 8) == 8);
	wait_for_input(18);
	CHECK(tcsetattr(0, TCSANOW, &line) == 0 && write(1, "type the rest\n", 14) == 14);
	wait_for_input(11);
	reads("xy\033[Az");
	reads("1R23\n");
	puts("all was read");
	return 0;
}

static const struct check checks[] = {
    {"others run while one writes", others_run_while_one_writes},
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--flood"))
		return flood();
	if (argc > 1 && !strcmp(argv[1], "--lines"))
		return lines();
	if (argc > 1 && !strcmp(argv[1], "--type"))
		return type();
	return RUN_CHECKS("terminal", checks, argc, argv);
}
