/* SPDX-License-Identifier: MIT */
/*
 * platform_op: XENPF_get_cpuinfo tells of each processor, and says which numbers are invalid. What the wall clock is set to, guests
 * see in shared_info, as long as such a time exists. There is nothing from the BIOS but
 * its keyboard's flags, and nothing of EFI. The machine does not sleep. A bad pointer, another version of the interface and an unknown operation are refused.
 */
#include "fw.h"
#include "time.h"
#include "xen/platform.h"

const char test_title[] = "hc-platform-op";

static struct xen_platform_op op;

static long ask(uint32_t cpu)
{
	op = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo, .interface_version = XENPF_INTERFACE_VERSION};
	op.u.pcpu_info.xen_cpuid = cpu;
	return hypercall_platform_op(&op);
}

static void test_processors(void)
{
	uint32_t seen = 0;

	check_eq(ask(0), 0);
	for (uint32_t cpu = 0, last = op.u.pcpu_info.max_present; cpu <= last; cpu++) {
		check_eq(ask(cpu), 0);
		check_eq(op.u.pcpu_info.max_present, last);
		check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
		check(op.u.pcpu_info.apic_id < 32 && !(seen & 1u << op.u.pcpu_info.apic_id));
		seen |= 1u << op.u.pcpu_info.apic_id;
	}
	check_eq(ask(op.u.pcpu_info.max_present + 1), 0);
	check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
	check_eq(ask(~0u), 0);
	check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

static long set_time(uint64_t seconds, uint32_t ns, uint64_t at)
{
	op = (struct xen_platform_op){.cmd = XENPF_settime64, .interface_version = XENPF_INTERFACE_VERSION};
	op.u.settime64 = (struct xenpf_settime64){.secs = seconds, .nsecs = ns, .system_time = at};
	return hypercall_platform_op(&op);
}

static long set_time32(uint32_t seconds, uint32_t ns, uint64_t at)
{
	op = (struct xen_platform_op){.cmd = XENPF_settime32, .interface_version = XENPF_INTERFACE_VERSION};
	op.u.settime32 = (struct xenpf_settime32){.secs = seconds, .nsecs = ns, .system_time = at};
	return hypercall_platform_op(&op);
}

static void test_clock(void)
{
	uint32_t was = shared->wc_sec, version;

	check_eq(set_time(2000000000, 5, 3000000001), 0);
	check_eq(shared->wc_sec, 1999999997);
	check_eq(shared->wc_nsec, 4);
	version = shared->wc_version;
	check(!(version & 1));
	check_eq(set_time32(1999999999, 7, 0), 0);
	check_eq(shared->wc_sec, 1999999999);
	check_eq(shared->wc_nsec, 7);
	check_eq(shared->wc_version, version + 2);
	check_eq(set_time(1, 0, 2000000000), -XEN_EINVAL); /* before 1970 */
	check_eq(set_time(~0ull, ~0u, 0), -XEN_EINVAL);
	check_eq(set_time(1ull << 32, 0, 0), -XEN_EINVAL); /* in 2106 */
	check_eq(set_time((1ull << 32) - 1, 999999999, 0), 0);
	check_eq(shared->wc_sec, ~0u);
	check_eq(set_time32(1999999999, 7, 0), 0);
	check_eq(set_time(1, 0, ~0ull), -XEN_EINVAL);
	op.u.settime64 = (struct xenpf_settime64){.secs = 1, .mbz = 1};
	check_eq(hypercall_platform_op(&op), -XEN_EINVAL);
	check_eq(shared->wc_sec, 1999999999);
	check_eq(shared->wc_version, version + 6);
	check_eq(set_time(was, 0, 0), 0);
}

static long firmware(uint32_t type, uint32_t index)
{
	op = (struct xen_platform_op){.cmd = XENPF_firmware_info,
				      .interface_version = XENPF_INTERFACE_VERSION};
	op.u.firmware_info = (struct xenpf_firmware_info){.type = type, .index = index};
	return hypercall_platform_op(&op);
}

static void test_firmware(void)
{
	static const uint32_t indexes[] = {0, 1, ~0u};

	for (unsigned i = 0; i < ARRAY_SIZE(indexes); i++) {
		check_eq(firmware(XEN_FW_DISK_INFO, indexes[i]), -XEN_ESRCH);
		check_eq(firmware(XEN_FW_DISK_MBR_SIGNATURE, indexes[i]), -XEN_ESRCH);
		check_eq(firmware(XEN_FW_VBEDDC_INFO, indexes[i]), -XEN_ESRCH);
		check_eq(firmware(XEN_FW_EFI_INFO, indexes[i]), -XEN_ENOSYS);
		check_eq(firmware(XEN_FW_KBD_SHIFT_FLAGS, indexes[i]), i ? -XEN_ESRCH : 0);
		check_eq(firmware(0, indexes[i]), -XEN_EINVAL);
		check_eq(firmware(6, indexes[i]), -XEN_EINVAL);
		check_eq(firmware(~0u, indexes[i]), -XEN_EINVAL);
	}
}

/* Told so, Linux goes on at once as if it had been woken. */
static void test_sleep(void)
{
	for (uint32_t state = 0; state < 8; state++) {
		op = (struct xen_platform_op){.cmd = XENPF_enter_acpi_sleep,
					      .interface_version = XENPF_INTERFACE_VERSION};
		op.u.enter_acpi_sleep = (struct xenpf_enter_acpi_sleep){.sleep_state = state};
		check_eq(hypercall_platform_op(&op), -XEN_EOPNOTSUPP);
	}
}

void test_main(void)
{
	test_processors();
	test_sleep();
	test_clock();
	test_firmware();
	check_eq(hypercall_platform_op((void *)8), -XEN_EFAULT);
	op.interface_version = XENPF_INTERFACE_VERSION - 1;
	check_eq(hypercall_platform_op(&op), -XEN_EACCES);
	op = (struct xen_platform_op){.cmd = 9999, .interface_version = XENPF_INTERFACE_VERSION};
	check_eq(hypercall_platform_op(&op), -XEN_ENOSYS);
}
