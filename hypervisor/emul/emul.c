/* SPDX-License-Identifier: MIT */
/* What any face of the emulator needs (emul.h), off the way of most instructions. */
#include "emul/emul.h"
#include "emul/face.h"

void emul_back_to_int(struct vcpu *v, const struct emul_face *face, uint8_t vector)
{
	unsigned length;

	v->regs.rip -= 2;
	if (emul_int(v, face, &length) != vector || length != 2)
		v->regs.rip++;
}

enum emul_result emul_nothing(struct emul *e)
{
	return EMUL_DONE;
}
