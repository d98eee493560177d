/* SPDX-License-Identifier: MIT */
/*
 * Further serial lines as files, /dev/ttyS1 to /dev/ttyS4: bytes as they come and go, without a terminal's rules. They
 * raise no interrupts, since the hypervisor keeps COM1's, which COM3 shares: who waits looks again and again.
 * (National Semiconductor PC16550D, Registers)
 */
#include "drivers/devices.h"
#include "drivers/uart16550.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"
#include "kern/proc/wait.h"
#include "kern/time/clock.h"
#include "machine.h"
#include "x86/ports.h"

#define FIRST   65 /* the minor number of Linux's ttyS1 */
#define LOOK_NS (20 * NSEC_PER_MSEC)
#define LOOKS   1000 /* at a line that is not ready, before the next wait */

static const struct {
	const char *name;
	u16 port;
} lines[] = {{"ttyS1", 0x2f8}, {"ttyS2", 0x3e8}, {"ttyS3", 0x2e8}, {"ttyS4", 0x1e8}};
static struct wait_queue nobody_wakes;

static u16 port_of(const struct file *file)
{
	return lines[(file->inode->rdev & 0xff) - FIRST].port;
}

static int look_again(void)
{
	return wait_on_until(&nobody_wakes, clock_monotonic() + LOOK_NS) == -ERESTARTSYS ? -ERESTARTSYS : 0;
}

static long serial_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	u16 port = port_of(file);
	size_t done = 0;

	while (n) {
		for (; done < n && inb(port + UART_LINE_STATUS) & UART_RECEIVED; done++)
			if (put_user(inb(port + UART_DATA), (u8 *)buf + done))
				return -EFAULT;
		if (done)
			break;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (look_again())
			return -ERESTARTSYS;
	}
	return done;
}

/* Waits for the other end even with O_NONBLOCK: a line that is slow loses nothing. */
static long serial_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	u16 port = port_of(file);
	unsigned looks = 0;
	size_t done = 0;
	int rc = 0;
	u8 c;

	for (; done < n; done++) {
		if (get_user(c, (const u8 *)buf + done))
			rc = -EFAULT;
		while (!rc && !(inb(port + UART_LINE_STATUS) & UART_EMPTY))
			rc = ++looks % LOOKS ? 0 : look_again();
		if (rc)
			return done ? (long)done : rc;
		outb(port + UART_DATA, c);
		kernel_breathe();
	}
	return done;
}

/* Nothing wakes who waits: a poll() with a limit sees at its end what has come. */
static unsigned serial_poll(struct file *file, struct poll_set *set)
{
	poll_wait(set, &nobody_wakes);
	return POLLOUT | (inb(port_of(file) + UART_LINE_STATUS) & UART_RECEIVED ? POLLIN : 0);
}

static const struct file_ops serial_ops = {.read = serial_read, .write = serial_write, .poll = serial_poll};

/* Where nothing is, reads give ones. */
void serial_lines_init(void)
{
	wait_init(&nobody_wakes);
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		u16 port = lines[i].port;

		if (inb(port + UART_LINE_STATUS) == 0xff)
			continue;
		uart_set_up(port);
		outb(port + UART_FIFO_CONTROL, UART_FIFO_14); /* QEMU fills it to here at once */
		devfs_add(lines[i].name, MKDEV(4, FIRST + i), 0600, &serial_ops);
	}
}
