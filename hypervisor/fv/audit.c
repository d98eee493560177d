/* SPDX-License-Identifier: MIT */
/* What an fv domain adds to the audit of all frames (audit/audit.h): its holds on its RAM, and that shadows keep
 * their rules. */
#include "fv/fv.h"
#include "guest/kind.h"
#include "mm/page.h"

void fv_audit(struct vcpu *v, const struct audit_report *to)
{
	struct fv *fv = fv_of(v);

	if (!fv || !fv->frames)
		return;
	for (uint32_t pfn = 0; pfn < fv->ram_pages; pfn++) {
		const struct fv_frame *f = fv_frame(fv, pfn);

		if (!f->mfn) /* not found yet: it is being built */
			continue;
		to->use(f->mfn, PGT_WRITABLE);
		if (m2p_get(f->mfn) != pfn)
			to->wrong("%s: guest frame %x is not that of frame %x", v->domain->name, pfn, f->mfn);
		if (f->writers != fv_shadow_count_writers(fv, pfn))
			to->wrong("%s: %u shadow entries write to guest frame %x, counted %u",
				  v->domain->name, fv_shadow_count_writers(fv, pfn), pfn, f->writers);
		if (f->writers && (f->shadows || f->code != FV_CODE_UNKNOWN) && !fv->lax)
			to->wrong("%s: guest frame %x is a table or code, and mapped writable",
				  v->domain->name, pfn);
	}
	if (fv->pc.console)
		to->use(virt_to_mfn(fv->pc.console), PGT_WRITABLE);
}
