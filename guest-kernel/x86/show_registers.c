/* SPDX-License-Identifier: MIT */
/* A trap frame as text: the field names are the processor's, so this is per word size. */
#include "machine.h"
#include "kern/lib/string.h"

struct named {
	const char *name;
	size_t offset;
};

#define REG(name, field)                                \
	{                                               \
		name, offsetof(struct trapframe, field) \
	}

static const struct named regs[] = {
#ifdef __x86_64__
    REG("rip", ip),  REG(" cs", cs),  REG("flg", flags), REG("rsp", sp),  REG("rax", ax),
    REG("rbx", rbx), REG("rcx", rcx), REG("rdx", rdx),   REG("rsi", rsi), REG("rdi", rdi),
    REG("rbp", rbp), REG(" r8", r8),  REG(" r9", r9),    REG("r10", r10), REG("r11", r11),
    REG("r12", r12), REG("r13", r13), REG("r14", r14),   REG("r15", r15), REG("err", error),
#else
    REG("eip", ip),  REG(" cs", cs),  REG("flg", flags), REG("err", error), REG("eax", ax),  REG("ebx", ebx),
    REG("ecx", ecx), REG("edx", edx), REG("esi", esi),   REG("edi", edi),   REG("ebp", ebp), REG(" gs", gs),
#endif
};

#define PER_LINE 4

bool show_registers_line(const struct trapframe *tf, int i, char *buf, size_t size)
{
	size_t k, used = 0;

	for (k = i * PER_LINE; k < ARRAY_SIZE(regs) && k < (size_t)(i + 1) * PER_LINE; k++) {
		ulong value = *(const ulong *)((const char *)tf + regs[k].offset);

		used += snprintf(buf + used, size - used, "%s %0*lx  ", regs[k].name,
				 (int)(2 * sizeof(ulong)), value);
	}
	return used;
}
