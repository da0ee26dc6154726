/*-------------------------------------------------------------------------
 *
 * context_answer.c
 *		Markers, quotes and similarity of texts. Pure C.
 *
 * Texts are compared as sets of words: folded to lower case where they are
 * ASCII, words of one or two letters left out, kept as sorted hashes. That
 * finds a sentence that was copied or shortened, and not one that was told
 * in other words; a quote is therefore optional in a citation.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "context/context_answer.h"
#include "text/text.h"

#define MAX_MARKS 16 /* different markers of one sentence */
#define MIN_SHARE 0.5

/* ---- sets of words ---- */

static uint32_t
word_hash(const TextAtom *atom)
{
	uint32_t hash = 2166136261u;

	for (const char *p = atom->start; p < atom->end; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		hash = (hash ^ c) * 16777619u;
	}
	return hash;
}

static bool
is_content_word(const TextAtom *atom)
{
	switch (atom->class)
	{
		case TEXT_WORD:
		case TEXT_CAPITALS:
		case TEXT_LATIN:
		case TEXT_CYRILLIC:
		case TEXT_GREEK:
		case TEXT_ARABIC:
			return atom->chars > 2;
		case TEXT_DIGITS:
		case TEXT_INDIC:
		case TEXT_IDEOGRAPH:
		case TEXT_KANA:
		case TEXT_HANGUL:
			return true;
		default:
			return false;
	}
}

static int
compare_words(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

void
answer_words(const char *p, size_t len, AnswerWords *set)
{
	const char *end = p + len;
	int n = 0;

	set->n = 0;
	while (p < end && set->n < ANSWER_MAX_WORDS)
	{
		TextAtom atom;

		text_atom(p, end, TEXT_ATOM_MAX, &atom);
		if (is_content_word(&atom))
			set->words[set->n++] = word_hash(&atom);
		p = atom.end;
	}
	qsort(set->words, (size_t) set->n, sizeof(uint32_t), compare_words);
	for (int i = 0; i < set->n; i++)
		if (n == 0 || set->words[i] != set->words[n - 1])
			set->words[n++] = set->words[i];
	set->n = n;
}

static int
common_words(const AnswerWords *a, const AnswerWords *b)
{
	int i = 0;
	int j = 0;
	int n = 0;

	while (i < a->n && j < b->n)
	{
		if (a->words[i] == b->words[j])
			n++;
		if (a->words[i] <= b->words[j])
			j += (a->words[i++] == b->words[j]);
		else
			j++;
	}
	return n;
}

double
answer_similarity(const AnswerWords *a, const AnswerWords *b)
{
	int common = common_words(a, b);

	return common == 0 ? 0 : (double) common / (a->n + b->n - common);
}

/* ---- markers ---- */

typedef struct Marks
{
	int n;
	int numbers[MAX_MARKS];
} Marks;

static void
add_mark(Marks *marks, int number)
{
	for (int i = 0; i < marks->n; i++)
		if (marks->numbers[i] == number)
			return;
	if (marks->n < MAX_MARKS)
		marks->numbers[marks->n++] = number;
}

/*
 * Read a marker, [1] or [1, 2], at p. Returns the place behind it, or NULL
 * when there is none. marks may be NULL.
 */
static const char *
read_marker(const char *p, const char *end, Marks *marks)
{
	Marks found = {0};

	if (p == end || *p != '[')
		return NULL;
	do
	{
		int number = 0;
		const char *digits;

		p++;
		while (p < end && *p == ' ')
			p++;
		for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
			number = number < 100000 ? number * 10 + (*p - '0') : number;
		if (p == digits)
			return NULL;
		add_mark(&found, number);
		while (p < end && *p == ' ')
			p++;
	} while (p < end && *p == ',');
	if (p == end || *p != ']')
		return NULL;
	for (int i = 0; marks != NULL && i < found.n; i++)
		add_mark(marks, found.numbers[i]);
	return p + 1;
}

/* Move p over markers and white space. */
static const char *
leading_markers(const char *p, const char *end, Marks *marks)
{
	for (;;)
	{
		const char *next = read_marker(p, end, marks);

		if (next == NULL)
			return p;
		p = text_skip_space(next, end);
	}
}

static void
inner_markers(const char *p, const char *end, Marks *marks)
{
	while (p < end && (p = memchr(p, '[', (size_t) (end - p))) != NULL)
	{
		const char *next = read_marker(p, end, marks);

		p = next != NULL ? next : p + 1;
	}
}

/* ---- quotes ---- */

/* Find the sentence of source that holds most of what a sentence says. */
static void
find_quote(AnswerSource *source, const AnswerWords *said)
{
	const char *p = source->content;
	const char *end = p + source->len;
	const char *start;
	size_t len;

	if (said->n == 0)
		return;
	while (text_sentence(&p, end, &start, &len))
	{
		AnswerWords words;
		double share;

		answer_words(start, len, &words);
		share = (double) common_words(said, &words) / said->n;
		if (share >= MIN_SHARE && share > source->quote_share)
		{
			source->quote = start;
			source->quote_len = len;
			source->quote_share = share;
		}
	}
}

/* Count a sentence of the answer with its marks, and quote what it cites. */
static void
check_sentence(const char *start, size_t len, const Marks *marks,
			   AnswerSource *sources, int nsources, AnswerCheck *check)
{
	bool grounded = false;
	AnswerWords said;

	answer_words(start, len, &said);
	for (int i = 0; i < marks->n; i++)
	{
		int number = marks->numbers[i];

		if (number < 1 || number > nsources)
			continue;
		grounded = true;
		sources[number - 1].cited = true;
		find_quote(&sources[number - 1], &said);
	}
	check->sentences++;
	check->grounded += grounded;
}

/* Does the text say anything, beside marks and white space? */
static bool
says_something(const char *p, const char *end)
{
	while (p < end)
	{
		TextAtom atom;
		const char *marker = read_marker(p, end, NULL);

		if (marker != NULL)
		{
			p = marker;
			continue;
		}
		text_atom(p, end, TEXT_ATOM_MAX, &atom);
		if (atom.class != TEXT_SPACE && atom.class != TEXT_PUNCT &&
			atom.class != TEXT_OTHER)
			return true;
		p = atom.end;
	}
	return false;
}

static bool
says_not_found(const char *answer, size_t len)
{
	const char *expected = CONTEXT_NOT_FOUND;
	size_t expected_len = strlen(expected) - 1; /* without the full stop */
	const char *end = answer + len;

	answer = text_skip_space(answer, end);
	while (end > answer && strchr(" \t\r\n.", end[-1]) != NULL)
		end--;
	if ((size_t) (end - answer) != expected_len)
		return false;
	for (size_t i = 0; i < expected_len; i++)
		if ((answer[i] | 0x20) != (expected[i] | 0x20))
			return false;
	return true;
}

void
answer_check(const char *answer, size_t len, AnswerSource *sources,
			 int nsources, AnswerCheck *check)
{
	const char *p = answer;
	const char *end = answer + len;
	const char *start;
	const char *said = NULL; /* the sentence whose markers are being read */
	size_t said_len = 0;
	Marks marks = {0};
	size_t sentence_len;

	memset(check, 0, sizeof(*check));
	check->not_found = says_not_found(answer, len);
	if (check->not_found)
		return;
	while (text_sentence(&p, end, &start, &sentence_len))
	{
		const char *sentence_end = start + sentence_len;
		const char *body =
			leading_markers(start, sentence_end, said ? &marks : NULL);

		if (!says_something(body, sentence_end))
			continue;
		if (said != NULL)
		{
			check_sentence(said, said_len, &marks, sources, nsources, check);
			marks.n = 0;
		}
		else
			body = start; /* nothing before it: the markers are its own */
		said = body;
		said_len = (size_t) (sentence_end - body);
		inner_markers(body, sentence_end, &marks);
	}
	if (said != NULL)
		check_sentence(said, said_len, &marks, sources, nsources, check);
}
