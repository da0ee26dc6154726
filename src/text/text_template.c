/*-------------------------------------------------------------------------
 *
 * text_template.c
 *		The template engine. Pure C.
 *
 * One loop over the tags keeps a stack of open sections. A section that is
 * hidden is passed over by the same loop with output off; one that is shown
 * again for the next element jumps back to its first byte.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text_template.h"

#define POLL_STEPS 1024

typedef enum TagKind
{
	TAG_VARIABLE,
	TAG_SECTION,
	TAG_INVERTED,
	TAG_CLOSE,
	TAG_COMMENT,
} TagKind;

typedef struct Tag
{
	TagKind kind;
	const char *start; /* of "{{", or of its line where the tag stands alone */
	const char *end;   /* behind "}}", or behind that line */
	const char *open;  /* of "{{" */
	const char *name;
	size_t name_len;
} Tag;

typedef struct Frame
{
	const char *name;
	size_t name_len;
	const char *open; /* the opening tag, for messages */
	const char *body; /* first byte behind it */
	TextValue value;
	void *walk;	 /* over an array, or NULL */
	bool scope;	 /* value is where names are looked up */
	bool hidden; /* no output in here */
} Frame;

static bool
fail(TextTemplateError *error, TextTemplateStatus status, const char *template,
	 const char *at, const char *name, size_t name_len)
{
	error->status = status;
	error->offset = (size_t) (at - template);
	error->name = name;
	error->name_len = name_len;
	return false;
}

/* ---- tags ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *
find(const char *p, const char *end, const char *what, size_t len)
{
	while ((size_t) (end - p) >= len)
	{
		p = memchr(p, what[0], (size_t) (end - p) - len + 1);
		if (p == NULL || memcmp(p, what, len) == 0)
			return p;
		p++;
	}
	return NULL;
}

/* A name is ".", or parts without blanks and braces, joined by single dots. */
static bool
is_name(const char *name, size_t len)
{
	bool part = false;

	if (len == 1 && name[0] == '.')
		return true;
	for (size_t i = 0; i < len; i++)
	{
		if (name[i] == '.' && !part)
			return false;
		if (is_blank(name[i]) || name[i] == '{' || name[i] == '}')
			return false;
		part = name[i] != '.';
	}
	return part;
}

/*
 * A tag other than a variable that is alone on its line takes the line with
 * it, so templates can be laid out without leaving blank lines behind.
 */
static void
take_line(Tag *tag, const char *from, const char *template, const char *end)
{
	const char *left = tag->open;
	const char *right = tag->end;

	while (left > from && (left[-1] == ' ' || left[-1] == '\t'))
		left--;
	if (left > template && left[-1] != '\n')
		return;
	while (right < end && (*right == ' ' || *right == '\t'))
		right++;
	if (right < end && *right == '\r')
		right++;
	if (right < end && *right != '\n')
		return;
	tag->start = left;
	tag->end = right < end ? right + 1 : right;
}

/*
 * Read the first tag at or after from. Returns false with error->status OK
 * when there is none.
 */
static bool
next_tag(const char *template, const char *from, const char *end, Tag *tag,
		 TextTemplateError *error)
{
	const char *open = find(from, end, "{{", 2);
	bool triple;
	const char *p;
	const char *close;

	error->status = TEXT_TEMPLATE_OK;
	if (open == NULL)
		return false;
	p = open + 2;
	triple = p < end && *p == '{';
	close = triple ? find(p, end, "}}}", 3) : find(p, end, "}}", 2);
	if (close == NULL)
		return fail(error, TEXT_TEMPLATE_UNCLOSED_TAG, template, open, open,
					0);

	tag->open = tag->start = open;
	tag->end = close + (triple ? 3 : 2);
	tag->kind = TAG_VARIABLE;
	if (triple)
		p++;
	else if (p < close && strchr("#^/!&>=", *p) != NULL)
	{
		switch (*p)
		{
			case '#':
				tag->kind = TAG_SECTION;
				break;
			case '^':
				tag->kind = TAG_INVERTED;
				break;
			case '/':
				tag->kind = TAG_CLOSE;
				break;
			case '!':
				tag->kind = TAG_COMMENT;
				break;
			case '&':
				break;
			default:
				return fail(error, TEXT_TEMPLATE_UNSUPPORTED, template, open,
							p, 1);
		}
		p++;
	}
	while (p < close && is_blank(*p))
		p++;
	while (close > p && is_blank(close[-1]))
		close--;
	tag->name = p;
	tag->name_len = (size_t) (close - p);
	if (tag->kind != TAG_VARIABLE)
		take_line(tag, from, template, end);
	if (tag->kind != TAG_COMMENT && !is_name(tag->name, tag->name_len))
		return fail(error, TEXT_TEMPLATE_BAD_NAME, template, open, p, 0);
	return true;
}

static bool
same_name(const Frame *frame, const Tag *tag)
{
	return frame->name_len == tag->name_len &&
		   memcmp(frame->name, tag->name, tag->name_len) == 0;
}

bool
text_template_check(const char *template, size_t len, TextTemplateError *error)
{
	const char *end = template + len;
	const char *p = template;
	Frame stack[TEXT_TEMPLATE_DEPTH];
	int depth = 0;
	Tag tag;

	while (next_tag(template, p, end, &tag, error))
	{
		p = tag.end;
		if (tag.kind == TAG_SECTION || tag.kind == TAG_INVERTED)
		{
			if (depth == TEXT_TEMPLATE_DEPTH)
				return fail(error, TEXT_TEMPLATE_TOO_DEEP, template, tag.open,
							tag.name, tag.name_len);
			stack[depth].name = tag.name;
			stack[depth].name_len = tag.name_len;
			stack[depth++].open = tag.open;
		}
		else if (tag.kind == TAG_CLOSE)
		{
			if (depth == 0 || !same_name(&stack[depth - 1], &tag))
				return fail(error, TEXT_TEMPLATE_WRONG_CLOSE, template,
							tag.open, tag.name, tag.name_len);
			depth--;
		}
	}
	if (error->status != TEXT_TEMPLATE_OK)
		return false;
	if (depth > 0)
		return fail(error, TEXT_TEMPLATE_UNCLOSED_SECTION, template,
					stack[depth - 1].open, stack[depth - 1].name,
					stack[depth - 1].name_len);
	return true;
}

/* ---- rendering ---- */

typedef struct Run
{
	const char *template;
	const char *end;
	const TextVars *vars;
	TextValue root;
	Frame stack[TEXT_TEMPLATE_DEPTH];
	int depth;
	int64_t steps;
} Run;

/*
 * The value of a dotted name: its first part from the innermost scope that
 * has it, the others within that.
 */
static TextValue
lookup(const Run *run, const char *name, size_t len)
{
	const char *end = name + len;
	const char *dot = memchr(name, '.', len);
	size_t part = (size_t) ((dot != NULL ? dot : end) - name);
	TextValue value = {TEXT_VALUE_MISSING, {0}};
	int i = run->depth;

	if (len == 1 && *name == '.')
	{
		while (--i >= 0)
			if (run->stack[i].scope)
				return run->stack[i].value;
		return run->root;
	}
	while (value.kind == TEXT_VALUE_MISSING && --i >= -1)
	{
		TextValue scope = i < 0 ? run->root : run->stack[i].value;

		if ((i < 0 || run->stack[i].scope) && scope.kind == TEXT_VALUE_OBJECT)
			value = run->vars->member(scope, name, part);
	}
	while (dot != NULL && value.kind != TEXT_VALUE_MISSING)
	{
		name = dot + 1;
		dot = memchr(name, '.', (size_t) (end - name));
		part = (size_t) ((dot != NULL ? dot : end) - name);
		if (value.kind == TEXT_VALUE_OBJECT)
			value = run->vars->member(value, name, part);
		else
			value.kind = TEXT_VALUE_MISSING;
	}
	return value;
}

/* Open a section; a hidden one stays open without output until it is closed. */
static bool
open_section(Run *run, const Tag *tag, bool hidden, TextTemplateError *error)
{
	const TextVars *vars = run->vars;
	Frame *frame = &run->stack[run->depth];
	TextValue value = {TEXT_VALUE_FALSE, {0}};

	if (!hidden)
	{
		value = lookup(run, tag->name, tag->name_len);
		if (value.kind == TEXT_VALUE_MISSING)
			return fail(error, TEXT_TEMPLATE_MISSING, run->template, tag->open,
						tag->name, tag->name_len);
	}
	frame->name = tag->name;
	frame->name_len = tag->name_len;
	frame->open = tag->open;
	frame->body = tag->end;
	frame->value = value;
	frame->walk = NULL;
	frame->scope = false;
	frame->hidden = hidden || ((value.kind == TEXT_VALUE_FALSE) ==
							   (tag->kind == TAG_SECTION));
	if (!frame->hidden && tag->kind == TAG_SECTION)
	{
		frame->scope = true;
		if (value.kind == TEXT_VALUE_ARRAY)
		{
			frame->walk = vars->walk(value);
			frame->hidden = !vars->next(frame->walk, &frame->value);
			if (frame->hidden)
				frame->scope = false;
		}
	}
	run->depth++;
	return true;
}

/* Close the innermost section, or go back for its next element. */
static const char *
close_section(Run *run, const Tag *tag)
{
	const TextVars *vars = run->vars;
	Frame *frame = &run->stack[run->depth - 1];

	if (frame->walk != NULL && !frame->hidden &&
		vars->next(frame->walk, &frame->value))
		return frame->body;
	run->depth--;
	return tag->end;
}

static bool
put_variable(Run *run, const Tag *tag, TextTemplateError *error)
{
	TextValue value = lookup(run, tag->name, tag->name_len);

	if (value.kind == TEXT_VALUE_MISSING)
		return fail(error, TEXT_TEMPLATE_MISSING, run->template, tag->open,
					tag->name, tag->name_len);
	run->vars->put_value(run->vars->out, value);
	return true;
}

bool
text_template_render(const char *template, size_t len, TextValue root,
					 const TextVars *vars, TextTemplateError *error)
{
	Run run = {template, template + len, vars, root, {{0}}, 0, 0};
	const char *p = template;
	Tag tag;

	if (!text_template_check(template, len, error))
		return false;
	while (next_tag(template, p, run.end, &tag, error))
	{
		bool hidden = run.depth > 0 && run.stack[run.depth - 1].hidden;

		if (++run.steps > TEXT_TEMPLATE_STEPS)
			return fail(error, TEXT_TEMPLATE_TOO_LONG_RUN, template, tag.open,
						tag.name, 0);
		if (vars->poll != NULL && run.steps % POLL_STEPS == 1)
			vars->poll();

		if (!hidden)
			vars->put_text(vars->out, p, (size_t) (tag.start - p));
		p = tag.end;
		switch (tag.kind)
		{
			case TAG_VARIABLE:
				if (!hidden && !put_variable(&run, &tag, error))
					return false;
				break;
			case TAG_SECTION:
			case TAG_INVERTED:
				if (!open_section(&run, &tag, hidden, error))
					return false;
				break;
			case TAG_CLOSE:
				p = close_section(&run, &tag);
				break;
			case TAG_COMMENT:
				break;
		}
	}
	vars->put_text(vars->out, p, (size_t) (run.end - p));
	return true;
}
