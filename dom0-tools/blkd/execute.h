/* SPDX-License-Identifier: MIT */
/* Does a batch of requests to the image: neighbours as one, and several at a time where the image allows it. */
#pragma once

#include "ring.h"

/* Those with status BLK_OKAY; sets the status of those that fail. Reports errors, but not each. */
void execute(struct ring *r, struct request *requests, unsigned count);
