/* SPDX-License-Identifier: MIT */
/* See guest_abi.h. */
#include "guest_abi.h"

#include <stddef.h>
#include <string.h>

#include <xen/xen.h>

#include "compat_offsets.h"

#define PTE_P  0x001
#define PTE_RW 0x002
#define PTE_U  0x004
#define PTE_A  0x020
#define PTE_D  0x040

static uint64_t cr3_pv64(uint64_t mfn)
{
	return mfn << 12;
}

/* A PAE root above 4 GiB: the frame number's top bits go into the low 12 (xen-x86_32.h). */
static uint64_t cr3_pv32(uint64_t mfn)
{
	return (uint32_t)(mfn << 12 | mfn >> 20);
}

const struct guest_abi abi_pv64 = {
    .kind = "pv64",
    .magic = "xen-3.0-x86_64",
    .word = 8,
    .levels = 4,
    .l1_flags = PTE_P | PTE_RW | PTE_A,
    .l2_flags = PTE_P | PTE_RW | PTE_A | PTE_D | PTE_U,
    .l3_flags = PTE_P | PTE_RW | PTE_A | PTE_D | PTE_U,
    .l4_flags = PTE_P | PTE_RW | PTE_A | PTE_D | PTE_U,
    .kernel_cs = FLAT_RING3_CS64,
    .kernel_ds = FLAT_RING3_DS64,
    .kernel_ss = FLAT_RING3_SS64,
    .si = {.size = 0x490,
	   .nr_pages = 0x20,
	   .shared_info = 0x28,
	   .flags = 0x30,
	   .store_mfn = 0x38,
	   .store_evtchn = 0x40,
	   .console_mfn = 0x48,
	   .console_evtchn = 0x50,
	   .pt_base = 0x58,
	   .nr_pt_frames = 0x60,
	   .mfn_list = 0x68,
	   .mod_start = 0x70,
	   .mod_len = 0x78,
	   .cmd_line = 0x80,
	   .first_p2m_pfn = 0x480,
	   .nr_p2m_frames = 0x488},
    .ctx = {.size = 5168,
	    .flags = 0x200,
	    .kernel_ss = 0x1368,
	    .kernel_sp = 0x1370,
	    .cr3 = 0x1378 + 3 * 8,
	    .vm_assist = 0x1410,
	    .ip = 0x208 + 0x80,
	    .cs = 0x208 + 0x88,
	    .ip_flags = 0x208 + 0x90,
	    .sp = 0x208 + 0x98,
	    .ss = 0x208 + 0xa0,
	    .es = 0x208 + 0xa8,
	    .ds = 0x208 + 0xb0,
	    .fs = 0x208 + 0xb8,
	    .gs = 0x208 + 0xc0,
	    .start_info = 0x208 + 0x68},
    .cr3 = cr3_pv64,
};

#define SI32(field)   COMPAT_start_info_##field
#define CTX32(field)  COMPAT_vcpu_guest_context_##field
#define REGS32(field) (COMPAT_vcpu_guest_context_user_regs + COMPAT_cpu_user_regs_##field)

const struct guest_abi abi_pv32 = {
    .kind = "pv32",
    .magic = "xen-3.0-x86_32p",
    .word = 4,
    .levels = 3,
    .l1_flags = PTE_P | PTE_RW | PTE_A,
    .l2_flags = PTE_P | PTE_RW | PTE_A | PTE_D | PTE_U,
    .l3_flags = PTE_P, /* PAE: all else is reserved in this level (SDM 3A 4.4.1, PDPTE Registers) */
    .kernel_cs = FLAT_RING1_CS,
    .kernel_ds = FLAT_RING1_DS,
    .kernel_ss = FLAT_RING1_SS,
    .si = {.size = COMPAT_SIZEOF_start_info,
	   .nr_pages = SI32(nr_pages),
	   .shared_info = SI32(shared_info),
	   .flags = SI32(flags),
	   .store_mfn = SI32(store_mfn),
	   .store_evtchn = SI32(store_evtchn),
	   .console_mfn = SI32(console_domU_mfn),
	   .console_evtchn = SI32(console_domU_evtchn),
	   .pt_base = SI32(pt_base),
	   .nr_pt_frames = SI32(nr_pt_frames),
	   .mfn_list = SI32(mfn_list),
	   .mod_start = SI32(mod_start),
	   .mod_len = SI32(mod_len),
	   .cmd_line = SI32(cmd_line),
	   .first_p2m_pfn = SI32(first_p2m_pfn),
	   .nr_p2m_frames = SI32(nr_p2m_frames)},
    .ctx = {.size = COMPAT_SIZEOF_vcpu_guest_context,
	    .flags = CTX32(flags),
	    .kernel_ss = CTX32(kernel_ss),
	    .kernel_sp = CTX32(kernel_sp),
	    .cr3 = CTX32(ctrlreg) + 3 * 4,
	    .vm_assist = CTX32(vm_assist),
	    .ip = REGS32(eip),
	    .cs = REGS32(cs),
	    .ip_flags = REGS32(eflags),
	    .sp = REGS32(esp),
	    .ss = REGS32(ss),
	    .es = REGS32(es),
	    .ds = REGS32(ds),
	    .fs = REGS32(fs),
	    .gs = REGS32(gs),
	    .start_info = REGS32(esi)},
    .cr3 = cr3_pv32,
};

#ifdef __x86_64__
#define SAME(offset, type, field) _Static_assert((offset) == offsetof(type, field), #field " of pv64")
SAME(0x20, struct start_info, nr_pages);
SAME(0x28, struct start_info, shared_info);
SAME(0x30, struct start_info, flags);
SAME(0x38, struct start_info, store_mfn);
SAME(0x40, struct start_info, store_evtchn);
SAME(0x48, struct start_info, console.domU.mfn);
SAME(0x50, struct start_info, console.domU.evtchn);
SAME(0x58, struct start_info, pt_base);
SAME(0x60, struct start_info, nr_pt_frames);
SAME(0x68, struct start_info, mfn_list);
SAME(0x70, struct start_info, mod_start);
SAME(0x78, struct start_info, mod_len);
SAME(0x80, struct start_info, cmd_line);
SAME(0x480, struct start_info, first_p2m_pfn);
SAME(0x488, struct start_info, nr_p2m_frames);
SAME(0x200, struct vcpu_guest_context, flags);
SAME(0x208, struct vcpu_guest_context, user_regs);
SAME(0x208 + 0x80, struct vcpu_guest_context, user_regs.rip);
SAME(0x208 + 0x68, struct vcpu_guest_context, user_regs.rsi);
SAME(0x208 + 0xc0, struct vcpu_guest_context, user_regs.gs);
SAME(0x1368, struct vcpu_guest_context, kernel_ss);
SAME(0x1378, struct vcpu_guest_context, ctrlreg);
SAME(0x1410, struct vcpu_guest_context, vm_assist);
_Static_assert(sizeof(struct start_info) == 0x490 && sizeof(struct vcpu_guest_context) == 5168,
	       "sizes of pv64");
#endif

void abi_put(const struct guest_abi *abi, void *page, unsigned offset, uint64_t value)
{
	memcpy((char *)page + offset, &value, abi->word); /* little endian: the low bytes come first */
}

void abi_put32(void *page, unsigned offset, uint32_t value)
{
	memcpy((char *)page + offset, &value, sizeof(value));
}

void abi_put16(void *page, unsigned offset, uint16_t value)
{
	memcpy((char *)page + offset, &value, sizeof(value));
}
