/* SPDX-License-Identifier: MIT */
/* Pseudo-terminals: terminals whose line ends in a program that has opened /dev/ptmx; theirs is /dev/pts/0 and so on. */
#ifndef KERN_TTY_PTY_H
#define KERN_TTY_PTY_H

#include "kern/tty/tty.h"

#define PTY_MAJOR 136u

struct pty;

/* The terminal with this number, opened once more: NULL: there is none now. */
struct tty *pty_open(u32 number);
struct tty *pty_open_again(struct pty *p);
void pty_close(struct pty *p);         /* and once less */
bool pty_is_gone(const struct pty *p); /* nobody is at the other end any more */
/* Sleeps until n characters have room: 0 or -errno. */
int pty_wait(struct pty *p, size_t n, bool nonblock);
struct wait_queue *pty_changed(struct pty *p);
bool pty_has_room(const struct pty *p);
void pty_init(const struct file_ops *terminal);

#endif
