/* SPDX-License-Identifier: MIT */
/* A second vCPU: what VCPUOP_initialise needs. It has no traps and no events; a fault of it is the guest's end. */
#include "fw.h"

struct vcpu_guest_context *vcpu_context(void (*fn)(void))
{
	static struct vcpu_guest_context c;
	static char stack[16384] __attribute__((aligned(16)));
	unsigned long top = (unsigned long)stack + sizeof(stack) - 16;

	c = (struct vcpu_guest_context){.flags = VGCF_in_kernel};
#ifdef __x86_64__
	c.user_regs.rip = (unsigned long)fn;
	c.user_regs.rsp = top - 8; /* as after a call */
	c.user_regs.rflags = 0x200;
#else
	c.user_regs.eip = (unsigned long)fn;
	c.user_regs.esp = top - 4;
	c.user_regs.eflags = 0x200;
	c.user_regs.ds = c.user_regs.es = FLAT_KERNEL_DS;
#endif
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = top;
	c.ctrlreg[3] = xen_pfn_to_cr3(root_mfn());
	return &c;
}
