/* SPDX-License-Identifier: MIT */
/* The processor's name from CPUID (SDM 2A, CPUID: leaf 0, vendor; leaves 80000002H to 80000004H, brand). */
#include "machine.h"
#include "x86/cpu.h"
#include "kern/lib/string.h"

void cpu_vendor(char name[CPU_NAME_MAX])
{
	struct cpuid id = cpuid(0);
	uint32_t words[3] = {id.ebx, id.edx, id.ecx};

	memcpy(name, words, sizeof(words));
	name[sizeof(words)] = 0;
}

void cpu_model(char name[CPU_NAME_MAX])
{
	uint32_t i;

	strlcpy(name, "unknown", CPU_NAME_MAX);
	if (cpuid(0x80000000).eax < 0x80000004)
		return;
	for (i = 0; i < 3; i++) {
		struct cpuid id = cpuid(0x80000002 + i);

		memcpy(name + 16 * i, &id, 16);
	}
	name[48] = 0;
}
