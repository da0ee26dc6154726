/*-------------------------------------------------------------------------
 *
 * redact_code.c
 *		Codes of letters and digits: accounts, documents, vehicles.
 *
 * Each of them holds a digit, so the digit verifier asks here first. A code
 * is read once, as capitals without its separators, and compared with the
 * patterns of all schemes; as with numbers, the best one stands.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_check.h"
#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"
#include "redact/redact_scheme.h"

#define MAX_IBAN 34
#define MAX_CODE 20
#define CC_CODE (CC_DIGIT | CC_LOWER | CC_UPPER)

typedef struct CodeScheme
{
	/* 'A' letter, '9' digit, 'X' either; small letters stand for themselves */
	const char *pattern;
	uint8_t entity;
	bool (*check)(const uint8_t *c, int n);
	uint8_t ctx;
	uint8_t plain; /* scores */
	uint8_t near;
	const char *rule;
} CodeScheme;

#define S(pattern, entity, check, ctx, plain, near, rule)                     \
	{                                                                         \
		pattern, REDACT_##entity, check, REDACT_CTX_##ctx, plain, near, rule  \
	}

static const CodeScheme schemes[] = {
	/* Spain, Portugal, Italy */
	S("99999999A", ES_NIF, check_es_dni, DNI, 58, 95, "es_dni"),
	S("A9999999A", ES_NIE, check_es_nie, DNI, 75, 95, "es_nie"),
	S("A9999999X", ES_CIF, check_es_cif, DNI, 45, 85, "es_cif"),
	S("999999999XX9", PT_CC, check_pt_cc, PTCC, 60, 92, "pt_cc"),
	S("AAAAAAXXAXXAXXXA", IT_FISCAL_CODE, check_it_fiscal_code, ITCF, 92, 98,
	  "it_fiscal_code"),
	S("it99999999999", IT_VAT_CODE, check_it_vat, ITVAT, 75, 92, "it_vat"),
	S("AA99999AA", IT_IDENTITY_CARD, NULL, ITDOC, 0, 70, "it_identity_card"),
	S("AA9999999", IT_IDENTITY_CARD, NULL, ITDOC, 0, 65,
	  "it_identity_card_paper"),
	S("AA9999999A", IT_DRIVER_LICENSE, NULL, DRIVER, 0, 75,
	  "it_driver_license"),
	S("AA9999999", IT_PASSPORT, NULL, PASSPORT, 0, 66, "it_passport"),
	S("AAA999999", ES_PASSPORT, NULL, PASSPORT, 0, 68, "es_passport"),
	/* British Isles */
	S("AA999999A", UK_NINO, check_uk_nino, NINO, 65, 95, "uk_nino"),
	S("XXXXX999999XX9XX", UK_DRIVING_LICENCE, check_uk_driving, DRIVER, 60, 92,
	  "uk_driving_licence"),
	S("XXXXX999999XX9XX99", UK_DRIVING_LICENCE, check_uk_driving, DRIVER, 60,
	  92, "uk_driving_licence"),
	S("AA99AAA", UK_VEHICLE_REGISTRATION, check_uk_plate, PLATE, 40, 85,
	  "uk_plate"),
	S("9999999A", IE_PPS, check_ie_pps, PPS, 0, 92, "ie_pps"),
	S("9999999AA", IE_PPS, check_ie_pps, PPS, 55, 95, "ie_pps"),
	/* German-speaking, Benelux, France */
	S("AXXXXXXXX9", DE_ID_CARD, check_de_icao, DEID, 0, 92, "de_id_card"),
	S("AXXXXXXXX", DE_ID_CARD, NULL, DEID, 0, 72, "de_id_card_9"),
	S("AXXXXXXXX9", DE_PASSPORT, check_de_icao, PASSPORT, 0, 85,
	  "de_passport"),
	S("AXXXXXXXX", DE_PASSPORT, NULL, PASSPORT, 0, 64, "de_passport_9"),
	S("99999999A999", DE_SOCIAL_SECURITY, check_de_social, DESV, 70, 96,
	  "de_social_security"),
	S("A999999999", DE_HEALTH_INSURANCE, check_de_kvnr, DEKV, 0, 92,
	  "de_kvnr"),
	S("de999999999", DE_VAT_ID, check_de_vat, TAXID, 75, 92, "de_vat"),
	S("X99XXXXXXX9", DE_FUEHRERSCHEIN, NULL, DRIVER, 0, 70,
	  "de_driver_license"),
	S("hrb99999", DE_HANDELSREGISTER, NULL, HR, 70, 85, "de_hrb"),
	S("hrb999999", DE_HANDELSREGISTER, NULL, HR, 70, 85, "de_hrb"),
	S("hra9999", DE_HANDELSREGISTER, NULL, HR, 55, 85, "de_hra"),
	S("hra99999", DE_HANDELSREGISTER, NULL, HR, 70, 85, "de_hra"),
	S("AAA9999", DE_KFZ, NULL, PLATE, 0, 60, "de_kfz"),
	S("AAA999", DE_KFZ, NULL, PLATE, 0, 60, "de_kfz"),
	S("AAAA999", DE_KFZ, NULL, PLATE, 0, 60, "de_kfz"),
	S("AAAA9999", DE_KFZ, NULL, PLATE, 0, 60, "de_kfz"),
	S("atu99999999", AT_UID, check_at_uid, TAXID, 80, 92, "at_uid"),
	S("che999999999", CH_UID, check_ch_uid, TAXID, 85, 92, "ch_uid"),
	S("fr99999999999", FR_VAT_ID, check_fr_vat, TAXID, 85, 95, "fr_vat"),
	S("999999A99999999", FR_NIR, check_fr_nir_corsica, NIR, 80, 97, "fr_nir"),
	S("nl999999999b99", NL_VAT_ID, check_nl_vat, TAXID, 85, 95, "nl_vat"),
	S("be9999999999", BE_VAT_ID, check_be_vat, TAXID, 80, 95, "be_vat"),
	/* Poland, Finland */
	S("AAA999999", PL_ID_CARD, check_pl_id_card, PLID, 0, 90, "pl_id_card"),
	S("999999A999X", FI_PERSONAL_IDENTITY_CODE, check_fi_hetu, HETU, 75, 96,
	  "fi_hetu"),
	S("999999999A", FI_PERSONAL_IDENTITY_CODE, check_fi_hetu, HETU, 58, 96,
	  "fi_hetu"),
	/* Americas */
	S("AAAA999999AAAAAAX9", MX_CURP, check_mx_curp, CURP, 95, 98, "mx_curp"),
	S("AAAA999999XXX", MX_RFC, check_mx_rfc, RFC, 70, 93, "mx_rfc"),
	S("AAA999999XXX", MX_RFC, check_mx_rfc, RFC, 50, 90, "mx_rfc"),
	S("9999999A", CL_RUT, check_cl_rut, RUT, 0, 88, "cl_rut"),
	S("99999999A", CL_RUT, check_cl_rut, RUT, 57, 90, "cl_rut"),
	S("A999999999", VE_RIF, check_ve_rif, RIF, 0, 90, "ve_rif"),
	S("XXXXXXXXXXXX99", BR_CNPJ, check_br_cnpj_alpha, CNPJ, 0, 95, "br_cnpj"),
	S("AA9999999", MEDICAL_LICENSE, check_us_dea, DEA, 45, 92, "us_dea"),
	S("9AX9AX9AA99", US_MBI, check_us_mbi, MBI, 55, 90, "us_mbi"),
	S("A99999999", US_PASSPORT, NULL, PASSPORT, 0, 67, "us_passport"),
	/* Asia and Oceania */
	S("AAAAA9999A", IN_PAN, check_in_pan, INPAN, 65, 92, "in_pan"),
	S("99AAAAA9999AXAX", IN_GSTIN, check_in_gstin, GSTIN, 92, 97, "in_gstin"),
	S("AAA9999999", IN_VOTER, NULL, VOTER, 0, 75, "in_voter"),
	S("A9999999", IN_PASSPORT, NULL, PASSPORT, 0, 66, "in_passport"),
	S("AA99AA9999", IN_VEHICLE_REGISTRATION, check_in_plate, PLATE, 65, 90,
	  "in_plate"),
	S("AA99A9999", IN_VEHICLE_REGISTRATION, check_in_plate, PLATE, 45, 85,
	  "in_plate"),
	S("AA999999999999", IN_NREGA, NULL, NREGA, 0, 80, "in_nrega"),
	S("A9999999A", SG_NRIC_FIN, check_sg_nric, NRIC, 76, 95, "sg_nric"),
	S("99999999A", SG_UEN, check_sg_uen, UEN, 0, 85, "sg_uen"),
	S("999999999A", SG_UEN, check_sg_uen, UEN, 0, 88, "sg_uen"),
	S("A99AA9999A", SG_UEN, check_sg_uen, UEN, 60, 92, "sg_uen"),
	S("A999999999", TW_NATIONAL_ID, check_tw_id, TWID, 55, 92,
	  "tw_national_id"),
	S("99999999999999999X", CN_RESIDENT_ID, check_cn_resident, CNID, 85, 97,
	  "cn_resident_id"),
	S("XXXXXXXXXXXXXXXXXX", CN_CREDIT_CODE, check_cn_credit, USCC, 0, 92,
	  "cn_credit_code"),
	S("A99999999", KR_PASSPORT, NULL, PASSPORT, 0, 65, "kr_passport"),
	S("AAA9999", NZ_NHI, check_nz_nhi, NHI, 0, 90, "nz_nhi"),
	S("AAA99AA", NZ_NHI, check_nz_nhi, NHI, 0, 90, "nz_nhi"),
	S("AAA999AA", NG_VEHICLE_REGISTRATION, NULL, PLATE, 40, 75, "ng_plate"),
	S("99A9999", TR_LICENSE_PLATE, NULL, PLATE, 0, 70, "tr_plate"),
	S("99AA999", TR_LICENSE_PLATE, NULL, PLATE, 0, 70, "tr_plate"),
	S("99AAA99", TR_LICENSE_PLATE, NULL, PLATE, 0, 70, "tr_plate"),
	/* postcodes */
	S("A99AA", POSTAL_CODE, NULL, POSTAL, 0, 75, "uk_postcode"),
	S("A9A9A9", POSTAL_CODE, NULL, POSTAL, 42, 80, "ca_postcode"),
	S("A999AA", POSTAL_CODE, NULL, POSTAL, 40, 80, "uk_postcode"),
	S("AA99AA", POSTAL_CODE, NULL, POSTAL, 40, 80, "uk_postcode"),
	S("AA999AA", POSTAL_CODE, NULL, POSTAL, 42, 80, "uk_postcode"),
	S("A9A9AA", POSTAL_CODE, NULL, POSTAL, 42, 80, "uk_postcode"),
	S("AA9A9AA", POSTAL_CODE, NULL, POSTAL, 42, 80, "uk_postcode"),
	S("9999AA", POSTAL_CODE, NULL, POSTAL, 0, 75, "nl_postcode"),
	/* everywhere */
	S("XXXXXXXXXXXXXXXXX", VIN, check_vin, VIN, 55, 95, "vin"),
	S("XXXXXXXXXXXXXXXXX", VIN, NULL, VIN, 0, 70, "vin_unchecked"),
	S("AAAAAAXX", SWIFT_CODE, check_swift, SWIFT, 0, 85, "swift"),
	S("AAAAAAXXXXX", SWIFT_CODE, check_swift, SWIFT, 0, 85, "swift"),
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

void
redact_index_codes(RedactIndex *index)
{
	_Static_assert(NSCHEMES <= REDACT_MAX_SCHEMES, "more schemes than places");

	for (size_t i = NSCHEMES; i-- > 0;)
	{
		const char *pattern = schemes[i].pattern;
		int n;

		for (n = 0; pattern[n] != '\0'; n++)
		{
			if (pattern[n] == '9')
				index->digits[i] |= 1u << n;
			else if (pattern[n] != 'X')
				index->letters[i] |= 1u << n;
		}
		redact_chain(&index->codes, i, n);
	}
}

static bool
has_pattern(const char *pattern, const uint8_t *c, int n)
{
	if (strlen(pattern) != (size_t) n)
		return false;
	for (int i = 0; i < n; i++)
	{
		bool digit = c[i] >= '0' && c[i] <= '9';

		if (pattern[i] >= 'a' ? c[i] != (pattern[i] & ~0x20)
							  : pattern[i] == (digit ? 'A' : '9'))
			return false;
	}
	return true;
}

RedactChecked
redact_code_checked(int entity, const uint8_t *c, int n, const char **pattern)
{
	RedactChecked result = REDACT_CHECK_NONE;

	*pattern = NULL;
	for (size_t i = 0; i < NSCHEMES; i++)
	{
		const CodeScheme *scheme = &schemes[i];

		if ((entity >= 0 ? scheme->entity != entity : scheme->check == NULL) ||
			!has_pattern(scheme->pattern, c, n))
			continue;
		if (scheme->check == NULL)
			return REDACT_CHECK_OPEN;
		*pattern = scheme->pattern;
		if (scheme->check(c, n))
			result = REDACT_CHECK_HOLDS;
		else if (result == REDACT_CHECK_NONE)
			result = REDACT_CHECK_FAILS;
	}
	return result;
}

void
redact_code_count(RedactEntity entity, int *count, int *open)
{
	for (size_t i = 0; i < NSCHEMES; i++)
	{
		*count += schemes[i].entity == entity;
		*open += schemes[i].entity == entity && schemes[i].check == NULL;
	}
}

/*
 * Documents without a check: a few letters, many digits, perhaps a letter;
 * known by the words near them alone.
 */
static const struct
{
	uint8_t entity;
	uint8_t ctx;
	uint8_t score;
	const char *rule;
} by_words[] = {
	{REDACT_US_DRIVER_LICENSE, REDACT_CTX_DRIVER, 62, "driver_license"},
	{REDACT_PASSPORT, REDACT_CTX_PASSPORT, 60, "passport"},
	{REDACT_LICENSE_PLATE, REDACT_CTX_PLATE, 55, "license_plate"},
	{REDACT_MEDICAL_RECORD, REDACT_CTX_MRN, 65, "medical_record"},
	{REDACT_NATIONAL_ID, REDACT_CTX_NATID, 55, "national_id"},
	{REDACT_TAX_ID, REDACT_CTX_TAXID, 55, "tax_id"},
	{REDACT_CUSTOMER_NUMBER, REDACT_CTX_CUSTOMER, 56, "customer_number"},
};
#define NBY_WORDS (sizeof(by_words) / sizeof(by_words[0]))

/* A code as it was read. */
typedef struct Code
{
	uint32_t start;
	uint8_t n;
	uint8_t chars[MAX_CODE + 1];
	uint32_t end[MAX_CODE]; /* behind each character */
	uint32_t stops;			/* a bit per character: a word ends behind it */
	uint32_t digits;		/* a bit per character */
	uint32_t lower;			/* small letters */
	uint32_t upper;			/* capitals */
} Code;

static uint8_t
upper_at(const RedactScanner *s, uint32_t i)
{
	uint8_t c = redact_at(s, i);

	return (redact_class[c] & CC_LOWER) ? c & ~0x20 : c;
}

static inline bool
is_code_char(const RedactScanner *s, uint32_t i)
{
	return redact_class_at(s, i) & CC_CODE;
}

/* ---- IBAN ----------------------------------------------------------- */

/* Where the country of an IBAN with check digits at pos starts, or pos. */
static uint32_t
iban_start(const RedactScanner *s, uint32_t pos, int *length)
{
	/* "DE89", "DE 89", "D E 8 9" */
	static const uint8_t forms[3][2] = {{2, 1}, {3, 2}, {4, 2}};

	for (int k = 0; k < 3; k++)
	{
		uint32_t first = pos - forms[k][0];
		uint32_t second = pos - forms[k][1];

		if (pos < forms[k][0] || (k > 0 && is_code_char(s, pos - 1)) ||
			(k == 2 && is_code_char(s, pos - 3)))
			continue;
		*length = check_iban_length(upper_at(s, first), upper_at(s, second));
		if (*length > 0)
			return first;
	}
	return pos;
}

/*
 * An IBAN whose check digits are at pos. Its check is strong enough to allow
 * any separators, and one letter glued to either side.
 */
static void
verify_iban(RedactScanner *s, uint32_t pos)
{
	uint8_t text[MAX_IBAN];
	int want = 0;
	int seps = 0;
	uint32_t start = iban_start(s, pos, &want);
	uint32_t i = start;
	int n = 0;

	if (start == pos || !redact_wants(s, REDACT_IBAN_CODE) ||
		(is_code_char(s, start - 1) && is_code_char(s, start - 2)))
		return;
	while (n < want)
	{
		int skip = 0;

		while (n > 0 && skip < 3 && i < s->len &&
			   ((redact_class_at(s, i) & CC_SPACE) ||
				strchr("-._/", redact_at(s, i)) != NULL))
			i++, skip++;
		if (!is_code_char(s, i))
			return;
		seps += skip;
		text[n++] = upper_at(s, i++);
	}
	if ((is_code_char(s, i) && is_code_char(s, i + 1)) ||
		(seps > 0 && is_code_char(s, start - 1)))
		return;
	if (check_iban(text, n))
		redact_offer(s, start, i, REDACT_IBAN_CODE, 98, "iban");
}

/* ---- patterns ------------------------------------------------------- */

static void
read_code(const RedactScanner *s, uint32_t start, Code *code)
{
	uint32_t i = start;

	code->start = start;
	code->n = 0;
	code->lower = 0;
	code->upper = 0;
	code->stops = 0;
	code->digits = 0;
	while (code->n < MAX_CODE)
	{
		uint8_t c = redact_at(s, i);
		uint8_t class = redact_class[c];
		uint32_t bit = UINT32_C(1) << code->n;

		if (class & CC_DIGIT)
			code->digits |= bit;
		else if (class & CC_UPPER)
			code->upper |= bit;
		else if (class & CC_LOWER)
		{
			code->lower |= bit;
			c &= ~0x20;
		}
		else if ((c == ' ' || c == '-' || c == '.' || c == '/' || c == '+') &&
				 code->n > 0 && is_code_char(s, i + 1))
		{
			code->stops |= bit >> 1;
			i++;
			continue;
		}
		else
			break;
		code->chars[code->n] = c;
		code->end[code->n++] = ++i;
	}
	if (!(redact_class_at(s, i) & CC_ALNUM) && redact_at(s, i) != '_')
		code->stops |= (UINT32_C(1) << code->n) >> 1;
	code->chars[code->n] = '\0';
}

/* Do the letters that stand for themselves? */
static bool
has_literals(const Code *code, const char *pattern)
{
	for (int i = 0; pattern[i] != '\0'; i++)
	{
		if (pattern[i] >= 'a' && code->chars[i] != (pattern[i] & ~0x20))
			return false;
	}
	return true;
}

/* Does the code have letters and digits where scheme i wants them? */
static inline bool
fits_pattern(const RedactIndex *index, const Code *code, int i)
{
	return (code->digits & index->letters[i]) == 0 &&
		   (~code->digits & index->digits[i]) == 0 &&
		   has_literals(code, schemes[i].pattern);
}

/* Both letters and digits among the first n? */
static bool
is_mixed(const Code *code, int n)
{
	uint32_t digits = code->digits & ((1u << n) - 1);

	return digits != 0 && digits != (1u << n) - 1;
}

static bool
is_context_word(const uint8_t *capitals, int n)
{
	uint8_t word[4];
	RedactWord found;
	uint32_t hash = REDACT_HASH_INIT;

	for (int i = 0; i < n; i++)
	{
		word[i] = redact_lower(capitals[i]);
		hash = redact_hash_byte(hash, word[i]);
	}
	return redact_word_find(hash, word, n, &found) && found.ctx[0] != 0;
}

/* The end of "AB123456C": one to three letters, four to fourteen digits. */
static int
match_document(const Code *code)
{
	int n = 0;
	int digits;

	while (n < code->n && code->chars[n] >= 'A' && n < 4)
		n++;
	digits = n;
	/* a number behind a whole one is another */
	while (n < code->n && code->chars[n] <= '9' &&
		   !(n - digits >= 6 && (code->stops >> (n - 1) & 1)))
		n++;
	if (digits == 0 || digits > 3 || n - digits < 4 || n - digits > 14)
		return 0;
	/* "DOB 03/11/1946": a word, and a number of its own */
	if (digits > 1 && (code->stops >> (digits - 1) & 1) &&
		is_context_word(code->chars, digits))
		return 0;
	if (n < code->n && code->chars[n] >= 'A' && !(code->stops >> (n - 1) & 1))
		n++;
	return (code->stops >> (n - 1) & 1) ? n : 0;
}

/* Words near a code, looked for when they are first asked for. */
typedef struct LazyCtx
{
	bool known;
	RedactCtx ctx;
} LazyCtx;

static const RedactCtx *
ctx_of(RedactScanner *s, const Code *code, LazyCtx *lazy)
{
	if (!lazy->known)
	{
		lazy->ctx = redact_context(s, code->start, code->end[code->n - 1]);
		lazy->known = true;
	}
	return &lazy->ctx;
}

/* What scheme i, whose pattern the first n characters have, is worth. */
static int
score_code(const Code *code, int n, const CodeScheme *scheme,
		   const RedactCtx *ctx)
{
	bool near = redact_ctx_has(ctx, scheme->ctx);
	int score = near ? scheme->near : scheme->plain;
	uint32_t first = (1u << n) - 1;
	bool lower = code->lower & first;
	bool upper = code->upper & first;
	int seps = code->end[n - 1] - code->start - n;

	/* words and numbers of a sentence are no code */
	if (lower && (upper || seps > 0) && (scheme->check == NULL || !near))
		return 0;
	if (near)
		return score;
	if (lower || redact_ctx_has(ctx, REDACT_CTX_NEGATIVE))
		score -= 20;
	if (seps > 2)
		score -= 10;
	return score;
}

static void
try_schemes(RedactScanner *s, const Code *code, int n, LazyCtx *lazy,
			NumberBest *best)
{
	const RedactIndex *index = &s->index;

	for (int i = index->codes.first[n]; i > 0; i = index->codes.next[i - 1])
	{
		const CodeScheme *scheme = &schemes[i - 1];
		int score;

		if (!fits_pattern(index, code, i - 1) ||
			!redact_wants(s, scheme->entity) ||
			(scheme->entity != REDACT_SWIFT_CODE && !is_mixed(code, n) &&
			 scheme->entity != REDACT_CN_RESIDENT_ID))
			continue;
		score = score_code(code, n, scheme, ctx_of(s, code, lazy));
		if (score > best->score &&
			(scheme->check == NULL || scheme->check(code->chars, n)))
			redact_consider(s, best, scheme->entity, score, code->end[n - 1],
							scheme->rule);
	}
}

static void
try_code(RedactScanner *s, uint32_t start)
{
	Code code;
	LazyCtx lazy = {.known = false};
	NumberBest best = {0, 0, 0, NULL};
	int n;

	read_code(s, start, &code);
	if (code.n < 5)
		return;
	for (n = code.n; n >= 5; n--)
	{
		if (code.stops >> (n - 1) & 1)
			try_schemes(s, &code, n, &lazy, &best);
	}
	n = best.score < 60 ? match_document(&code) : 0;
	for (size_t i = 0; n > 0 && i < NBY_WORDS; i++)
	{
		if (redact_ctx_has(ctx_of(s, &code, &lazy), by_words[i].ctx))
			redact_consider(s, &best, by_words[i].entity, by_words[i].score,
							code.end[n - 1], by_words[i].rule);
	}
	if (best.score > 0)
		redact_offer(s, start, best.end, best.entity, best.score, best.rule);
}

/*
 * Where the group before the one at start begins: up to ten digits or five
 * capitals, and one separator. start itself if there is none.
 */
static uint32_t
group_before(const RedactScanner *s, uint32_t start)
{
	uint8_t sep = redact_at(s, start - 1);
	uint8_t class;
	uint32_t i = start - 1;

	if (start < 2 || (sep != ' ' && sep != '-' && sep != '.'))
		return start;
	class = redact_class_at(s, i - 1) & (CC_UPPER | CC_DIGIT);
	while (i > 0 && start - i < 12 && (redact_class_at(s, i - 1) & class))
		i--;
	if (class == 0 || (redact_class_at(s, i - 1) & CC_ALNUM) ||
		redact_at(s, i - 1) == '_' || (class == CC_UPPER && start - i > 6))
		return start;
	return i;
}

static inline bool
joins_letter(uint8_t c)
{
	return c == ' ' || c == '-' || c == '.' || c == '+';
}

void
redact_verify_code(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end = pos;
	bool letters;
	bool letter_follows;

	if (!(redact_class_at(s, pos - 1) & CC_DIGIT) &&
		((redact_class_at(s, pos - 1) | redact_class_at(s, pos - 2)) &
		 (CC_LOWER | CC_UPPER)))
		verify_iban(s, pos);
	if (pos < s->code_end)
		return;
	while (start > s->code_end && pos - start < MAX_CODE &&
		   is_code_char(s, start - 1))
		start--;
	end = redact_class_end(s, pos, 64, CC_DIGIT);
	letters = end > pos && end - pos < 64 && is_code_char(s, end);
	end = redact_class_end(s, end, 64 - (end - pos), CC_CODE);
	s->code_end = end;
	letters |= start < pos;
	if (end - start > MAX_CODE || (redact_class_at(s, start - 1) & CC_ALNUM) ||
		redact_at(s, start - 1) == '_')
		return;

	/* a letter behind a separator: "12345678-Z" */
	letter_follows = end - start >= 4 && joins_letter(redact_at(s, end)) &&
					 (redact_class_at(s, end + 1) & (CC_UPPER | CC_LOWER)) &&
					 (!(redact_class_at(s, end + 2) & CC_LOWER) ||
					  (redact_class_at(s, end + 1) & CC_LOWER));
	if (letter_follows && (redact_class_at(s, end + 2) & CC_ALNUM) &&
		((redact_class_at(s, end + 3) & CC_LOWER) ||
		 (redact_class_at(s, end + 1) & CC_LOWER)))
		letter_follows = false; /* a word */
	if (letters || letter_follows || end - start == 18)
		try_code(s, start);
	/* and groups before: "AB 12 34 56 C", "131052-308T" */
	for (int k = 0; k < 3; k++)
	{
		uint32_t before = group_before(s, start);

		if (before == start)
			break;
		start = before;
		letters |= (redact_class_at(s, start) & CC_UPPER) != 0;
		if (letters || letter_follows)
			try_code(s, start);
	}
}

/* ---- machine-readable zones ----------------------------------------- */

#define ZONE_LONGEST 44

/* How many characters of a zone stand at pos; one more than any line has. */
static uint32_t
zone_line(const RedactScanner *s, uint32_t pos)
{
	uint32_t n = 0;

	while (n <= ZONE_LONGEST &&
		   ((redact_class_at(s, pos + n) & (CC_UPPER | CC_DIGIT)) ||
			redact_at(s, pos + n) == '<'))
		n++;
	return n;
}

/* The line of n characters behind the one that ends at end; 0: none. */
static uint32_t
next_line(const RedactScanner *s, uint32_t end, uint32_t n)
{
	uint32_t i = end;

	while (i < end + 3 && (redact_class_at(s, i) & CC_SPACE) && i < s->len)
		i++;
	return i > end && zone_line(s, i) == n ? i : 0;
}

/*
 * The zone of a passport, a visa or an identity card whose first line has the
 * '<' at pos.
 */
uint32_t
redact_verify_zone(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t n;
	uint32_t second;
	uint32_t third;

	if (pos < s->zone_end || !redact_wants(s, REDACT_PASSPORT_MRZ))
		return pos + 1;
	while (start > 0 && pos - start < ZONE_LONGEST &&
		   (redact_class_at(s, start - 1) & (CC_UPPER | CC_DIGIT)))
		start--;
	n = zone_line(s, start);
	s->zone_end = start + n;
	if (n != 30 && n != 36 && n != 44)
		return pos + 1;
	second = next_line(s, start + n, n);
	third = n == 30 && second > 0 ? next_line(s, second + n, n) : second;
	if (third == 0 || !check_mrz(s->text + start, s->text + second, n))
		return pos + 1;
	redact_offer(s, start, third + n, REDACT_PASSPORT_MRZ, 99, "mrz");
	return third + n;
}
