/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's start: the machine layer has mapped memory and made the console work; from here on
 * everything is portable. Each step below depends on those before it.
 */
#include "kern/block/cache.h"
#include "kern/console/log.h"
#include "kern/fs/devfs.h"
#include "kern/fs/ext2.h"
#include "kern/fs/initramfs.h"
#include "kern/fs/mem_devices.h"
#include "kern/fs/mount.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/string.h"
#include "kern/lib/uts.h"
#include "kern/mm/page.h"
#include "kern/net/stack.h"
#include "kern/proc/cpu.h"
#include "kern/proc/exec.h"
#include "kern/proc/panic.h"
#include "kern/proc/process.h"
#include "kern/sys/cost.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"
#include "kern/tty/tty.h"

#define OPTION_MAX   64
#define ROOT_LOOK_NS (100 * NSEC_PER_MSEC) /* how often it is looked whether the root's disk has appeared */

static char init_path[OPTION_MAX];

/* Finds "name" or "name=value" on the command line; copies the value. */
static bool option(const char *name, char *value, size_t size)
{
	const char *at = boot_info.cmdline;
	size_t len = strlen(name), n;

	while ((at = strstr(at, name))) {
		bool starts = at == boot_info.cmdline || at[-1] == ' ';

		at += len;
		if (!starts || (*at && *at != ' ' && *at != '='))
			continue;
		if (value && *at == '=') {
			for (n = 0; at[1 + n] && at[1 + n] != ' '; n++)
				;
			strlcpy(value, at + 1, MIN(size, n + 1));
		}
		return true;
	}
	return false;
}

static void make_root(void)
{
	struct inode *root = ramfs_create_root(&ramfs_root), *dev;
	int n = 0;

	if (!root)
		panic("no memory for the root file system");
	mount_make_root("rootfs", root);
	if (boot_info.initrd)
		n = initramfs_unpack(root, boot_info.initrd, boot_info.initrd_len);
	log_print("initramfs: %d files in %lu KiB\n", n, (ulong)boot_info.initrd_len / 1024);
	if (!root->ops->lookup(root, "dev", 3, &dev) ||
	    !root->ops->create(root, "dev", 3, S_IFDIR | 0755, 0, &dev))
		inode_put(dev);
	if (mount_at("/dev", "devtmpfs", "devtmpfs", devfs_root()))
		panic("cannot mount /dev");
}

/* The disk or partition that root= names, once it is there; or the kernel ends. */
static struct block_device *root_device(const char *name)
{
	char text[OPTION_MAX] = "10";
	const char *digits = text, *short_name = strncmp(name, "/dev/", 5) ? name : name + 5;
	struct block_device *d, *other;
	struct wait_queue nothing;
	u64 seconds, end;

	option("rootwait", text, sizeof(text));
	seconds = parse_number(&digits, 10);
	end = clock_monotonic() + MIN(seconds, 3600ULL) * NSEC_PER_SEC;
	wait_init(&nothing);
	while (!(d = block_get_named(short_name)) && clock_monotonic() < end) {
		wait_on_until(&nothing, clock_monotonic() + ROOT_LOOK_NS);
		block_settle();
	}
	if (d)
		return d;
	list_for_each (other, &block_devices, list)
		log_warn("there is a disk or partition %s\n", other->name);
	panic("root=%s: no such disk or partition has appeared in %u seconds (rootwait=SECONDS)", name,
	      (u32)seconds);
}

/* With root= the initramfs is left, as if it had never been. */
static void leave_initramfs(void)
{
	struct files *files = &current->process->files;
	char name[OPTION_MAX] = "";
	struct inode *root;

	if (!option("root", name, sizeof(name)) || !*name)
		return;
	root = ext2_mount(root_device(name), !option("rw", NULL, 0));
	if (IS_ERR(root))
		panic("root=%s: cannot be mounted as ext2 (error %d)", name, (int)-PTR_ERR(root));
	inode_put(files->root);
	inode_put(files->cwd);
	files->root = inode_get(root);
	files->cwd = inode_get(root);
	mount_switch_root(name, root);
	log_print("root: %s, %s\n", name, root->fs->readonly ? "read-only" : "read and written");
}

/* Process 1 begins here, on its own stack. Its standard files are the console. */
static void first_process(void)
{
	static const char *const candidates[] = {init_path, "/init", "/sbin/init", "/bin/sh"};
	struct exec_args args = {0};
	struct file *file;
	size_t i;

	drivers_settle();
	block_settle();
	leave_initramfs();
	if (!file_open(NULL, "/dev/console", O_RDWR | O_NOCTTY, 0, &file)) {
		fd_install(file, 0, false);
		sys_dup(0);
		sys_dup(0);
	}
	for (i = 0; i < ARRAY_SIZE(candidates); i++) {
		args.argc = args.envc = args.len = 0;
		if (!*candidates[i] || exec_args_add(&args, candidates[i]) ||
		    exec_args_add(&args, "HOME=/root") || exec_args_add(&args, "TERM=vt100") ||
		    exec_args_add(&args, "PATH=/bin:/sbin:/usr/bin:/usr/sbin"))
			continue;
		args.argc = 1;
		args.envc = 3;
		if (!exec_program(NULL, candidates[i], &args)) {
			exec_args_free(&args);
			return;
		}
		log_warn("cannot run %s\n", candidates[i]);
	}
	panic("no program to start: need /init in the initrd, or init=");
}

static void make_first_process(void)
{
	struct process *p = process_alloc();
	struct task *t = p ? task_alloc(p, 1) : NULL;

	if (!t)
		panic("no memory for process 1");
	p->pid = 1;
	p->job.pgid = p->job.sid = p->pid;
	p->files.cwd = inode_get(mount_root());
	p->files.root = inode_get(mount_root());
	limits_init(p->limits);
	process_set_comm(p, "init");
	init_process = p;
	fpu_init(t->regs.fpu);
	sched_prepare_kernel(t, first_process);
	sched_add(t);
}

void kernel_main(void)
{
	panic_details = panic_show_task;
	if (option("quiet", NULL, 0))
		log_set_level(LOG_NOTHING);
	strlcpy(uts.nodename, boot_info.host, UTS_LEN);
	log_print("Ringlet teaching kernel %s: %s, on %s\n", boot_info.build, boot_info.ring,
		  boot_info.platform);
	log_print("command line: %s\n", boot_info.cmdline);
	option("init", init_path, sizeof(init_path));
	option("hostname", uts.nodename, sizeof(uts.nodename));

	page_init(); /* page frames; kmalloc works from here on */
	log_print("memory: %lu KiB free\n", page_free_count() * (PAGE_SIZE / 1024));
	syscall_init();     /* numbers to handlers */
	devfs_init();       /* the table of devices */
	mem_devices_init(); /* /dev/null and the like */
	console_tty_init(); /* /dev/console: from here on it takes input */
	cache_init();       /* contents of disks */
	net_init();         /* lwIP, and the loopback device */
	drivers_init();     /* the machine's devices; interrupts may be pending, but are still off */
	cost_init();        /* /dev/cost: what all this costs */
	make_root();        /* the root file system, /dev on it */
	make_first_process();
	cpus_start();    /* the other processors */
	cpu_idle_loop(); /* on with process 1 */
}
