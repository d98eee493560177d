/* SPDX-License-Identifier: MIT */
/*
 * Specification of what is done for the terminal.
 *   questions  old output is shown without what a terminal would answer, however it is cut into pieces; nothing else is lost
 *   begun      of an answer the first part is known
 *   size       a terminal's answer is taken as its size, wherever it is among keys; what is none is not
 */
#include "question.h"
#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void old_output_asks_nothing(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {"plain\n", "plain\n"},
	    {"# \033[6nls\n", "# ls\n"},
	    {"\033[6n\033[5n\033[c\033[0c\033[>0cx", "x"},
	    {"\033[1mbold\033[0m \033[2J\033[10;20H", "\033[1mbold\033[0m \033[2J\033[10;20H"},
	    {"\0337\0338\033cx\033(Bn", "\0337\0338\033cx\033(Bn"},   /* no CSI: not a question */
	    {"\033\033[6nx", "\033\033[6nx"},                         /* the first ESC takes the second */
	    {"\033[1;2;3;4;5;6;7;8;9nx", "\033[1;2;3;4;5;6;7;8;9nx"}, /* too long for any question */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 30; piece++) {
			size_t len = strlen(cases[i].text), done = 0;
			struct question q = {0};
			char out[128] = "";

			for (size_t at = 0; at < len; at += piece)
				done += drop_questions(&q, cases[i].text + at,
						       len - at < piece ? len - at : piece, out + done);
			out[done] = '\0';
			assert_string_equal(out, cases[i].shown);
		}
}

static void an_answer_that_has_begun_is_seen(void **state)
{
	static const char *const begun[] = {"\033", "\033[", "ab\033[24;8"};
	static const char *const not [] = {"", "1", "ab[24;8", "\033[24;80R", "\033x1", "\033[A"};

	for (size_t i = 0; i < sizeof(begun) / sizeof(*begun); i++)
		assert_true(answer_begun(begun[i], strlen(begun[i])));
	for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
		assert_false(answer_begun(not [i], strlen(not [i])));
}

static unsigned answers(struct screen *s, const char *text)
{
	unsigned found = 0;

	for (; *text; text++)
		found += screen_answer(s, *text);
	return found;
}

static void an_answer_is_the_size(void **state)
{
	struct screen s = {.rows = 24, .columns = 80};
	static const char *const none[] = {"",
					   "q",
					   "\033[A",
					   "\033[24R",
					   "\033[0;80R",
					   "\033[24;80",
					   "\033[24;80H",
					   "24;80R",
					   "\033[000000000000024;80R",
					   "\033[24;80\033[24R"};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(answers(&s, none[i]), 0);
	assert_int_equal(s.columns, 80);
	assert_int_equal(answers(&s, "\033[50;132R"), 1);
	assert_int_equal(s.rows, 50);
	assert_int_equal(s.columns, 132);
	assert_int_equal(answers(&s, "0123456789012345678901234567\033[A\033[9;8R\033[9;7Rcd"), 2);
	assert_int_equal(s.rows, 9);
	assert_int_equal(s.columns, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(old_output_asks_nothing),
	    cmocka_unit_test(an_answer_that_has_begun_is_seen),
	    cmocka_unit_test(an_answer_is_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
