/* sources: src/text/text_template.c */
/*-------------------------------------------------------------------------
 *
 * fuzz_template.c
 *		Templates of any bytes, rendered over a small tree of values.
 *
 * The tree: an object with the members t (true), f (false), o (the object
 * itself) and l (three elements: true, false, the object). Output is counted
 * only. What is checked: no access out of bounds (by the sanitizers), the
 * check and the rendering agree, errors lie within the template.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/text_template.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition) \
	do \
	{ \
		if (!(condition)) \
		{ \
			fprintf(stderr, "not true: %s\n", #condition); \
			abort(); \
		} \
	} while (0)

static const char *text_start;
static const char *text_end;
static int walks; /* open; they end in the reverse order of their begin */
static int left[TEXT_TEMPLATE_DEPTH];

static TextValue
value_of(TextValueKind kind)
{
	TextValue value = {kind, {0}};

	return value;
}

static TextValue
member(TextValue object, const char *name, size_t len)
{
	CHECK(object.kind == TEXT_VALUE_OBJECT);
	CHECK(name >= text_start && name + len <= text_end);
	if (len != 1)
		return value_of(TEXT_VALUE_MISSING);
	switch (name[0])
	{
		case 't':
			return value_of(TEXT_VALUE_TRUE);
		case 'f':
			return value_of(TEXT_VALUE_FALSE);
		case 'o':
			return value_of(TEXT_VALUE_OBJECT);
		case 'l':
			return value_of(TEXT_VALUE_ARRAY);
		default:
			return value_of(TEXT_VALUE_MISSING);
	}
}

static void *
walk(TextValue array)
{
	CHECK(array.kind == TEXT_VALUE_ARRAY);
	CHECK(walks < TEXT_TEMPLATE_DEPTH);
	left[walks] = 3;
	return &left[walks++];
}

static bool
next(void *walk, TextValue *element)
{
	static const TextValueKind kinds[] = {
		TEXT_VALUE_OBJECT, TEXT_VALUE_FALSE, TEXT_VALUE_TRUE};
	int *mine = walk;

	CHECK(walks > 0 && mine == &left[walks - 1]);
	if (*mine == 0)
	{
		walks--;
		return false;
	}
	*element = value_of(kinds[--*mine]);
	return true;
}

static void
put_value(void *out, TextValue value)
{
	CHECK(value.kind != TEXT_VALUE_MISSING);
	++*(size_t *) out;
}

static void
put_text(void *out, const char *text, size_t len)
{
	CHECK(text >= text_start && text + len <= text_end);
	*(size_t *) out += len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t out = 0;
	TextVars vars = {.member = member,
					 .walk = walk,
					 .next = next,
					 .put_value = put_value,
					 .put_text = put_text,
					 .out = &out};
	TextTemplateError checked;
	TextTemplateError rendered;
	bool well_formed;

	/* an exact copy, so that the sanitizer sees the end */
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text_start = text;
	text_end = text + size;
	walks = 0;

	well_formed = text_template_check(text, size, &checked);
	if (size <= 256) /* nested lists multiply */
	{
		bool done = text_template_render(text, size,
										 value_of(TEXT_VALUE_OBJECT), &vars,
										 &rendered);

		CHECK(!done || (well_formed && walks == 0));
		CHECK(well_formed || rendered.status == checked.status);
		if (!done)
			CHECK(rendered.offset <= size);
	}
	if (!well_formed)
		CHECK(checked.offset <= size);
	free(text);
	return 0;
}
