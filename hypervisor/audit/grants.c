/* SPDX-License-Identifier: MIT */
/* What the auditor (audit/audit.c) asks of the grant tables. Nothing runs meanwhile, so no lock is needed. */
#include "audit/audit.h"
#include "gnt/table.h"
#include "guest/domain.h"
#include "mm/page.h"

/* The mappings of @d, one by one. */
static struct maptrack *mapping(struct grant_table *gt, uint32_t handle)
{
	struct maptrack *m = maptrack_at(gt, handle);

	return m->granter ? m : NULL;
}

static uint32_t handles(const struct grant_table *gt)
{
	return gt->maptrack ? gt->maptrack_frames * MAPTRACKS_PER_FRAME : 0;
}

/* A device mapping holds its frame by the handle; what host mappings hold is seen in the page tables. Pins
 * are checked from the granter's side: the sum over all domains' mappings. */
static uint32_t pins_by(struct domain *mapper, struct domain *granter, uint32_t *writers)
{
	uint32_t pins = 0;

	for (uint32_t h = 0; h < handles(mapper->grants); h++) {
		struct maptrack *m = mapping(mapper->grants, h);

		if (m && m->granter == granter) {
			pins++;
			*writers += !(m->flags & GNTMAP_readonly);
		}
	}
	return pins;
}

static void check_pins(struct domain *granter)
{
	uint32_t pins = 0, writers = 0, want = 0, want_writers = 0;
	struct domain *d;

	for (grant_ref_t ref = 0; ref < granter->grants->frames * GRANTS_PER_FRAME; ref++) {
		pins += grant_use(granter->grants, ref)->pins;
		writers += grant_use(granter->grants, ref)->writers;
	}
	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		if (d->grants)
			want += pins_by(d, granter, &want_writers);
	}
	if (pins != want || writers != want_writers)
		audit_wrong("grants of %s: %u uses, %u wanted; %u of them for writing, %u wanted",
			    granter->name, pins, want, writers, want_writers);
}

void audit_grants(struct domain *d)
{
	for (uint32_t h = 0; h < handles(d->grants); h++) {
		struct maptrack *m = mapping(d->grants, h);

		if (!m || !(m->flags & GNTMAP_device_map))
			continue;
		if (m->flags & GNTMAP_readonly)
			audit_ref(grant_use(m->granter->grants, m->ref)->frame);
		else
			audit_use(grant_use(m->granter->grants, m->ref)->frame, PGT_WRITABLE);
	}
	check_pins(d);
}

bool audit_grant_maps(struct domain *d, mfn_t mfn, bool writable)
{
	for (uint32_t h = 0; d->grants && h < handles(d->grants); h++) {
		struct maptrack *m = mapping(d->grants, h);

		if (m && (m->flags & GNTMAP_host_map) && !(writable && (m->flags & GNTMAP_readonly)) &&
		    grant_use(m->granter->grants, m->ref)->frame == mfn)
			return true;
	}
	return false;
}
