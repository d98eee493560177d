/* SPDX-License-Identifier: MIT */
/* The files of /proc that are about the whole system. */
#include "kern/block/cache.h"
#include "kern/fs/mount.h"
#include "kern/fs/procfs.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/lib/uts.h"
#include "kern/mm/page.h"
#include "kern/proc/cpu.h"
#include "kern/proc/process.h"
#include "kern/time/clock.h"
#include "machine.h"

#define TICK_NS (10 * NSEC_PER_MSEC) /* the unit of times in stat files */

static unsigned long long ticks(u64 ns)
{
	return div64(ns, TICK_NS, NULL);
}

static void print_seconds(struct proc_text *t, u64 ns, const char *end)
{
	u32 rest;
	u64 seconds = div64(ns, NSEC_PER_SEC, &rest);

	proc_print(t, "%llu.%02u%s", (unsigned long long)seconds, rest / TICK_NS, end);
}

static void show_cpuinfo(struct proc_text *t, struct process *p)
{
	char vendor[CPU_NAME_MAX], model[CPU_NAME_MAX];

	cpu_vendor(vendor);
	cpu_model(model);
	for_each_cpu(cpu)
	{
		if (!cpu->online)
			continue;
		proc_print(t, "processor\t: %u\nvendor_id\t: %s\nmodel name\t: %s\n", (u32)(cpu - cpus),
			   vendor, model);
		proc_print(t, "running on\t: %s (%s)\n\n", boot_info.platform, boot_info.ring);
	}
}

/* /proc/cpus: a line for each processor; writing "2 offline" or "2 online" takes it off or back. */
static void show_cpus(struct proc_text *t, struct process *p)
{
	for_each_cpu(cpu) proc_print(t, "%u %s\n", (u32)(cpu - cpus), cpu->online ? "online" : "offline");
}

static int store_cpus(const char *line)
{
	const char *rest = line;
	u32 number = parse_number(&rest, 10);

	if (rest == line)
		return -EINVAL;
	if (!strcmp(rest, " online"))
		return cpu_set_online(number, true);
	return strcmp(rest, " offline") ? -EINVAL : cpu_set_online(number, false);
}

static void show_meminfo(struct proc_text *t, struct process *p)
{
	ulong kb = PAGE_SIZE / 1024, files = ramfs_frame_count() * kb, buffers = cache_frames() * kb;

	proc_print(t, "MemTotal:  %8lu kB\nMemFree:   %8lu kB\nMemAvailable: %5lu kB\n",
		   page_total_count() * kb, page_unused_count() * kb, page_free_count() * kb);
	proc_print(t, "Buffers:   %8lu kB\nCached:    %8lu kB\nShmem:     %8lu kB\n", buffers, files, files);
	proc_print(t, "SwapTotal: %8u kB\nSwapFree:  %8u kB\n", 0, 0);
}

static void show_version(struct proc_text *t, struct process *p)
{
	proc_print(t, "%s version %s (%s) %s\n", uts.sysname, uts.release, boot_info.ring, uts.version);
}

static void show_times(struct proc_text *t, const char *name, struct cpu_times times)
{
	proc_print(t, "%s %llu 0 %llu %llu 0 0 0 %llu 0 0\n", name, ticks(times.user), ticks(times.system),
		   ticks(times.idle), ticks(times.stolen));
}

static void show_stat(struct proc_text *t, struct process *p)
{
	u64 now = clock_monotonic();
	char name[8];

	sched_charge_all();
	show_times(t, "cpu ", sched_total_times());
	for_each_cpu(cpu)
	{
		snprintf(name, sizeof(name), "cpu%u", (u32)(cpu - cpus));
		if (cpu->online)
			show_times(t, name, sched_times(cpu));
	}
	proc_print(t, "ctxt %llu\nbtime %llu\nprocesses %u\n", (unsigned long long)sched_switches(),
		   (unsigned long long)div64(clock_realtime() - now, NSEC_PER_SEC, NULL), process_count());
}

static void show_uptime(struct proc_text *t, struct process *p)
{
	sched_charge_all();
	print_seconds(t, clock_monotonic(), " ");
	print_seconds(t, sched_total_times().idle, "\n");
}

static void show_loadavg(struct proc_text *t, struct process *p)
{
	u32 load[3];
	int i;

	sched_load(load);
	for (i = 0; i < 3; i++)
		proc_print(t, "%u.%02u ", load[i] >> 16, ((load[i] & 0xffff) * 100) >> 16);
	proc_print(t, "1/%u %d\n", process_count(), current->process->pid);
}

static void show_cmdline(struct proc_text *t, struct process *p)
{
	proc_print(t, "%s\n", boot_info.cmdline);
}

static void show_filesystems(struct proc_text *t, struct process *p)
{
	proc_print(t, "nodev\tproc\nnodev\tdevtmpfs\nnodev\ttmpfs\nnodev\tramfs\nnodev\t9p\n\text2\n");
}

void proc_show_mounts(struct proc_text *t, struct process *p)
{
	struct mount *m;

	list_for_each (m, &mounts, list)
		proc_print(t, "%s %s %s %s 0 0\n", m->source, m->path, m->type,
			   m->root->fs->readonly ? "ro" : "rw");
}

static void show_partitions(struct proc_text *t, struct process *p)
{
	struct block_device *d;

	proc_print(t, "major minor  #blocks  name\n\n");
	list_for_each (d, &block_devices, list)
		proc_print(t, "%4u %7u %11llu %s\n", d->rdev >> 8, d->rdev & 255,
			   (unsigned long long)d->sectors / 2, d->name);
}

static void show_self(struct proc_text *t, struct process *p)
{
	proc_print(t, "%d", current->process->pid);
}

const struct proc_file proc_system_files[] = {
    {"cpuinfo", S_IFREG | 0444, show_cpuinfo, NULL},
    {"cpus", S_IFREG | 0644, show_cpus, store_cpus},
    {"meminfo", S_IFREG | 0444, show_meminfo, NULL},
    {"version", S_IFREG | 0444, show_version, NULL},
    {"stat", S_IFREG | 0444, show_stat, NULL},
    {"uptime", S_IFREG | 0444, show_uptime, NULL},
    {"loadavg", S_IFREG | 0444, show_loadavg, NULL},
    {"cmdline", S_IFREG | 0444, show_cmdline, NULL},
    {"filesystems", S_IFREG | 0444, show_filesystems, NULL},
    {"mounts", S_IFREG | 0444, proc_show_mounts, NULL},
    {"partitions", S_IFREG | 0444, show_partitions, NULL},
    {"net", S_IFDIR | 0555, NULL, NULL},
    {"self", S_IFLNK | 0777, show_self, NULL},
    {NULL, 0, NULL, NULL},
};
