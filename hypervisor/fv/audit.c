/* SPDX-License-Identifier: MIT */
/* What an fv domain adds to the audit of all frames (mm/audit.h): its holds on its RAM, and that shadows keep
 * their rules. */
#include "mm/audit.h"
#include "fv/fv.h"
#include "mm/page.h"

void fv_audit(struct vcpu *v)
{
	struct fv *fv = fv_of(v);

	if (!fv || !fv->frames)
		return;
	for (uint32_t pfn = 0; pfn < fv->ram_pages; pfn++) {
		const struct fv_frame *f = fv_frame(fv, pfn);

		if (!f->mfn) /* not found yet: it is being built */
			continue;
		audit_use(f->mfn, PGT_WRITABLE);
		if (m2p_get(f->mfn) != pfn)
			audit_wrong("%s: guest frame %x is not that of frame %x", v->domain->name, pfn,
				    f->mfn);
		if (f->writers != fv_shadow_count_writers(fv, pfn))
			audit_wrong("%s: %u shadow entries write to guest frame %x, counted %u",
				    v->domain->name, fv_shadow_count_writers(fv, pfn), pfn, f->writers);
		if (f->writers && (f->shadows || f->code != FV_CODE_UNKNOWN) && !fv->lax)
			audit_wrong("%s: guest frame %x is a table or code, and mapped writable",
				    v->domain->name, pfn);
	}
	if (fv->console)
		audit_use(virt_to_mfn(fv->console), PGT_WRITABLE);
}
