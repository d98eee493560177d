/* SPDX-License-Identifier: MIT */
/*
 * A hostile kernel for an fv domain (docs/fv.md): it tries to leave its ring, to confuse the hypervisor, to cost it more than
 * it should. Whatever happens to the domain, the hypervisor and other domains go on (system/fv_hostile.py).
 *
 *   far far returns to and through every selector, over descriptors of every type
 *   int all INT n through gates of every type, to every selector
 *   iret to every RPL, with every flag; POPF with every flag
 *   cr, msr, ports all bits of control and debug registers, many MSRs, every port in every size
 *   wrap tables, strings and code at the end of the address space
 *   selfmap page tables that map themselves, changed at random through themselves
 *   doors SYSCALL, SYSENTER, SYSEXIT, SYSRET, RSM, VMCALL and so on
 *   code, pit every page of its memory executed; the timer as fast as it goes (these two do not end)
 *   die-* what no kernel survives
 *
 * The command line names the cases. A multiboot1 kernel, so it can be tried on the bare machine too, where some of it has
 * other results.
 */
#include "hostile.h"

static unsigned tried, faulted, wrongs;

static const struct test_case {
	const char *name;
	routine *run;
} cases[] = {
    {"far", case_far},
    {"int", case_int},
    {"iret", case_iret},
    {"cr", case_cr},
    {"msr", case_msr},
    {"ports", case_ports},
    {"wrap", case_wrap},
    {"selfmap", case_selfmap},
    {"doors", case_doors},
    {"code", case_code},
    {"pit", case_pit},
    {"die-gdt", die_gdt},
    {"die-idt", die_idt},
    {"die-tss", die_tss},
    {"die-stack", die_stack},
    {"die-ss", die_ss},
    {"die-vm86", die_vm86},
    {"die-real", die_real},
    {"die-paging", die_paging},
    {"die-root", die_root},
    {"die-nowhere", die_nowhere},
};

bool attempt(routine *code)
{
	tried++;
	run(code, 0);
	faulted += fault_vector >= 0;
	return fault_vector < 0;
}

void wrong(const char *what, uint32_t about)
{
	wrongs++;
	put("WRONG: ", 0);
	put(what, 0);
	put(" ", 0);
	put(number(about), 0);
	put("\r\n", 0);
}

uint32_t random32(void)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 32;
}

static void one(const struct test_case *c)
{
	put("case ", 0);
	put(c->name, 0);
	put(": begins\r\n", 0);
	tried = faulted = 0;
	c->run();
	put("case ", 0);
	put(c->name, 0);
	put(": ", 0);
	put(number(tried), 0);
	put(" tried, ", 0);
	put(number(faulted), 0);
	put(" faulted\r\n", 0);
}

void main(const uint32_t *mbi)
{
	const char *cmdline = mbi[0] & 4 ? (const char *)mbi[4] : "";

	outb(COM1 + 3, 3); /* eight bits */
	for (unsigned i = 0; i < COUNT(cases); i++)
		if (has_word(cmdline, cases[i].name))
			one(&cases[i]);
	put("wrong: ", 0);
	put(number(wrongs), 0);
	put("\r\nhostile: end\r\n", 0);
	power_off();
}
