/* SPDX-License-Identifier: MIT */
/* Terminals as files: /dev/console on the machine's console, and /dev/tty, the process's own terminal. */
#include "kern/console/log.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/tty/pty.h"
#include "kern/tty/tty.h"
#include "kern/time/clock.h"

static struct tty console;

void console_input(char c)
{
	tty_input(&console, c);
}

static struct tty *tty_of(const struct file *file)
{
	return file->private;
}

static int tty_open(struct inode *inode, struct file *file)
{
	struct tty *tty = inode->rdev == DEV_TTY ? current->process->job.tty : &console;
	u32 number = inode->rdev & 0xff;

	if (inode->rdev >> 8 == PTY_MAJOR)
		tty = pty_open(number);
	else if (tty && tty->pty)
		tty = pty_open_again(tty->pty);
	if (!tty)
		return inode->rdev >> 8 == PTY_MAJOR ? -EIO : -ENXIO;
	file->private = tty;
	if (!(file->flags & O_NOCTTY))
		tty_acquire(file->private);
	return 0;
}

static void tty_release(struct file *file)
{
	if (tty_of(file)->pty)
		pty_close(tty_of(file)->pty);
}

static bool is_gone(const struct tty *tty)
{
	return tty->pty && pty_is_gone(tty->pty);
}

/* Was the next character typed ahead, before line mode? Such characters are read as they are. */
static bool typed_ahead(const struct tty *tty)
{
	return (s32)(tty->ahead - tty->read_at) > 0;
}

static bool readable(const struct tty *tty)
{
	bool lines = (tty->termios.lflag & ICANON) && !typed_ahead(tty);

	return lines ? tty->line_ends : tty->ready != tty->read_at;
}

/* One line at most; in raw mode what is there. Returns how many bytes went to buf. */
static long take_input(struct tty *tty, char *buf, size_t n)
{
	bool lines = tty->termios.lflag & ICANON;
	size_t done = 0;

	while (done < n && tty->read_at != tty->ready) {
		char c = tty->input[tty->read_at % TTY_BUFFER];
		bool ahead = typed_ahead(tty);

		if (lines && !ahead && !c) {
			tty->read_at++;
			tty->line_ends--;
			break;
		}
		if (put_user(c, buf + done))
			return -EFAULT;
		tty->read_at++;
		done++;
		tty->line_ends -= lines && !ahead && c == '\n';
		if (lines && (c == '\n' || (ahead && !typed_ahead(tty))))
			break;
	}
	return done;
}

/* Raw mode's timing (termios: VMIN, VTIME): VMIN 0 lets a read end after VTIME tenths of a second. */
static u64 read_deadline(const struct tty *tty)
{
	const u8 *cc = tty->termios.cc;

	if ((tty->termios.lflag & ICANON) || cc[VMIN])
		return WAIT_FOREVER;
	return clock_monotonic() + cc[VTIME] * 100ULL * NSEC_PER_MSEC;
}

static long tty_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct tty *tty = tty_of(file);
	u64 deadline = read_deadline(tty);
	int rc = tty_check_foreground(tty, SIGTTIN);

	while (!rc && !readable(tty)) {
		if (is_gone(tty))
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = wait_on_until(&tty->readers, deadline);
		if (rc == -ETIMEDOUT)
			return 0;
		if (!rc)
			rc = tty_check_foreground(tty, SIGTTIN);
	}
	return rc ? rc : take_input(tty, buf, n);
}

/* Devices are slow: meanwhile others may have the kernel, and interrupts are let in; one may be a ^C. */
static void output_unlocked(struct tty *tty, const char *text, size_t n)
{
	kernel_unlock();
	tty_output(tty, text, n);
	irq_enable();
	irq_disable();
	kernel_lock();
	if (current->sched.need_resched)
		schedule();
}

/* One write after the other: a line that a program writes at once is not torn by another's. */
static long tty_write_begin(struct file *file, size_t n)
{
	struct tty *tty = tty_of(file);
	int rc = tty->termios.lflag & TOSTOP ? tty_check_foreground(tty, SIGTTOU) : 0;

	while (!rc && tty->writer)
		rc = file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&tty->writers);
	if (!rc)
		tty->writer = current;
	return rc;
}

static void tty_write_end(struct file *file)
{
	struct tty *tty = tty_of(file);

	tty->writer = NULL;
	wake_all(&tty->writers);
}

static long write_parts(struct tty *tty, const char *buf, size_t n, bool nonblock)
{
	char part[128];
	size_t done, now;
	int rc;

	for (done = 0; done < n; done += now) {
		now = MIN(n - done, sizeof(part));
		if (copy_from_user(part, buf + done, now))
			return done ? (long)done : -EFAULT;
		if (done && signal_ends_sleep())
			break;
		rc = tty->pty ? pty_wait(tty->pty, now, nonblock) : 0;
		if (rc)
			return done ? (long)done : rc;
		if (tty->pty)
			tty_output(tty, part, now);
		else
			output_unlocked(tty, part, now);
	}
	return done;
}

static long tty_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct tty *tty = tty_of(file);
	long rc;

	if (tty->writer == current)
		return write_parts(tty, buf, n, file->flags & O_NONBLOCK); /* a part of a vector */
	rc = tty_write_begin(file, n);
	if (rc)
		return rc;
	rc = write_parts(tty, buf, n, file->flags & O_NONBLOCK);
	tty_write_end(file);
	return rc;
}

static unsigned tty_poll(struct file *file, struct poll_set *set)
{
	struct tty *tty = tty_of(file);

	poll_wait(set, &tty->readers);
	if (tty->pty)
		poll_wait(set, pty_changed(tty->pty));
	return (tty->pty && !pty_has_room(tty->pty) ? 0 : POLLOUT) | (readable(tty) ? POLLIN : 0) |
	       (is_gone(tty) ? POLLIN | POLLHUP : 0);
}

static long tty_file_ioctl(struct file *file, unsigned command, ulong arg)
{
	return tty_ioctl(tty_of(file), command, arg);
}

static const struct file_ops tty_ops = {
    .open = tty_open,
    .release = tty_release,
    .read = tty_read,
    .write = tty_write,
    .write_begin = tty_write_begin,
    .write_end = tty_write_end,
    .poll = tty_poll,
    .ioctl = tty_file_ioctl,
};

void console_tty_init(void)
{
	tty_init(&console, console_write);
	devfs_add("console", DEV_CONSOLE, 0600, &tty_ops);
	devfs_add("tty", DEV_TTY, 0666, &tty_ops);
	pty_init(&tty_ops);
}
