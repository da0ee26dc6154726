/*-------------------------------------------------------------------------
 *
 * redact_name.c
 *		People, places and peoples, from lists and cues.
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

#include "redact/redact_name_int.h"

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

/* Does it end as nouns of English, German and Romance languages do? */
static bool
has_plain_ending(const NameWord *w)
{
	static const char *const endings[] = {
		"ung",	 "ungen", "heit",	"heiten", "keit",	"keiten", "schaft",
		"tion",	 "tions", "tionen", "sion",	  "ismus",	"ness",	  "ment",
		"ments", "ility", "ology",	"ically", "ional",	"itat",	  "taten",
		"ingly", "able",  "ible",	"ware",	  "nummer", "cion",	  "ciones",
		"zione", "zioni", "cao",	"coes",	  "dade",	"idad",	  "ances",
		"ences", "ships", "wise"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		if (ends_with(w, endings[i]))
			return true;
	}
	return false;
}

/* What the dictionary knows of a part of a word. */
static uint16_t
flags_of(const uint8_t *word, uint32_t len)
{
	uint32_t hash = REDACT_HASH_INIT;
	RedactWord entry;

	for (uint32_t i = 0; i < len; i++)
		hash = redact_hash_byte(hash, word[i]);
	return redact_word_find(hash, word, len, &entry) ? entry.flags : 0;
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
	if (!w->known && w->hyphen > 0)
	{
		/* "Jean-Baptiste", "Garcia-Lopez" */
		w->flags = (flags_of(w->folded, w->hyphen) |
					flags_of(w->folded + w->hyphen, w->len - w->hyphen)) &
				   (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME);
		w->known = w->flags != 0;
	}
	if (w->known)
		return;
	if (has_plain_ending(w))
		w->flags = REDACT_WORD_COMMON;
	else
		w->surname_ish = has_surname_ending(w);
}

/* Is the word one of a name that was found before? */
static bool
was_seen(const RedactScanner *s, const NameWord *w)
{
	uint32_t slot = w->hash % NAME_MEMORY;

	return w->len > 2 && s->names[slot] == w->hash && s->nnames > 0;
}

void
redact_name_read(const RedactScanner *s, uint32_t pos, NameWord *w)
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
		if (c == '-')
			w->hyphen = w->len;
		if ((redact_class[c] & CC_ALPHA) && w->len < WORD_LEN)
			w->folded[w->len++] = redact_lower(c);
		i++;
	}
	w->end = i;
	w->upper = capitals == w->len && w->len > 1;
	w->initial = w->len == 1 && redact_at(s, i) == '.' && capitals == 1;
	look_up(w);
	if (w->initial)
	{
		w->end++;
		w->flags = 0;
	}
	w->seen = was_seen(s, w);
}

static bool
is_particle(const NameWord *w)
{
	static const char *const particles[] = {
		"de",  "la",  "le",	 "del", "della", "di",	"da", "dos", "das",
		"van", "von", "der", "den", "ter",	 "bin", "al", "el",	 "ibn",
		"du",  "des", "af",	 "zu",	"los",	 "las", "y"};

	return WORD_IS(w, particles);
}

/* The run of words that starts with a capital at pos. */
static int
read_run(const RedactScanner *s, uint32_t pos, NameWord *words)
{
	int n = 0;

	while (n < RUN_WORDS)
	{
		uint32_t next;

		redact_name_read(s, pos, &words[n]);
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

bool
redact_name_before(const RedactScanner *s, uint32_t pos, NameWord *w)
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
	redact_name_read(s, i, w);
	return true;
}

bool
redact_name_is(const NameWord *w, const char *const *list, size_t n)
{
	/* every word near a name comes by here, and most differ at once */
	for (size_t i = 0; i < n; i++)
	{
		if (list[i][0] == w->folded[0] &&
			strncmp(list[i], (const char *) w->folded, w->len) == 0 &&
			list[i][w->len] == '\0')
			return true;
	}
	return false;
}

/* Words before a person's, and before a place's name. */
static const char *const person_before[] = {
	"dear",		"says",		 "said",	"hi",	  "hello",	   "hey",
	"named",	"called",	 "am",		"by",	  "with",	   "signed",
	"heisse",	"appelle",	 "llamo",	"chiamo", "chamo",	   "hedder",
	"heter",	"heiti",	 "regards", "cheers", "sincerely", "thanks",
	"name",		"user",		 "author",	"met",	  "told",	   "asked",
	"call",		"add",		 "partner", "this",	  "are",	   "and",
	"starring", "featuring", "cc",		"from"};
static const char *const place_before[] = {
	"in",	   "from",	 "to",		"near", "visit",  "visiting", "of",
	"leaving", "around", "outside", "via",	"toward", "towards"};
/* what a person is to somebody, right before the name: "her son Cormac" */
static const char *const kin_before[] = {
	"son",		 "daughter", "wife",	 "husband",	 "brother", "sister",
	"father",	 "mother",	 "nephew",	 "niece",	 "cousin",	"uncle",
	"aunt",		 "fiancee",	 "widow",	 "grandson", "carer",	"nurse",
	"coworker",	 "boss",	 "roommate", "sohn",	 "tochter", "bruder",
	"schwester", "kollege",	 "kollegin", "ehemann",	 "ehefrau", "fils",
	"epouse",	 "hijo",	 "hija",	 "marido",	 "esposa",	"figlio",
	"figlia",	 "moglie",	 "marito",	 "filho",	 "filha"};
/* and behind a person's */
static const char *const person_after[] = {
	"said",	   "says",	 "asked",  "told",	 "wrote",  "shouted",	"spent",
	"listed",  "lives",	 "lived",  "works",	 "worked", "explained", "added",
	"replied", "thinks", "called", "points", "writes", "declined"};
/* and behind other things as well */
static const char *const anything_after[] = {"has",	 "had", "will",
											 "just", "is",	"was"};

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

/* "my name is", and the same in other languages: the last two words. */
static bool
ends_introduction(const NameWord *first, const NameWord *second)
{
	static const char *const pairs[][2] = {
		{"name", "is"},		{"name", "ist"},  {"nome", "e"},
		{"naam", "is"},		{"nombre", "es"}, {"nom", "est"},
		{"navn", "er"},		{"namn", "ar"},	  {"nimeni", "on"},
		{"nazywam", "sie"}, {"name", "s"},	  {"it", "s"},
		{"se", "llama"},	{"si", "chiama"}, {"se", "chama"},
		{"hi", "its"},		{"hey", "its"},	  {"hello", "its"},
		{"jmenuji", "se"},	{"volam", "sa"},  {"benim", "adim"},
		{"toi", "la"},		{"numele", "meu"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		if (redact_name_is(first, &pairs[i][0], 1) &&
			redact_name_is(second, &pairs[i][1], 1))
			return true;
	}
	return false;
}

bool
redact_person_follows(const RedactScanner *s, uint32_t end)
{
	NameWord verb;

	if (redact_at(s, end) != ' ' || !(redact_class_at(s, end + 1) & CC_LOWER))
		return false;
	redact_name_read(s, end + 1, &verb);
	return WORD_IS(&verb, person_after);
}

/* The key of the value at start, as JSON writes it: its last word. */
static bool
json_key_before(const RedactScanner *s, uint32_t start, NameWord *w)
{
	uint32_t i = start;

	if (start < 6 || redact_at(s, --i) != '"')
		return false;
	i -= redact_at(s, i - 1) == ' ';
	if (redact_at(s, i - 1) != ':' || redact_at(s, i - 2) != '"')
		return false;
	i -= 2;
	start = i;
	while (i > 0 && start - i < WORD_LEN &&
		   (redact_class_at(s, i - 1) & CC_ALPHA))
		i--;
	if (i == start)
		return false;
	redact_name_read(s, i, w);
	/* "firstName" */
	if (w->camel && w->len > 4 &&
		memcmp(w->folded + w->len - 4, "name", 4) == 0)
		redact_name_read(s, start - 4, w);
	return true;
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
	cues->alone_before = cues->alone || redact_at(s, i - 1) == ']';
	if (redact_name_before(s, start, &w))
	{
		NameWord before;

		cues->title = (w.flags & REDACT_WORD_TITLE) != 0;
		cues->label =
			(w.flags & REDACT_WORD_LABEL) && redact_at(s, w.end) == ':';
		cues->person_before =
			cues->label || WORD_IS(&w, person_before) ||
			(WORD_IS(&w, kin_before) && redact_at(s, w.end) == ' ') ||
			(w.flags & REDACT_WORD_SALUTE);
		cues->place_before = WORD_IS(&w, place_before);
		if (w.len <= 6 && redact_name_before(s, w.start, &before))
		{
			if (ends_introduction(&before, &w))
				cues->person_before = true;
			/* "according to Ann" */
			if (before.len == 9 && memcmp(before.folded, "according", 9) == 0)
			{
				cues->person_before = true;
				cues->place_before = false;
			}
		}
		redact_organisation_before(s, &w, cues);
	}
	else if (json_key_before(s, start, &w))
	{
		cues->label = (w.flags & REDACT_WORD_LABEL) != 0;
		cues->person_before = cues->label;
		cues->org_label = redact_organisation_label(&w);
	}
	if (follows_person(s, start))
		cues->person_before = true;
	cues->alone = cues->alone && (end >= s->len || redact_at(s, end) == '\n');
	if (redact_at(s, end) == '\'' && (redact_at(s, end + 1) | 0x20) == 's')
		cues->person_after = true;
	else if (redact_at(s, end) == ' ' &&
			 (redact_class_at(s, end + 1) & CC_LOWER))
	{
		redact_name_read(s, end + 1, &w);
		cues->org_after = redact_organisation_after(s, end, &w);
		cues->person_after =
			WORD_IS(&w, person_after) ||
			(!cues->sentence_start && WORD_IS(&w, anything_after));
	}
	else if (redact_at(s, end) == ':' || redact_at(s, end) == ',')
		cues->person_after = false;
}

/* ---- judging -------------------------------------------------------- */

uint16_t
redact_name_pair(const NameWord *a, const NameWord *b)
{
	uint8_t phrase[2 * WORD_LEN + 1];
	RedactWord entry;
	uint32_t hash = REDACT_HASH_INIT;
	uint32_t n = 0;

	if (!(b->flags & REDACT_WORD_PHRASE))
		return 0;
	memcpy(phrase, a->folded, a->len);
	n = a->len;
	phrase[n++] = ' ';
	memcpy(phrase + n, b->folded, b->len);
	n += b->len;
	for (uint32_t i = 0; i < n; i++)
		hash = redact_hash_byte(hash, phrase[i]);
	return redact_word_find(hash, phrase, n, &entry) ? entry.flags : 0;
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
		if (unknown && cues->label)
			return 60;
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
			 const Cues *around)
{
	Cues cues = *around;
	int score;
	int first = from;
	uint32_t end;

	if (redact_organisation_cued(s, words, from, to, &cues))
		return;
	/* "Please Mary", "The Smith": common words in front go */
	while (first < to && is_common(&words[first]) &&
		   !(words[first].flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)) &&
		   !(first + 1 < to && is_particle(&words[first]) &&
			 (words[first + 1].flags & REDACT_WORD_SURNAME) &&
			 !is_common(&words[first + 1])))
	{
		cues.person_before = (words[first].flags & REDACT_WORD_SALUTE) ||
							 WORD_IS(&words[first], kin_before);
		cues.sentence_start = false;
		first++;
	}
	while (to > first && (words[to - 1].particle ||
						  (is_common(&words[to - 1]) &&
						   !(words[to - 1].flags &
							 (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)) &&
						   /* "van der Meer" */
						   !(to - 2 > first && words[to - 2].particle))))
		to--;
	if (first >= to)
		return;
	score = score_person(words, first, to, &cues);
	if (cues.place_before && score < 65 && is_unknown(&words[first]) &&
		words[first].len > 3)
	{
		redact_offer(s, words[first].start, words[to - 1].end, REDACT_LOCATION,
					 50, "place_cue");
		return;
	}
	if (cues.org_before && score < 65 && is_unknown(&words[first]))
	{
		redact_offer(s, words[first].start, words[to - 1].end,
					 REDACT_ORGANIZATION, 45, "organization_cue");
		return;
	}
	if (score == 0)
		return;
	end = words[to - 1].end;
	/* "Ji-hoon" */
	if (redact_at(s, end) == '-')
	{
		uint32_t i = end + 1;

		while (i - end < 8 && (redact_class_at(s, i) & CC_LOWER))
			i++;
		if (i - end > 2 && i - end < 8 && !(redact_class_at(s, i) & CC_ALNUM))
			end = i;
	}
	redact_offer(s, words[first].start, end, REDACT_PERSON, score, "name");
	if (score >= 55)
	{
		s->person_end = end;
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

/*
 * "Corso Vittorio Emanuele 77": the address, which is found at its number, has
 * these words.
 */
static bool
is_street(const RedactScanner *s, const NameWord *words, int n)
{
	uint32_t end = words[n - 1].end;

	end += redact_at(s, end) == ',';
	return n > 1 && (words[0].flags & REDACT_WORD_STREET) &&
		   !(words[0].flags & (REDACT_WORD_TITLE | REDACT_WORD_GIVEN)) &&
		   redact_at(s, end) == ' ' &&
		   (redact_class_at(s, end + 1) & CC_DIGIT);
}

/* Split a run at titles, places and peoples; judge what is left. */
static void
judge_run(RedactScanner *s, NameWord *words, int n)
{
	int from = redact_organisation(s, words, n);

	if (from == 0 && redact_wants(s, REDACT_STREET_ADDRESS) &&
		is_street(s, words, n))
		return;
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
		else if ((w->flags & REDACT_WORD_ORG) && n == 1 &&
				 (!w->upper || (w->len <= 4 && !is_common(w))))
		{
			redact_offer(s, w->start, w->end, REDACT_ORGANIZATION, 55,
						 "known_organization");
			from = i + 1;
		}
		else if (i + 1 < n &&
				 (redact_name_pair(w, &words[i + 1]) & REDACT_WORD_PLACE))
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

/* ---- small letters -------------------------------------------------- */

/* A word that is a name and no other word. */
static bool
is_name(const NameWord *w, uint16_t kind)
{
	return (w->flags & kind) && !is_common(w) && w->len > 2 &&
		   !(w->flags & (REDACT_WORD_TITLE | REDACT_WORD_ORGSUFFIX));
}

/* The word behind w, if only a blank is between and it is in small letters. */
static bool
small_word_after(const RedactScanner *s, const NameWord *w, NameWord *next)
{
	uint32_t i = w->end;

	if ((w->flags & REDACT_WORD_TITLE) && redact_at(s, i) == '.')
		i++;
	if (redact_at(s, i) != ' ' || !(redact_class_at(s, i + 1) & CC_LOWER))
		return false;
	redact_name_read(s, i + 1, next);
	/* "o'connor" */
	if (next->len == 1 && redact_at(s, next->end) == '\'' &&
		(redact_class_at(s, next->end + 1) & CC_LOWER))
	{
		NameWord rest;

		redact_name_read(s, next->end + 1, &rest);
		next->end = rest.end;
		next->len += rest.len;
		next->flags = REDACT_WORD_SURNAME;
	}
	return true;
}

/* "kevin", "kevin miller" where something says that it is a person. */
static void
judge_small(RedactScanner *s, const NameWord *w, const Cues *cues, bool title)
{
	NameWord next;
	uint32_t end = w->end;
	int score = 0;

	if (!is_name(w, REDACT_WORD_GIVEN | REDACT_WORD_SURNAME) && !title)
		return;
	if (small_word_after(s, w, &next) &&
		(is_name(&next, REDACT_WORD_GIVEN | REDACT_WORD_SURNAME) ||
		 (next.flags == REDACT_WORD_SURNAME)))
	{
		end = next.end;
		score = (w->flags & REDACT_WORD_GIVEN) ? 60 : 45;
	}
	if (title || cues->label)
		score = 65;
	else if (score == 0 && (w->flags & REDACT_WORD_GIVEN) &&
			 (cues->person_before || redact_person_follows(s, end) ||
			  (cues->alone_before && redact_at(s, end) == ':')))
		score = 50;
	if (score > 0)
	{
		redact_offer(s, w->start, end, REDACT_PERSON, score, "small_name");
		s->name_end = end;
	}
}

/*
 * The word in small letters at pos: a name or place, if it is no other word
 * and stands where one is expected.
 */
uint32_t
redact_verify_small(RedactScanner *s, uint32_t pos)
{
	NameWord w;
	NameWord before;
	Cues cues;
	bool title = false;

	if (pos < s->name_end || (redact_class_at(s, pos - 1) & CC_ALNUM))
		return pos + 1;
	redact_name_read(s, pos, &w);
	if (!(w.flags & (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME |
					 REDACT_WORD_PLACE | REDACT_WORD_ORG)) &&
		(w.known || w.len < 4))
		return w.end;
	if (strchr("@_./-\\", redact_at(s, pos - 1)) != NULL && pos > 0)
		return w.end;
	if (!ends_word(s, w.end) || redact_at(s, w.end) == '-' ||
		redact_at(s, w.end) == '(' ||
		(redact_at(s, w.end) == '.' &&
		 (redact_class_at(s, w.end + 1) & CC_ALNUM)))
		return w.end;
	if (!redact_name_before(s, pos, &before))
		memset(&before, 0, sizeof(before));
	/* titles that are nothing else */
	title = (before.flags & REDACT_WORD_TITLE) && !is_common(&before) &&
			before.len <= 4 && !is_common(&w) && before.end + 2 >= pos;
	if (!title && w.flags == 0)
		return w.end;
	read_cues(s, w.start, w.end, &cues);
	judge_small(s, &w, &cues, title);
	if (s->name_end >= w.end)
		return w.end;
	if (is_name(&w, REDACT_WORD_PLACE) && cues.place_before)
		redact_offer(s, w.start, w.end, REDACT_LOCATION, 50, "small_place");
	else if ((w.flags & REDACT_WORD_ORG) && !is_common(&w) &&
			 (cues.org_before || cues.place_before))
		redact_offer(s, w.start, w.end, REDACT_ORGANIZATION, 45,
					 "small_organization");
	return w.end;
}

/* ---- native scripts ------------------------------------------------- */

/* Bytes of the run of characters of one script from U+3040 on at pos. */
static uint32_t
script_run(const RedactScanner *s, uint32_t pos, uint32_t max)
{
	uint32_t i = pos;

	while (i - pos < 3 * max && i + 3 <= s->len && s->text[i] >= 0xe3 &&
		   s->text[i] <= 0xed)
		i += 3;
	return i - pos;
}

/*
 * A name behind its label, in Han, Kana or Hangul: the colon is at pos. Such
 * names have two to five characters.
 */
void
redact_verify_native_name(RedactScanner *s, uint32_t pos)
{
	static const char *const labels[] = {
		"\xe5\x90\x8d\xe5\x89\x8d",				/* namae */
		"\xe6\xb0\x8f\xe5\x90\x8d",				/* shimei */
		"\xe5\xa7\x93\xe5\x90\x8d",				/* xingming */
		"\xe8\x81\x94\xe7\xb3\xbb\xe4\xba\xba", /* lianxiren */
		"\xe5\xae\xa2\xe6\x88\xb7",				/* kehu */
		"\xe6\x82\xa3\xe8\x80\x85",				/* huanzhe, kanja */
		"\xec\x9d\xb4\xeb\xa6\x84",				/* ireum */
		"\xec\x84\xb1\xeb\xaa\x85",				/* seongmyeong */
		"\xea\xb3\xa0\xea\xb0\x9d"				/* gogaek */
	};
	uint32_t start = pos + 1;
	uint32_t n;

	while (start < pos + 3 && redact_at(s, start) == ' ')
		start++;
	n = script_run(s, start, 6);
	if (n < 6 || n > 15)
		return;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
	{
		uint32_t len = strlen(labels[i]);

		if (pos >= len && memcmp(s->text + pos - len, labels[i], len) == 0)
			redact_offer(s, start, start + n, REDACT_PERSON, 70,
						 "native_name");
	}
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
