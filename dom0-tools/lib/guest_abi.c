/* SPDX-License-Identifier: MIT */
/* See guest_abi.h. */
#include "guest_abi.h"

#include <string.h>

#include <xen/xen.h>

#include "compat_offsets.h"

static uint64_t cr3_pv64(uint64_t mfn)
{
	return mfn << 12;
}

/* A PAE root above 4 GiB: the frame number's top bits go into the low 12 (xen-x86_32.h). */
static uint64_t cr3_pv32(uint64_t mfn)
{
	return (uint32_t)(mfn << 12 | mfn >> 20);
}

/* The registers of both kinds have pv32's names. @word: bytes of a control register. */
#define REG(kind, field) (kind##_vcpu_guest_context_user_regs + kind##_cpu_user_regs_##field)
#define CONTEXT(kind, word)                                                                            \
	{                                                                                              \
		.size = kind##_SIZEOF_vcpu_guest_context, .flags = kind##_vcpu_guest_context_flags,    \
		.kernel_ss = kind##_vcpu_guest_context_kernel_ss,                                      \
		.kernel_sp = kind##_vcpu_guest_context_kernel_sp,                                      \
		.cr3 = kind##_vcpu_guest_context_ctrlreg + 3 * (word),                                 \
		.vm_assist = kind##_vcpu_guest_context_vm_assist, .ax = REG(kind, eax),                \
		.bx = REG(kind, ebx), .si = REG(kind, esi), .ip = REG(kind, eip), .cs = REG(kind, cs), \
		.eflags = REG(kind, eflags), .sp = REG(kind, esp), .bp = REG(kind, ebp),               \
		.ss = REG(kind, ss), .es = REG(kind, es), .ds = REG(kind, ds), .fs = REG(kind, fs),    \
		.gs = REG(kind, gs), .event_callback = kind##_vcpu_guest_context_event_callback_eip,   \
		.failsafe_callback = kind##_vcpu_guest_context_failsafe_callback_eip,                  \
	}

const struct guest_abi abi_pv64 = {
    .first = &first_pv64,
    .kind = "pv64",
    .kernel_cs = FLAT_RING3_CS64,
    .kernel_ds = FLAT_RING3_DS64,
    .kernel_ss = FLAT_RING3_SS64,
    .ctx = CONTEXT(PV64, 8),
    .cr3 = cr3_pv64,
};

const struct guest_abi abi_pv32 = {
    .first = &first_pv32,
    .kind = "pv32",
    .kernel_cs = FLAT_RING1_CS,
    .kernel_ds = FLAT_RING1_DS,
    .kernel_ss = FLAT_RING1_SS,
    .ctx = CONTEXT(COMPAT, 4),
    .cr3 = cr3_pv32,
};

void abi_put(const struct guest_abi *abi, void *page, unsigned offset, uint64_t value)
{
	memcpy((char *)page + offset, &value, abi->first->word); /* little endian: the low bytes come first */
}

uint64_t abi_get(const struct guest_abi *abi, const void *page, unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)page + offset, abi->first->word);
	return value;
}

void abi_put32(void *page, unsigned offset, uint32_t value)
{
	memcpy((char *)page + offset, &value, sizeof(value));
}

void abi_put16(void *page, unsigned offset, uint16_t value)
{
	memcpy((char *)page + offset, &value, sizeof(value));
}
