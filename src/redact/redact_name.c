/*-------------------------------------------------------------------------
 *
 * redact_name.c
 *		People, places, organisations and peoples, from lists and cues.
 *
 * A run of capitalised words, with the particles of names between them, is
 * read at once. Every word brings what the dictionary knows of it; the words
 * beside the run and the form of surnames ("-sson", "-ovic") add the rest. A
 * word that is also a common word counts only with a cue.
 *
 * A name that was found once is found again by each of its parts, in the
 * rest of the text.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_scan_int.h"

#define RUN_WORDS 8
#define WORD_LEN 32

typedef struct NameWord
{
	uint32_t start;
	uint32_t end;
	uint16_t flags;	  /* of the dictionary; 0: unknown */
	bool known;		  /* in the dictionary at all */
	bool particle;	  /* "de", "van": small, between names */
	bool initial;	  /* "J." */
	bool upper;		  /* all capitals */
	bool camel;		  /* a capital behind a small letter: a program's */
	bool surname_ish; /* by its ending */
	bool seen;		  /* part of a name found before */
	uint32_t hash;
	uint8_t len;
	uint8_t folded[WORD_LEN];
} NameWord;

static bool
is_name_char(const RedactScanner *s, uint32_t i)
{
	uint8_t c = redact_at(s, i);

	if (redact_class[c] & CC_ALPHA)
		return true;
	/* O'Brien, Jean-Luc */
	return (c == '\'' || c == '-') && (redact_class_at(s, i - 1) & CC_ALPHA) &&
		   (redact_class_at(s, i + 1) & CC_UPPER);
}

static bool
ends_with(const NameWord *w, const char *suffix)
{
	size_t n = strlen(suffix);

	return w->len > n + 2 && memcmp(w->folded + w->len - n, suffix, n) == 0;
}

static bool
has_surname_ending(const NameWord *w)
{
	static const char *const endings[] = {
		"sson",	 "sdottir", "dottir", "ovic",  "evic",	  "ovich",	"evich",
		"enko",	 "escu",	"akis",	  "idis",  "opoulos", "poulou", "wicz",
		"owski", "ewski",	"owska",  "ewska", "ovsky",	  "insky",	"nsky",
		"ova",	 "eva",		"ovna",	  "iak",   "czyk",	  "ezky",	"ikova",
		"berg",	 "strom",	"qvist",  "quist", "gren",	  "stein",	"mann",
		"sen",	 "etti",	"elli",	  "ucci",  "acci",	  "ini",	"oglu",
		"yan",	 "adze",	"shvili", "nen",   "ez",	  "ssen",	"feld"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		if (ends_with(w, endings[i]))
			return true;
	}
	return false;
}

static void
look_up(NameWord *w)
{
	RedactWord entry;

	w->hash = REDACT_HASH_INIT;
	for (int i = 0; i < w->len; i++)
		w->hash = redact_hash_byte(w->hash, w->folded[i]);
	w->known = redact_word_find(w->hash, w->folded, w->len, &entry);
	w->flags = w->known ? entry.flags : 0;
	if (w->known && entry.flags == 0)
		w->flags = REDACT_WORD_COMMON; /* a context word */
	if (!(w->flags & ~REDACT_WORD_PHRASE))
		w->surname_ish = has_surname_ending(w);
}

/* Is the word one of a name that was found before? */
static bool
was_seen(const RedactScanner *s, const NameWord *w)
{
	uint32_t slot = w->hash % NAME_MEMORY;

	return w->len > 2 && s->names[slot] == w->hash && s->nnames > 0;
}

/* Read the word at pos. */
static void
read_word(const RedactScanner *s, uint32_t pos, NameWord *w)
{
	uint32_t i = pos;
	int capitals = 0;

	memset(w, 0, sizeof(*w));
	w->start = pos;
	while (i - pos < 64 && is_name_char(s, i))
	{
		uint8_t c = redact_at(s, i);

		if (redact_class[c] & CC_UPPER)
		{
			/* but for "McLeod", "DeVito", "MacArthur" */
			w->camel |= i - pos > 3 && (redact_class_at(s, i - 1) & CC_LOWER);
			capitals++;
		}
		if ((redact_class[c] & CC_ALPHA) && w->len < WORD_LEN)
			w->folded[w->len++] = redact_lower(c);
		i++;
	}
	w->end = i;
	w->upper = capitals == w->len && w->len > 1;
	w->initial = w->len == 1 && redact_at(s, i) == '.' && capitals == 1;
	if (w->initial)
		w->end++;
	look_up(w);
	w->seen = was_seen(s, w);
}

static bool
is_particle(const NameWord *w)
{
	static const char *const particles[] = {
		"de",  "la",  "le",	 "del", "della", "di",	"da", "dos", "das",
		"van", "von", "der", "den", "ter",	 "bin", "al", "el",	 "ibn",
		"du",  "des", "af",	 "zu",	"los",	 "las", "y"};

	for (size_t i = 0; i < sizeof(particles) / sizeof(particles[0]); i++)
	{
		if (strlen(particles[i]) == w->len &&
			memcmp(particles[i], w->folded, w->len) == 0)
			return true;
	}
	return false;
}

/* The run of words that starts with a capital at pos. */
static int
read_run(const RedactScanner *s, uint32_t pos, NameWord *words)
{
	int n = 0;

	while (n < RUN_WORDS)
	{
		uint32_t next;

		read_word(s, pos, &words[n]);
		if (!(redact_class_at(s, pos) & CC_UPPER))
		{
			/* a particle, if a capital follows */
			next = words[n].end + 1;
			if (n == 0 || !is_particle(&words[n]) ||
				redact_at(s, words[n].end) != ' ' ||
				!((redact_class_at(s, next) & CC_UPPER) ||
				  (n > 0 && (redact_class_at(s, next) & CC_LOWER) &&
				   !words[n - 1].particle)))
				break;
			words[n].particle = true;
		}
		n++;
		/* "Dr. X", "J. X", but not the end of a sentence */
		next = words[n - 1].end;
		if (redact_at(s, next) == '.' &&
			(words[n - 1].flags & REDACT_WORD_TITLE))
			next++;
		if (redact_at(s, next) != ' ' ||
			!(redact_class_at(s, next + 1) & (CC_UPPER | CC_LOWER)))
			break;
		pos = next + 1;
	}
	while (n > 0 && words[n - 1].particle)
		n--;
	return n;
}

/* The word that ends before pos; false if punctuation stands between. */
static bool
word_before(const RedactScanner *s, uint32_t pos, NameWord *w)
{
	uint32_t i = pos;

	while (i > 0 && pos - i < 2 &&
		   (redact_at(s, i - 1) == ' ' || redact_at(s, i - 1) == '.' ||
			redact_at(s, i - 1) == ',' || redact_at(s, i - 1) == ':'))
		i--;
	if (i == pos || !(redact_class_at(s, i - 1) & CC_ALPHA))
		return false;
	pos = i;
	while (i > 0 && pos - i < WORD_LEN &&
		   (redact_class_at(s, i - 1) & CC_ALPHA))
		i--;
	read_word(s, i, w);
	return true;
}

static bool
word_is(const NameWord *w, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (strlen(list[i]) == w->len &&
			memcmp(list[i], w->folded, w->len) == 0)
			return true;
	}
	return false;
}

/* Words before a person's, and before a place's name. */
static const char *const person_before[] = {
	"dear",		 "says",   "said",		"hi",	  "hello", "hey",
	"named",	 "called", "am",		"by",	  "with",  "signed",
	"regards",	 "cheers", "sincerely", "thanks", "name",  "user",
	"author",	 "met",	   "told",		"asked",  "call",  "add",
	"partner",	 "this",   "um",		"are",	  "and",   "starring",
	"featuring", "cc",	   "from"};
static const char *const place_before[] = {
	"in",	   "from",	 "to",		"near", "visit",  "visiting", "of",
	"leaving", "around", "outside", "via",	"toward", "towards"};
/* and behind a person's */
static const char *const person_after[] = {
	"said",	  "says",	   "asked", "told",	   "wrote",	 "shouted", "spent",
	"listed", "lives",	   "lived", "has",	   "had",	 "will",	"works",
	"worked", "explained", "added", "replied", "thinks", "called",	"just",
	"points", "writes",	   "is",	"was"};

#define WORD_IS(w, list) word_is(w, list, sizeof(list) / sizeof(list[0]))

/* What surrounds a run. */
typedef struct Cues
{
	bool sentence_start;
	bool title;
	bool person_before;
	bool place_before;
	bool org_before;
	bool person_after; /* a verb, or 's */
	bool alone;		   /* on a line of its own */
} Cues;

/* Does a name end right before, with a comma or an "and" between? */
static bool
follows_person(const RedactScanner *s, uint32_t start)
{
	uint32_t gap = start - s->person_end;

	if (s->person_end == 0 || gap < 2 || gap > 6 || start < gap)
		return false;
	if (redact_at(s, start - 1) != ' ')
		return false;
	return (gap == 2 && redact_at(s, start - 2) == ',') ||
		   (gap == 3 && redact_at(s, start - 2) == '&') ||
		   (gap >= 5 && memcmp(s->text + start - 5, " and ", 5) == 0);
}

static void
read_cues(const RedactScanner *s, uint32_t start, uint32_t end, Cues *cues)
{
	NameWord w;
	uint32_t i = start;

	memset(cues, 0, sizeof(*cues));
	while (i > 0 &&
		   (redact_at(s, i - 1) == ' ' || redact_at(s, i - 1) == '"' ||
			redact_at(s, i - 1) == '>' || redact_at(s, i - 1) == '?') &&
		   start - i < 6)
		i--;
	cues->sentence_start = i == 0 || strchr(".!?\n\r:;", redact_at(s, i - 1));
	cues->alone = i == 0 || redact_at(s, i - 1) == '\n';
	if (word_before(s, start, &w))
	{
		cues->title = (w.flags & REDACT_WORD_TITLE) != 0;
		cues->person_before = WORD_IS(&w, person_before);
		if (w.len == 2 && memcmp(w.folded, "is", 2) == 0)
		{
			NameWord before;

			/* "my name is" */
			cues->person_before = word_before(s, w.start, &before) &&
								  before.len == 4 &&
								  memcmp(before.folded, "name", 4) == 0;
		}
		cues->place_before = WORD_IS(&w, place_before);
		cues->org_before = w.len == 2 && memcmp(w.folded, "at", 2) == 0;
	}
	if (follows_person(s, start))
		cues->person_before = true;
	cues->alone = cues->alone && (end >= s->len || redact_at(s, end) == '\n');
	if (redact_at(s, end) == '\'' && (redact_at(s, end + 1) | 0x20) == 's')
		cues->person_after = true;
	else if (redact_at(s, end) == ' ' &&
			 (redact_class_at(s, end + 1) & CC_LOWER))
	{
		read_word(s, end + 1, &w);
		cues->person_after = WORD_IS(&w, person_after);
	}
	else if (redact_at(s, end) == ':' || redact_at(s, end) == ',')
		cues->person_after = false;
}

/* ---- judging -------------------------------------------------------- */

static bool
is_common(const NameWord *w)
{
	return w->flags &
		   (REDACT_WORD_COMMON | REDACT_WORD_MONTH | REDACT_WORD_WEEKDAY |
			REDACT_WORD_STREET | REDACT_WORD_UNIT);
}

static bool
is_unknown(const NameWord *w)
{
	return !w->known && w->len >= 3 && !w->particle && !w->initial &&
		   !w->camel;
}

/* Two words of the run that are one place: "New York". */
static bool
is_place_pair(const NameWord *a, const NameWord *b)
{
	uint8_t phrase[2 * WORD_LEN + 1];
	RedactWord entry;
	uint32_t hash = REDACT_HASH_INIT;
	uint32_t n = 0;

	if (!(b->flags & REDACT_WORD_PHRASE))
		return false;
	memcpy(phrase, a->folded, a->len);
	n = a->len;
	phrase[n++] = ' ';
	memcpy(phrase + n, b->folded, b->len);
	n += b->len;
	for (uint32_t i = 0; i < n; i++)
		hash = redact_hash_byte(hash, phrase[i]);
	return redact_word_find(hash, phrase, n, &entry) &&
		   (entry.flags & REDACT_WORD_PLACE);
}

static void
remember(RedactScanner *s, const NameWord *words, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		if (words[i].len > 2 && !words[i].particle &&
			!(is_common(&words[i]) && !(words[i].flags & REDACT_WORD_GIVEN)))
		{
			s->names[words[i].hash % NAME_MEMORY] = words[i].hash;
			s->nnames++;
		}
	}
}

/* How likely words [from, to) are a person. */
static int
score_person(const NameWord *words, int from, int to, const Cues *cues)
{
	int given = 0, surname = 0, unknown = 0, common = 0, seen = 0, ish = 0;
	int count = 0;
	bool cue = cues->title || cues->person_before;

	for (int i = from; i < to; i++)
	{
		const NameWord *w = &words[i];

		if (w->particle || w->initial)
			continue;
		count++;
		given += (w->flags & REDACT_WORD_GIVEN) && !is_common(w);
		surname += (w->flags & REDACT_WORD_SURNAME) && !is_common(w);
		common += is_common(w) != 0;
		unknown += is_unknown(w);
		ish += w->surname_ish;
		seen += w->seen;
	}
	if (count == 0)
		return 0;
	if (cues->title)
		return common == count ? 55 : 85;
	if (seen == count)
		return 70;
	if (count == 1)
	{
		const NameWord *w = &words[from];

		if (w->flags & (REDACT_WORD_MONTH | REDACT_WORD_WEEKDAY))
			return 0;
		if (w->initial || w->upper)
			return given + surname > 0 && cue ? 60 : 0;
		if (given)
			return 65;
		if (surname)
			return cue || cues->person_after || !cues->sentence_start ? 60
																	  : 45;
		if (ish)
			return 50;
		if (is_common(w) &&
			(w->flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)))
			return cues->person_before ||
						   (cues->person_after && !cues->sentence_start)
					   ? 50
					   : 0;
		if (unknown && cues->person_before && !cues->place_before)
			return 55;
		if (unknown && cues->person_after)
			return 45;
		return 0;
	}
	/* several words */
	if (given > 0 && common < count)
		return given + surname + ish >= 2 ? 85 : 75;
	if ((words[from].flags & REDACT_WORD_GIVEN) &&
		(surname + unknown + ish > 0))
		return 65;
	if (surname + ish > 0 && unknown > 0 && common == 0)
		return 60;
	if (surname >= 2 && common == 0)
		return 60;
	if (unknown == count && count <= 3)
		return cue || cues->person_after ? 60 : cues->alone ? 40 : 40;
	return 0;
}

/* Words [from, to) of a run: a person, after the words that cannot be one. */
static void
judge_person(RedactScanner *s, const NameWord *words, int from, int to,
			 const Cues *cues)
{
	int score;
	int first = from;

	/* "Please Mary", "The Smith": common words in front go */
	while (first < to && is_common(&words[first]) &&
		   !(words[first].flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)))
		first++;
	while (to > first && (words[to - 1].particle ||
						  (is_common(&words[to - 1]) &&
						   !(words[to - 1].flags &
							 (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)))))
		to--;
	if (first >= to)
		return;
	score = score_person(words, first, to, cues);
	if (cues->place_before && score < 65 && is_unknown(&words[first]) &&
		words[first].len > 3)
	{
		redact_offer(s, words[first].start, words[to - 1].end, REDACT_LOCATION,
					 50, "place_cue");
		return;
	}
	if (cues->org_before && score < 65 && is_unknown(&words[first]))
	{
		redact_offer(s, words[first].start, words[to - 1].end,
					 REDACT_ORGANIZATION, 45, "organization_cue");
		return;
	}
	if (score == 0)
		return;
	redact_offer(s, words[first].start, words[to - 1].end, REDACT_PERSON,
				 score, "name");
	if (score >= 55)
	{
		s->person_end = words[to - 1].end;
		remember(s, words, first, to);
	}
}

/* Words [from, to) of a run, of which those before are something else. */
static void
judge_part(RedactScanner *s, const NameWord *words, int from, int to)
{
	Cues cues;

	if (from >= to)
		return;
	read_cues(s, words[from].start, words[to - 1].end, &cues);
	if (from > 0 && (words[from - 1].flags & REDACT_WORD_TITLE))
		cues.title = true;
	judge_person(s, words, from, to, &cues);
}

/* A word of the language, rather than a name. */
static bool
is_plain(const NameWord *w)
{
	return is_common(w) &&
		   !(w->flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME));
}

/* An organisation ends with what it is; returns the word behind it, or 0. */
static int
judge_organisation(RedactScanner *s, const NameWord *words, int n)
{
	for (int i = n - 1; i >= 1; i--)
	{
		if (words[i].flags & REDACT_WORD_ORGSUFFIX)
		{
			int first = 0;

			while (first < i && (words[first].flags & REDACT_WORD_TITLE))
				first++;
			while (first < i && is_common(&words[first]) &&
				   words[first].len <= 4)
				first++;
			if (first < i)
			{
				redact_offer(s, words[first].start,
							 words[i].end +
								 (words[i].len <= 3 &&
								  redact_at(s, words[i].end) == '.'),
							 REDACT_ORGANIZATION, 70, "organization");
				return i + 1;
			}
			break;
		}
	}
	return 0;
}

/* Split a run at titles, places and peoples; judge what is left. */
static void
judge_run(RedactScanner *s, NameWord *words, int n)
{
	int from = judge_organisation(s, words, n);

	for (int i = from; i < n; i++)
	{
		const NameWord *w = &words[i];

		if (w->flags & REDACT_WORD_TITLE)
		{
			judge_part(s, words, from, i);
			from = i + 1;
		}
		else if (i > from && (w->flags & REDACT_WORD_STREET) &&
				 !is_plain(&words[i - 1]))
		{
			int first = i - 1;

			while (first > from && !is_plain(&words[first - 1]) &&
				   i - first < 3)
				first--;
			judge_part(s, words, from, first);
			redact_offer(s, words[first].start, w->end, REDACT_LOCATION, 55,
						 "street");
			from = i + 1;
		}
		else if ((w->flags & REDACT_WORD_ORG) && !w->upper && n == 1)
		{
			redact_offer(s, w->start, w->end, REDACT_ORGANIZATION, 55,
						 "known_organization");
			from = i + 1;
		}
		else if (i + 1 < n && is_place_pair(w, &words[i + 1]))
		{
			uint32_t end = words[i + 1].end;

			judge_part(s, words, from, i);
			redact_offer(s, w->start, end, REDACT_LOCATION, 70, "place");
			from = ++i + 1;
		}
		else if ((w->flags & REDACT_WORD_NRP) && !w->upper)
		{
			judge_part(s, words, from, i);
			redact_offer(s, w->start, w->end, REDACT_NRP, 65, "people");
			from = i + 1;
		}
		else if ((w->flags & REDACT_WORD_PLACE) &&
				 !((i > from || (i + 1 < n && !words[i + 1].particle &&
								 !is_common(&words[i + 1]))) &&
				   (w->flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME))))
		{
			judge_part(s, words, from, i);
			redact_offer(s, w->start, w->end, REDACT_LOCATION,
						 is_common(w) ? 40 : 65, "place");
			from = i + 1;
		}
	}
	judge_part(s, words, from, n);
}

/* Does a word that ends at i end there, or go on as something else? */
static bool
ends_word(const RedactScanner *s, uint32_t i)
{
	uint8_t c = redact_at(s, i);

	return c != '_' && c != '@' && !(redact_class[c] & CC_DIGIT);
}

uint32_t
redact_verify_name(RedactScanner *s, uint32_t pos)
{
	NameWord words[RUN_WORDS];
	int n;

	if (pos < s->name_end || (redact_class_at(s, pos - 1) & CC_ALNUM) ||
		redact_at(s, pos - 1) == '_')
		return pos + 1;
	n = read_run(s, pos, words);
	s->name_end = n > 0 ? words[n - 1].end : pos + 1;
	/* a code or an identifier of a program is no word */
	if (n > 0 && !ends_word(s, s->name_end))
		n--;
	/* "P<" begins a passport's lines */
	if (n > 0 && words[n - 1].len == 1 &&
		redact_at(s, words[n - 1].end) == '<')
		n--;
	while (n > 0 && words[n - 1].particle)
		n--;
	if (n > 0 &&
		(redact_at(s, pos - 1) == '@' || redact_at(s, pos - 1) == '.' ||
		 redact_at(s, pos - 1) == '/'))
	{
		/* the first word is part of something else */
		s->name_end = words[0].end;
		return s->name_end;
	}
	if (n == 0)
		return s->name_end;
	if (n == 1 && (words[0].flags & REDACT_WORD_WEEKDAY))
	{
		redact_offer(s, words[0].start, words[0].end, REDACT_DATE_TIME, 45,
					 "weekday");
		return s->name_end;
	}
	judge_run(s, words, n);
	return s->name_end;
}
