/* SPDX-License-Identifier: MIT */
/* Terminal ioctls: settings and job control. */
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/tty/tty.h"

#define TCGETS     0x5401
#define TCSETS     0x5402
#define TCSETSW    0x5403
#define TCSETSF    0x5404
#define TCSBRK     0x5409
#define TCXONC     0x540a
#define TCFLSH     0x540b
#define TIOCSCTTY  0x540e
#define TIOCGPGRP  0x540f
#define TIOCSPGRP  0x5410
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD   0x541b
#define TIOCNOTTY  0x5422
#define TIOCGSID   0x5429

int tty_check_foreground(struct tty *tty, int sig)
{
	struct process *p = current->process;

	if (p->job.tty != tty || !tty->foreground || p->job.pgid == tty->foreground)
		return 0;
	if ((current->signals.blocked & SIGMASK(sig)) || p->signals.actions[sig - 1].handler == SIG_IGN)
		return sig == SIGTTIN ? -EIO : 0;
	if (group_is_orphaned(p->job.pgid))
		return -EIO;
	signal_send_group(p->job.pgid, sig);
	return -ERESTARTSYS;
}

void tty_acquire(struct tty *tty)
{
	struct process *p = current->process;

	if (p == init_process) /* it opens the console for others */
		return;
	if (p->job.sid != p->pid || p->job.tty || tty->session)
		return;
	p->job.tty = tty;
	tty->session = p->job.sid;
	tty->foreground = p->job.pgid;
}

/* Between line mode and raw, what was typed so far becomes readable as it is. */
static void mode_changed(struct tty *tty, u32 old_lflag)
{
	if (!((old_lflag ^ tty->termios.lflag) & ICANON))
		return;
	if (tty->termios.lflag & ICANON) {
		u32 end = tty->end, at = tty->read_at;

		for (tty->end = at; at != end; tty->end -= tty_answer_length(tty, tty->read_at))
			tty->input[tty->end++ % TTY_BUFFER] = tty->input[at++ % TTY_BUFFER];
	}
	tty->ready = tty->ahead = tty->end;
	tty->line_ends = 0;
	wake_all(&tty->readers);
}

static long set_termios(struct tty *tty, unsigned command, ulong arg)
{
	struct termios t;
	u32 old = tty->termios.lflag;
	int rc = tty_check_foreground(tty, SIGTTOU);

	if (rc)
		return rc;
	if (copy_from_user(&t, (void *)arg, sizeof(t)))
		return -EFAULT;
	if (command == TCSETSF)
		tty_flush_input(tty);
	tty->termios = t;
	mode_changed(tty, old);
	return 0;
}

static bool group_in_session(int pgid, int sid)
{
	struct process *p;

	list_for_each (p, &all_processes, all) {
		if (p->job.pgid == pgid && p->job.sid == sid)
			return true;
	}
	return false;
}

static long set_foreground(struct tty *tty, ulong arg)
{
	int pgid, rc;

	if (current->process->job.tty != tty || tty->session != current->process->job.sid)
		return -ENOTTY;
	rc = tty_check_foreground(tty, SIGTTOU);
	if (rc)
		return rc;
	if (get_user(pgid, (int *)arg))
		return -EFAULT;
	if (!group_in_session(pgid, current->process->job.sid))
		return -EPERM;
	tty->foreground = pgid;
	return 0;
}

static long set_controlling(struct tty *tty, bool steal)
{
	struct process *p = current->process;

	if (p->job.tty == tty && tty->session == p->job.sid)
		return 0;
	if (p->job.sid != p->pid || p->job.tty)
		return -EPERM;
	if (tty->session && !steal)
		return -EPERM;
	if (tty->session)
		tty_hangup_session(tty, tty->session);
	tty_acquire(tty);
	return 0;
}

static long set_size(struct tty *tty, ulong arg)
{
	if (copy_from_user(&tty->size, (void *)arg, sizeof(tty->size)))
		return -EFAULT;
	if (tty->foreground)
		signal_send_group(tty->foreground, SIGWINCH);
	return 0;
}

static long give_up(struct tty *tty)
{
	struct process *p = current->process;

	if (p->job.tty != tty)
		return -ENOTTY;
	if (p->job.sid == p->pid)
		tty_hangup_session(tty, p->job.sid);
	p->job.tty = NULL;
	return 0;
}

long tty_ioctl(struct tty *tty, unsigned command, ulong arg)
{
	void *user = (void *)arg;

	switch (command) {
	case TCGETS:
		return copy_to_user(user, &tty->termios, sizeof(tty->termios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(tty, command, arg);
	case TCFLSH:
		if (arg == 0 || arg == 2)
			tty_flush_input(tty);
		return 0;
	case TCSBRK:
	case TCXONC: /* output is never held back */
		return 0;
	case TIOCSCTTY:
		return set_controlling(tty, arg == 1);
	case TIOCNOTTY:
		return give_up(tty);
	case TIOCGPGRP:
		return current->process->job.tty == tty ? put_user(tty->foreground, (int *)user) : -ENOTTY;
	case TIOCSPGRP:
		return set_foreground(tty, arg);
	case TIOCGSID:
		return current->process->job.tty == tty ? put_user(tty->session, (int *)user) : -ENOTTY;
	case TIOCGWINSZ:
		return copy_to_user(user, &tty->size, sizeof(tty->size));
	case TIOCSWINSZ:
		return set_size(tty, arg);
	case FIONREAD:
		return put_user((int)(tty->ready - tty->read_at), (int *)user);
	}
	return -ENOTTY;
}
