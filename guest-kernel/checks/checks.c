/* SPDX-License-Identifier: MIT */
/*
 * The checked build: the same kernel, with calls of its allocators and of its lock routed through here by the linker
 * (ld --wrap, see build.mk), so the kernel's own source does not mention it.
 *  - Memory is filled when it is taken and when it is given back. If a free object was written, the kernel panics when
 *    the object is taken again.
 *  - An address space that ends maps nothing.
 *  - /dev/checks: "fail N" makes the Nth allocation from now on, of the process that writes, fail. "reset" clears the
 *    counts. A read tells: allocations seen, whether one failed, the longest time the lock was held (ns) and its call.
 *    "kill N": the process that writes gets SIGKILL after N more of its system calls.
 * Calls within one object file are not rerouted: kzalloc()'s call of kmalloc() cannot fail on its own.
 */
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"

#define TAKEN 0xa5
#define FREED 0x6b

#define WRAPPED(type, name, args) \
	type __real_##name args;  \
	type __wrap_##name args;

WRAPPED(pfn_t, page_alloc, (unsigned order))
WRAPPED(pfn_t, page_alloc_zeroed, (void))
WRAPPED(pfn_t, table_alloc, (void))
WRAPPED(void *, kmalloc, (size_t size))
WRAPPED(void *, kzalloc, (size_t size))
WRAPPED(char *, kstrdup, (const char *s))
WRAPPED(void, kfree, (void *p))
WRAPPED(void, page_put, (pfn_t pfn))
WRAPPED(void, page_free, (pfn_t pfn))
WRAPPED(void *, stack_alloc, (void))
WRAPPED(void, stack_free, (void *first))
WRAPPED(int, mm_fault, (struct mm * mm, ulong addr, u32 error))
WRAPPED(void, root_destroy, (struct root * r))
WRAPPED(void, kernel_lock, (void))
WRAPPED(void, kernel_unlock, (void))
WRAPPED(bool, kernel_breathe, (void))
WRAPPED(void, mem_devices_init, (void))
WRAPPED(void, syscall, (struct trapframe * tf))

static int victim;          /* the process whose allocations are counted; 0: none */
static u32 seen, countdown; /* allocations so far; until one fails, 0: none will */
static bool failed;
static bool resolving; /* a page fault: if it fails, some process is ended, not necessarily the victim */
static u64 taken_at, longest; /* the lock */
static u32 longest_call;
static int doomed; /* the process that will be killed */
static u32 calls_left;

static bool fails(void)
{
	if (!victim || resolving || !current || current->process->pid != victim)
		return false;
	seen++;
	if (!countdown || --countdown)
		return false;
	failed = true;
	return true;
}

pfn_t __wrap_page_alloc(unsigned order)
{
	pfn_t pfn = fails() ? 0 : __real_page_alloc(order);

	if (pfn)
		memset(pfn_to_virt(pfn), TAKEN, PAGE_SIZE << order);
	return pfn;
}

pfn_t __wrap_page_alloc_zeroed(void)
{
	return fails() ? 0 : __real_page_alloc_zeroed();
}

pfn_t __wrap_table_alloc(void)
{
	return fails() ? 0 : __real_table_alloc();
}

static size_t size_of(const void *p)
{
	const struct page *page = &pages[virt_to_pfn(p)];

	return page->kind == PAGE_SLAB ? (size_t)16 << page->order : PAGE_SIZE << page->order;
}

/* The first two bytes of a free object belong to the allocator. */
static void check_untouched(const u8 *p, size_t n)
{
	size_t i;

	for (i = 3; i < n; i++)
		if (p[i] != p[2] || (p[i] != TAKEN && p[i] != FREED))
			panic("byte %lu of a free object of %lu was written: %x", (ulong)i, (ulong)n, p[i]);
}

void *__wrap_kmalloc(size_t size)
{
	void *p = fails() ? NULL : __real_kmalloc(size);

	if (p && pages[virt_to_pfn(p)].kind == PAGE_SLAB)
		check_untouched(p, size_of(p));
	if (p)
		memset(p, TAKEN, size);
	return p;
}

void *__wrap_kzalloc(size_t size)
{
	void *p = __wrap_kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

char *__wrap_kstrdup(const char *s)
{
	char *p = __wrap_kmalloc(strlen(s) + 1);

	return p ? memcpy(p, s, strlen(s) + 1) : NULL;
}

void __wrap_kfree(void *p)
{
	if (p)
		memset(p, FREED, size_of(p));
	__real_kfree(p);
}

void __wrap_page_put(pfn_t pfn)
{
	if (pages[pfn].refs == 1)
		memset(pfn_to_virt(pfn), FREED, PAGE_SIZE);
	__real_page_put(pfn);
}

void __wrap_page_free(pfn_t pfn)
{
	memset(pfn_to_virt(pfn), FREED,
	       pages[pfn].kind == PAGE_SLAB ? PAGE_SIZE : PAGE_SIZE << pages[pfn].order);
	__real_page_free(pfn);
}

void *__wrap_stack_alloc(void)
{
	return fails() ? NULL : __real_stack_alloc();
}

/* The guard lies between the two. */
void __wrap_stack_free(void *first)
{
	memset(first, FREED, PAGE_SIZE);
	memset((char *)first + STACK_OFFSET, FREED, KERNEL_STACK_SIZE);
	__real_stack_free(first);
}

int __wrap_mm_fault(struct mm *mm, ulong addr, u32 error)
{
	int sig;

	resolving = true;
	sig = __real_mm_fault(mm, addr, error);
	resolving = false;
	return sig;
}

/* Its tables may be kept for another process, which must not see leftover entries. */
void __wrap_root_destroy(struct root *r)
{
	const pte_t *entry;
	ulong va;
	u32 i;

	for (va = 0; (entry = pte_find_next(r, &va, USER_END)); va = pte_table_end(va))
		for (i = 0; i < TABLE_ENTRIES; i++)
			if (entry[i])
				panic("an address space ends with an entry behind %lx", va);
	__real_root_destroy(r);
}

void __wrap_kernel_lock(void)
{
	__real_kernel_lock();
	taken_at = time_ns();
}

/* Between these two times the lock may pass from task to task: the call is the last task's. */
static void note(u64 since, u64 until)
{
	u64 held = since ? until - since : 0;

	if (held > longest) {
		longest = held;
		longest_call = sc_number(task_frame(current));
	}
}

void __wrap_kernel_unlock(void)
{
	note(taken_at, time_ns());
	__real_kernel_unlock();
}

bool __wrap_kernel_breathe(void)
{
	u64 since = taken_at, now = time_ns();

	if (!__real_kernel_breathe())
		return false;
	note(since, now);
	taken_at = time_ns();
	return true;
}

void __wrap_syscall(struct trapframe *tf)
{
	bool last = current->process->pid == doomed && calls_left && !--calls_left;

	__real_syscall(tf);
	if (last)
		signal_send(current->process, SIGKILL, NULL);
}

static long read_checks(struct file *file, void *buf, size_t n, u64 *pos)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "seen %u failed %u held %llu call %u\n", seen, failed,
			   (unsigned long long)longest, longest_call);

	if (*pos || (size_t)len > n)
		return 0;
	*pos = len;
	return copy_to_user(buf, line, len) ? -EFAULT : len;
}

static long write_checks(struct file *file, const void *buf, size_t n, u64 *pos)
{
	char line[32] = "";
	const char *at = line + 5;

	if (copy_from_user(line, buf, MIN(n, sizeof(line) - 1)))
		return -EFAULT;
	seen = countdown = longest = 0;
	victim = 0;
	failed = false;
	if (!strncmp(line, "kill ", 5)) {
		calls_left = parse_number(&at, 10);
		doomed = current->process->pid;
	}
	if (!strncmp(line, "fail ", 5)) {
		countdown = parse_number(&at, 10);
		victim = current->process->pid;
	}
	return n;
}

static const struct file_ops checks_ops = {.read = read_checks, .write = write_checks};

void __wrap_mem_devices_init(void)
{
	__real_mem_devices_init();
	devfs_add("checks", MKDEV(DEV_MISC, 99), 0600, &checks_ops);
}
