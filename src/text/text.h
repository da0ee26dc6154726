/*-------------------------------------------------------------------------
 *
 * text.h
 *		Text for other modules: chunks, sentences, token estimates,
 *		templates over jsonb.
 *
 * The pure parts work on UTF-8 bytes; a database with another encoding
 * converts before and after. Without postgres.h only they are declared.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_TEXT_H
#define INTEL_TEXT_TEXT_H

#include "text/text_chunk.h"
#include "text/text_template.h"
#include "text/text_tokens.h"

#ifdef POSTGRES_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/*
 * The family of this name; raises 22023 (invalid_parameter_value) with the
 * list of names when there is none.
 */
extern const TextFamily *text_family_by_name(const char *name);

/* CHECK_FOR_INTERRUPTS as a function, for the poll members of pure parts. */
extern void text_poll(void);

/*
 * Raise 42601 (syntax_error) or 0A000 when the template is not well formed,
 * with the position as a character number.
 */
extern void text_check_template(const char *template, size_t len);

/*
 * Append the template to out with the members of vars, an object. Raises as
 * text_check_template, 42704 (undefined_object) for a variable that vars does
 * not have, 54000 when it runs too long. Messages show names from the template, never values.
 */
extern void text_render(StringInfo out, const char *template, size_t len,
						Jsonb *vars);

#endif /* POSTGRES_H */

#endif /* INTEL_TEXT_TEXT_H */
