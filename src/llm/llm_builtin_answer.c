/*-------------------------------------------------------------------------
 *
 * llm_builtin_answer.c
 *		The builtin answerer: it quotes the sentences that answer best.
 *
 * The question gives terms, each with a weight that grows with its rarity in
 * English and shrinks where every sentence of the sources has it. A sentence
 * is worth the share of that weight that it covers, itself and, for less, by
 * the label, heading and title it stands under; neighbouring terms, a form
 * that fits the type of question, and an early place add a little. When even
 * the best sentence covers too little, the answer is that the context does
 * not hold it.
 *
 * The answer consists of quotations, each with its citation, and of nothing
 * else: what a source tells its reader to do is text like any other. Sources
 * are passed over twice, so the time is linear in their length.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm/llm_builtin_answer.h"
#include "llm/llm_builtin_sentence.h"
#include "llm/llm_builtin_text.h"

static const char not_found[] = "Not found in the context.";
static const char no_context[] =
	"The builtin model answers only from text that the prompt contains, by "
	"quoting it. It has no knowledge of its own and writes no text.";

#define MAX_TERMS 63
#define MAX_QUOTES 4
#define MAX_REPEATS 16		/* looked at for each quotation */
#define QUOTE_BYTES 500		/* of one sentence */
#define QUESTION_BYTES 2000 /* more of a question is not read */

/* Weights of terms start above words as common as this. */
#define TERM_IDF 14
#define TERM_BASE 6
#define COMMON_IDF 10 /* "the", "and", "used": what prose is full of */

/* Scores are in thousandths. */
#define COVER_LABEL 800	  /* of a term that only the label has */
#define COVER_HEADING 550 /* heading */
#define COVER_TITLE 400	  /* title of the source */
#define LEAST_COVER 480	  /* below: not found */
#define LEAST_OWN 180	  /* that the sentence must cover by itself */
#define KEEP_SHARE 660	  /* of the best score, for further sentences */

typedef struct Source
{
	long number;
	BuiltinSpan title;
	BuiltinSpan content;
} Source;

typedef struct Term
{
	uint64_t hash;
	uint64_t implies; /* terms that are there when this one is */
	int64_t weight;
	size_t sentences; /* that have it */
	uint8_t idf;
} Term;

typedef enum Cue
{
	CUE_NONE,
	CUE_NUMBER, /* how many, how much, when */
	CUE_MEANS,	/* what is */
	CUE_WAY,	/* how do I */
	CUE_REASON, /* why */
	CUE_LIST	/* which, who: several sentences may answer alike */
} Cue;

typedef struct Question
{
	BuiltinSpan span;
	Term terms[MAX_TERMS];
	int nterms;
	uint64_t pairs[MAX_TERMS]; /* hashes of neighbouring terms */
	int npairs;
	uint64_t compounds; /* terms that are names like shared_buffers */
	int64_t total;		/* weight of all terms */
	Cue cue;
} Question;

typedef struct Candidate
{
	BuiltinSentence sentence;
	int source;
	uint64_t own;	  /* terms in the sentence */
	uint64_t label;	  /* in its label */
	uint64_t heading; /* in its heading */
	uint64_t title;	  /* in the title of the source */
	uint32_t words;
	uint32_t common; /* words: prose has many, tables and code few */
	uint8_t pairs;	 /* neighbouring terms that are neighbours in it */
	bool has_number;
	bool has_reason;
	bool defines; /* and goes on with "is" or a dash */
	bool opens;	  /* begins with the terms: "A partial index is ..." */
	int64_t score;
} Candidate;

/* All that is allocated; freed at one place. */
typedef struct Work
{
	const char *text;
	Source *sources;
	size_t nsources;
	size_t source_room;
	Candidate *candidates;
	size_t ncandidates;
	size_t candidate_room;
	Question question;
} Work;

/* A growing string; failed once malloc has failed. */
typedef struct Output
{
	char *bytes;
	size_t length;
	size_t room;
	bool failed;
} Output;

/* ---- the prompt --------------------------------------------------------- */

/* Make room for one more element; false when memory is out. */
static bool
grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 16;
	void *larger;

	if (count < *room)
		return true;
	larger = realloc(*array, more * size);
	if (larger == NULL)
		return false;
	*array = larger;
	*room = more;
	return true;
}

static bool
add_source(Work *work, Source source)
{
	if (!grow((void **) &work->sources, work->nsources, &work->source_room,
			  sizeof(Source)))
		return false;
	work->sources[work->nsources++] = source;
	return true;
}

static bool
starts_with(const char *text, BuiltinSpan line, const char *what, size_t n)
{
	return line.end - line.start >= n &&
		   memcmp(text + line.start, what, n) == 0;
}

/*
 * Is line the header "<<<NONCE [n] title>>>"? Then fill in number and title.
 * mark is "<<<NONCE ".
 */
static bool
is_header(const char *text, BuiltinSpan line, BuiltinSpan mark, Source *source)
{
	size_t n = mark.end - mark.start;
	size_t i = line.start + n;
	long number = 0;

	if (!starts_with(text, line, text + mark.start, n) ||
		line.end - line.start < n + 6 ||
		memcmp(text + line.end - 3, ">>>", 3) != 0 || text[i] != '[')
		return false;
	for (i++; i < line.end && text[i] >= '0' && text[i] <= '9'; i++)
	{
		if (number > 99999999)
			return false;
		number = number * 10 + (text[i] - '0');
	}
	if (i + 4 > line.end || text[i] != ']')
		return false;
	source->number = number;
	source->title = (BuiltinSpan){i + 1, line.end - 3};
	return true;
}

/*
 * Read the blocks at the start of text. Returns where the rest begins, 0 when
 * there is no block, or SIZE_MAX when memory is out.
 */
static size_t
read_sources(Work *work, const char *text, size_t length)
{
	BuiltinSpan mark = {0, 0};
	size_t at = 0;
	size_t rest = 0;
	Source open = {0};
	bool inside = false;

	if (length < 4 || memcmp(text, "<<<", 3) != 0)
		return 0;
	while (mark.end < length && text[mark.end] != ' ' &&
		   text[mark.end] != '\n')
		mark.end++;
	if (mark.end == length || text[mark.end] != ' ' || mark.end <= 3)
		return 0;
	mark.end++;

	while (at < length)
	{
		const char *nl = memchr(text + at, '\n', length - at);
		BuiltinSpan line = {at, nl ? (size_t) (nl - text) : length};
		size_t n = mark.end - mark.start;

		if (!inside && is_header(text, line, mark, &open))
		{
			inside = true;
			open.content.start = line.end + 1 < length ? line.end + 1 : length;
		}
		else if (inside && line.end - line.start == n + 6 &&
				 starts_with(text, line, text, n) &&
				 memcmp(text + line.start + n, "end>>>", 6) == 0)
		{
			inside = false;
			open.content.end = line.start;
			if (!add_source(work, open))
				return SIZE_MAX;
			rest = line.end + 1 < length ? line.end + 1 : length;
		}
		at = line.end + 1;
	}
	return work->nsources > 0 ? rest : 0;
}

/* The question in text[from..length), without "Question:" in front. */
static BuiltinSpan
find_question(const char *text, size_t from, size_t length)
{
	static const char word[] = "Question:";
	size_t n = sizeof(word) - 1;

	while (from < length && (text[from] == '\n' || text[from] == ' '))
		from++;
	if (length - from >= n && memcmp(text + from, word, n) == 0)
		from += n;
	if (length - from > QUESTION_BYTES)
		length = from + QUESTION_BYTES;
	return (BuiltinSpan){from, length};
}

/*
 * A prompt without blocks: the last sentence that ends with a question mark,
 * else the first sentence, asks about the others. False when there is only
 * one sentence, so nothing to quote, or when memory is out.
 */
static bool
read_plain(Work *work, const char *text, size_t length, BuiltinSpan *question)
{
	BuiltinSplitter splitter;
	BuiltinSentence sentence;
	BuiltinSpan asked = {0, 0};
	Source before = {.number = 0};
	Source behind = {.number = 0};
	size_t sentences = 0;

	builtin_split_start(&splitter, text, length);
	while (builtin_split_next(&splitter, &sentence))
	{
		if (sentences++ == 0 || text[sentence.span.end - 1] == '?')
			asked = sentence.span;
	}
	if (sentences < 2)
		return false;
	before.content = (BuiltinSpan){0, asked.start};
	behind.content = (BuiltinSpan){asked.end, length};
	*question = asked;
	return add_source(work, before) && add_source(work, behind);
}

/* ---- the question ------------------------------------------------------- */

/* Words that ask, and so need not be found in an answer; stems. */
static const char *const asking[] = {
	"what", "which", "who",	  "whom",	 "whos",   "when",	  "where",
	"why",	"how",	 "do",	  "doe",	 "did",	   "is",	  "are",
	"was",	"were",	 "can",	  "could",	 "should", "would",	  "will",
	"may",	"might", "must",  "i",		 "me",	   "my",	  "we",
	"us",	"our",	 "you",	  "your",	 "tell",   "explain", "show",
	"giv",	"find",	 "pleas", "mean",	 "happen", "many",	  "much",
	"long", "often", "need",  "want",	 "get",	   "it",	  "there",
	"be",	"mak",	 "about", "describ", "list",   "know",	  NULL};

static bool
is_asking(const BuiltinToken *token)
{
	for (int i = 0; asking[i] != NULL; i++)
	{
		if (strlen(asking[i]) == token->length &&
			memcmp(asking[i], token->stem, token->length) == 0)
			return true;
	}
	return false;
}

static bool
stem_is(const BuiltinToken *token, const char *stem)
{
	return token->length == strlen(stem) &&
		   memcmp(token->stem, stem, token->length) == 0;
}

/* What the first words ask for. */
static Cue
find_cue(const BuiltinToken *first, const BuiltinToken *second)
{
	if (stem_is(first, "how"))
	{
		if (stem_is(second, "many") || stem_is(second, "much") ||
			stem_is(second, "long") || stem_is(second, "larg") ||
			stem_is(second, "often") || stem_is(second, "big"))
			return CUE_NUMBER;
		return CUE_WAY;
	}
	if (stem_is(first, "when"))
		return CUE_NUMBER;
	if (stem_is(first, "why"))
		return CUE_REASON;
	if (stem_is(first, "which") || stem_is(first, "who"))
		return CUE_LIST;
	if (stem_is(first, "what") &&
		(stem_is(second, "is") || stem_is(second, "are") ||
		 stem_is(second, "doe")))
		return CUE_MEANS;
	return CUE_NONE;
}

/* The index of the term with this hash, or -1. */
static int
find_term(const Question *question, uint64_t hash)
{
	for (int i = 0; i < question->nterms; i++)
	{
		if (question->terms[i].hash == hash)
			return i;
	}
	return -1;
}

/* Terms, pairs and cue of the question. */
static void
read_question(Question *question, const char *text, BuiltinSpan span)
{
	BuiltinScanner scanner;
	BuiltinToken token;
	BuiltinToken opening[2] = {{.length = 0}, {.length = 0}};
	int nopening = 0;
	int before = -1;
	size_t seen_at[MAX_TERMS]; /* where a term was seen last */

	question->span = span;
	builtin_scan_start(&scanner, text + span.start, span.end - span.start);
	while (question->nterms < MAX_TERMS && builtin_scan_next(&scanner, &token))
	{
		int term;

		if (nopening < 2 && token.kind == BUILTIN_WORD)
			opening[nopening++] = token;
		if (token.kind == BUILTIN_GRAM
				? token.length < 5
				: token.idf < TERM_IDF || is_asking(&token))
		{
			before = -1;
			continue;
		}
		term = find_term(question, token.hash);
		if (term < 0)
		{
			term = question->nterms++;
			question->terms[term] =
				(Term){.hash = token.hash, .idf = token.idf};
		}
		if (token.kind == BUILTIN_COMPOUND)
		{
			/* its parts count already; it only stands in for them */
			for (int i = 0; i < question->nterms; i++)
			{
				if (i != term && seen_at[i] >= token.start)
					question->terms[term].implies |= UINT64_C(1) << i;
			}
			question->compounds |= UINT64_C(1) << term;
			seen_at[term] = 0;
			continue;
		}
		seen_at[term] = token.start;
		if (before >= 0)
		{
			question->pairs[question->npairs++] =
				builtin_mix(question->terms[before].hash * 3 + token.hash);
			if (question->npairs == MAX_TERMS)
				break;
		}
		before = term;
	}
	question->cue = find_cue(&opening[0], &opening[1]);
}

/* ---- sentences of the sources ------------------------------------------- */

/* The terms in a part of the text. */
static uint64_t
match(const Question *question, const char *text, BuiltinSpan span)
{
	BuiltinScanner scanner;
	BuiltinToken token;
	uint64_t found = 0;

	builtin_scan_start(&scanner, text + span.start, span.end - span.start);
	while (builtin_scan_next(&scanner, &token))
	{
		int term = find_term(question, token.hash);

		if (term >= 0)
			found |= UINT64_C(1) << term | question->terms[term].implies;
	}
	return found;
}

/* Does a dash with spaces follow, as in "createdb - create a database"? */
static bool
is_dash(const char *text, BuiltinSpan span, size_t end)
{
	const char *p = text + span.start + end;

	return span.end - span.start - end > 5 &&
		   (memcmp(p, " \xE2\x80\x94 ", 5) == 0 ||
			memcmp(p, " \xE2\x80\x93 ", 5) == 0);
}

/* Read a sentence: what it has of the question, and its form. */
static void
examine(const Question *question, const char *text, Candidate *candidate)
{
	BuiltinSpan span = candidate->sentence.span;
	BuiltinScanner scanner;
	BuiltinToken token;
	uint64_t before = 0;
	bool may_open = true;
	uint32_t opened_at = 0; /* the word that completed the terms */

	builtin_scan_start(&scanner, text + span.start, span.end - span.start);
	while (builtin_scan_next(&scanner, &token))
	{
		int term = find_term(question, token.hash);

		if (token.kind != BUILTIN_COMPOUND)
			candidate->words++;
		if (token.idf < COMMON_IDF)
			candidate->common++;
		if (candidate->opens && opened_at + 1 == candidate->words &&
			stem_is(&token, "is"))
			candidate->defines = true;
		if (!candidate->opens && term < 0 && token.idf >= COMMON_IDF &&
			token.kind == BUILTIN_WORD)
			may_open = false;
		if (term >= 0)
			candidate->own |=
				UINT64_C(1) << term | question->terms[term].implies;
		if (__builtin_popcountll(candidate->own) == question->nterms &&
			!candidate->opens && may_open)
		{
			candidate->opens = true;
			candidate->defines = is_dash(text, span, token.end);
			opened_at = candidate->words;
		}
		if (token.stem[0] >= '0' && token.stem[0] <= '9')
			candidate->has_number = true;
		if (stem_is(&token, "becaus") || stem_is(&token, "sinc") ||
			stem_is(&token, "caus") || stem_is(&token, "reason"))
			candidate->has_reason = true;
		if (token.kind == BUILTIN_COMPOUND || token.idf < TERM_IDF)
			continue;
		if (before != 0 && term >= 0)
		{
			uint64_t pair = builtin_mix(before * 3 + token.hash);

			for (int i = 0; i < question->npairs; i++)
			{
				if (question->pairs[i] == pair && candidate->pairs < 255)
					candidate->pairs++;
			}
		}
		before = token.hash;
	}
}

/* All sentences of all sources; false when memory is out. */
static bool
collect(Work *work)
{
	Question *question = &work->question;

	for (size_t i = 0; i < work->nsources; i++)
	{
		const Source *source = &work->sources[i];
		const char *content = work->text + source->content.start;
		uint64_t title = match(question, work->text, source->title);
		BuiltinSplitter splitter;
		Candidate candidate;
		BuiltinSpan label = {0, 0};
		BuiltinSpan heading = {0, 0};
		uint64_t label_terms = 0;
		uint64_t heading_terms = 0;

		builtin_split_start(&splitter, content,
							source->content.end - source->content.start);
		memset(&candidate, 0, sizeof(candidate));
		while (builtin_split_next(&splitter, &candidate.sentence))
		{
			BuiltinSentence sentence = candidate.sentence;

			/* labels and headings are shared: look at each once */
			if (sentence.label.start != label.start ||
				sentence.label.end != label.end)
			{
				label = sentence.label;
				label_terms = match(question, content, label);
			}
			if (sentence.heading.start != heading.start ||
				sentence.heading.end != heading.end)
			{
				heading = sentence.heading;
				heading_terms = match(question, content, heading);
			}
			candidate = (Candidate){.sentence = sentence,
									.source = (int) i,
									.label = label_terms,
									.heading = heading_terms,
									.title = title};
			examine(question, content, &candidate);
			if (!grow((void **) &work->candidates, work->ncandidates,
					  &work->candidate_room, sizeof(Candidate)))
				return false;
			work->candidates[work->ncandidates++] = candidate;
			for (int t = 0; t < question->nterms; t++)
			{
				if (candidate.own >> t & 1)
					question->terms[t].sentences++;
			}
		}
	}
	return true;
}

/* ---- scores ------------------------------------------------------------- */

/*
 * Rare in English weighs much; in most sentences of the sources, little, for
 * then it does not tell them apart.
 */
static void
weigh_terms(Question *question, size_t sentences)
{
	for (int i = 0; i < question->nterms; i++)
	{
		Term *term = &question->terms[i];
		size_t n = term->sentences;

		term->weight = (term->idf - TERM_BASE) * 100;
		if (sentences > 8)
			term->weight = term->weight * (int64_t) (2 * sentences) /
						   (int64_t) (2 * sentences + 3 * n);
		if (term->implies != 0)
			term->weight = 0; /* its parts count */
		question->total += term->weight;
	}
}

static int64_t
weight_of(const Question *question, uint64_t terms)
{
	int64_t weight = 0;

	for (int i = 0; i < question->nterms; i++)
	{
		if (terms >> i & 1)
			weight += question->terms[i].weight;
	}
	return weight;
}

/* The share of the question that a candidate covers with what is above it. */
static int64_t
cover(const Question *question, const Candidate *c)
{
	uint64_t seen = c->own;
	int64_t weight = weight_of(question, seen) * 1000;

	weight += weight_of(question, c->label & ~seen) * COVER_LABEL;
	seen |= c->label;
	weight += weight_of(question, c->heading & ~seen) * COVER_HEADING;
	seen |= c->heading;
	weight += weight_of(question, c->title & ~seen) * COVER_TITLE;
	return weight / question->total;
}

/* What its form, its place and its neighbouring terms add. */
static int64_t
bonus(const Work *work, const Candidate *c)
{
	const Question *question = &work->question;
	const char *text = work->text + work->sources[c->source].content.start;
	int64_t score = 0;

	if (question->npairs > 0)
		score += 120 *
				 (c->pairs < question->npairs ? c->pairs : question->npairs) /
				 question->npairs;
	switch (question->cue)
	{
		case CUE_NUMBER:
			score += c->has_number ? 80 : 0;
			break;
		case CUE_REASON:
			score += c->has_reason ? 80 : 0;
			break;
		case CUE_MEANS:
			score += c->opens ? 120 : 0;
			score += c->defines ? 150 : 0;
			/* what stands first under the term is its definition */
			if (c->sentence.first_under_label)
				score +=
					300 * weight_of(question, c->label) / question->total +
					(c->label & question->compounds ? 250 : 0);
			break;
		case CUE_WAY:
		case CUE_LIST:
		case CUE_NONE:
			break;
	}
	if (c->sentence.first_of_paragraph && !c->sentence.is_item)
		score += 40;
	score += 30 / (c->source + 1);
	if (c->words < 4)
		score -= 250;
	if (c->words >= 4 && c->common * 8 < c->words)
		score -= 200;
	if (c->words > 70)
		score -= 120;
	if (text[c->sentence.span.end - 1] == '?')
		score -= 250;
	/* a chunk may begin within a sentence */
	if (c->sentence.span.start == 0 && text[0] >= 'a' && text[0] <= 'z')
		score -= 250;
	if (text[c->sentence.span.end - 1] == ':')
		score -= 80;
	return score;
}

static void
score_all(Work *work)
{
	Question *question = &work->question;

	weigh_terms(question, work->ncandidates);
	for (size_t i = 0; i < work->ncandidates; i++)
	{
		Candidate *c = &work->candidates[i];
		int64_t covered;

		c->score = 0;
		if (question->total == 0)
			continue;
		covered = cover(question, c);
		if (covered >= LEAST_COVER &&
			weight_of(question, c->own) * 1000 / question->total >= LEAST_OWN)
			c->score = covered + bonus(work, c);
	}
}

/* ---- choosing ----------------------------------------------------------- */

static BuiltinSpan
absolute(const Work *work, const Candidate *c, BuiltinSpan span)
{
	size_t base = work->sources[c->source].content.start;

	return (BuiltinSpan){base + span.start, base + span.end};
}

/* Do two sentences say the same, by most of their words? */
static bool
repeats(const Work *work, const Candidate *a, const Candidate *b)
{
	uint64_t seen[64];
	int nseen = 0;
	int common = 0;
	int words = 0;
	BuiltinSpan span = absolute(work, a, a->sentence.span);
	BuiltinScanner scanner;
	BuiltinToken token;

	builtin_scan_start(&scanner, work->text + span.start,
					   span.end - span.start);
	while (nseen < 64 && builtin_scan_next(&scanner, &token))
		seen[nseen++] = token.hash;
	span = absolute(work, b, b->sentence.span);
	builtin_scan_start(&scanner, work->text + span.start,
					   span.end - span.start);
	while (words < 64 && builtin_scan_next(&scanner, &token))
	{
		words++;
		for (int i = 0; i < nseen; i++)
		{
			if (seen[i] == token.hash)
			{
				common++;
				break;
			}
		}
	}
	return common * 10 >= words * 7;
}

/* What choosing c next is worth, after those chosen. */
static int64_t
value_after(const Work *work, Candidate *const *chosen, int nchosen,
			const Candidate *c)
{
	uint64_t seen = 0;
	int64_t value = c->score;

	if (nchosen == 0 || work->question.cue == CUE_LIST)
		return value;
	for (int i = 0; i < nchosen; i++)
	{
		seen |= chosen[i]->own;
		/* what follows a chosen sentence goes on with it */
		if (c == chosen[i] + 1 && c->source == chosen[i]->source &&
			!c->sentence.first_of_paragraph)
			value += 120;
	}
	return value - 300 * weight_of(&work->question, c->own & seen) /
					   work->question.total;
}

/*
 * Take the best candidate that repeats none of those chosen and is worth at
 * least least; NULL when there is none. A taken or repeated one is worth
 * nothing from then on.
 */
static Candidate *
choose(Work *work, Candidate *const *chosen, int nchosen, int64_t least)
{
	for (int attempt = 0; attempt < MAX_REPEATS; attempt++)
	{
		Candidate *best = NULL;
		int64_t best_value = least;
		bool is_new = true;

		for (size_t i = 0; i < work->ncandidates; i++)
		{
			Candidate *c = &work->candidates[i];
			int64_t value;

			if (c->score <= 0)
				continue;
			value = value_after(work, chosen, nchosen, c);
			if (value > best_value)
			{
				best = c;
				best_value = value;
			}
		}
		if (best == NULL)
			return NULL;
		best->score = 0;
		for (int i = 0; i < nchosen && is_new; i++)
			is_new = !repeats(work, chosen[i], best);
		if (is_new)
			return best;
	}
	return NULL;
}

/* Up to MAX_QUOTES candidates in chosen, the best first; returns how many. */
static int
choose_all(Work *work, Candidate **chosen)
{
	int n = 0;
	int64_t best = 0;

	for (size_t i = 0; i < work->ncandidates; i++)
	{
		if (work->candidates[i].score > best)
			best = work->candidates[i].score;
	}
	if (best == 0)
		return 0;
	while (n < MAX_QUOTES)
	{
		chosen[n] = choose(work, chosen, n, n ? best * KEEP_SHARE / 1000 : 0);
		if (chosen[n] == NULL)
			break;
		n++;
	}
	return n;
}

/*
 * Readable order: the source of the best sentence first, then the others, and
 * within a source as they stand there.
 */
static void
order(Candidate **chosen, int n)
{
	int first = n > 0 ? chosen[0]->source : 0;

	for (int i = 1; i < n; i++)
	{
		for (int j = i; j > 0; j--)
		{
			Candidate *a = chosen[j - 1];
			Candidate *b = chosen[j];
			bool a_first = a->source == first;
			bool b_first = b->source == first;

			if (a_first != b_first ? a_first : a < b)
				break;
			chosen[j - 1] = b;
			chosen[j] = a;
		}
	}
}

/* ---- output ------------------------------------------------------------- */

static void
put(Output *out, const char *bytes, size_t n)
{
	if (out->failed)
		return;
	if (out->length + n + 1 > out->room)
	{
		size_t room = (out->length + n + 1) * 2;
		char *larger = realloc(out->bytes, room);

		if (larger == NULL)
		{
			out->failed = true;
			return;
		}
		out->bytes = larger;
		out->room = room;
	}
	memcpy(out->bytes + out->length, bytes, n);
	out->length += n;
	out->bytes[out->length] = '\0';
}

/* The end of a quotation of at most QUOTE_BYTES, at a space if it is cut. */
static size_t
cut(const char *text, BuiltinSpan span)
{
	size_t end = span.start + QUOTE_BYTES;

	if (end >= span.end)
		return span.end;
	while (end > span.start + QUOTE_BYTES / 2 && text[end] != ' ')
		end--;
	while (end > span.start && (text[end] & 0xC0) == 0x80)
		end--;
	return end;
}

/*
 * Copy a part of the sources on one line. What looks like a citation there is
 * none: a space behind the bracket tells it apart.
 */
static void
put_quote(Output *out, const char *text, BuiltinSpan span)
{
	size_t end = cut(text, span);
	bool space = false;

	for (size_t i = span.start; i < end; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c <= ' ' || c == 0x7F)
		{
			space = true;
			continue;
		}
		if (space && out->length > 0)
			put(out, " ", 1);
		space = false;
		put(out, text + i, 1);
		if (c == '[' && i + 1 < end && text[i + 1] >= '0' &&
			text[i + 1] <= '9')
			put(out, " ", 1);
	}
	if (end < span.end)
		put(out, " ...", 4);
}

static void
put_sentence(Output *out, const Work *work, const Candidate *c)
{
	long number = work->sources[c->source].number;
	char marker[32];

	if (out->length > 0)
		put(out, " ", 1);
	/* terms that only the label has: without it the quotation says less */
	if (c->label & ~c->own)
	{
		put_quote(out, work->text, absolute(work, c, c->sentence.label));
		put(out, ": ", 2);
	}
	put_quote(out, work->text, absolute(work, c, c->sentence.span));
	if (number > 0)
		put(out, marker,
			(size_t) snprintf(marker, sizeof(marker), " [%ld]", number));
}

static char *
fixed_answer(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = malloc(n);

	if (copy != NULL)
		memcpy(copy, text, n);
	return copy;
}

/* The answer from work's sources to a question in asked. */
static char *
answer(Work *work, const char *asked, BuiltinSpan question)
{
	Candidate *chosen[MAX_QUOTES];
	Output out = {0};
	int n;

	read_question(&work->question, asked, question);
	if (!collect(work))
		return NULL;
	score_all(work);
	n = choose_all(work, chosen);
	if (n == 0)
		return fixed_answer(not_found);
	order(chosen, n);
	for (int i = 0; i < n; i++)
		put_sentence(&out, work, chosen[i]);
	if (out.failed)
	{
		free(out.bytes);
		return NULL;
	}
	return out.bytes;
}

char *
builtin_answer(const char *system, size_t system_len, const char *prompt,
			   size_t prompt_len)
{
	Work work = {.text = prompt};
	BuiltinSpan question;
	size_t rest = read_sources(&work, prompt, prompt_len);
	char *result = NULL;

	if (rest == 0 && system != NULL)
	{
		/* the sources may be in the system text, and the prompt asks */
		work.text = system;
		rest = read_sources(&work, system, system_len);
		if (rest == 0)
			work.text = prompt;
		else if (rest != SIZE_MAX)
			rest = 0;
	}
	if (rest == SIZE_MAX)
		;
	else if (work.nsources > 0)
	{
		question = find_question(prompt, rest, prompt_len);
		result = answer(&work, prompt, question);
	}
	else if (read_plain(&work, prompt, prompt_len, &question))
		result = answer(&work, prompt, question);
	else
		result = fixed_answer(no_context);

	free(work.sources);
	free(work.candidates);
	return result;
}
