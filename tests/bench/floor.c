/* SPDX-License-Identifier: MIT */
/* The floor's measurements; prints `BENCH name instructions 0` on the serial line, then BENCH-END. */
#include <stdint.h>

#define BATCHES 8

extern uint64_t idt[512];
extern char user_exit_entry[], user_loop[], syscall_save[], syscall_cr3[], skip2[], skip2_error[],
    interrupt[];
uint64_t run_user(const void *code, unsigned n);
void floor_main(void);

static void out(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "d"(port));
}

static void print(const char *s)
{
	for (; *s; s++)
		out(0x3f8, *s);
}

static void print_number(uint64_t n)
{
	char digits[24];
	int at = 23;

	digits[at] = 0;
	do
		digits[--at] = '0' + n % 10;
	while (n /= 10);
	print(digits + at);
}

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void set_gate(unsigned vector, const void *handler, unsigned dpl)
{
	uint64_t at = (uintptr_t)handler;

	idt[2 * vector] = (at & 0xffff) | 8 << 16 | (0x8e00ull | dpl << 13) << 32 | (at >> 16) << 48;
	idt[2 * vector + 1] = at >> 32;
}

static void report(const char *name, uint64_t ticks, unsigned n, unsigned overhead)
{
	print("BENCH ");
	print(name);
	print(" ");
	print_number((ticks + n / 2) / n - overhead);
	print(" 0\n");
}

/* As in bench.h: the best of some batches, without the loop's two instructions. */
#define BENCH(name, statement)                             \
	do {                                               \
		uint64_t best_ = ~0ull;                    \
		for (int b_ = 0; b_ < BATCHES; b_++) {     \
			uint64_t t_ = rdtsc();             \
			for (unsigned i = 0; i < 256; i++) \
				statement;                 \
			t_ = rdtsc() - t_;                 \
			best_ = t_ < best_ ? t_ : best_;   \
		}                                          \
		report(name, best_, 256, 2);               \
	} while (0)

static void user_syscalls(const char *name, const void *handler)
{
	uint64_t best = ~0ull;

	wrmsr(0xc0000082, (uintptr_t)handler); /* LSTAR */
	for (int b = 0; b < BATCHES; b++) {
		uint64_t t = run_user(user_loop, 256) & 0xffffffff;
		best = t < best ? t : best;
	}
	report(name, best, 256, 2);
}

/* An interrupt to itself through the local APIC, taken at once. */
static void bench_interrupt(void)
{
	volatile uint32_t *apic = (volatile uint32_t *)0xfee00000;

	apic[0xf0 / 4] = 0x1ff; /* enabled, spurious vector 255 */
	set_gate(0x40, interrupt, 0);
	out(0x21, 0xff); /* the old interrupt controllers stay silent */
	out(0xa1, 0xff);
	__asm__ volatile("sti");
	BENCH("event-send-upcall-iret", apic[0x300 / 4] = 0x44040); /* ICR: to self, vector 0x40 */
	__asm__ volatile("cli");
	apic[0x320 / 4] = 0x10000; /* timer masked */
	BENCH("set-singleshot-timer", apic[0x380 / 4] = 1000000);
}

void floor_main(void)
{
	uint64_t cr0, cr3, word;

	set_gate(0x81, user_exit_entry, 3);
	set_gate(6, skip2, 0);
	set_gate(13, skip2_error, 0);
	set_gate(14, skip2_error, 0);
	user_syscalls("null-hypercall", syscall_save);
	user_syscalls("app-syscall", syscall_cr3);
	BENCH("bounce-ud", __asm__ volatile("ud2"));
	BENCH("bounce-gp", __asm__ volatile("mov %%ax, %%fs" ::"a"(0xf003)));
	BENCH("bounce-pf", __asm__ volatile("movb (%0), %%al" ::"b"(0x80000000ull) : "eax"));
	BENCH("wrmsr-fs-base", __asm__ volatile("wrmsr" ::"c"(0xc0000100), "a"(0x1000), "d"(0)));
	BENCH("clts", __asm__ volatile("clts"));
	BENCH("mov-from-cr0", __asm__ volatile("mov %%cr0, %0" : "=r"(cr0)));
	BENCH("rdmsr", __asm__ volatile("rdmsr" ::"c"(0xc0000080) : "eax", "edx"));
	BENCH("in", __asm__ volatile("inb $0x80, %%al" ::: "eax"));
	BENCH("cpuid-forced", __asm__ volatile("cpuid" ::"a"(0), "c"(0) : "ebx", "edx"));
	BENCH("update-va-mapping", __asm__ volatile("mov %0, %1; invlpg %1" ::"r"(0ull), "m"(word)));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	BENCH("new-baseptr-switch", __asm__ volatile("mov %0, %%cr3" ::"r"(cr3) : "memory"));
	bench_interrupt();
	print("BENCH-END\n");
}
