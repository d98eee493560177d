/* SPDX-License-Identifier: MIT */
/* The files of /proc that are about the whole system. */
#include "kern/fs/mount.h"
#include "kern/fs/procfs.h"
#include "kern/fs/ramfs.h"
#include "kern/mm/page.h"
#include "kern/proc/process.h"
#include "kern/sys/uts.h"
#include "kern/time/clock.h"
#include "x86/cpu_name.h"

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
	proc_print(t, "processor\t: 0\nvendor_id\t: %s\nmodel name\t: %s\n", vendor, model);
	proc_print(t, "running on\t: %s (%s)\n\n", boot_info.platform, boot_info.ring);
}

static void show_meminfo(struct proc_text *t, struct process *p)
{
	ulong kb = PAGE_SIZE / 1024, files = ramfs_frame_count() * kb;

	proc_print(t, "MemTotal:  %8lu kB\nMemFree:   %8lu kB\nMemAvailable: %5lu kB\n",
		   page_total_count() * kb, page_free_count() * kb, page_free_count() * kb);
	proc_print(t, "Buffers:   %8u kB\nCached:    %8lu kB\nShmem:     %8lu kB\n", 0, files, files);
	proc_print(t, "SwapTotal: %8u kB\nSwapFree:  %8u kB\n", 0, 0);
}

static void show_version(struct proc_text *t, struct process *p)
{
	proc_print(t, "%s version %s (%s) %s\n", uts.sysname, uts.release, boot_info.ring, uts.version);
}

static void show_stat(struct proc_text *t, struct process *p)
{
	u64 now = clock_monotonic(), user, system;

	sched_times(&user, &system);
	proc_print(t, "cpu  %llu 0 %llu %llu 0 0 0 0 0 0\n", ticks(user), ticks(system),
		   ticks(sched_idle_ns()));
	proc_print(t, "cpu0 %llu 0 %llu %llu 0 0 0 0 0 0\n", ticks(user), ticks(system),
		   ticks(sched_idle_ns()));
	proc_print(t, "ctxt %llu\nbtime %llu\nprocesses %u\n", (unsigned long long)sched_switches(),
		   (unsigned long long)div64(clock_realtime() - now, NSEC_PER_SEC, NULL), process_count());
}

static void show_uptime(struct proc_text *t, struct process *p)
{
	print_seconds(t, clock_monotonic(), " ");
	print_seconds(t, sched_idle_ns(), "\n");
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
	proc_print(t, "nodev\tproc\nnodev\tdevtmpfs\nnodev\ttmpfs\nnodev\tramfs\n");
}

void proc_show_mounts(struct proc_text *t, struct process *p)
{
	struct mount *m;

	proc_print(t, "rootfs / rootfs rw 0 0\n");
	list_for_each (m, &mounts, list)
		proc_print(t, "%s %s %s rw 0 0\n", m->source, m->path, m->type);
}

static void show_self(struct proc_text *t, struct process *p)
{
	proc_print(t, "%d", current->process->pid);
}

const struct proc_file proc_system_files[] = {
    {"cpuinfo", S_IFREG | 0444, show_cpuinfo},
    {"meminfo", S_IFREG | 0444, show_meminfo},
    {"version", S_IFREG | 0444, show_version},
    {"stat", S_IFREG | 0444, show_stat},
    {"uptime", S_IFREG | 0444, show_uptime},
    {"loadavg", S_IFREG | 0444, show_loadavg},
    {"cmdline", S_IFREG | 0444, show_cmdline},
    {"filesystems", S_IFREG | 0444, show_filesystems},
    {"mounts", S_IFREG | 0444, proc_show_mounts},
    {"self", S_IFLNK | 0777, show_self},
    {NULL, 0, NULL},
};
