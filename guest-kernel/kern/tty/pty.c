/* SPDX-License-Identifier: MIT */
/* See pty.h. A pseudo-terminal is kept for the next once both its ends are closed. */
#include "kern/tty/pty.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"

#define PTYS   8u
#define OUTPUT 4096u /* a power of two */
#define INPUT  256u  /* of what the program at the other end writes, at once */

enum {
	TIOCGPTN = 0x80045430,
	TIOCSPTLCK = 0x40045431,
};

struct pty {
	struct tty tty;
	u32 number;
	bool master, locked;   /* the other end is open; the terminal cannot be opened yet */
	u32 terminals, opened; /* files of the terminal, now and ever */
	char output[OUTPUT];
	u32 read_at, end;          /* positions that only grow */
	struct wait_queue changed; /* something to read, room, or an end that is closed */
};

static struct pty *ptys[PTYS];

struct tty *pty_open_again(struct pty *p)
{
	p->terminals++;
	return &p->tty;
}

struct tty *pty_open(u32 number)
{
	struct pty *p = number < PTYS ? ptys[number] : NULL;

	if (!p || !p->master || p->locked)
		return NULL;
	p->opened++;
	return pty_open_again(p);
}

void pty_close(struct pty *p)
{
	p->terminals--;
	wake_all(&p->changed);
}

bool pty_is_gone(const struct pty *p)
{
	return !p->master;
}

struct wait_queue *pty_changed(struct pty *p)
{
	return &p->changed;
}

static size_t room(const struct pty *p)
{
	return OUTPUT - (p->end - p->read_at);
}

bool pty_has_room(const struct pty *p)
{
	return room(p) >= 2 * INPUT;
}

static void put(struct pty *p, char c)
{
	if (room(p))
		p->output[p->end++ % OUTPUT] = c;
}

/* What the terminal shows; what has no room is dropped: an echo. */
static void show(struct tty *tty, const char *text, size_t n)
{
	struct pty *p = tty->pty;
	bool both = (p->tty.termios.oflag & (OPOST | ONLCR)) == (OPOST | ONLCR);

	for (size_t i = 0; i < n; i++) {
		if (both && text[i] == '\n')
			put(p, '\r');
		put(p, text[i]);
	}
	wake_all(&p->changed);
}

int pty_wait(struct pty *p, size_t n, bool nonblock)
{
	int rc = 0;

	while (!rc && p->master && room(p) < 2 * n)
		rc = nonblock ? -EAGAIN : wait_on(&p->changed);
	return rc ? rc : p->master ? 0 : -EIO;
}

/* ---- The other end ---- */

static struct pty *unused(void)
{
	for (u32 i = 0; i < PTYS; i++) {
		if (!ptys[i] && (ptys[i] = kzalloc(sizeof(*ptys[i]))))
			ptys[i]->number = i;
		if (ptys[i] && !ptys[i]->master && !ptys[i]->terminals)
			return ptys[i];
	}
	return NULL;
}

static int master_open(struct inode *inode, struct file *file)
{
	struct pty *p = unused();

	if (!p)
		return -ENOSPC;
	tty_init(&p->tty, NULL);
	p->tty.pty = p;
	p->tty.show = show;
	p->tty.size = (struct winsize){0};
	wait_init(&p->changed);
	p->master = p->locked = true;
	p->opened = p->read_at = p->end = 0;
	file->private = p;
	return 0;
}

static void master_release(struct file *file)
{
	struct pty *p = file->private;

	p->master = false;
	if (p->tty.session)
		tty_hangup_session(&p->tty, p->tty.session);
	wake_all(&p->changed);
	wake_all(&p->tty.readers);
}

/* Has everybody left the terminal? */
static bool is_left(const struct pty *p)
{
	return p->opened && !p->terminals;
}

static long master_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct pty *p = file->private;
	size_t done;
	int rc;

	while (p->end == p->read_at) {
		rc = is_left(p) ? -EIO : file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&p->changed);
		if (rc)
			return rc;
	}
	for (done = 0; done < n && p->read_at != p->end; done++, p->read_at++)
		if (put_user(p->output[p->read_at % OUTPUT], (char *)buf + done))
			return -EFAULT;
	wake_all(&p->changed);
	return done;
}

static long master_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct pty *p = file->private;
	char part[INPUT];
	size_t done, now;

	for (done = 0; done < n; done += now, kernel_breathe()) {
		now = MIN(n - done, sizeof(part));
		if (copy_from_user(part, (const char *)buf + done, now))
			return done ? (long)done : -EFAULT;
		for (size_t i = 0; i < now; i++)
			tty_input(&p->tty, part[i]);
	}
	return done;
}

static unsigned master_poll(struct file *file, struct poll_set *set)
{
	struct pty *p = file->private;

	poll_wait(set, &p->changed);
	return POLLOUT | (p->end != p->read_at ? POLLIN : 0) | (is_left(p) ? POLLHUP : 0);
}

static long master_ioctl(struct file *file, unsigned command, ulong arg)
{
	struct pty *p = file->private;
	int value;

	switch (command) {
	case TIOCGPTN:
		return put_user(p->number, (u32 *)arg);
	case TIOCSPTLCK:
		if (get_user(value, (int *)arg))
			return -EFAULT;
		p->locked = value;
		return 0;
	}
	return tty_ioctl(&p->tty, command, arg);
}

static const struct file_ops master_ops = {
    .open = master_open,
    .release = master_release,
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
};

void pty_init(const struct file_ops *terminal)
{
	static char names[PTYS][8];

	devfs_add("ptmx", MKDEV(5, 2), 0666, &master_ops);
	for (u32 i = 0; i < PTYS; i++) {
		snprintf(names[i], sizeof(names[i]), "pts/%u", i);
		devfs_add(names[i], MKDEV(PTY_MAJOR, i), 0620, terminal);
	}
}
