/*-------------------------------------------------------------------------
 *
 * redact_organisation.c
 *		Organisations, by what their names end with ("Ltd"), what is said of
 *		them, and where they stand.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_name_int.h"

/* ---- what is around a name ------------------------------------------- */

static const char *const employed_by[] = {"for", "by", "bei", "chez"};
/* Words before "at", or "for" or "by", where somebody works; */
static const char *const job_before[] = {
	"work",		 "works",	 "worked",	 "working",	   "job",	   "employed",
	"employee",	 "intern",	 "interned", "internship", "engineer", "manager",
	"director",	 "analyst",	 "position", "consultant", "role",	   "career",
	"year",		 "years",	 "months",	 "president",  "studied",  "hired",
	"developer", "placement"};
/* words before an organisation, */
static const char *const org_before[] = {
	"joined",		"acquired", "acquires", "founded",	  "company",
	"firm",			"startup",	"employer", "vendor",	  "supplier",
	"manufacturer", "retailer", "brand",	"competitor", "subsidiary"};
/* and what only organisations do. */
static const char *const org_after[] = {
	"acquired", "acquires", "announced", "announces", "launched",
	"launches", "invested", "invests",	 "merged",	  "manufactures",
	"produces", "provides", "operates",	 "employs",	  "offers",
	"released", "sells",	"unveiled",	 "hired",	  "shipped"};

/* " is a company": what an organisation is; end is behind its name. */
static bool
is_said_organisation(const RedactScanner *s, uint32_t end)
{
	static const char *const kinds[] = {
		"company",	"firm",		"startup",	  "nonprofit", "charity",
		"retailer", "provider", "supplier",	  "vendor",	   "manufacturer",
		"bank",		"insurer",	"subsidiary", "foundation"};
	uint32_t i = end + 6;

	if (i > s->len || memcmp(s->text + end, " is a", 5) != 0)
		return false;
	i += redact_at(s, i - 1) == 'n';
	/* "a 501(c)3" is what the law calls a charity */
	if (i + 6 < s->len && memcmp(s->text + i, "501(c)", 6) == 0)
		return true;
	for (int k = 0; k < 3; k++)
	{
		NameWord w;

		if (!(redact_class_at(s, i) & CC_ALPHA))
			return false;
		redact_name_read(s, i, &w);
		if (WORD_IS(&w, kinds))
			return true;
		if (redact_at(s, w.end) != ' ')
			return false;
		i = w.end + 1;
	}
	return false;
}

bool
redact_organisation_label(const NameWord *w)
{
	static const char *const labels[] = {
		"company", "employer", "organization", "organisation", "firma",
		"empresa", "azienda",  "societe",	   "vendor",	   "supplier",
		"bank",	   "merchant", "arbeitgeber",  "werkgever",	   "entreprise"};

	return WORD_IS(w, labels);
}

void
redact_organisation_before(const RedactScanner *s, const NameWord *before,
						   Cues *cues)
{
	NameWord job;

	cues->org_before =
		before->len == 2 && memcmp(before->folded, "at", 2) == 0;
	cues->org_label =
		redact_at(s, before->end) == ':' && redact_organisation_label(before);
	cues->job_before = WORD_IS(before, org_before) ||
					   (before->len <= 4 &&
						(cues->org_before || WORD_IS(before, employed_by)) &&
						redact_name_before(s, before->start, &job) &&
						WORD_IS(&job, job_before));
}

bool
redact_organisation_after(const RedactScanner *s, uint32_t end,
						  const NameWord *after)
{
	return WORD_IS(after, org_after) || is_said_organisation(s, end);
}

/*
 * The form that the law gives a name ending at end, where it is no word of its
 * own: ", LLC", " plc", " S.A. de C.V."; its end, or 0.
 */
static uint32_t
legal_form_end(const RedactScanner *s, uint32_t end)
{
	/* the longer ones of the same start first; what follows is no letter */
	static const char *const forms[] = {
		"& Co. KGaA", "& Co. KG",	"& Co. OHG",  "& Co.",	 "S.A. de C.V.",
		"S. de R.L.", "S.p.A.",		"S.r.l.",	  "S.A.S.",	 "S.A.R.L.",
		"S.A.",		  "S.L.",		"B.V.",		  "N.V.",	 "A/S",
		"ApS",		  "Sp. z o.o.", "sp. z o.o.", "a.s.",	 "s.r.o.",
		"d.o.o.",	  "plc",		"e.V.",		  "Pty Ltd", "Pvt Ltd",
		"Pvt. Ltd.",  "Ltda.",		"Ltda",		  "L.L.C.",	 "LLC",
		"LLP",		  "Inc.",		"Inc",		  "Ltd.",	 "Ltd",
		"Co.",		  "Corp."};
	uint32_t i = end + (redact_at(s, end) == ',');

	if (redact_at(s, i++) != ' ')
		return 0;
	for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++)
	{
		size_t n;

		if (redact_at(s, i) != (uint8_t) forms[k][0])
			continue;
		n = strlen(forms[k]);
		if (i + n <= s->len && memcmp(s->text + i, forms[k], n) == 0 &&
			!(redact_class_at(s, i + n) & CC_ALNUM))
			return i + n;
	}
	return 0;
}

/* "Universidad de Chile", "Sparkasse Bochum": a word that such names begin with. */
static bool
heads_name(const NameWord *w)
{
	static const char *const heads[] = {
		"universite",	"universidad",	"universita",	  "universitat",
		"universidade", "universiteit", "universitetet",  "uniwersytet",
		"sparkasse",	"volksbank",	"raiffeisenbank", "banco",
		"banca",		"banque",		"klinikum",		  "stadtwerke",
		"hochschule",	"ospedale",		"hopital",		  "ministerio",
		"ministere",	"ministero",	"trattoria",	  "ristorante",
		"osteria",		"restaurante",	"brasserie",	  "fondation",
		"fundacion",	"fondazione",	"fundacao",		  "grupo",
		"groupe",		"gruppo",		"politecnico",	  "ecole",
		"autohaus",		"klinik",		"krankenhaus",	  "clinique",
		"clinica",		"backerei",		"metzgerei",	  "gasthof",
		"apotheke",		"pharmacie",	"farmacia",		  "boulangerie",
		"bakkerij",		"bouwbedrijf",	"construtora",	  "lycee",
		"colegio",		"kanzlei"};

	return WORD_IS(w, heads);
}

/* Two words of the run that are one organisation: "Goldman Sachs". */
static bool
is_known_pair(const NameWord *a, const NameWord *b)
{
	return redact_name_pair(a, b) & REDACT_WORD_ORG;
}

/* Does a run name an organisation, if what is around it speaks of one? */
static bool
is_organisation(const NameWord *words, int from, int to, const Cues *cues)
{
	int names = 0;
	int unknown = 0;

	for (int i = from; i < to; i++)
	{
		names += (words[i].flags &
				  (REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)) != 0 &&
				 !is_common(&words[i]);
		unknown += is_unknown(&words[i]);
		if (words[i].flags & (REDACT_WORD_MONTH | REDACT_WORD_WEEKDAY |
							  REDACT_WORD_PLACE | REDACT_WORD_NRP))
			return false;
	}
	if (cues->org_label && !cues->title)
		return true;
	if (cues->title || cues->label || (words[from].flags & REDACT_WORD_GIVEN))
		return false;
	/*
	 * People do what organisations do, but nobody works at a person; and where
	 * one works has several capitals by being a name: "at Green Energy".
	 */
	return cues->job_before ? names + unknown > 0 || to - from > 1
							: unknown > 0 && names == 0;
}

bool
redact_organisation_cued(RedactScanner *s, const NameWord *words, int from,
						 int to, const Cues *cues)
{
	if (!cues->job_before && !cues->org_after && !cues->org_label)
		return false;
	while (from < to && is_common(&words[from]) && words[from].len <= 4)
		from++;
	if (from == to || !is_organisation(words, from, to, cues))
		return false;
	redact_offer(s, words[from].start, words[to - 1].end, REDACT_ORGANIZATION,
				 55, "organization_cue");
	return true;
}

/* ---- the form of a name ---------------------------------------------- */

/* The start of the word before "& ", or start. */
static uint32_t
joined_start(const RedactScanner *s, uint32_t start)
{
	uint32_t i = start;

	if (start < 5 || memcmp(s->text + start - 3, " & ", 3) != 0)
		return start;
	i -= 3;
	while (i > 0 && start - i < WORD_LEN &&
		   (redact_class_at(s, i - 1) & CC_ALPHA))
		i--;
	return (redact_class_at(s, i) & CC_UPPER) ? i : start;
}

/* "University of Oslo": its end, or 0. */
static uint32_t
institution_end(const RedactScanner *s, const NameWord *w)
{
	static const char *const heads[] = {
		"university", "institute", "college", "ministry", "bank",
		"department", "school",	   "museum",  "academy",  "bureau"};
	NameWord of;

	if (!redact_name_is(w, heads, sizeof(heads) / sizeof(heads[0])) ||
		w->end + 5 > s->len || memcmp(s->text + w->end, " of ", 4) != 0 ||
		!(redact_class_at(s, w->end + 4) & CC_UPPER))
		return 0;
	redact_name_read(s, w->end + 4, &of);
	return of.end;
}

/* Is one of these words no word of the language? */
static bool
has_proper_word(const NameWord *words, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		if (!is_common(&words[i]) && !words[i].particle)
			return true;
	}
	return false;
}

/* A surname that stands alone: its word, at pos. */
static bool
is_surname_at(const RedactScanner *s, uint32_t pos, NameWord *w)
{
	if (!(redact_class_at(s, pos) & CC_UPPER))
		return false;
	redact_name_read(s, pos, w);
	return (w->flags & REDACT_WORD_SURNAME) && !is_common(w);
}

/*
 * "Rose, Turner and Thompson": partners who gave their surnames to a firm. The
 * end of the last one, or 0.
 */
static uint32_t
partners_end(const RedactScanner *s, const NameWord *first)
{
	NameWord second;
	NameWord third;
	uint32_t i = first->end;
	int given = 0;

	if (!(first->flags & REDACT_WORD_SURNAME) || redact_at(s, i) != ',' ||
		redact_at(s, i + 1) != ' ' || !is_surname_at(s, i + 2, &second))
		return 0;
	i = second.end;
	if (i + 5 < s->len && memcmp(s->text + i, " and ", 5) == 0)
		i += 5;
	else if (i + 3 < s->len && memcmp(s->text + i, " & ", 3) == 0)
		i += 3;
	else
		return 0;
	if (!is_surname_at(s, i, &third))
		return 0;
	/* people are named by their given names, or do something */
	given = ((first->flags & REDACT_WORD_GIVEN) != 0) +
			((second.flags & REDACT_WORD_GIVEN) != 0) +
			((third.flags & REDACT_WORD_GIVEN) != 0);
	if (given > 1)
		return 0;
	return redact_person_follows(s, third.end) ? 0 : third.end;
}

/* In a letter's head: a line between a person's and the street's. */
static bool
is_letterhead(const RedactScanner *s, const NameWord *words, int n)
{
	uint32_t start = words[0].start;
	uint32_t end = words[n - 1].end;

	return start > 0 && s->person_end == start - 1 &&
		   redact_at(s, start - 1) == '\n' && redact_at(s, end) == '\n' &&
		   (redact_class_at(s, end + 1) & CC_DIGIT) &&
		   !(words[0].flags & (REDACT_WORD_GIVEN | REDACT_WORD_TITLE));
}

/*
 * What the whole run, or its start, is by the words it begins with or the form
 * behind one of them; returns the word behind it, or 0.
 */
static int
named_by_form(RedactScanner *s, const NameWord *words, int n)
{
	for (int i = 0; i < n; i++)
	{
		uint32_t end = legal_form_end(s, words[i].end);
		int first = 0;

		if (end == 0)
			continue;
		while (first < i && (words[first].flags & REDACT_WORD_TITLE))
			first++;
		while (first < i && is_common(&words[first]) && words[first].len <= 4)
			first++;
		redact_offer(s, joined_start(s, words[first].start), end,
					 REDACT_ORGANIZATION, 70, "organization");
		/* what stands behind the form is read anew */
		s->name_end = end;
		return n;
	}
	for (int i = 0; i + 1 < n && (i == 0 || is_common(&words[i - 1])); i++)
	{
		if (heads_name(&words[i]))
		{
			redact_offer(s, words[i].start, words[n - 1].end,
						 REDACT_ORGANIZATION, 60, "institution");
			return n;
		}
		if (is_known_pair(&words[i], &words[i + 1]))
		{
			redact_offer(s, words[i].start, words[i + 1].end,
						 REDACT_ORGANIZATION, 60, "known_organization");
			s->name_end = words[i + 1].end;
			return n;
		}
	}
	return 0;
}

int
redact_organisation(RedactScanner *s, const NameWord *words, int n)
{
	uint32_t end = institution_end(s, &words[n - 1]);
	uint32_t partners = n == 1 ? partners_end(s, &words[0]) : 0;

	if (partners > 0 || is_letterhead(s, words, n))
	{
		if (partners == 0)
			partners = words[n - 1].end;
		redact_offer(s, words[0].start, partners, REDACT_ORGANIZATION, 50,
					 "organization_form");
		s->name_end = partners;
		return n;
	}
	if (end > 0)
	{
		redact_offer(s, words[0].start, end, REDACT_ORGANIZATION, 60,
					 "institution");
		s->name_end = end;
		return n;
	}
	for (int i = n - 1; i >= 0; i--)
	{
		if (words[i].flags & REDACT_WORD_ORGSUFFIX)
		{
			int first = 0;

			if (legal_form_end(s, words[i].end) > 0)
				break;
			while (first < i && (words[first].flags & REDACT_WORD_TITLE))
				first++;
			while (first < i && is_common(&words[first]) &&
				   words[first].len <= 4)
				first++;
			/* "Customer Services" is none */
			if (is_common(&words[i]) && i - first < 2 &&
				!has_proper_word(words, first, i))
				break;
			if (first < i ||
				joined_start(s, words[first].start) < words[first].start)
			{
				redact_offer(s, joined_start(s, words[first].start),
							 words[i].end +
								 (words[i].len <= 3 &&
								  redact_at(s, words[i].end) == '.'),
							 REDACT_ORGANIZATION, 70, "organization");
				return i + 1;
			}
			break;
		}
	}
	return named_by_form(s, words, n);
}
