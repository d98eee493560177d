/* SPDX-License-Identifier: MIT */
/* xl's settings that change nothing here (the names of xl.cfg(5), Xen 4.17), and keys that are no settings at all. */
#include "domconf.h"
#include "err.h"
#include "files.h"

#include <string.h>

static const char *const devices[] = {"channel", "dtdev",   "p9",   "pci",     "pvcalls",    "rdm",
				      "serial",  "soundhw", "usb",  "usbctrl", "usbdev",     "usbdevice",
				      "vdispl",  "vfb",     "vif2", "vkb",     "vkb_device", "vsnd",
				      "vtpm",    "vuart",   NULL};

static const char *const hardware[] = {"acpi",
				       "acpi_firmware",
				       "acpi_laptop_slate",
				       "acpi_s3",
				       "acpi_s4",
				       "altp2m",
				       "altp2mhvm",
				       "apic",
				       "bios",
				       "bios_path_override",
				       "boot",
				       "firmware",
				       "firmware_override",
				       "gfx_passthru",
				       "hap",
				       "hdtype",
				       "hpet",
				       "hvm",
				       "keymap",
				       "localtime",
				       "mca_caps",
				       "mmio_hole",
				       "ms_vm_genid",
				       "msr_relaxed",
				       "nestedhvm",
				       "nographic",
				       "nx",
				       "oos",
				       "opengl",
				       "pae",
				       "rdm_mem_boundary",
				       "rtc_timeoffset",
				       "sdl",
				       "shadow_memory",
				       "smbios_firmware",
				       "spice",
				       "spice_clipboard_sharing",
				       "spice_image_compression",
				       "spice_streaming_video",
				       "spiceagent_mouse",
				       "spicedisable_ticketing",
				       "spicehost",
				       "spicepasswd",
				       "spiceport",
				       "spicetls_port",
				       "spiceusbredirection",
				       "spicevdagent",
				       "stdvga",
				       "timer_mode",
				       "vendor_device",
				       "vga",
				       "videoram",
				       "viridian",
				       "vnc",
				       "vncconsole",
				       "vncdisplay",
				       "vnclisten",
				       "vncpasswd",
				       "vncunused",
				       "vncviewer",
				       "vpt_align",
				       "xauthority",
				       "xen_platform_pci",
				       NULL};

static const char *const models[] = {"bootloader",
				     "bootloader_args",
				     "device_model",
				     "device_model_args",
				     "device_model_args_hvm",
				     "device_model_args_pv",
				     "device_model_override",
				     "device_model_stubdomain_override",
				     "device_model_stubdomain_seclabel",
				     "device_model_user",
				     "device_model_version",
				     "dm_restrict",
				     "driver_domain",
				     "pvshim",
				     "pvshim_cmdline",
				     "pvshim_extra",
				     "pvshim_path",
				     "stubdomain_cmdline",
				     "stubdomain_kernel",
				     "stubdomain_memory",
				     "stubdomain_ramdisk",
				     "xend_suspend_evtchn_compat",
				     NULL};

static const char *const passing[] = {
    "iomem",          "ioports",        "irqs",      "passthrough", "pci_msitranslate",
    "pci_permissive", "pci_power_mgmt", "pci_seize", "e820_host",   NULL};

static const char *const placing[] = {"blkif",  "budget",    "cap",       "claim_mode", "cpu",   "cpu_weight",
				      "cpus",   "cpus_soft", "extratime", "latency",    "netif", "nodes",
				      "period", "pool",      "slice",     "vnuma",      NULL};

static const char *const others[] = {"cpuid",
				     "device_tree",
				     "gic_version",
				     "init_seclabel",
				     "max_event_channels",
				     "max_grant_frames",
				     "max_grant_version",
				     "max_maptrack_frames",
				     "nomigrate",
				     "on_soft_reset",
				     "sched",
				     "seclabel",
				     "tee",
				     "tsc_mode",
				     "vmtrace_buf_kb",
				     "vpmu",
				     NULL};

static const struct {
	const char *const *keys;
	const char *why;
} groups[] = {
    {devices, "the domain gets no such device"},
    {hardware, "a paravirtual domain has no such hardware"},
    {models, "no other program takes part in building or running a domain"},
    {passing, "no part of the machine is handed to a domain"},
    {placing, "every vCPU may run on every CPU, with the same share"},
    {others, "the hypervisor's default applies"},
};

static bool is_in(const char *key, const char *const *keys)
{
	while (*keys && strcmp(*keys, key))
		keys++;
	return *keys != NULL;
}

static const char *why_without(const char *key)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		if (is_in(key, groups[g].keys))
			return groups[g].why;
	return NULL;
}

/* [] and "" ask for nothing. */
static bool is_empty(const struct cfg_value *value)
{
	return value->kind == CFG_LIST ? !value->count : !*value->text;
}

/* The known key closest to an unknown one; keys with an effect come first. */
static const char *meant(const char *key, const char *const *known)
{
	const char *near = nearest(key, known);

	for (size_t g = 0; !near && g < sizeof(groups) / sizeof(*groups); g++)
		near = nearest(key, groups[g].keys);
	return near;
}

void domconf_warn_keys(const struct cfg *cfg, const char *const *known)
{
	for (size_t i = 0; i < cfg->count; i++) {
		const char *key = cfg->items[i].key, *why, *near;

		if (!cfg_find(cfg, key) || is_in(key, known) || is_empty(&cfg->items[i].value))
			continue;
		why = why_without(key);
		near = why ? NULL : meant(key, known);
		if (why)
			cfg_warn(cfg, key, "has no effect: %s", why);
		else if (near)
			cfg_warn(cfg, key, "is not a setting and is ignored; did you mean \"%s\"?", near);
		else
			cfg_warn(cfg, key, "is not a setting and is ignored");
	}
}
