/* SPDX-License-Identifier: MIT */
/*
 * Terminals: line editing, echo, signals from the keyboard, job control. A driver gives characters to
 * tty_input() (any context) and takes them by its write function.
 */
#ifndef KERN_TTY_TTY_H
#define KERN_TTY_TTY_H

#include "kern/fs/vfs.h"
#include "kern/proc/wait.h"

#define NCC 19

/* As TCGETS passes it. */
struct termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line;
	u8 cc[NCC];
};

struct winsize {
	u16 rows, columns, xpixel, ypixel;
};

#define TTY_BUFFER 2048 /* a power of two */

struct pty;

struct tty {
	struct termios termios;
	struct winsize size;
	void (*write)(const char *text, size_t n);
	struct pty *pty; /* whose terminal it is; NULL: it has a line of the machine's */
	void (*show)(struct tty *tty, const char *text, size_t n); /* a pty's, in place of write() */
	int session, foreground;                                   /* 0: none */
	/*
	 * Input, positions that only grow (modulo 2^32): [read_at, ready) can be read, [ready, end) is the
	 * line being edited. In a buffer full of lines, further characters are dropped.
	 */
	char input[TTY_BUFFER];
	u32 read_at, ready, end;
	u32 ahead; /* up to here it was typed before line mode began: it counts as no line, and need not be one */
	u32 line_ends; /* lines in [read_at, ready) */
	struct wait_queue readers;
	const struct task *writer; /* writes now, and lets the kernel lock go meanwhile; or NULL */
	struct wait_queue writers;
};

void tty_init(struct tty *tty, void (*write)(const char *text, size_t n));
void tty_input(struct tty *tty, char c);
void tty_flush_input(struct tty *tty);
u32 tty_answer_length(const struct tty *tty, u32 from);
void tty_output(struct tty *tty, const char *text, size_t n); /* with output processing */
void tty_echo(struct tty *tty, char c);
/* The session leader is gone: the terminal is free, its foreground group gets SIGHUP. */
void tty_hangup_session(struct tty *tty, int sid);
/* Registers /dev/console, /dev/tty and the console's own name. */
void console_tty_init(void);

/* tty/ioctl.c */
long tty_ioctl(struct tty *tty, unsigned command, ulong arg);
/* May the current process use the terminal now? Sends `sig` to its group and returns -ERESTARTSYS if not. */
int tty_check_foreground(struct tty *tty, int sig);
void tty_acquire(struct tty *tty); /* a session leader without a terminal takes a free one */

/* Flags of struct termios. */
#define ICRNL   0x0100
#define INLCR   0x0040
#define IGNCR   0x0080
#define OPOST   0x0001
#define ONLCR   0x0004
#define ISIG    0x0001
#define ICANON  0x0002
#define ECHO    0x0008
#define ECHOE   0x0010
#define ECHOK   0x0020
#define ECHONL  0x0040
#define NOFLSH  0x0080
#define TOSTOP  0x0100
#define ECHOCTL 0x0200
#define ECHOKE  0x0800
#define IEXTEN  0x8000

enum {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2
};

#endif
