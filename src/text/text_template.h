/*-------------------------------------------------------------------------
 *
 * text_template.h
 *		Logic-less templates, a strict subset of mustache.
 *
 * The engine is pure C: it reads variables and writes output through
 * callbacks, allocates nothing, and looks at the template once per time that
 * a piece of it is rendered. Text that was substituted is never looked at
 * again, so a value cannot inject a tag.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_TEXT_TEMPLATE_H
#define INTEL_TEXT_TEXT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_TEMPLATE_DEPTH 32		 /* sections within sections */
#define TEXT_TEMPLATE_STEPS 10000000 /* tags rendered, all in all */

typedef enum TextTemplateStatus
{
	TEXT_TEMPLATE_OK,
	TEXT_TEMPLATE_UNCLOSED_TAG,		/* {{ without }} */
	TEXT_TEMPLATE_BAD_NAME,			/* empty, or with spaces, or a..b */
	TEXT_TEMPLATE_UNSUPPORTED,		/* {{> partial}}, {{= delimiters =}} */
	TEXT_TEMPLATE_UNCLOSED_SECTION, /* {{#a}} without {{/a}} */
	TEXT_TEMPLATE_WRONG_CLOSE, /* {{/b}} where {{/a}} is due, or nothing */
	TEXT_TEMPLATE_TOO_DEEP,
	TEXT_TEMPLATE_MISSING, /* no such variable */
	TEXT_TEMPLATE_TOO_LONG_RUN,
} TextTemplateStatus;

/* What went wrong where; name points into the template. */
typedef struct TextTemplateError
{
	TextTemplateStatus status;
	size_t offset; /* in bytes, of the tag */
	const char *name;
	size_t name_len;
} TextTemplateError;

typedef enum TextValueKind
{
	TEXT_VALUE_MISSING,
	TEXT_VALUE_FALSE, /* false, null, "", []: hides a section */
	TEXT_VALUE_TRUE,  /* any other scalar: shows a section once */
	TEXT_VALUE_OBJECT,
	TEXT_VALUE_ARRAY, /* with at least one element */
} TextValueKind;

/* A value of the caller's, who fills the room; the engine looks at kind only. */
typedef struct TextValue
{
	TextValueKind kind;
	uint64_t room[4];
} TextValue;

typedef struct TextVars
{
	/* The member name[0..len) of an object; MISSING when there is none. */
	TextValue (*member)(TextValue object, const char *name, size_t len);
	/*
	 * Begin a walk over an array, and its next element. next returns false
	 * at the end, and is then not called again for this walk.
	 */
	void *(*walk)(TextValue array);
	bool (*next)(void *walk, TextValue *element);
	/* Append a value, or literal text, to the output. */
	void (*put_value)(void *out, TextValue value);
	void (*put_text)(void *out, const char *text, size_t len);
	void *out;
	void (*poll)(void); /* may be NULL; may leave by longjmp */
} TextVars;

/* Is the template well formed? Says where not. Needs no variables. */
extern bool text_template_check(const char *template, size_t len,
								TextTemplateError *error);

/* Check, then render with root as the outermost object. */
extern bool text_template_render(const char *template, size_t len,
								 TextValue root, const TextVars *vars,
								 TextTemplateError *error);

#endif /* INTEL_TEXT_TEXT_TEMPLATE_H */
