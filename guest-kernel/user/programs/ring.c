/* SPDX-License-Identifier: MIT */
/*
 * ring: in which ring do I run, and what may I do there?
 *
 * Prints the selectors and the privilege level of this program, then tries privileged instructions one after
 * the other, each in a child process, and tells how the child ended. Run it on the bare machine, in a
 * ring 1 guest and in a ring 3 guest: the application's view is the same, and that is the point.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long selector_cs(void)
{
	unsigned long v;

	__asm__("mov %%cs, %0" : "=r"(v));
	return v & 0xffff;
}

static unsigned long selector_ss(void)
{
	unsigned long v;

	__asm__("mov %%ss, %0" : "=r"(v));
	return v & 0xffff;
}

static void try_cli(void)
{
	__asm__ volatile("cli");
}

static void try_hlt(void)
{
	__asm__ volatile("hlt");
}

static void try_in(void)
{
	__asm__ volatile("inb $0x80, %%al" : : : "eax");
}

static void try_read_cr0(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
}

static void try_write_cr3(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(0UL));
}

static void try_rdmsr(void)
{
	__asm__ volatile("rdmsr" : : "c"(0xc0000080) : "eax", "edx");
}

static void try_lgdt(void)
{
	char gdtr[10] = {0};

	__asm__ volatile("lgdt %0" : : "m"(gdtr));
}

/* Not privileged on old processors, although it tells where the kernel's (or hypervisor's) tables are. */
static void try_sgdt(void)
{
	char gdtr[10];

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
}

static void try_smsw(void)
{
	unsigned long v;

	__asm__ volatile("smsw %0" : "=r"(v));
}

/* Does not fault: POPF quietly keeps the interrupt flag. Ends with a signal if it did not. */
static void try_popf(void)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	__asm__ volatile("push %0; popf; pushf; pop %0" : "+r"(flags) : : "cc");
	flags &= ~0x200UL;
	__asm__ volatile("push %0; popf; pushf; pop %0" : "+r"(flags) : : "cc");
	if (!(flags & 0x200))
		raise(SIGABRT);
}

static void try_kernel_memory(void)
{
	volatile char *kernel =
	    (char *)(sizeof(long) == 8 ? (unsigned long)0xffffffff80100000ULL : 0xc0100000UL);

	(void)*kernel;
}

static void try_hypervisor_memory(void)
{
	volatile char *hypervisor =
	    (char *)(sizeof(long) == 8 ? (unsigned long)0xffff828000000000ULL : 0xf5800000UL);

	(void)*hypervisor;
}

static void try_int_82(void)
{
	__asm__ volatile("int $0x82" : : "a"(17) : "memory");
}

static const struct {
	const char *what;
	void (*attempt)(void);
} attempts[] = {
    {"cli            turn interrupts off", try_cli},
    {"hlt            stop the processor", try_hlt},
    {"in 0x80        read an I/O port", try_in},
    {"mov from cr0   read a control register", try_read_cr0},
    {"mov to cr3     change the page tables", try_write_cr3},
    {"rdmsr          read a model-specific register", try_rdmsr},
    {"lgdt           replace the descriptor table", try_lgdt},
    {"sgdt           find the descriptor table", try_sgdt},
    {"smsw           read cr0 the old way", try_smsw},
    {"popf           turn interrupts off by the flags", try_popf},
    {"int 0x82       a hypercall from an application", try_int_82},
    {"kernel         read the kernel's memory", try_kernel_memory},
    {"hypervisor     read the hypervisor's memory", try_hypervisor_memory},
};

static void report(const char *what, void (*attempt)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		attempt();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("ring");
		return;
	}
	if (WIFSIGNALED(status))
		printf("  %-48s faults: %s\n", what, strsignal(WTERMSIG(status)));
	else
		printf("  %-48s passes without effect\n", what);
}

int main(void)
{
	struct utsname name;
	char line[128] = "";
	FILE *version = fopen("/proc/version", "r");
	unsigned long cs = selector_cs();

	uname(&name);
	if (version && fgets(line, sizeof(line), version))
		printf("kernel: %s", line);
	printf("this program: %zu bits, cs %04lx, ss %04lx: ring %lu\n", 8 * sizeof(long), cs, selector_ss(),
	       cs & 3);
	printf("what an application may do:\n");
	fflush(stdout);
	for (unsigned i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		report(attempts[i].what, attempts[i].attempt);
		fflush(stdout);
	}
	return 0;
}
