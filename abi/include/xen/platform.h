/* SPDX-License-Identifier: MIT */
/* platform_op(struct *): Dom0 asks about the machine. Only what Ringlet knows is here. */
#pragma once

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

/* The wall clock had this value at system_time: what all guests are told. */
#define XENPF_settime32 17
#define XENPF_settime64 62

struct xenpf_settime32 {
	uint32_t secs;
	uint32_t nsecs;
	uint64_t system_time;
};

struct xenpf_settime64 {
	uint64_t secs;
	uint32_t nsecs;
	uint32_t mbz;
	uint64_t system_time;
};

#define XENPF_firmware_info 50

#define XEN_FW_DISK_INFO          1
#define XEN_FW_DISK_MBR_SIGNATURE 2
#define XEN_FW_VBEDDC_INFO        3
#define XEN_FW_EFI_INFO           4
#define XEN_FW_KBD_SHIFT_FLAGS    5

struct xenpf_firmware_info {
	uint32_t type; /* in: XEN_FW_* */
	uint32_t index;
	union {
		union {
			struct {
				uint64_t addr;
				uint64_t size;
				uint64_t attr;
				uint32_t type;
			} mem;
		} efi_info;
		uint8_t kbd_shift_flags; /* as the BIOS gives them by INT 16h, AH 2 */
	} u;
};

#define XENPF_enter_acpi_sleep 51

struct xenpf_enter_acpi_sleep {
	uint16_t val_a, val_b; /* for the registers PM1a and PM1b */
	uint32_t sleep_state;  /* 3 for S3 */
	uint32_t flags;
};

#define XENPF_get_cpuinfo 55

#define XEN_PCPU_FLAGS_ONLINE  1
#define XEN_PCPU_FLAGS_INVALID 2 /* there is no such processor */

struct xenpf_pcpuinfo {
	uint32_t xen_cpuid;   /* in */
	uint32_t max_present; /* out, as the rest: the highest number of a processor */
	uint32_t flags;       /* XEN_PCPU_FLAGS_* */
	uint32_t apic_id;
	uint32_t acpi_id; /* as the MADT names it */
};

struct xen_platform_op {
	uint32_t cmd;
	uint32_t interface_version; /* XENPF_INTERFACE_VERSION */
	union {
		struct xenpf_settime32 settime32;
		struct xenpf_settime64 settime64;
		struct xenpf_firmware_info firmware_info;
		struct xenpf_enter_acpi_sleep enter_acpi_sleep;
		struct xenpf_pcpuinfo pcpu_info;
		uint8_t pad[128];
	} u;
};
