/* SPDX-License-Identifier: MIT */
/* The system calls about the system as a whole. */
#include "kern/console/log.h"
#include "kern/fs/ext2.h"
#include "kern/fs/mem_devices.h"
#include "kern/fs/random.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/lib/uts.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"
#include "x86/linux_abi.h"

#define REBOOT_MAGIC    0xfee1dead
#define REBOOT_RESTART  0x01234567
#define REBOOT_HALT     0xcdef0123
#define REBOOT_POWEROFF 0x4321fedc
#define REBOOT_CAD_ON   0x89abcdef
#define REBOOT_CAD_OFF  0x00000000

long sys_uname(struct utsname *user)
{
	return copy_to_user(user, &uts, sizeof(uts));
}

long sys_sethostname(const char *name, size_t len)
{
	char text[UTS_LEN] = {0};

	if (len >= UTS_LEN)
		return -EINVAL;
	if (copy_from_user(text, name, len))
		return -EFAULT;
	memcpy(uts.nodename, text, UTS_LEN);
	return 0;
}

struct sysinfo {
	long uptime;
	ulong loads[3], total, free, shared, buffer, total_swap, free_swap;
	u16 procs, pad;
	ulong total_high, free_high;
	u32 unit;
	char fill[20 - 2 * sizeof(long) - sizeof(int)];
};

long sys_sysinfo(struct sysinfo *user)
{
	struct sysinfo info = {
	    .uptime = div64(clock_monotonic(), NSEC_PER_SEC, NULL),
	    .total = page_total_count() << PAGE_SHIFT,
	    .free = page_unused_count() << PAGE_SHIFT,
	    .procs = process_count(),
	    .unit = 1,
	};
	u32 load[3];
	int i;

	sched_load(load);
	for (i = 0; i < 3; i++)
		info.loads[i] = load[i];
	return copy_to_user(user, &info, sizeof(info));
}

long sys_getrandom(void *buf, size_t n, u32 flags)
{
	return random_to_user(buf, MIN(n, IO_MAX));
}

enum {
	LOG_READ_ALL = 3,
	LOG_READ_CLEAR = 4,
	LOG_CLEAR = 5,
	LOG_CONSOLE_LEVEL = 8,
	LOG_SIZE_UNREAD = 9,
	LOG_SIZE_BUFFER = 10
};

/* dmesg: what is kept, from the position of the last clear on. */
long sys_syslog(int type, char *buf, int n)
{
	static u64 cleared;
	u64 pos = cleared;
	long rc;

	switch (type) {
	case LOG_READ_ALL:
	case LOG_READ_CLEAR:
		rc = log_read_user(buf, n, &pos);
		if (type == LOG_READ_CLEAR && rc >= 0)
			cleared = pos;
		return rc;
	case LOG_CLEAR:
		cleared = log_written();
		return 0;
	case LOG_CONSOLE_LEVEL:
		if (n < LOG_NOTHING || n > LOG_ALL)
			return -EINVAL;
		log_set_level(n);
		return 0;
	case LOG_SIZE_UNREAD:
	case LOG_SIZE_BUFFER:
		return log_size();
	}
	return 0;
}

long sys_reboot(u32 magic, u32 magic2, u32 command, const void *arg)
{
	if (magic != REBOOT_MAGIC)
		return -EINVAL;
	switch (command) {
	case REBOOT_RESTART:
		ext2_end_all();
		log_warn("restarting\n");
		machine_reboot();
	case REBOOT_HALT:
	case REBOOT_POWEROFF:
		ext2_end_all();
		log_warn("power off\n");
		machine_poweroff();
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF: /* there is no three-finger salute here */
		return 0;
	}
	return -EINVAL;
}
