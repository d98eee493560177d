/* SPDX-License-Identifier: MIT */
/*
 * xen_version: every sub-operation that a guest may ask answers as the ABI says; strings are ended by a zero
 * and the rest of their array is zero; the build id is a sum of the image, into no less room than it takes, and
 * for Dom0 alone (-EPERM); a bad command gives -ENOSYS, a bad pointer -EFAULT.
 */
#include "fw.h"
#include "xen/features.h"

const char test_title[] = "hc-xen-version";

static bool zero_filled(const char *s, size_t size)
{
	size_t n = 0;

	while (n < size && s[n])
		n++;
	for (size_t i = n; i < size; i++)
		if (s[i])
			return false;
	return n > 0 && n < size;
}

static bool is_dom0(void)
{
	return start_info->flags & SIF_INITDOMAIN;
}

/* The same twice, and not all the same. */
static void build_id(void)
{
	static union {
		struct xen_build_id id;
		uint8_t bytes[64];
	} a, b;
	long n = hypercall_xen_version(XENVER_build_id, NULL);
	unsigned differ = 0;

	a.id.len = b.id.len = 40;
	if (!is_dom0()) {
		check_eq(n, -XEN_EPERM);
		check_eq(hypercall_xen_version(XENVER_build_id, &a), -XEN_EPERM);
		return;
	}
	check_eq(n, 20);
	check_eq(hypercall_xen_version(XENVER_build_id, &a), n);
	check_eq(hypercall_xen_version(XENVER_build_id, &b), n);
	check_eq(a.id.len, 40);
	for (long i = 0; i < n; i++) {
		check_eq(a.id.buf[i], b.id.buf[i]);
		differ += a.id.buf[i] != a.id.buf[0];
	}
	check(differ > 10);
	for (unsigned i = sizeof(a.id) + n; i < sizeof(a); i++)
		check_eq(a.bytes[i], 0);
	a.id.len = n - 1;
	check_eq(hypercall_xen_version(XENVER_build_id, &a), -XEN_ENOBUFS);
	a.id.len = 0;
	check_eq(hypercall_xen_version(XENVER_build_id, &a), -XEN_EINVAL);
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	xen_extraversion_t extra;
	xen_capabilities_info_t caps;
	struct xen_feature_info features = {.submap_idx = 0};
	struct xen_platform_parameters params;

	check_eq(hypercall_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	__builtin_memset(extra, 0xff, sizeof(extra));
	check_eq(hypercall_xen_version(XENVER_extraversion, extra), 0);
	check(zero_filled(extra, sizeof(extra)));
	__builtin_memset(caps, 0xff, sizeof(caps));
	check_eq(hypercall_xen_version(XENVER_capabilities, caps), 0);
	check(zero_filled(caps, sizeof(caps)));
	printk("capabilities: %s\n", caps);
	check_eq(hypercall_xen_version(XENVER_get_features, &features), 0);
	check(features.submap & (1u << XENFEAT_mmu_pt_update_preserve_ad));
	check(features.submap & (1u << XENFEAT_gnttab_map_avail_bits));
	check(!(features.submap & (1u << XENFEAT_writable_page_tables)));
	features.submap_idx = XENFEAT_NR_SUBMAPS;
	check_eq(hypercall_xen_version(XENVER_get_features, &features), -XEN_EINVAL);
	check_eq(hypercall_xen_version(XENVER_platform_parameters, &params), 0);
	check_eq(hypercall_xen_version(XENVER_pagesize, NULL), 4096);
	check_eq(hypercall_xen_version(999, NULL), -XEN_ENOSYS);
	build_id();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(hypercall_xen_version(XENVER_build_id, (void *)bad[i]),
			 is_dom0() ? -XEN_EFAULT : -XEN_EPERM);
		/* Strings end with the array, so that an address just below a hole is bad too. */
		check_eq(hypercall_xen_version(XENVER_capabilities, (void *)bad[i]), -XEN_EFAULT);
		check_eq(hypercall_xen_version(XENVER_get_features, (void *)bad[i]), -XEN_EFAULT);
	}
}
