/* SPDX-License-Identifier: MIT */
/* xen_version: what guests may ask about the hypervisor. Strings fill their whole array with zeros. */
#include "dom/domain.h"
#include "guest/abi.h"
#include "guest/paging.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/image.h"
#include "lib/options.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mm/guest_copy.h"
#include "xen/version.h"

static long put_string(gva_t arg, const char *s, size_t size)
{
	char buf[sizeof(xen_capabilities_info_t)] = {0};

	strlcpy(buf, s, size);
	return guest_write(arg, buf, size);
}

static long put_compile_info(gva_t arg)
{
	struct xen_compile_info info = {.compiler = VERSION_COMPILER,
					.compile_by = VERSION_COMPILE_BY,
					.compile_domain = VERSION_COMPILE_DOMAIN,
					.compile_date = VERSION_COMPILE_DATE};

	return guest_put(arg, &info, xen_compile_info);
}

static long put_platform_parameters(gva_t arg)
{
	struct xen_platform_parameters p = {.virt_start = current->domain->paging->hv_start};

	return guest_put(arg, &p, xen_platform_parameters);
}

static long put_features(gva_t arg)
{
	struct xen_feature_info fi;

	if (guest_get(&fi, arg, xen_feature_info))
		return -EFAULT;
	if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	fi.submap = 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad |
		    1u << XENFEAT_gnttab_map_avail_bits;
	if (current->domain->privileged)
		fi.submap |= 1u << XENFEAT_dom0;
	return guest_put(arg, &fi, xen_feature_info);
}

/* The linker's note (ELF, Note Section): three words, the name "GNU", the sum. Without an address: how long that is. */
static long put_build_id(gva_t arg)
{
	const struct {
		uint32_t name_size, size, type;
		char name[4];
		uint8_t sum[];
	} *note = (const void *)build_id_start;
	struct xen_build_id id = {0};

	if (build_id_end - build_id_start <= (long)sizeof(*note))
		return -ENODATA; /* linked without */
	if (arg && guest_read(&id, arg, sizeof(id)))
		return -EFAULT;
	if (arg && !id.len)
		return -EINVAL;
	if (!arg)
		return note->size;
	if (id.len < note->size)
		return -ENOBUFS;
	if (guest_write(arg + offsetof(struct xen_build_id, buf), note->sum, note->size))
		return -EFAULT;
	return note->size;
}

long hc_xen_version(uint64_t cmd, uint64_t arg)
{
	/* By custom this is also the hypercall that does nothing: guests use it to have waiting events delivered. */
	if (likely((uint32_t)cmd == XENVER_version))
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	switch ((uint32_t)cmd) {
	case XENVER_extraversion:
		return put_string(arg, VERSION_EXTRA, sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return put_compile_info(arg);
	case XENVER_capabilities:
		return put_string(arg, "xen-3.0-x86_64 xen-3.0-x86_32p ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return put_string(arg, version_changeset, sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters:
		return put_platform_parameters(arg);
	case XENVER_get_features:
		return put_features(arg);
	case XENVER_pagesize:
		return arg ? -EINVAL : (long)PAGE_SIZE;
	case XENVER_guest_handle:
		return guest_write(arg, current->domain->dom.uuid, sizeof(current->domain->dom.uuid));
	case XENVER_commandline:
		return put_string(arg, current->domain->privileged ? options.line : "<denied>",
				  sizeof(xen_commandline_t));
	case XENVER_build_id:
		return current->domain->privileged ? put_build_id(arg) : -EPERM;
	}
	return -ENOSYS;
}
