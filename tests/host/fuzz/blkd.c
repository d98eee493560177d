/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of rl-blkd's ring: the input is what a front end writes into its slots and indexes, and what it changes while its
 * request is being done. Whatever that is: the image is asked for nothing past its end, and for no write if it is read-only; no
 * page is touched but where a request says; each request taken is answered once, the padding of the answer is zero; and the
 * ring can be connected anew.
 */
#include "blkd_host.h"
#include "input.h"

static void crash_point(void)
{
}

static void scribble(void)
{
	for (unsigned n = input_below(4); n; n--)
		shared[input_below(4096)] = (uint8_t)input_below(256);
}

/* A slot that makes some sense, so that much of it is looked at. */
static void put(void)
{
	uint8_t *s = slot(head()->req_prod);
	unsigned count = input_below(14);
	uint64_t sector = input_below(SECTORS + 2);

	s[0] = (uint8_t)input_below(8);
	s[1] = (uint8_t)count;
	s[2] = (uint8_t)input_below(80);
	s[3] = (uint8_t)(input_below(8) == 7);
	memcpy(s + ring.layout->sector, &sector, 8);
	for (unsigned i = 0; i < 11; i++) {
		struct blk_segment g = {input_below(GRANTED + 1), (uint8_t)input_below(9),
					(uint8_t)input_below(9), 0};

		memcpy(s + ring.layout->segments + 8 * i, &g, 8);
		if (s[0] == BLK_INDIRECT)
			memcpy(granted[15] + 8 * i, &g, 8);
	}
	if (s[0] == BLK_INDIRECT) {
		s[1] = count & 1;
		memcpy(s + ring.layout->refs, &(uint32_t){15}, 4);
	}
	head()->req_prod++;
}

static void serve(void)
{
	uint32_t before = ring.cons;
	bool tell;

	for (unsigned i = 0; i < 4; i++)
		if (ring_serve(&ring, &tell) != RING_MORE)
			break;
	must(ring.broken || ring.cons - before <= 4 * BATCH_REQUESTS);
	for (uint32_t i = before; i != ring.cons && !meanwhile; i++)
		must(!slot(i)[9] && (ring.layout->slot != 112 || !memcmp(slot(i) + 12, "\0\0\0\0", 4)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const protocols[] = {"x86_64-abi", "x86_32-abi"};

	fail_quiet(true);
	input_begin(bytes, size);
	begin(protocols[input_below(2)], 1u << input_below(3));
	image.readonly = input_below(4) == 3;
	image.discards = !image.readonly;
	while (!input_ended()) {
		switch (input_below(8)) {
		case 0:
			head()->req_prod += input_below(5) == 4 ? input_below(65536) : input_below(3);
			break;
		case 1:
			meanwhile = scribble;
			break;
		case 2: /* another process takes over */
			ring = (struct ring){.image = &image, .name = "again", .buffer = buffer};
			ring_attach(&ring, shared, 1, blk_layout(protocols[input_below(2)]));
			break;
		case 3:
			image_error = input_below(2) ? -EIO : 0;
			break;
		case 4:
			shared[input_below(4096)] = (uint8_t)input_below(256);
			break;
		case 5:
			serve();
			meanwhile = NULL;
			break;
		default:
			put();
		}
	}
	serve();
	return 0;
}
