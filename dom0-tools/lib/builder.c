/* SPDX-License-Identifier: MIT */
/* See builder.h: `struct build` is the state of one construction. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

int build_domain(struct hv *hv, const struct build_request *request, struct build_result *result)
{
	struct build b = {.hv = hv, .request = request, .conf = request->conf, .result = result};
	int rc;

	memset(result, 0, sizeof(*result));
	result->id = NO_DOMAIN_YET;
	rc = b.conf->fv ? build_fv(&b) : build_pv(&b);
	kernel_free(&b.kernel);
	free(b.initrd);
	free(b.p2m);
	return rc;
}
